//! Reading files, tried: every sample with the verdict that it deserves, files that are written and
//! read again, defects planted one by one, and bytes that are no file at all.

use std::fmt::Write;
use std::io::BufReader;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rust_decimal::Decimal;

use super::mapping::Mapping;
use super::probe;
use crate::statements::finding::FindingCode;
use crate::statements::model::{Line, Nature, ReadFile, Standing};
use crate::statements::verdict::Outcome;

fn read(bytes: &[u8]) -> (ReadFile, Vec<Line>) {
    let mut lines = Vec::new();
    // Small reads, so that every piece is met at every cut.
    let input = BufReader::with_capacity(64, bytes);
    let file = super::read(input, &Mapping::samples(), &mut |_, line| lines.push(line))
        .expect("bytes in memory can be read");
    (file, lines)
}

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statements");
    std::fs::read(format!("{folder}/{name}")).expect("a sample")
}

fn codes(file: &ReadFile) -> Vec<FindingCode> {
    let mut codes: Vec<FindingCode> = file.findings.told().iter().map(|f| f.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn sums(file: &ReadFile) -> Vec<String> {
    let told =
        |amount: Option<Decimal>| amount.map_or_else(|| "–".to_owned(), super::super::model::plain);
    file.statements
        .iter()
        .map(|s| format!("{} + {} = {}", told(s.opening), told(Some(s.total)), told(s.closing)))
        .collect()
}

#[test]
fn every_sample_gets_the_verdict_that_it_deserves() {
    use FindingCode as F;
    use Outcome::{Accepted, Noted, Quarantined, Rejected};
    for (name, format, outcome, entries, transactions, expected, found) in [
        (
            "NEGATIVE__viafintech__invalid_namespace.xml",
            "camt.053 001.03",
            Rejected,
            0,
            0,
            &[][..],
            &[F::NoStatement][..],
        ),
        (
            "camt__genkgo__camt052.v8.xml",
            "camt.052 001.08",
            Noted,
            1,
            20,
            &["– + -200000 = –"],
            &[F::BatchOpaque],
        ),
        (
            "camt__genkgo__camt053.v2.multi.statement.xml",
            "camt.053 001.02",
            Accepted,
            2,
            2,
            &["18.15 + 8.85 = 27", "27 + -7 = 20"],
            &[],
        ),
        (
            "camt__genkgo__camt053.v8.xml",
            "camt.053 001.08",
            Quarantined,
            1,
            1,
            &["18.15 + 8.85 = –"],
            &[F::Batch, F::Arithmetic],
        ),
        (
            "camt__genkgo__camt054.v2.xml",
            "camt.054 001.02",
            Accepted,
            1,
            3,
            &["– + -200000 = –"],
            &[F::Batch],
        ),
        (
            "camt__genkgo__camt53.only-Dt-with-DtTm.xml",
            "camt.053 001.02",
            Accepted,
            0,
            0,
            &["5442.09 + 0 = –"],
            &[F::BalanceMissing],
        ),
        (
            "camt__viafintech__053_valid_example_v4.xml",
            "camt.053 001.04",
            Accepted,
            13,
            32,
            &["322152.16 + 537.61 = 322689.77"],
            &[],
        ),
        (
            "camt__viafintech__053_valid_example_with_batch.xml",
            "camt.053 001.02",
            // 35 entries are declared, three were published: truncated goes before arithmetic.
            Rejected,
            3,
            5,
            &["7329.8 + 2934.26 = 23038.2"],
            &[F::BatchOpaque, F::Totals, F::Arithmetic],
        ),
        (
            "camt__viafintech__053_valid_example_with_datetime.xml",
            "camt.053 001.10",
            // 14 entries are declared, one was published.
            Rejected,
            1,
            1,
            &["– + 195.86 = 606.8"],
            &[F::Totals, F::BalanceMissing],
        ),
        (
            "mt940__wolph__jejik__abnamro.sta",
            "mt940 2004",
            Quarantined,
            10,
            10,
            &["3236.28 + -321.44 = 876.84", "2876.84 + -24.49 = 1849.75"],
            &[F::Arithmetic],
        ),
        (
            "mt940__wolph__sberbank__171011_01234945.sta",
            "mt940 2004",
            Accepted,
            3,
            3,
            &["627311.3 + -9437 = 617874.3"],
            &[],
        ),
        (
            "mt940__wolph__self-provided__february_30.sta",
            "mt940 2004",
            Accepted,
            1,
            1,
            &["1200 + -6 = 1194"],
            &[F::DateClamped],
        ),
        ("mt940__wolph__mBank__mt942.sta", "mt942 2004", Rejected, 0, 0, &[], &[F::Interim]),
    ] {
        let (file, lines) = read(&sample(name));
        let told = format!("{} {}", file.format, file.version);
        assert_eq!(told.trim(), format, "{name}");
        assert_eq!(Outcome::of(&file), outcome, "{name}: {:?}", file.findings.told());
        assert_eq!(codes(&file), found, "{name}: {:?}", file.findings.told());
        assert_eq!(file.statements.iter().map(|s| s.entries).sum::<u64>(), entries, "{name}");
        assert_eq!(
            file.statements.iter().map(|s| s.transactions).sum::<u64>(),
            transactions,
            "{name}"
        );
        if !expected.is_empty() {
            assert_eq!(sums(&file), expected, "{name}");
        }
        if outcome != Rejected {
            assert_eq!(
                file.statements.iter().map(|s| s.lines).sum::<u64>(),
                lines.len() as u64,
                "{name}"
            );
        }
    }
}

#[test]
fn details_of_a_sample_are_where_they_belong() {
    let (file, lines) = read(&sample("mt940__wolph__self-provided__february_30.sta"));
    assert_eq!(lines[0].value_date.to_string(), "2016-02-29");
    assert!(lines[0].memo.contains("Pauschalen"), "{}", lines[0].memo);
    assert_eq!(
        (file.statements[0].account.as_str(), file.statements[0].number),
        ("12345678/1020304050", None)
    );
    let (_, lines) = read(&sample("camt__genkgo__camt053.v2.multi.statement.xml"));
    assert_eq!(lines[0].memo, "Transaction Description 1");
    assert_eq!(lines[0].order_reference, "000000001");
    assert_eq!((lines[0].nature, lines[1].nature), (Nature::Payment, Nature::Payout));
    let (file, lines) = read(&sample("camt__viafintech__053_valid_example_v4.xml"));
    assert_eq!(file.statements[0].number, Some(85));
    assert_eq!(lines.len(), 32, "every batch of it agrees with its details");
}

// ---- files that are written and read again ----

struct Made {
    entries: Vec<(i64, &'static str, String)>,
    opening: i64,
}

impl Made {
    fn draw(random: &mut StdRng) -> Self {
        let entries = (0..random.random_range(0..40))
            .map(|place| {
                let amount = random.random_range(1..5_000_000_i64);
                let out = random.random_ratio(1, 5);
                let word = ["PG0123456789ABQ2", "Nguyễn Văn A chuyển tiền & <phí>", "x"];
                let memo = format!("{} {place}", word[random.random_range(0..word.len())]);
                (if out { -amount } else { amount }, if out { "DBIT" } else { "CRDT" }, memo)
            })
            .collect();
        Self { entries, opening: random.random_range(-1_000_000..100_000_000) }
    }

    fn total(&self) -> i64 {
        self.entries.iter().map(|(amount, ..)| amount).sum()
    }

    fn camt(&self, version: &str) -> String {
        let escape = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let balance = |code: &str, amount: i64| {
            let word = if amount < 0 { "DBIT" } else { "CRDT" };
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"VND\">{}.00</Amt>\
                 <CdtDbtInd>{word}</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>",
                amount.abs()
            )
        };
        let booked = if version < "08" { "<Sts>BOOK</Sts>" } else { "<Sts><Cd>BOOK</Cd></Sts>" };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ns:Document xmlns:ns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}\">\
             <ns:BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr>\n<Stmt><Id>S-1</Id><ElctrncSeqNb>7</ElctrncSeqNb>\
             <CreDtTm>2026-11-20T20:00:00+07:00</CreDtTm><Acct><Id><Othr><Id>1200099887766</Id></Othr></Id></Acct>\n{}\n{}\n\
             <TxsSummry><TtlNtries><NbOfNtries>{}</NbOfNtries><Sum>{}</Sum></TtlNtries></TxsSummry>\n",
            balance("OPBD", self.opening),
            balance("CLBD", self.opening + self.total()),
            self.entries.len(),
            self.entries.iter().map(|(amount, ..)| amount.abs()).sum::<i64>(),
        );
        for (place, (amount, word, memo)) in self.entries.iter().enumerate() {
            let _ = writeln!(
                xml,
                "<Ntry><Amt Ccy=\"VND\">{}</Amt><CdtDbtInd>{word}</CdtDbtInd>{booked}<ValDt><Dt>2026-11-20</Dt></ValDt>\
                 <AcctSvcrRef>T{place}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
                amount.abs(),
                escape(memo)
            );
        }
        xml.push_str("</Stmt></ns:BkToCstmrStmt></ns:Document>");
        xml
    }

    fn mt940(&self, end: &str) -> String {
        let balance = |amount: i64| {
            let word = if amount < 0 { 'D' } else { 'C' };
            format!("{word}261120VND{},", amount.abs())
        };
        let mut text = format!(
            ":20:ST{end}:25:1200099887766{end}:28C:7/1{end}:60F:{}{end}",
            balance(self.opening)
        );
        for (place, (amount, _, memo)) in self.entries.iter().enumerate() {
            let word = if *amount < 0 { 'D' } else { 'C' };
            let _ = write!(
                text,
                ":61:2611201120{word}D{},NTRFNONREF//T{place}{end}:86:{memo}{end}",
                amount.abs()
            );
        }
        let _ = write!(text, ":62F:{}{end}-{end}", balance(self.opening + self.total()));
        text
    }
}

#[test]
fn what_is_written_is_read_again_in_every_version() {
    let mut random = StdRng::seed_from_u64(20_261_120);
    for round in 0..60 {
        let made = Made::draw(&mut random);
        let mut texts: Vec<String> = ["02", "04", "08", "10", "14"].map(|v| made.camt(v)).to_vec();
        texts.extend(["\n", "\r\n"].map(|end| made.mt940(end)));
        for text in texts {
            let (file, lines) = read(text.as_bytes());
            assert_eq!(
                Outcome::of(&file),
                Outcome::Accepted,
                "{round}: {:?}\n{text}",
                file.findings.told()
            );
            assert_eq!(file.findings.count(), 0, "{:?}", file.findings.told());
            let statement = &file.statements[0];
            assert_eq!(statement.total, Decimal::from(made.total()));
            assert_eq!(statement.closing, Some(Decimal::from(made.opening + made.total())));
            assert_eq!((statement.number, &*statement.account), (Some(7), "1200099887766"));
            assert_eq!(lines.len(), made.entries.len());
            for (place, (line, (amount, _, memo))) in lines.iter().zip(&made.entries).enumerate() {
                assert_eq!(line.amount, Decimal::from(*amount));
                assert_eq!(
                    (&*line.transaction_id, line.standing),
                    (&*format!("T{place}"), Standing::Booked)
                );
                assert_eq!(line.memo, *memo);
            }
        }
    }
}

#[test]
fn a_planted_defect_is_found_and_named() {
    use FindingCode as F;
    let made = Made {
        entries: vec![
            (150_000, "CRDT", "a".to_owned()),
            (70_000, "CRDT", "b".to_owned()),
            (-1_000, "DBIT", "c".to_owned()),
        ],
        opening: 1_000,
    };
    let (camt, swift) = (made.camt("08"), made.mt940("\n"));
    let entry =
        &camt[camt.find("<Ntry>").expect("an entry")..=camt.find("</Ntry>").expect("its end") + 7];
    for (what, text, expected) in [
        ("a missing line", camt.replace(entry, ""), F::Totals),
        ("a line twice", camt.replace(entry, &format!("{entry}{entry}")), F::Totals),
        ("truncated", camt[..camt.len() - 60].to_owned(), F::Truncated),
        ("truncated in a tag", camt[..camt.len() - 5].to_owned(), F::Truncated),
        ("another closing balance", camt.replace(">220000.00<", ">220001.00<"), F::Arithmetic),
        ("another sum", camt.replace("<Sum>221000<", "<Sum>221001<"), F::Totals),
        ("a fraction", camt.replace(">150000<", ">150000.50<"), F::Fraction),
        (
            "another currency",
            camt.replace("Ccy=\"VND\">150000<", "Ccy=\"USD\">150000<"),
            F::Currency,
        ),
        ("no amount", camt.replace(">150000<", ">15O000<"), F::Amount),
        ("30 February", camt.replace("<ValDt><Dt>2026-11-20<", "<ValDt><Dt>2026-02-30<"), F::Date),
        (
            "a control character",
            camt.replace(">a 0<", ">a&#1;<").replace(">a<", ">a&#1;<"),
            F::ControlCharacter,
        ),
        (
            "a document type",
            camt.replace("<ns:Document", "<!DOCTYPE x [<!ENTITY a \"b\">]><ns:Document"),
            F::Entity,
        ),
        ("an entity", camt.replace(">a<", ">&bomb;<"), F::Entity),
        ("another namespace", camt.replace("camt.053.001.08", "pain.001.001.03"), F::Namespace),
        (
            "too deep",
            format!("{}{}", &camt[..camt.find("<Stmt>").expect("it")], "<a>".repeat(60)),
            F::Shape,
        ),
        ("too long", camt.replace(">a<", &format!(">{}<", "a".repeat(3 << 20))), F::Shape),
        ("MT940 truncated", swift[..swift.len() / 2].to_owned(), F::Truncated),
        ("MT940 sums", swift.replace("C261120VND220000,", "C261120VND220001,"), F::Arithmetic),
        ("MT940 fraction", swift.replace("D150000,", "D150000,5"), F::Fraction),
        ("MT942", swift.replace(":60F:C261120VND1000,\n", ":34F:VND0,\n"), F::Interim),
        ("nothing", String::new(), F::Empty),
        ("words", "xin chào".to_owned(), F::UnknownFormat),
        ("columns that nobody knows", "a,b,c\n1,2,3\n".to_owned(), F::Mapping),
        ("a spreadsheet", "PK\u{3}\u{4}xx".to_owned(), F::UnknownFormat),
    ] {
        let (file, _) = read(text.as_bytes());
        assert!(codes(&file).contains(&expected), "{what}: {:?}", file.findings.told());
        let told = file.findings.told().iter().find(|f| f.code == expected).expect("it");
        assert!(!told.detail.is_empty() && !told.way_out.is_empty(), "{what}");
    }
    let (file, _) = read(b"\xff\xfea\0b\0");
    assert!(codes(&file).contains(&F::Encoding));
}

#[test]
fn the_line_of_a_mistake_is_told() {
    let made = Made { entries: vec![(5, "CRDT", "a".into()), (9, "CRDT", "b".into())], opening: 0 };
    let camt = made.camt("08").replace(">9<", ">9.5<");
    let line = camt.lines().position(|l| l.contains("9.5")).expect("it") as u64 + 1;
    let (file, _) = read(camt.as_bytes());
    let told = file.findings.told().iter().find(|f| f.code == FindingCode::Fraction).expect("it");
    assert_eq!(told.line, line);
    let swift = made.mt940("\n").replace("CD9,", "CD9;");
    let line = swift.lines().position(|l| l.contains("CD9;")).expect("it") as u64 + 1;
    let (file, _) = read(swift.as_bytes());
    assert!(file.findings.told().iter().any(|f| f.line == line), "{:?}", file.findings.told());
}

#[test]
fn a_file_may_be_long_but_no_piece_of_it() {
    let entries = vec![(1_000, "CRDT", "a memo of some length".to_owned()); 20_000];
    let made = Made { entries, opening: 0 };
    let head = VNPAY.split("1,A1").next().expect("a head");
    let row = "1,A1,1000,0,20261120080000,01,00,a memo of some length\n";
    let report = format!("{head}{}END,20000,20000000,0\n", row.repeat(20_000));
    for text in [made.camt("08"), made.mt940("\r\n"), report.clone()] {
        assert!(text.len() > 1 << 20, "{}", text.len());
        let (file, lines) = read(text.as_bytes());
        assert_eq!(Outcome::of(&file), Outcome::Accepted, "{:?}", file.findings.told());
        assert_eq!(lines.len(), 20_000);
    }
    // A quote that is never closed takes all the rest into one cell.
    let open = report.replacen(",a memo", ",\"a memo", 1);
    let (file, _) = read(open.as_bytes());
    assert!(codes(&file).contains(&FindingCode::Shape), "{:?}", file.findings.told());
}

#[test]
fn details_are_used_only_if_they_make_the_entry() {
    let made = Made { entries: vec![(300, "CRDT", "a".to_owned())], opening: 0 };
    let camt = made.camt("08");
    let with = |details: &str| {
        let from = camt.find("<NtryDtls>").expect("details");
        let to = camt.find("</NtryDtls>").expect("their end") + "</NtryDtls>".len();
        format!("{}<NtryDtls>{details}</NtryDtls>{}", &camt[..from], &camt[to..])
    };
    let detail = |amount: u32| {
        format!(
            "<TxDtls><Refs><EndToEndId>E{amount}</EndToEndId></Refs><Amt Ccy=\"VND\">{amount}</Amt></TxDtls>"
        )
    };
    let batch =
        |count: u32| format!("<Btch><PmtInfId>B1</PmtInfId><NbOfTxs>{count}</NbOfTxs></Btch>");
    for (details, lines, nature, found) in [
        (batch(2) + &detail(100) + &detail(200), 2, Nature::Payment, None),
        (detail(100) + &detail(200), 2, Nature::Payment, None),
        (batch(3) + &detail(100) + &detail(200), 1, Nature::Lump, Some(FindingCode::Batch)),
        (batch(2) + &detail(100) + &detail(199), 1, Nature::Lump, Some(FindingCode::Batch)),
        (batch(20), 1, Nature::Lump, Some(FindingCode::BatchOpaque)),
        (detail(299), 1, Nature::Payment, Some(FindingCode::Batch)),
    ] {
        let (file, read) = read(with(&details).as_bytes());
        assert_eq!(codes(&file), found.into_iter().collect::<Vec<_>>(), "{details}");
        assert_eq!((read.len(), read[0].nature), (lines, nature), "{details}");
        assert_eq!(read.iter().map(|l| l.amount).sum::<Decimal>(), Decimal::from(300), "{details}");
        if details.starts_with("<Btch>") {
            assert_eq!(read[0].batch, "B1");
        }
    }
}

// ---- reports ----

const VNPAY: &str = "Report,R-20261120\nDay,2026-11-20\nBatch,VNP-20261120\nTerminal,VNPAY-PAYCLEAR\n\
TransactionNo,TxnRef,Amount,Fee,PayDate,Type,Status,OrderInfo\n\
1,A1,150000,1650,20261120080000,01,00,PG\n\
2,A2,20000,0,20261120090000,02,00,hoan\n\
3,A3,70000,0,20261120100000,01,02,\"a, b\"\n\
END,3,130000,1650\n";

#[test]
fn a_report_is_read_by_its_mapping() {
    let (file, lines) = read(format!("\u{feff}{VNPAY}").as_bytes());
    assert_eq!(Outcome::of(&file), Outcome::Accepted, "{:?}", file.findings.told());
    let report = &file.statements[0];
    assert_eq!((&*report.account, &*report.reference), ("VNPAY-PAYCLEAR", "R-20261120"));
    assert_eq!(report.to.map(|d| d.to_string()).as_deref(), Some("2026-11-20"));
    assert_eq!((report.entries, report.total), (3, Decimal::from(130_000)));
    let natures: Vec<_> = lines.iter().map(|l| (l.nature, l.standing)).collect();
    assert_eq!(
        natures,
        [
            (Nature::Payment, Standing::Booked),
            (Nature::Refund, Standing::Booked),
            (Nature::Payment, Standing::Failed)
        ]
    );
    assert_eq!((lines[0].fee, lines[1].amount), (Decimal::from(1650), Decimal::from(-20_000)));
    assert_eq!((&*lines[0].batch, &*lines[2].memo), ("VNP-20261120", "a, b"));
    // Vietnamese words, dots between thousands.
    let momo = "Mã báo cáo;M-1\nNgày;20/11/2026\nMã lô;MM-1\nMã đối tác;MOMOSIMPAYCLEAR\n\
        Mã giao dịch;Mã đơn hàng;Số tiền;Phí;Thời gian;Loại;Trạng thái;Nội dung\n\
        9;O9;1.150.000;11.500;20/11/2026 08:00:00;Thanh toán;Thành công;phí\n\
        8;O8;-50.000;0;20/11/2026 09:00:00;Hoàn tiền;Thành công;hoàn\n\
        Tổng cộng;2;1.100.000;11.500\n";
    let (file, lines) = read(momo.as_bytes());
    assert_eq!(Outcome::of(&file), Outcome::Accepted, "{:?}", file.findings.told());
    assert_eq!(lines[0].amount, Decimal::from(1_150_000));
    assert_eq!(lines[1].amount, Decimal::from(-50_000));
}

#[test]
fn a_report_s_defects_are_told_by_row_and_column() {
    use FindingCode as F;
    for (what, text, code, line) in [
        ("no end", VNPAY.replace("END,3,130000,1650\n", ""), F::Truncated, 0),
        (
            "a missing row",
            VNPAY.replace("1,A1,150000,1650,20261120080000,01,00,PG\n", ""),
            F::Totals,
            8,
        ),
        ("another amount", VNPAY.replace("A1,150000", "A1,150001"), F::Totals, 9),
        ("a fraction", VNPAY.replace("A1,150000", "A1,150000.5"), F::Fraction, 6),
        ("a word", VNPAY.replace("A1,150000", "A1,nhiều"), F::Amount, 6),
        ("a day", VNPAY.replace("20261120090000", "20260230090000"), F::Date, 7),
        ("a status", VNPAY.replace(",01,02,", ",01,77,"), F::Word, 8),
        ("a row after the end", format!("{VNPAY}4,A4,1,0,20261120100000,01,00,x\n"), F::Totals, 10),
    ] {
        let (file, _) = read(text.as_bytes());
        assert_eq!(Outcome::of(&file), Outcome::Rejected, "{what}");
        let told = file.findings.told().iter().find(|f| f.code == code);
        let told = told.unwrap_or_else(|| panic!("{what}: {:?}", file.findings.told()));
        assert_eq!(told.line, line, "{what}: {told:?}");
    }
    let latin =
        VNPAY.as_bytes().iter().map(|b| if *b == b'P' { 0xe9 } else { *b }).collect::<Vec<_>>();
    assert!(read(&latin).0.findings.refuses());
}

// ---- bytes that are no file ----

/// So many in a normal run; `FUZZ_ROUNDS` sets more, and `fuzz/` looks for what no seed would think of.
const ROUNDS: usize = 1_500;
/// No file of some kilobytes takes so long, also on a machine that is busy and without optimization.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "no setting: how long a test goes on")]
fn rounds() -> usize {
    std::env::var("FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// Every statement of `tests/data/statements`, and one of each form that is written here.
fn seeds(random: &mut StdRng) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statements");
    let mut names: Vec<_> =
        std::fs::read_dir(folder).expect("samples").map(|e| e.expect("one").path()).collect();
    names.sort();
    let mut seeds: Vec<Vec<u8>> =
        names.into_iter().map(|name| std::fs::read(name).expect("a sample")).collect();
    assert!(seeds.len() > 10, "the samples are there");
    let made = Made::draw(random);
    seeds.extend([made.camt("08").into_bytes(), made.mt940("\r\n").into_bytes(), VNPAY.into()]);
    seeds
}

/// Cuts, turns, doubles and mixes bytes, as the dice fall.
fn mutate(random: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    let noise: [&[u8]; 14] = [
        b"<Ntry>",
        b"</Stmt>",
        b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
        b"&b;",
        b"<![CDATA[",
        b":61:",
        b":62F:",
        b":86:",
        b"\r\n-",
        b"\0",
        b"\xff\xfe",
        b"99999999999999999999999",
        b"-0.000000000000000000000000001",
        b"\"",
    ];
    for _ in 0..random.random_range(1..12) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..7) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => {
                let part = noise[random.random_range(0..noise.len())];
                bytes.splice(at..at, part.iter().copied());
            }
            3 => {
                let to = random.random_range(at..=bytes.len());
                bytes.drain(at..to.min(at + 200));
            }
            4 => {
                // Another digit where one stands: forms stay whole, sums do not.
                if let Some(place) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    bytes[at + place] = b'0' + random.random_range(0..10);
                }
            }
            5 => {
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..200)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let to = (at + random.random_range(0..64)).min(bytes.len());
                let part = bytes[at..to].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

/// Reads in small pieces, and fails with the bytes when a promise is broken or it takes too long.
fn probed<T>(bytes: &[u8], probe: impl FnOnce(BufReader<&[u8]>) -> Result<T, String>) -> T {
    let began = std::time::Instant::now();
    let probed = probe(BufReader::with_capacity(64, bytes));
    let took = began.elapsed();
    let said = String::from_utf8_lossy(bytes);
    assert!(took < LONGEST, "{took:?} for:\n{said}");
    probed.unwrap_or_else(|broken| panic!("{broken}:\n{said}"))
}

fn any_file(input: BufReader<&[u8]>) -> Result<Outcome, String> {
    probe::any_file(input)
}

#[test]
fn no_bytes_whatsoever_make_it_panic() {
    let mut random = StdRng::seed_from_u64(7);
    let seeds = seeds(&mut random);
    let mut outcomes = std::collections::BTreeMap::<&str, usize>::new();
    for round in 0..rounds() {
        let mut bytes = seeds[round % seeds.len()].clone();
        let other = &seeds[random.random_range(0..seeds.len())];
        mutate(&mut random, &mut bytes, other);
        *outcomes.entry(probed(&bytes, any_file).as_str()).or_default() += 1;
    }
    for _ in 0..500 {
        let length = random.random_range(0..400);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        probed(&bytes, any_file);
    }
    println!("{outcomes:?}");
    for outcome in [Outcome::Accepted, Outcome::Rejected] {
        assert!(outcomes.contains_key(outcome.as_str()), "{outcome} is never met: {outcomes:?}");
    }
}

#[test]
fn no_mapping_whatsoever_makes_it_panic() {
    let mut random = StdRng::seed_from_u64(11);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/registers/sample/reports");
    let mut mappings: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .expect("mappings")
        .map(|entry| std::fs::read(entry.expect("one").path()).expect("a mapping"))
        .collect();
    mappings.sort();
    let (mut taken, rounds) = (0, rounds() / 4);
    for round in 0..rounds {
        let mut text = mappings[round % mappings.len()].clone();
        let other = &mappings[random.random_range(0..mappings.len())];
        // Half of them stay whole, so that rows are met as well.
        if random.random() {
            mutate(&mut random, &mut text, other);
        }
        let mut bytes = VNPAY.as_bytes().to_vec();
        mutate(&mut random, &mut bytes, b"Report,1\nEND,1,1,1\n");
        let text = String::from_utf8_lossy(&text);
        taken += usize::from(probed(&bytes, |input| probe::any_mapping(&text, input)).is_some());
    }
    assert!(taken * 4 > rounds, "{taken} of {rounds} mappings were taken");
}

/// A gigabyte of the same, of which nothing is there until it is read.
struct Endless {
    head: &'static [u8],
    part: &'static [u8],
    at: usize,
    given: u64,
}

const GIGABYTE: u64 = 1 << 30;

impl std::io::Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut written = 0;
        while written < buffer.len() && self.given < GIGABYTE {
            let head = self.head.get(self.at).copied();
            let byte =
                head.unwrap_or_else(|| self.part[(self.at - self.head.len()) % self.part.len()]);
            buffer[written] = byte;
            self.at += 1;
            self.given += 1;
            written += 1;
        }
        Ok(written)
    }
}

#[test]
fn a_gigabyte_that_is_no_statement_is_refused_by_its_first_megabytes() {
    const CAMT: &[u8] =
        b"<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>";
    const BOMB: &[u8] = b"<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\">\
        <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><Document>";
    for (what, head, part) in [
        ("an entity bomb", BOMB, &b"&c;&c;&c;"[..]),
        ("a document type without end", b"<!DOCTYPE a [", b"<!ENTITY b \"c\">"),
        ("a text without end", CAMT, b"a"),
        ("elements in each other", CAMT, b"<Stmt>"),
        ("an attribute without end", b"<Document xmlns=\"", b"a"),
        ("a comment without end", b"<Document><!--", b"a"),
        ("a tag without end", b"<", b"a"),
        ("an MT940 field without end", b":20:A\r\n:25:1\r\n:28C:1/1\r\n:86:", b"a"),
        ("a cell without end", b"Report,R-1\nDay,2026-11-20\n\"", b"a"),
        ("a row without end", b"Report,R-1\n", b"a,"),
        ("blanks", b" ", b" "),
        ("zeros", b"\0", b"\0"),
        ("one letter", b"a", b"a"),
    ] {
        let mut endless = Endless { head, part, at: 0, given: 0 };
        let outcome = probe::any_file(BufReader::with_capacity(8192, &mut endless));
        assert_eq!(outcome.as_ref().map(|o| o.as_str()), Ok("rejected"), "{what}");
        assert!(endless.given <= 8 << 20, "{what}: {} bytes were read", endless.given);
    }
}

/// A message of each kind as each version from 001.02 to 001.08 writes it, made from the published
/// samples: what changed is where the state of an entry and the name of a party stand.
fn as_version(message: &str, release: u8) -> Vec<u8> {
    let root = match message {
        "052" => ("BkToCstmrAcctRpt", "Rpt"),
        "053" => ("BkToCstmrStmt", "Stmt"),
        _ => ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    };
    let text = String::from_utf8(sample("camt__genkgo__camt053.v2.multi.statement.xml"));
    let mut text = text.expect("UTF-8");
    let base = "camt.053.001.02";
    assert!(text.contains(base) && text.contains("<Sts>BOOK</Sts>"), "the sample is another");
    text = text.replace(base, &format!("camt.{message}.001.{release:02}"));
    text = text.replace("BkToCstmrStmt>", &format!("{}>", root.0));
    text = text.replace("<Stmt>", &format!("<{}>", root.1));
    text = text.replace("</Stmt>", &format!("</{}>", root.1));
    if release >= 8 {
        text = text.replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>");
        for party in ["Dbtr", "Cdtr"] {
            text = text.replace(&format!("<{party}>"), &format!("<{party}><Pty>"));
            text = text.replace(&format!("</{party}>"), &format!("</Pty></{party}>"));
        }
    }
    text.into_bytes()
}

#[test]
fn every_version_of_camt_from_2_to_8_is_read_alike() {
    let (as_published, lines) = read(&sample("camt__genkgo__camt053.v2.multi.statement.xml"));
    assert!(!as_published.findings.refuses() && !lines.is_empty());
    for release in 2..=8 {
        for message in ["052", "053", "054"] {
            let (file, told) = read(&as_version(message, release));
            let version = format!("001.{release:02}");
            assert_eq!((&*file.format, &*file.version), (&*format!("camt.{message}"), &*version));
            assert!(!file.findings.refuses(), "{message} {version}: {:?}", file.findings.told());
            assert_eq!(told.len(), lines.len(), "{message} {version}");
            let sums = |file: &ReadFile| -> Vec<_> {
                file.statements.iter().map(|s| (s.opening, s.closing, s.total)).collect()
            };
            assert_eq!(sums(&file), sums(&as_published), "{message} {version}");
        }
    }
    let (first, _) = read(&as_version("053", 1));
    assert!(first.findings.refuses(), "001.01 was a draft");
}
