//! What each file of the registers holds: its columns, and a row as an entry.

use super::cells::{Cells, Form};
use super::csv_file::{self, Columns, Mistake};
use super::entries::{
    Agency, FeeKind, FeeLine, Holiday, NotifyAt, Procedure, ReceiptForm, ReceiptRange,
    TreasuryAccount,
};
use crate::partners::dialects;
use crate::partners::{CollectingAccount, PartnerEntry, SettlingSource};
use crate::portals::Portal;

/// An entry and the line that it stands on.
#[derive(Debug)]
pub struct Row<T> {
    /// Line in its file, from 1.
    pub line: u64,
    /// What the line says.
    pub entry: T,
}

/// Every row of every file that was there.
#[derive(Debug, Default)]
pub struct Book {
    /// `agencies.csv`
    pub agencies: Vec<Row<Agency>>,
    /// `treasury_accounts.csv`
    pub treasury_accounts: Vec<Row<TreasuryAccount>>,
    /// `procedures.csv`
    pub procedures: Vec<Row<Procedure>>,
    /// `fee_lines.csv`
    pub fee_lines: Vec<Row<FeeLine>>,
    /// `portals.csv`
    pub portals: Vec<Row<Portal>>,
    /// `partners.csv`
    pub partners: Vec<Row<PartnerEntry>>,
    /// `collecting_accounts.csv`
    pub collecting_accounts: Vec<Row<CollectingAccount>>,
    /// `receipt_ranges.csv`
    pub receipt_ranges: Vec<Row<ReceiptRange>>,
    /// `calendar.csv`
    pub holidays: Vec<Row<Holiday>>,
}

impl Book {
    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.agencies.len()
            + self.treasury_accounts.len()
            + self.procedures.len()
            + self.fee_lines.len()
            + self.portals.len()
            + self.partners.len()
            + self.collecting_accounts.len()
            + self.receipt_ranges.len()
            + self.holidays.len()
    }
}

/// Agencies.
pub const AGENCIES: Columns = Columns {
    file: "agencies.csv",
    required: &["code", "valid_from", "name"],
    optional: &["name_en", "chapter", "tax_code", "closed"],
};
/// Treasury accounts.
pub const TREASURY_ACCOUNTS: Columns = Columns {
    file: "treasury_accounts.csv",
    required: &["agency", "number", "valid_from", "treasury_code", "treasury_name"],
    optional: &["bank_bin", "closed"],
};
/// Procedures.
pub const PROCEDURES: Columns = Columns {
    file: "procedures.csv",
    required: &["code", "valid_from", "name"],
    optional: &["name_en", "notify_at", "closed"],
};
/// Lines of tariffs.
pub const FEE_LINES: Columns = Columns {
    file: "fee_lines.csv",
    required: &["procedure", "line", "valid_from", "kind", "name", "amount", "chapter", "sub_item"],
    optional: &["valid_until", "name_en", "beneficiary", "legal_basis"],
};
/// Portals.
pub const PORTALS: Columns = Columns {
    file: "portals.csv",
    required: &["code", "name"],
    optional: &["name_en", "return_origins", "seen_as", "calls_per_second", "closed"],
};
/// Partners.
pub const PARTNERS: Columns = Columns {
    file: "partners.csv",
    required: &["code", "name", "dialect"],
    optional: &["name_en", "seen_as", "called_from", "calls_per_second", "closed"],
};
/// Collecting accounts.
pub const COLLECTING_ACCOUNTS: Columns = Columns {
    file: "collecting_accounts.csv",
    required: &["partner", "number", "valid_from", "bin", "holder", "settling_source"],
    optional: &["agency", "closed"],
};

/// Ranges of receipt numbers.
pub const RECEIPT_RANGES: Columns = Columns {
    file: "receipt_ranges.csv",
    required: &["agency", "form", "symbol", "first", "last"],
    optional: &["delegate_name", "delegate_tax_code", "delegation", "closed"],
};

/// Days off and worked weekends.
pub const CALENDAR: Columns = Columns {
    file: "calendar.csv",
    required: &["day", "valid_from", "name"],
    optional: &["working", "closed"],
};

/// Every file there is, in the order in which they are read.
pub const FILES: [Columns; 9] = [
    AGENCIES,
    TREASURY_ACCOUNTS,
    PROCEDURES,
    FEE_LINES,
    PORTALS,
    PARTNERS,
    COLLECTING_ACCOUNTS,
    RECEIPT_RANGES,
    CALENDAR,
];

/// Reads files, each given by name and bytes. The book holds the rows that could be read; it is
/// good for use only when there are no mistakes.
pub fn read(files: &[(&str, Vec<u8>)]) -> (Book, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let mut book = Book::default();
    for (name, bytes) in files {
        let into = &mut mistakes;
        match *name {
            "agencies.csv" => book.agencies = file(AGENCIES, bytes, agency, into),
            "treasury_accounts.csv" => {
                book.treasury_accounts = file(TREASURY_ACCOUNTS, bytes, treasury_account, into);
            }
            "procedures.csv" => book.procedures = file(PROCEDURES, bytes, procedure, into),
            "fee_lines.csv" => book.fee_lines = file(FEE_LINES, bytes, fee_line, into),
            "portals.csv" => book.portals = file(PORTALS, bytes, portal, into),
            "partners.csv" => book.partners = file(PARTNERS, bytes, partner, into),
            "collecting_accounts.csv" => {
                book.collecting_accounts =
                    file(COLLECTING_ACCOUNTS, bytes, collecting_account, into);
            }
            "receipt_ranges.csv" => {
                book.receipt_ranges = file(RECEIPT_RANGES, bytes, receipt_range, into);
            }
            "calendar.csv" => book.holidays = file(CALENDAR, bytes, holiday, into),
            _ => {}
        }
    }
    (book, mistakes)
}

fn file<T>(
    columns: Columns,
    bytes: &[u8],
    read: impl Fn(&mut Cells<'_>) -> Option<T>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Row<T>> {
    let (records, unreadable) = csv_file::read(columns, bytes);
    mistakes.extend(unreadable);
    let row = |record: &csv_file::Record| {
        read(&mut Cells::new(record, mistakes)).map(|entry| Row { line: record.line, entry })
    };
    records.iter().filter_map(row).collect()
}

// Each of these reads every cell before it gives up on the row, so that one run tells everything.

fn agency(cells: &mut Cells<'_>) -> Option<Agency> {
    let code = cells.code("code", Form::National);
    let valid_from = cells.date("valid_from");
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let chapter = cells.code_or_empty("chapter", Form::Digits(3));
    let tax_code = cells.code_or_empty("tax_code", Form::Account);
    let closed = cells.yes("closed");
    Some(Agency {
        code: code?,
        valid_from: valid_from?,
        name: name?,
        name_en: name_en?,
        chapter: chapter?,
        tax_code: tax_code?,
        closed: closed?,
    })
}

fn treasury_account(cells: &mut Cells<'_>) -> Option<TreasuryAccount> {
    let agency = cells.code("agency", Form::National);
    let number = cells.code("number", Form::Account);
    let valid_from = cells.date("valid_from");
    let treasury_code = cells.code("treasury_code", Form::Digits(4));
    let treasury_name = cells.text("treasury_name");
    let bank_bin = cells.code_or_empty("bank_bin", Form::Digits(6));
    let closed = cells.yes("closed");
    Some(TreasuryAccount {
        agency: agency?,
        number: number?,
        valid_from: valid_from?,
        treasury_code: treasury_code?,
        treasury_name: treasury_name?,
        bank_bin: bank_bin?,
        closed: closed?,
    })
}

fn procedure(cells: &mut Cells<'_>) -> Option<Procedure> {
    let code = cells.code("code", Form::National);
    let valid_from = cells.date("valid_from");
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let notify_at = if cells.is_empty("notify_at") {
        Some(NotifyAt::Paid)
    } else {
        cells.one_of("notify_at", NotifyAt::ALL)
    };
    let closed = cells.yes("closed");
    Some(Procedure {
        code: code?,
        valid_from: valid_from?,
        name: name?,
        name_en: name_en?,
        notify_at: notify_at?,
        closed: closed?,
    })
}

fn fee_line(cells: &mut Cells<'_>) -> Option<FeeLine> {
    let procedure = cells.code("procedure", Form::National);
    let line = cells.number("line", 999, None);
    let valid_from = cells.date("valid_from");
    let valid_until = (!cells.is_empty("valid_until")).then(|| cells.date("valid_until"));
    if let (Some(from), Some(Some(until))) = (valid_from, valid_until)
        && until < from
    {
        cells.wrong("valid_until", "is before valid_from; it is the last day of the line");
    }
    let kind = cells.one_of("kind", FeeKind::ALL);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let amount = cells.dong("amount");
    let chapter = cells.code("chapter", Form::Digits(3));
    let sub_item = cells.code("sub_item", Form::Digits(4));
    let beneficiary = cells.code_or_empty("beneficiary", Form::National);
    let legal_basis = cells.text_or_empty("legal_basis");
    Some(FeeLine {
        procedure: procedure?,
        line: i16::try_from(line?).ok()?,
        valid_from: valid_from?,
        valid_until: match valid_until {
            None => None,
            Some(date) => Some(date?),
        },
        kind: kind?,
        name: name?,
        name_en: name_en?,
        amount: amount?,
        chapter: chapter?,
        sub_item: sub_item?,
        beneficiary: Some(beneficiary?).filter(|code| !code.is_empty()),
        legal_basis: legal_basis?,
    })
}

fn holiday(cells: &mut Cells<'_>) -> Option<Holiday> {
    let day = cells.date("day");
    let valid_from = cells.date("valid_from");
    let name = cells.text("name");
    let working = cells.yes("working");
    let closed = cells.yes("closed");
    Some(Holiday {
        day: day?,
        valid_from: valid_from?,
        name: name?,
        working: working?,
        closed: closed?,
    })
}

fn portal(cells: &mut Cells<'_>) -> Option<Portal> {
    let code = cells.code("code", Form::Address);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let return_origins = cells.origins("return_origins");
    let seen_as = cells.origins("seen_as");
    let calls_per_second = cells.number("calls_per_second", 100_000, Some(50));
    let closed = cells.yes("closed");
    Some(Portal {
        code: code?,
        name: name?,
        name_en: name_en?,
        return_origins: return_origins?,
        seen_as: seen_as?,
        calls_per_second: calls_per_second?,
        open: !closed?,
    })
}

fn partner(cells: &mut Cells<'_>) -> Option<PartnerEntry> {
    let code = cells.code("code", Form::Address);
    let name = cells.text("name");
    let name_en = cells.text_or_empty("name_en");
    let mut dialect = cells.text("dialect");
    if let Some(name) = dialect.take_if(|name| !dialects::NAMES.contains(&name.as_str())) {
        let known = dialects::NAMES.join(", ");
        cells.wrong("dialect", format!("{name:?} is not spoken here; use one of {known}"));
    }
    let seen_as = cells.origins("seen_as");
    let called_from = cells.networks("called_from");
    let calls_per_second = cells.number("calls_per_second", 100_000, Some(200));
    let closed = cells.yes("closed");
    Some(PartnerEntry {
        code: code?,
        name: name?,
        name_en: name_en?,
        dialect: dialect?,
        seen_as: seen_as?,
        called_from: called_from?,
        calls_per_second: calls_per_second?,
        open: !closed?,
    })
}

fn collecting_account(cells: &mut Cells<'_>) -> Option<CollectingAccount> {
    let partner = cells.code("partner", Form::Address);
    let number = cells.code("number", Form::Account);
    let valid_from = cells.date("valid_from");
    // Whether it may be empty depends on the partner's dialect: that is looked at later.
    let bin = cells.code_or_empty("bin", Form::Digits(6));
    let holder = cells.text("holder");
    let agency = cells.code_or_empty("agency", Form::National);
    let settling_source = cells.one_of("settling_source", &SettlingSource::OF_ACCOUNTS);
    let closed = cells.yes("closed");
    Some(CollectingAccount {
        partner: partner?,
        number: number?,
        valid_from: valid_from?,
        bin: bin?,
        holder: holder?,
        agency: Some(agency?).filter(|code| !code.is_empty()),
        settling_source: settling_source?,
        closed: closed?,
    })
}

/// The letters of a receipt's symbol: those of the circular.
const SYMBOL_LETTERS: &[u8] = b"ABCDEGHKLMNPQRSTUVXY";
/// A receipt's number has eight digits at most.
const LAST_NUMBER: u32 = 99_999_999;

fn is_symbol(text: &str) -> bool {
    match text.as_bytes() {
        [y1, y2, b'T', a, b] => {
            y1.is_ascii_digit()
                && y2.is_ascii_digit()
                && SYMBOL_LETTERS.contains(a)
                && SYMBOL_LETTERS.contains(b)
        }
        _ => false,
    }
}

fn receipt_range(cells: &mut Cells<'_>) -> Option<ReceiptRange> {
    let agency = cells.code("agency", Form::National);
    let form = cells.one_of("form", ReceiptForm::ALL);
    let mut symbol = cells.text("symbol");
    if let Some(text) = symbol.take_if(|text| !is_symbol(text)) {
        let what = format!(
            "{text:?} is no symbol; write the year's last two digits, T and two letters out of \
             ABCDEGHKLMNPQRSTUVXY, as in 26TAA"
        );
        cells.wrong("symbol", what);
    }
    let first = cells.number("first", LAST_NUMBER, None);
    let last = cells.number("last", LAST_NUMBER, None);
    if let (Some(first), Some(last)) = (first, last)
        && last < first
    {
        cells.wrong("last", "is below first");
        return None;
    }
    let delegate_name = cells.text_or_empty("delegate_name");
    let delegate_tax_code = cells.code_or_empty("delegate_tax_code", Form::Account);
    let delegation = cells.text_or_empty("delegation");
    if let (Some(name), Some(code), Some(paper)) = (&delegate_name, &delegate_tax_code, &delegation)
        && (name.is_empty() != code.is_empty() || name.is_empty() != paper.is_empty())
    {
        let what =
            "a delegation has delegate_name, delegate_tax_code and delegation, or none of them";
        cells.wrong("delegation", what);
        return None;
    }
    let closed = cells.yes("closed");
    Some(ReceiptRange {
        agency: agency?,
        form: form?,
        symbol: symbol?,
        first: first?,
        last: last?,
        delegate_name: delegate_name?,
        delegate_tax_code: delegate_tax_code?,
        delegation: delegation?,
        closed: closed?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(name: &'static str, text: &str) -> Vec<String> {
        let (_, mistakes) = read(&[(name, text.as_bytes().to_vec())]);
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_samples_are_without_a_mistake() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("registers/sample");
        let files: Vec<_> = FILES
            .iter()
            .map(|c| (c.file, std::fs::read(dir.join(c.file)).expect("a sample of every file")))
            .collect();
        let (book, mistakes) = read(&files);
        assert_eq!(mistakes, []);
        assert!(book.agencies.len() >= 12 && book.procedures.len() >= 25);
        let today = "2026-11-15".parse().expect("a date");
        let new = super::super::changes::find(
            book,
            &crate::registers::entries::Entries::default(),
            today,
        );
        assert!(new.is_ok(), "{new:?}");
    }

    #[test]
    fn every_mistake_of_a_line_is_told_at_once() {
        let text = "procedure,line,valid_from,valid_until,kind,name,amount,chapter,sub_item\n\
                    1.001234,0,31-12-2026,,fee,,200.000,9,27167\n";
        assert_eq!(
            mistakes("fee_lines.csv", text),
            [
                "fee_lines.csv:2 line: \"0\" is not a whole number from 1 to 999",
                "fee_lines.csv:2 valid_from: \"31-12-2026\" is no date; write 2026-07-01 or \
                 01/07/2026",
                "fee_lines.csv:2 kind: \"fee\" is not known; use phi or le_phi",
                "fee_lines.csv:2 name: is empty; fill it in",
                "fee_lines.csv:2 amount: \"200.000\" is no whole amount of đồng; write 200000 \
                 without points",
                "fee_lines.csv:2 chapter: \"9\" is not in the form; use 3 digits; if a spreadsheet \
                 dropped a leading 0, format the column as text",
                "fee_lines.csv:2 sub_item: \"27167\" is not in the form; use 4 digits; if a \
                 spreadsheet dropped a leading 0, format the column as text",
            ]
        );
    }

    #[test]
    fn a_range_of_receipt_numbers_has_the_form_of_the_law() {
        let range = |row: &str| {
            let head = "agency,form,symbol,first,last,delegate_name,delegate_tax_code,delegation\n";
            mistakes("receipt_ranges.csv", &format!("{head}{row}\n")).join("\n")
        };
        assert_eq!(range("G01,EBL01,26TAA,1,99999999,,,"), "");
        assert_eq!(range("G01,EBL02,27TXY,5,5,Trung tâm,0100000001,01/UQ ngày 01/11/2026"), "");
        for (row, column) in [
            ("G01,01BLP,26TAA,1,2,,,", "form"),
            ("G01,EBL01,26TAF,1,2,,,", "symbol"),
            ("G01,EBL01,26KAA,1,2,,,", "symbol"),
            ("G01,EBL01,2026TAA,1,2,,,", "symbol"),
            ("G01,EBL01,26TAÁ,1,2,,,", "symbol"),
            ("G01,EBL01,26TAA,0,2,,,", "first"),
            ("G01,EBL01,26TAA,1,100000000,,,", "last"),
            ("G01,EBL01,26TAA,9,8,,,", "last"),
            ("G01,EBL01,26TAA,1,2,Trung tâm,,", "delegation"),
        ] {
            let told = range(row);
            assert!(told.starts_with(&format!("receipt_ranges.csv:2 {column}: ")), "{row}: {told}");
        }
    }

    #[test]
    fn an_amount_is_whole_dong_within_the_limits() {
        let amount = |text: &str| {
            let head = "procedure,line,valid_from,kind,name,amount,chapter,sub_item\n";
            mistakes("fee_lines.csv", &format!("{head}1.1,1,01/07/2026,phi,P,{text},414,2716\n"))
        };
        assert_eq!(amount("1000000000000"), Vec::<String>::new());
        for (text, why) in [
            ("0", "is zero"),
            ("1000000000001", "more than 1000000000000"),
            ("99999999999999999999999999", "more than"),
            ("007", "begins with 0"),
            ("-1", "no whole amount"),
            ("1e5", "no whole amount"),
            ("12.5", "no whole amount"),
            ("", "no whole amount"),
        ] {
            assert!(amount(text).join("").contains(why), "{text}: {:?}", amount(text));
        }
    }

    #[test]
    fn the_other_files_are_read_as_strictly() {
        let one = |name, text: &str| mistakes(name, text).join("\n");
        let head = "code,valid_from,name,notify_at\n";
        let banked = one("procedures.csv", &format!("{head}1.1,2026-01-01,N,banked\n"));
        assert_eq!(banked, "");
        let never = one("procedures.csv", &format!("{head}1.1,2026-01-01,N,never\n"));
        assert!(never.contains("use paid or banked"), "{never}");
        let head = "code,name,return_origins\n";
        let origin = one("portals.csv", &format!("{head}dvc,N,https://a.vn/x|http://b.vn\n"));
        assert_eq!(origin.lines().count(), 2, "{origin}");
        assert!(origin.contains("https://a.vn/x is no origin"), "{origin}");
        assert_eq!(one("portals.csv", &format!("{head}dvc,N,https://a.vn http://[::1]:1\n")), "");
        let code = one("portals.csv", &format!("{head}DVC,N,\n"));
        assert!(code.contains("code: \"DVC\" is not in the form"), "{code}");
        let dialect = one("partners.csv", "code,name,dialect\nbank,N,swift\n");
        let spoken = format!("not spoken here; use one of {}", dialects::NAMES.join(", "));
        assert!(dialect.contains(&spoken), "{dialect}");
        let head = "partner,number,valid_from,bin,holder,settling_source\n";
        let account =
            one("collecting_accounts.csv", &format!("{head}b,1 2,2026-01-01,97041,H,fax\n"));
        for column in ["number", "bin", "settling_source"] {
            assert!(account.contains(&format!(":2 {column}: ")), "{account}");
        }
        let broken = one("agencies.csv", "code,valid_from,name\nA,2026-01-01,\"a\nb\"\n");
        assert!(broken.contains("holds a line break"), "{broken}");
    }
}
