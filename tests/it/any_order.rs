//! Whatever partners say of a few invoices, in whatever order and however often: one ledger comes
//! of it, and it is known beforehand from what was said alone.
//!
//! The words are drawn by a seeded hand and go through the doors of all dialects, several at once.
//! `ANY_ORDER_SEED` draws the same ones again; a failure names it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::partners::{
    choose, momo_fields, momo_result, payos_envelope, payos_transfer, sepay_credit, sepay_headers,
    vnpay_fields, vnpay_query, zalopay_callback, zalopay_fields,
};
use crate::support::{Caller, Town, answer_of, money, text};

const ROUNDS: usize = 10;
const OWED: i64 = 100_000;
/// What a payer may send.
const AMOUNTS: [i64; 4] = [100_000, 100_000, 60_000, 40_000];
const PARTNERS: [&str; 6] = ["vnpay", "momo", "zalopay", "samplebank", "sepay", "directbank"];

/// One message of one partner.
#[derive(Debug, Clone)]
enum Word {
    Vnpay(String),
    Momo(String),
    Zalopay(String),
    Payos(Value),
    Sepay(Value),
    Plain(Value),
    /// The bank takes a transaction back. Before it has told of it, it is refused, and tells again.
    TakenBack(String),
}

/// What the ledger must say of all words so far: by account and owner where the owner is certain.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ledger(BTreeMap<String, i64>);

impl Ledger {
    fn add(&mut self, account: &str, amount: i64) {
        *self.0.entry(account.to_owned()).or_default() += amount;
    }

    /// What stands in the books. Of two payments through two partners either may come first, so
    /// which of them holds what is due back is no promise; how much it is, is.
    async fn of(town: &Town) -> Self {
        let mut ledger = Self::default();
        for (account, sum) in town.balances().await {
            match account.split_once(' ') {
                Some((kind @ ("refund_due" | "part_payments_held"), _)) => ledger.add(kind, sum),
                _ => ledger.add(&account, sum),
            }
        }
        ledger.0.retain(|_, sum| *sum != 0);
        ledger
    }
}

/// A few invoices, what is said of them, and what must come of it.
struct Round<'t> {
    town: &'t Town,
    hand: StdRng,
    number: u64,
    words: Vec<Word>,
    transactions: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_repetition_of_any_messages_ends_in_the_same_ledger() {
    let seed = std::env::var("ANY_ORDER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("ANY_ORDER_SEED={seed}");
    let town = Town::whole().await;
    let mut round = Round {
        town: &town,
        hand: StdRng::seed_from_u64(seed),
        number: 1_000,
        words: Vec::new(),
        transactions: BTreeSet::new(),
    };
    let mut expected = Ledger::default();
    for n in 0..ROUNDS {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let (invoice, sum) = round.invoice(&mut expected).await;
            statuses.push((invoice, if sum < OWED { None } else { Some("paid") }));
        }
        statuses.push((round.taken_back().await, Some("pending")));
        round.nobodys(&mut expected);
        round.tell().await;

        expected.0.retain(|_, sum| *sum != 0);
        assert_eq!(Ledger::of(&town).await, expected, "round {n}, ANY_ORDER_SEED={seed}");
        let mut conn = town.pool.acquire().await.expect("a connection");
        let differing = payclear::breaks::store::holds::differences(&mut conn).await;
        assert_eq!(differing.expect("the sums"), [], "round {n}, ANY_ORDER_SEED={seed}");
        drop(conn);
        let told = town.count("settlement").await;
        assert_eq!(told, i64::try_from(round.transactions.len()).unwrap(), "seed {seed}");
        for (invoice, status) in statuses {
            let now = town.status(&invoice).await;
            let open = ["issued", "pending"].contains(&now.as_str());
            assert!(status.map_or(open, |status| now == status), "{now}, seed {seed}: {invoice}");
        }
    }
    assert!(expected.0.len() > 8, "the hand drew next to nothing: {expected:?}, seed {seed}");
}

/// One payment of an invoice, and what became of it.
#[derive(Debug)]
struct Payment {
    transaction: String,
    amount: i64,
    outcome: String,
    /// What was more than was owed.
    surplus: i64,
    taken_back: bool,
    /// What was approved to be given back of it.
    given: i64,
}

/// An invoice that is paid in parts, taken back and given back by a seeded hand, one step at a time.
struct Parts<'t> {
    town: &'t Town,
    approver: &'t Caller,
    invoice: Value,
    before: BTreeMap<String, i64>,
    payments: Vec<Payment>,
    /// Refunds that wait: of which payment, how much, asked in which cycle.
    asked: Vec<(usize, i64, u32, Value)>,
    /// What was approved in this cycle.
    given_now: i64,
    /// Times that the debt was opened again.
    cycle: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_taken_back_or_given_back_in_any_order_are_held_once_or_not_at_all() {
    let seed = std::env::var("ANY_ORDER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("ANY_ORDER_SEED={seed}");
    let town = Town::doors().await;
    let approver = town.approval_key().await;
    let mut hand = StdRng::seed_from_u64(seed);
    let (mut number, mut opened_again, mut given) = (0, 0, 0);
    // As many as it takes for the hand to have drawn something worth the name.
    for n in 0..60 {
        if n >= 8 && opened_again > 2 && given > 0 {
            break;
        }
        let invoice = town.issue(OWED.unsigned_abs()).await;
        let mut parts = Parts {
            town: &town,
            approver: &approver,
            invoice,
            before: town.balances().await,
            payments: Vec::new(),
            asked: Vec::new(),
            given_now: 0,
            cycle: 1,
        };
        for step in 0..14 {
            number += 1;
            parts.step(&mut hand, number).await;
            parts.check(&format!("step {step}, ANY_ORDER_SEED={seed}")).await;
        }
        opened_again += parts.cycle - 1;
        given += parts.payments.iter().map(|payment| payment.given).sum::<i64>();
    }
    assert!(
        opened_again > 2 && given > 0,
        "the hand drew next to nothing, seed {seed}: opened again {opened_again}, given {given}"
    );
}

impl Parts<'_> {
    async fn step(&mut self, hand: &mut StdRng, number: u32) {
        let there = |payment: &Payment| !payment.taken_back;
        let places: Vec<usize> =
            (0..self.payments.len()).filter(|place| there(&self.payments[*place])).collect();
        let place = places.get(hand.random_range(0..places.len().max(1))).copied();
        match (hand.random_range(0..10), place) {
            (4..=5, Some(place)) => self.take_back(place).await,
            (6..=7, Some(place)) => self.ask(place, 10_000 * hand.random_range(1..4)).await,
            (8..=9, _) if !self.asked.is_empty() => {
                let which = hand.random_range(0..self.asked.len());
                self.approve(which).await;
            }
            _ => {
                let amount = [30_000, 40_000, 60_000, 70_000][hand.random_range(0..4)];
                self.pay(&format!("T{number}"), amount).await;
            }
        }
    }

    async fn pay(&mut self, transaction: &str, amount: i64) {
        let held = money(&self.town.read(&self.invoice).await["held"]);
        let code = text(&self.invoice, "code");
        let outcome = self.town.settle(transaction, amount.unsigned_abs(), code).await;
        let surplus = match outcome.as_str() {
            "overpaid" => held + amount - OWED,
            "refund_due" => amount,
            _ => 0,
        };
        let transaction = transaction.to_owned();
        let (taken_back, given) = (false, 0);
        self.payments.push(Payment { transaction, amount, outcome, surplus, taken_back, given });
    }

    async fn take_back(&mut self, place: usize) {
        let was_paid = self.town.status(&self.invoice).await == "paid";
        let payment = &mut self.payments[place];
        let back = format!("R-{}", payment.transaction);
        assert_eq!(self.town.reverse(&payment.transaction, &back).await.status, 204);
        payment.taken_back = true;
        if was_paid && self.town.status(&self.invoice).await != "paid" {
            self.cycle += 1;
            self.given_now = 0;
        }
    }

    async fn ask(&mut self, place: usize, amount: i64) {
        let refundable = money(&self.town.read(&self.invoice).await["refundable"]);
        let transaction = self.payments[place].transaction.clone();
        let (much, left) = (amount.unsigned_abs(), refundable.unsigned_abs());
        let told = self.town.ask_back_of(&self.invoice, &transaction, much, left).await;
        if told.status == 201 {
            self.asked.push((place, amount, self.cycle, told.json()));
        } else {
            assert!(matches!(told.status, 409 | 412 | 422), "{}", told.text());
        }
    }

    async fn approve(&mut self, which: usize) {
        let (place, amount, cycle, refund) = self.asked.remove(which);
        self.town.named_account(&self.invoice).await;
        let told = self.town.approve_refund(self.approver, &refund).await;
        // Of what was taken back, or is held again, nothing is given back.
        let may = cycle == self.cycle && !self.payments[place].taken_back;
        assert_eq!(told.status, if may { 200 } else { 409 }, "{}", told.text());
        if may {
            self.payments[place].given += amount;
            self.given_now += amount;
        }
    }

    /// What the books must say, whatever came before.
    async fn check(&self, when: &str) {
        let now = self.town.read(&self.invoice).await;
        let (paid, held) = (text(&now, "status") == "paid", money(&now["held"]));
        let books = self.town.balances().await;
        let of = |account: &str| {
            let at = |books: &BTreeMap<String, i64>| books.get(account).copied().unwrap_or(0);
            at(&books) - at(&self.before)
        };
        let there = || self.payments.iter().filter(|payment| !payment.taken_back);
        let sum = |of: &dyn Fn(&Payment) -> i64| there().map(of).sum::<i64>();
        let of_bank = |kind: &str| of(&format!("{kind} directbank"));
        let told = format!("{when}: {:#?}", self.payments);
        assert_eq!(of_bank("partner_receivable"), sum(&|payment| payment.amount), "{told}");
        assert_eq!(of_bank("refund_due"), -sum(&|payment| payment.surplus), "{told}");
        let given: i64 = self.payments.iter().map(|payment| payment.given).sum();
        assert_eq!(of_bank("refunds_in_transit"), -given, "{told}");
        assert_eq!(of_bank("part_payments_held"), -held, "{told}");
        let parts = there().filter(|payment| payment.outcome == "held");
        let parts: i64 = parts.map(|payment| payment.amount - payment.given).sum();
        assert_eq!(held, if paid { 0 } else { parts }, "{told}");
        // What went back twice, to the bank and to the payer, is lost, and stands with one of the two.
        let lost: i64 =
            self.payments.iter().filter(|p| p.taken_back).map(|payment| payment.given).sum();
        if !paid {
            assert_eq!(of("agency_payable G01.A") + of_bank("suspense"), lost, "{told}");
        }
        if lost == 0 {
            let owed = if paid { self.given_now - OWED } else { 0 };
            assert_eq!(of("agency_payable G01.A"), owed, "{told}");
        }
    }
}

impl Round<'_> {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// An invoice with an order at each gateway and wallet, and what is said of it; what is paid.
    async fn invoice(&mut self, expected: &mut Ledger) -> (Value, i64) {
        let invoice = self.town.issue(OWED.unsigned_abs()).await;
        let mut orders = BTreeMap::new();
        for partner in ["vnpay", "momo", "zalopay"] {
            choose(self.town, &invoice, partner).await;
            orders.insert(partner, self.reference(&invoice, partner).await);
        }
        let mut sum = 0;
        for _ in 0..self.hand.random_range(0..4) {
            let partner = PARTNERS[self.hand.random_range(0..PARTNERS.len())];
            let amount = AMOUNTS[self.hand.random_range(0..AMOUNTS.len())];
            let code = text(&invoice, "code");
            let order = orders.get(partner).map_or(code, String::as_str).to_owned();
            self.money(partner, &order, amount);
            expected.add(&format!("partner_receivable {partner}"), amount);
            sum += amount;
        }
        match sum {
            0 => {}
            held if held < OWED => expected.add("part_payments_held", -held),
            all => {
                expected.add("agency_payable G01.A", -OWED);
                expected.add("refund_due", OWED - all);
            }
        }
        for (partner, order) in &orders {
            for _ in 0..self.hand.random_range(0..3) {
                self.no_money(partner, order);
            }
        }
        (invoice, sum)
    }

    async fn reference(&self, invoice: &Value, partner: &str) -> String {
        sqlx::query_scalar(
            "select reference from attempt where invoice_id = $1::text::uuid and partner = $2",
        )
        .bind(text(invoice, "id"))
        .bind(partner)
        .fetch_one(&self.town.pool)
        .await
        .expect("one attempt")
    }

    /// A partner's word that money came, and the same word spoilt: that one changes nothing.
    fn money(&mut self, partner: &'static str, order: &str, amount: i64) {
        let id = self.next();
        let (transaction, number) = (format!("T{id}"), i64::try_from(id).unwrap());
        let spoilt = |text: String| text.replace(&amount.to_string(), &(amount * 10).to_string());
        let words = match partner {
            "vnpay" => {
                let fields = vnpay_fields(order, amount, &id.to_string(), ("00", "00"));
                let good = vnpay_query(&fields);
                [Word::Vnpay(spoilt(good.clone())), Word::Vnpay(good)]
            }
            "momo" => {
                let good = momo_result(&momo_fields(order, amount, number, 0)).to_string();
                [Word::Momo(spoilt(good.clone())), Word::Momo(good)]
            }
            "zalopay" => {
                let good = zalopay_callback(&zalopay_fields(order, amount, number)).to_string();
                [Word::Zalopay(spoilt(good.clone())), Word::Zalopay(good)]
            }
            "samplebank" => {
                let good =
                    payos_envelope(&payos_transfer(&transaction, amount.unsigned_abs(), order));
                let mut bad = good.clone();
                bad["data"]["amount"] = json!(amount * 10);
                [Word::Payos(bad), Word::Payos(good)]
            }
            "sepay" => {
                let good = sepay_credit(id, amount.unsigned_abs(), order);
                // What leaves the account is signed, and none of ours to book.
                let mut out = sepay_credit(id + 1_000_000, amount.unsigned_abs(), order);
                out["transferType"] = json!("out");
                [Word::Sepay(out), Word::Sepay(good)]
            }
            _ => {
                let good = self.town.credit(&transaction, amount.unsigned_abs(), order);
                let mut bad = good.clone();
                bad["amount"]["amount"] = json!("0");
                [Word::Plain(bad), Word::Plain(good)]
            }
        };
        self.transactions.insert(format!("{partner} {id}"));
        self.words.extend(words);
    }

    /// A partner's word that no money came, or that nobody knows.
    fn no_money(&mut self, partner: &str, order: &str) {
        let number = i64::try_from(self.next()).unwrap();
        let unknown = self.hand.random_range(0..2) == 0;
        self.words.push(match partner {
            "vnpay" => {
                let codes = if unknown { ("07", "07") } else { ("24", "02") };
                Word::Vnpay(vnpay_query(&vnpay_fields(order, OWED, "0", codes)))
            }
            "momo" => {
                let code = if unknown { 7002 } else { 1006 };
                Word::Momo(momo_result(&momo_fields(order, OWED, number, code)).to_string())
            }
            // ZaloPay tells of success alone; this is for another merchant.
            _ => {
                let mut data = zalopay_fields(order, OWED, number);
                data["app_id"] = json!(1);
                Word::Zalopay(zalopay_callback(&data).to_string())
            }
        });
    }

    /// An invoice that is paid at the bank, which then takes the money back.
    async fn taken_back(&mut self) -> Value {
        let invoice = self.town.issue(OWED.unsigned_abs()).await;
        self.money("directbank", text(&invoice, "code"), OWED);
        self.words.push(Word::TakenBack(format!("T{}", self.number)));
        invoice
    }

    /// Money for orders that nobody knows.
    fn nobodys(&mut self, expected: &mut Ledger) {
        for partner in PARTNERS {
            if self.hand.random_range(0..2) == 0 {
                self.money(partner, "PG0000000000000000", 7_000);
                expected.add(&format!("partner_receivable {partner}"), 7_000);
                expected.add(&format!("suspense {partner}"), -7_000);
            }
        }
    }

    /// Tells everything, each word one to three times, in any order, four at once; then once more
    /// from first to last, as partners do until they are answered.
    async fn tell(&mut self) {
        let words = std::mem::take(&mut self.words);
        let mut told: Vec<Word> = words
            .iter()
            .flat_map(|word| std::iter::repeat_n(word.clone(), self.hand.random_range(1..4)))
            .collect();
        told.shuffle(&mut self.hand);
        futures_util::stream::iter(told)
            .map(|word| say(self.town, word))
            .buffer_unordered(4)
            .collect::<()>()
            .await;
        for word in words {
            say(self.town, word).await;
        }
    }
}

/// Says it at its door; whatever is answered, the service has not failed.
async fn say(town: &Town, word: Word) {
    let status = match word {
        Word::Vnpay(query) => {
            town.ipn(&query).await;
            200
        }
        Word::Momo(body) => town.momo(&body).await.0,
        Word::Zalopay(body) => {
            town.zalopay(&body).await;
            200
        }
        Word::Payos(envelope) => town.payos(&envelope).await.status,
        Word::Sepay(credit) => {
            let body = credit.to_string();
            let mut request = town.http.post(format!("{}/partners/sepay/webhook", town.url));
            for (name, value) in sepay_headers(chrono::Utc::now().timestamp(), &body) {
                request = request.header(name, value);
            }
            answer_of(request.body(body)).await.status
        }
        Word::Plain(credit) => town.bank.post("/v1/settlements", &credit).await.status,
        Word::TakenBack(transaction) => {
            town.reverse(&transaction, &format!("R-{transaction}")).await.status
        }
    };
    assert!(status < 500, "{status}");
}
