//! A generated month: some five thousand payments (`MONTH_TIMES=20`: a hundred thousand) over thirty
//! days through a wallet that reports and
//! pays in batches, a bank that tells of single credits, and an account that its own statement settles;
//! every kind of defect planted. Every line ends where it belongs, the books hold to the đồng what the
//! banks say, and looking again changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use payclear::partners::SettlingSource;
use payclear::platform::group::Work;
use payclear::settlements::group::{Reported, Request, Settling};
use payclear::settlements::outcome::Outcome;
use payclear::settlements::settlement::Settlement;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::codes::InvoiceCode;
use payclear::vocabulary::ids::SettlementId;
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::statements::{Of, Told};
use crate::support::town::ACCOUNT;
use crate::support::{Town, text};

const DAYS: usize = 30;
/// Payments of a day through the wallet, the bank, and the account that its statement settles.
const WALLET: usize = 100;
const BANK: usize = 50;
const OWN: usize = 17;
/// So many invoices or reports at once.
const AT_ONCE: usize = 200;
const WALLET_ACCOUNT: &str = "MOMOSIMPAYCLEAR";
const OWN_ACCOUNT: &str = "1200099887766";
/// The wallet's contract: 500 đồng and 0.7 %.
const FIXED: i64 = 500;

/// How many times as many payments a day has: `MONTH_TIMES`, once unless told otherwise.
fn times() -> usize {
    std::env::var("MONTH_TIMES").ok().map_or(1, |text| text.parse().expect("a number"))
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn amount(&mut self) -> i64 {
        i64::try_from(20_000 + self.roll(480) * 1_000 + self.roll(10)).expect("small")
    }
}

/// 0.7 % and 500 đồng, half up, by hand.
fn fee_of(amount: i64) -> i64 {
    (FIXED * 1_000 + amount * 7 + 500) / 1_000
}

/// A payment that was told to us.
#[derive(Clone)]
struct Paid {
    transaction: String,
    code: String,
    amount: i64,
}

/// What is staged, and what must become of each line.
#[derive(Default)]
struct List {
    lines: Vec<Told>,
    expected: Vec<String>,
}

impl List {
    fn add(&mut self, line: Told, expected: &str) {
        self.lines.push(line);
        self.expected.push(expected.to_owned());
    }

    fn booked(&self) -> i64 {
        let booked = self.lines.iter().filter(|line| line.standing == "booked");
        booked.map(|line| line.amount).sum()
    }
}

/// What was planted that the books must show in the end.
#[derive(Default)]
struct Planted {
    missing: Vec<String>,
    in_bank: BTreeMap<&'static str, i64>,
    suspense: i64,
    held: i64,
    due_back: i64,
    lists: Vec<(Uuid, Vec<String>)>,
}

impl Town {
    /// Invoices of these amounts.
    async fn issued(&self, day: usize, what: &str, amounts: &[i64]) -> Vec<String> {
        let rows: Vec<Value> = amounts
            .iter()
            .enumerate()
            .map(|(n, amount)| {
                Self::fee(&format!("M-{day}-{what}-{n}"), u64::try_from(*amount).expect("positive"))
            })
            .collect();
        let mut codes = Vec::with_capacity(rows.len());
        for rows in rows.chunks(AT_ONCE) {
            let made = self.portal.post("/v1/invoices/batch", &json!(rows)).await.expect(200);
            let results = made["results"].as_array().expect("results");
            codes.extend(results.iter().map(|row| text(&row["body"], "code").to_owned()));
        }
        codes
    }

    /// The partner's word of payments, as its callback would bring it.
    async fn told_of(&self, of: (&str, SettlingSource, &str), at: DateTime<Utc>, paid: &[Paid]) {
        for paid in paid.chunks(AT_ONCE) {
            self.told_at_once(of, at, paid).await;
        }
    }

    async fn told_at_once(
        &self,
        (partner, source, account): (&str, SettlingSource, &str),
        at: DateTime<Utc>,
        payments: &[Paid],
    ) {
        let reports = payments.iter().map(|paid| Reported {
            timed: true,
            reference: None,
            candidates: InvoiceCode::candidates(&paid.code),
            settles: true,
            changed_source: false,
            trace: String::new(),
            settlement: Settlement {
                id: SettlementId::new(self.clock.now()),
                partner: partner.to_owned(),
                source,
                transaction_id: paid.transaction.clone(),
                account: if paid.transaction.ends_with("-elsewhere") { "OTHER" } else { account }
                    .to_owned(),
                amount: Money::vnd(u64::try_from(paid.amount).expect("positive")),
                memo: paid.code.clone(),
                value_time: at,
                received_at: at,
                outcome: Outcome::Suspense,
                invoice: None,
                attempt: None,
                applied_cycle: None,
                entry: None,
                raw: Vec::new().into(),
                counter_account: None,
            },
        });
        let settling = Settling {
            pool: self.pool.clone(),
            clock: self.app.clock.clone(),
            accounts: self.app.accounts.clone(),
        };
        let request = [Request { nonce: None, reports: reports.collect() }];
        let mut tx = self.pool.begin().await.expect("a transaction");
        let settled = settling.run(&mut tx, &request).await.expect("settled").remove(0);
        assert!(settled.expect("all").iter().all(|s| s.settlement.outcome == Outcome::Applied));
        tx.commit().await.expect("a commit");
    }

    async fn pays_on(&self, day: usize, what: &str, amounts: &[i64]) -> Vec<Paid> {
        let codes = self.issued(day, what, amounts).await;
        let paid = codes.into_iter().zip(amounts).enumerate();
        paid.map(|(n, (code, amount))| Paid {
            transaction: format!("{what}-{day}-{n}"),
            code,
            amount: *amount,
        })
        .collect()
    }

    /// The wallet's day: its report, and the credit that pays it.
    async fn wallet_day(&self, day: usize, dice: &mut Dice, planted: &mut Planted) -> Told {
        let today = self.today();
        let amounts: Vec<i64> = (0..WALLET * times()).map(|_| dice.amount()).collect();
        let mut paid = self.pays_on(day, "mo", &amounts).await;
        if day % 6 == 5 {
            paid[9].transaction = format!("mo-{day}-elsewhere");
        }
        let of = ("momo", SettlingSource::Webhook, WALLET_ACCOUNT);
        self.told_of(of, self.clock.now(), &paid).await;
        let batch = format!("QT{day:04}MM");
        // Every fourth day the report states no fees, and the contract's are kept all the same.
        let states = day % 4 != 3;
        let line = |paid: &Paid| {
            let fee = if states { fee_of(paid.amount) } else { 0 };
            Told::payment(&paid.transaction, paid.amount, today).batch(&batch).fee(fee)
        };
        let mut list = List::default();
        for (n, paid) in paid.iter().enumerate() {
            match (day % 6, n) {
                // B01: never told of.
                (0, 3) => planted.missing.push(paid.transaction.clone()),
                // B03: another amount.
                (1, 3) => {
                    planted.missing.push(paid.transaction.clone());
                    let other = Paid { amount: paid.amount + 1_000, ..paid.clone() };
                    list.add(line(&other), "B03 open");
                }
                // B04: failed there.
                (2, 3) => {
                    planted.missing.push(paid.transaction.clone());
                    list.add(line(paid).standing("failed"), "B04 open");
                }
                // B05: told twice in one file.
                (3, 3) => {
                    list.add(line(paid), "R1");
                    list.add(line(paid), "B05 open");
                }
                // B14: collected on another account.
                (5, 9) => {
                    list.add(line(paid), "B14 open");
                }
                _ => list.add(line(paid), "R1"),
            }
        }
        match day % 6 {
            // B02: nobody told us; its window closes in the end.
            4 => {
                let unknown = Told::payment(&format!("mo-{day}-x"), 77_000, today).batch(&batch);
                list.add(unknown, "B02 open");
            }
            // B12, B13: a refund and a reversal of nothing that we know.
            5 => {
                let back = |name: &str, amount| {
                    Told::payment(&format!("mo-{day}-{name}"), amount, today).batch(&batch)
                };
                list.add(back("r", -31_000).nature("refund"), "B12 open");
                list.add(back("v", -32_000).nature("reversal"), "B13 open");
            }
            _ => {}
        }
        if states && day.is_multiple_of(6) {
            // B11: a hundred đồng more than agreed, on a line that is matched all the same.
            list.lines[20].fee += 100;
        }
        let booked = || list.lines.iter().filter(|line| line.standing == "booked");
        let net: i64 = booked().map(|line| line.amount - line.fee).sum();
        let kept: i64 = if states {
            0
        } else {
            booked().filter(|l| l.nature == "payment").map(|l| fee_of(l.amount)).sum()
        };
        let reference = format!("momo-{day}");
        let of = Of {
            kind: "report",
            partner: "momo",
            account: WALLET_ACCOUNT,
            reference: &reference,
            day: today,
        };
        let report = self.stage(of, &list.lines).await;
        planted.lists.push((report, list.expected));
        let lump = Told::payment(&format!("FTM{day}"), net - kept, today).nature("lump");
        lump.memo(&format!("MOMO thanh toan {batch} tu dong"))
    }

    /// The bank's day: single credits, the wallet's batch, and what does not belong.
    async fn bank_day(&self, day: usize, dice: &mut Dice, planted: &mut Planted, lump: Told) {
        let today = self.today();
        let amounts: Vec<i64> = (0..BANK * times()).map(|_| dice.amount()).collect();
        let paid = self.pays_on(day, "db", &amounts).await;
        let of = ("directbank", SettlingSource::Api, ACCOUNT);
        self.told_of(of, self.clock.now(), &paid).await;
        let mut list = List::default();
        for (n, paid) in paid.iter().enumerate() {
            match n {
                // Its own number, and the code in a mangled text.
                0..20 => {
                    let code = paid.code.to_lowercase();
                    let memo =
                        format!("MBVCB.{n}.nop phi {} {}.CT tu 0011", &code[..7], &code[7..]);
                    list.add(
                        Told::payment(&format!("FT{day}-{n}"), paid.amount, today).memo(&memo),
                        "R3",
                    );
                }
                // One transfer for two.
                20 => {
                    let both = format!("{} {}", paid.code, self.code_of(21, day).await);
                    let sum = paid.amount + amounts[21];
                    list.add(Told::payment(&format!("FT{day}-cart"), sum, today).memo(&both), "R9");
                }
                21 => {}
                // Two codes that do not add up.
                22 if day % 5 == 1 => {
                    planted.missing.push(paid.transaction.clone());
                    planted.missing.push(format!("db-{day}-23"));
                    let both = format!("{} {}", paid.code, self.code_of(23, day).await);
                    list.add(
                        Told::payment(&format!("FT{day}-two"), 1_234, today).memo(&both),
                        "B08 open",
                    );
                }
                23 if day % 5 == 1 => {}
                _ => list.add(Told::payment(&paid.transaction, paid.amount, today), "R1"),
            }
        }
        let (lump, expected) = match day % 10 {
            7 => (Told { amount: lump.amount - 5_000, ..lump }, "B09 open"),
            8 => (Told { amount: lump.amount + 3_000, ..lump }, "B10 open"),
            4 => (lump.memo("khong ghi so lo"), "R6?"),
            _ if day % 4 == 3 => (lump, "R7"),
            _ => (lump, "R5"),
        };
        list.add(lump, expected);
        match day % 5 {
            0 => {
                planted.suspense += 43_210;
                let unknown =
                    Told::payment(&format!("FT{day}-u"), 43_210, today).memo("chuyen tien");
                list.add(unknown, "R1");
            }
            2 => list
                .add(Told::payment(&format!("FT{day}-f"), -2_200, today).nature("fee"), "B11 open"),
            3 => list.add(
                Told::payment(&format!("FT{day}-d"), -55_000, today).nature("refund"),
                "B12 open",
            ),
            4 => {
                list.add(
                    Told::payment(&format!("FT{day}-p"), 66_000, today).standing("pending"),
                    "kept",
                );
                let back = Told::payment(&format!("FT{day}-v"), -17_000, today).nature("reversal");
                list.add(back.reference("nobody-knows"), "B13 open");
            }
            _ => {}
        }
        // B15: the code of a payment that is long banked past its days.
        if day == 20 {
            let old = self.issued(day, "old", &[88_000]).await.remove(0);
            let paid = Paid { transaction: "old-1".to_owned(), code: old.clone(), amount: 88_000 };
            let long_ago = self.clock.now() - chrono::Duration::days(12);
            self.told_of(of, long_ago, std::slice::from_ref(&paid)).await;
            list.add(Told::payment("FT-old", 88_000, today).memo(&old), "B15 open");
        }
        self.keep(planted, ("directbank", ACCOUNT, day), list).await;
    }

    /// The code of the invoice of another payment of the bank's day.
    async fn code_of(&self, n: usize, day: usize) -> String {
        sqlx::query_scalar(
            "select i.code from settlement s join invoice i using (invoice_id) where s.transaction_id = $1",
        )
        .bind(format!("db-{day}-{n}"))
        .fetch_one(&self.pool)
        .await
        .expect("it was told")
    }

    /// The day of the account that nobody but its statement tells of.
    async fn own_day(&self, day: usize, dice: &mut Dice, planted: &mut Planted) {
        let today = self.today();
        let amounts: Vec<i64> = (0..OWN * times()).map(|_| dice.amount()).collect();
        let codes = self.issued(day, "ow", &amounts).await;
        let mut list = List::default();
        let credit = |n: usize, amount, code: &str| {
            Told::payment(&format!("SB{day}-{n}"), amount, today)
                .memo(&format!("thanh toan {code}"))
        };
        for (n, (code, amount)) in codes.iter().zip(&amounts).enumerate() {
            match n {
                // Half of it, and the rest never comes.
                0 if day.is_multiple_of(3) => {
                    planted.held += 10_000;
                    list.add(credit(n, 10_000, code), "R1");
                }
                // Paid twice.
                1 if day % 3 == 1 => {
                    planted.due_back += amount;
                    list.add(credit(n, *amount, code), "R1");
                    list.add(credit(900, *amount, code), "R1");
                }
                // No number of the bank's.
                2 => list
                    .add(Told { transaction_id: String::new(), ..credit(n, *amount, code) }, "R1"),
                _ => list.add(credit(n, *amount, code), "R1"),
            }
        }
        if day % 3 == 2 {
            planted.suspense += 5_555;
            list.add(Told::payment(&format!("SB{day}-u"), 5_555, today).memo("ung ho"), "R1");
        }
        self.keep(planted, ("samplebank", OWN_ACCOUNT, day), list).await;
    }

    async fn keep(
        &self,
        planted: &mut Planted,
        (partner, account, day): (&'static str, &'static str, usize),
        list: List,
    ) {
        let reference = format!("{partner}-{day}");
        let of = Of { kind: "account", partner, account, reference: &reference, day: self.today() };
        *planted.in_bank.entry(account).or_default() += list.booked();
        let statement = self.stage(of, &list.lines).await;
        planted.lists.push((statement, list.expected));
    }

    async fn held_by_cases(&self, codes: &[&str], outcomes: &[&str]) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(b.amount), 0)::bigint from break_case b join settlement s using (settlement_id)
              where b.state = 'open' and b.code = any($1) and s.outcome = any($2)",
        )
        .bind(codes)
        .bind(outcomes)
        .fetch_one(&self.pool)
        .await
        .expect("a sum")
    }

    /// How much there is of what matching writes.
    async fn written(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in [
            "match",
            "match_side",
            "ledger.entry",
            "settlement",
            "settlement_banked",
            "break_case",
            "open_line",
            "unmatch",
            "report_batch",
        ] {
            counts.push(self.count(table).await);
        }
        counts
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_with_every_defect_ends_with_every_line_in_its_place() {
    let town = Town::doors().await;
    town.settle_by("samplebank", OWN_ACCOUNT, SettlingSource::Statement).await;
    town.contract("momo", FIXED, "0.7").await;
    let (mut dice, mut planted) = (Dice(20_261_101), Planted::default());
    for day in 0..DAYS {
        let lump = town.wallet_day(day, &mut dice, &mut planted).await;
        town.bank_day(day, &mut dice, &mut planted, lump).await;
        town.own_day(day, &mut dice, &mut planted).await;
        let matching = payclear::reconciliation::run::Matching {
            // Chunks of several sizes: what a line becomes does not depend on where chunks end.
            chunk: [37, 5_000, 60][day % 3],
            ..town.app.matching.clone()
        };
        matching.run().await.expect("it matches");
        town.days_pass(1);
    }
    // A week later every window is over, and every account has told of the days before.
    town.days_pass(7);
    for (kind, partner, account) in
        [("report", "momo", WALLET_ACCOUNT), ("account", "directbank", ACCOUNT)]
    {
        let of = Of { kind, partner, account, reference: "last", day: town.today() };
        town.stage(of, &[]).await;
    }
    town.app.matching.run_all_again().await.expect("it matches");

    for (statement, expected) in &planted.lists {
        let became = town.became(*statement).await;
        let wrong: Vec<_> =
            became.iter().zip(expected).enumerate().filter(|(_, (a, b))| a != b).collect();
        assert!(wrong.is_empty() && became.len() == expected.len(), "{statement}: {wrong:?}");
    }
    for (account, sum) in &planted.in_bank {
        assert_eq!(town.in_the_bank(account).await, *sum, "{account}");
    }
    let missing: Vec<String> = sqlx::query_scalar(
        "select s.transaction_id from break_case b join settlement s using (settlement_id)
          where b.code = 'B01' and b.state = 'open' order by 1",
    )
    .fetch_all(&town.pool)
    .await
    .expect("cases");
    planted.missing.push("old-1".to_owned());
    planted.missing.sort();
    assert_eq!(missing, planted.missing);
    let balances = town.balances().await;
    let sum_of = |kind: &str| -> i64 {
        balances.iter().filter(|(name, _)| name.starts_with(kind)).map(|(_, sum)| -*sum).sum()
    };
    assert_eq!(
        (sum_of("suspense"), sum_of("part_payments_held"), sum_of("refund_due")),
        (planted.suspense, planted.held, planted.due_back)
    );
    assert_eq!(town.held_by_cases(&["B07", "B08"], &["suspense"]).await, planted.suspense);
    assert_eq!(town.held_by_cases(&["B03"], &["held"]).await, planted.held);
    assert_eq!(town.held_by_cases(&["B05"], &["refund_due"]).await, planted.due_back);

    let before = (town.written().await, town.balances().await);
    for _ in 0..2 {
        let done = town.app.matching.run_all_again().await.expect("it matches");
        assert_eq!((done.statements, done.tally.matched, done.missing), (0, 0, 0));
    }
    assert_eq!(
        (town.written().await, town.balances().await),
        before,
        "looking again changes nothing"
    );
    println!("{} lists, {} lines", planted.lists.len(), town.count("statement_line").await);
}
