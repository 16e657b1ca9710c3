//! One chunk of lines in one transaction: decided, written, booked.

mod books;
mod effects;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use self::books::Books;
pub(super) use self::books::receivable;
use super::candidates;
use super::fee::Terms;
use super::rules::{self, Ground, Seen, Taken, Verdict, With};
use super::run::{Matching, MatchingError};
use super::store::matches::{self, NewMatch, NewSide};
use super::store::work::{self, BatchSum, OpenLine, Tally};
use super::words;
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::partners::SettlingSource;
use crate::platform::outbox;
use crate::settlements::store as settlements;
use crate::statements::read::{Kind, Line, Standing, Statement};
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId, uuid_v7};
use crate::vocabulary::money::{Currency, Money};

/// What is true of a statement while its lines are matched.
#[derive(Debug)]
pub(super) struct Scene {
    /// The statement.
    pub statement: Statement,
    /// Its currency; none when it is not one of ours.
    pub currency: Option<Currency>,
    /// Whose word settles the account.
    pub source: SettlingSource,
    /// The contract.
    pub terms: Terms,
    /// Whose business the account is.
    pub agency: String,
}

/// A line, and what was made of it before when it is looked at once more.
pub(super) type Looked = (Line, Option<OpenLine>);

/// The entry of a day of this chunk, or one of before.
type At = Result<NaiveDate, i64>;

/// What a chunk will write.
pub(super) struct Chunk<'a> {
    matching: &'a Matching,
    scene: &'a Scene,
    now: DateTime<Utc>,
    today: NaiveDate,
    matches: Vec<NewMatch>,
    books: Books,
    cases: Vec<Break>,
    open: Vec<OpenLine>,
    /// Lines whose money this chunk books: their entry is known in the end.
    booked_on: HashMap<i64, NaiveDate>,
    closed: Vec<Uuid>,
    off_the_list: Vec<i64>,
    /// Settlements that are seen in the bank: by which match, by the entry of a day or one of before.
    banked: Vec<(Uuid, Uuid, At)>,
    funded: Vec<((Uuid, String), Uuid, At)>,
    /// Matched lines of a report that is looked at once more: their batch may be banked.
    late_pairs: Vec<(String, i32)>,
    tally: Tally,
    told: bool,
}

/// Lines in the order in which they are decided, and what is known that has to do with them.
#[derive(Debug)]
pub(super) struct Sight {
    lines: Vec<Line>,
    /// Of lines that are looked at once more, what was made of them before.
    before: HashMap<i64, OpenLine>,
    transactions: Vec<String>,
    seen: Vec<Seen>,
    /// Lines whose match people have taken apart.
    taken_apart: BTreeSet<i64>,
}

impl Sight {
    /// How many lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The last place.
    pub fn last_place(&self) -> i32 {
        self.lines.iter().map(|line| line.place).max().unwrap_or(0)
    }
}

/// Gathers what is known about lines.
pub(super) async fn look(
    conn: &mut PgConnection,
    scene: &Scene,
    looked: Vec<Looked>,
) -> Result<Sight, MatchingError> {
    let (mut lines, mut before): (Vec<Line>, HashMap<i64, OpenLine>) =
        (Vec::with_capacity(looked.len()), HashMap::new());
    for (line, open) in looked {
        before.extend(open.map(|open| (line.id, open)));
        lines.push(line);
    }
    rules::in_order(&mut lines);
    let transactions: Vec<String> =
        lines.iter().map(|line| transaction_of(&scene.statement, line)).collect();
    let of = (&scene.statement, scene.source);
    let mut seen = candidates::gather(conn, of, &lines, &transactions).await?;
    let mut taken_apart = BTreeSet::new();
    if !before.is_empty() {
        let ids: Vec<i64> = before.keys().copied().collect();
        let apart: BTreeSet<(i64, Uuid)> =
            work::pairs_taken_apart(conn, &ids).await?.into_iter().collect();
        taken_apart.extend(apart.iter().map(|(line, _)| *line));
        for (line, seen) in lines.iter().zip(&mut seen) {
            seen.settlements.retain(|c| !apart.contains(&(line.id, c.settlement)));
            seen.backs.retain(|back| !apart.contains(&(line.id, back.id)));
        }
    }
    Ok(Sight { lines, before, transactions, seen, taken_apart })
}

/// Matches lines, in the caller's transaction. What it uses up is added to `taken`.
pub(super) async fn work_in(
    conn: &mut PgConnection,
    matching: &Matching,
    scene: &Scene,
    sight: &Sight,
    taken: &mut Taken,
) -> Result<Tally, MatchingError> {
    let now = matching.now();
    let mut chunk = Chunk {
        matching,
        scene,
        now,
        today: matching.accounts.day_of(now).0,
        matches: Vec::new(),
        books: Books::default(),
        cases: Vec::new(),
        open: Vec::new(),
        booked_on: HashMap::new(),
        closed: Vec::new(),
        off_the_list: Vec::new(),
        banked: Vec::new(),
        funded: Vec::new(),
        late_pairs: Vec::new(),
        tally: Tally::default(),
        told: false,
    };
    chunk.decide(conn, sight, taken).await?;
    chunk.write(conn, &sight.lines, sight.before.is_empty()).await?;
    Ok(chunk.tally)
}

/// The transaction id of a line: the sender's, or for a bank account's line without one a name made of
/// what it says, the same whenever it is told again.
fn transaction_of(statement: &Statement, line: &Line) -> String {
    if !line.transaction_id.is_empty() || statement.kind == Kind::Report {
        return line.transaction_id.clone();
    }
    let told = format!(
        "{}|{}|{}|{}|{}|{}",
        statement.account,
        line.value_date,
        line.amount.normalize(),
        line.order_reference,
        line.memo,
        line.counterparty
    );
    format!("line-{}-{}", hex::encode(&Sha256::digest(told.as_bytes())[..12]), line.occurrence)
}

impl Chunk<'_> {
    async fn decide(
        &mut self,
        conn: &mut PgConnection,
        sight: &Sight,
        taken: &mut Taken,
    ) -> Result<(), MatchingError> {
        let Sight { lines, before, transactions, seen, taken_apart } = sight;
        let ground = Ground {
            kind: self.scene.statement.kind,
            account: &self.scene.statement.account,
            currency_fits: self.scene.currency.is_some(),
            source: self.scene.source,
            terms: self.scene.terms,
            today: self.today,
            days: &self.matching.days,
        };
        let mut to_settle = Vec::new();
        for (n, (line, seen)) in lines.iter().zip(seen).enumerate() {
            let open = before.get(&line.id);
            match rules::decide(line, seen, &ground, taken) {
                Verdict::Match { rule, with, suggested, why, also } => {
                    let found = effects::Found { rule, with, suggested, why, also };
                    self.found(conn, line, &transactions[n], open, found).await?;
                }
                Verdict::Wait { code, until, why } => {
                    self.leave(
                        line,
                        open,
                        seen,
                        ("waiting", Some(code)),
                        (until, why, line.amount),
                    );
                }
                Verdict::Case { code, amount, why } => {
                    self.leave(line, open, seen, ("open", Some(code)), (self.today, why, amount));
                }
                Verdict::Payout => {
                    let why = "a transfer of ours".to_owned();
                    self.leave(line, open, seen, ("payout", None), (self.today, why, line.amount));
                }
                Verdict::Keep { why } => {
                    let left = (self.today, why.to_owned(), line.amount);
                    self.leave(line, open, seen, ("kept", None), left);
                }
                // What people have taken apart waits for people.
                Verdict::Settle { .. } if taken_apart.contains(&line.id) => {}
                Verdict::Settle { for_invoice, suggest } => {
                    to_settle.push((n, for_invoice, suggest));
                }
            }
        }
        self.settle(conn, lines, transactions, (before, &to_settle), taken).await
    }

    /// The receivable of the statement's own account.
    fn receivable(&self, amount: Money) -> crate::ledger::chart::AccountKey {
        let statement = &self.scene.statement;
        books::receivable(&statement.partner, &statement.account, amount.currency())
    }

    fn money(&self, amount: Decimal) -> Option<Money> {
        self.scene.currency.and_then(|currency| Money::new(amount.abs(), currency).ok())
    }

    /// Books a line of a bank account against the receivable of that account, unless it was booked
    /// before, is not booked there, or is not ours to book.
    fn book(&mut self, line: &Line, against: Option<(String, String)>) -> bool {
        if self.scene.statement.kind != Kind::Account || line.standing != Standing::Booked {
            return false;
        }
        let Some(money) = self.money(line.amount).filter(|money| !money.is_zero()) else {
            return false;
        };
        let account = against.map_or_else(
            || self.receivable(money),
            |(partner, account)| books::receivable(&partner, &account, money.currency()),
        );
        self.books.move_money(line, account, money);
        self.booked_on.insert(line.id, line.value_date);
        true
    }

    /// A line that is matched by nothing stays in sight; its money is booked all the same.
    fn leave(
        &mut self,
        line: &Line,
        open: Option<&OpenLine>,
        seen: &Seen,
        (standing, code): (&'static str, Option<BreakCode>),
        (look_after, why, amount): (NaiveDate, String, Decimal),
    ) {
        let code_text = code.map(|code| code.as_str().to_owned());
        if let Some(open) = open
            && open.standing == standing
            && open.code == code_text
        {
            return;
        }
        let mut left = OpenLine {
            line: line.id,
            statement: line.statement,
            standing: standing.to_owned(),
            code: code_text,
            case: None,
            why: why.clone(),
            look_after,
            booked_to: None,
            entry: None,
        };
        if let Some(open) = open {
            self.closed.extend(open.case);
            left.booked_to.clone_from(&open.booked_to);
            left.entry = open.entry;
        } else {
            if standing == "kept" {
                self.tally.kept += 1;
            } else {
                self.tally.open += 1;
            }
            if !matches!(standing, "kept" | "payout") && self.book(line, None) {
                left.booked_to = Some("receivable".to_owned());
            }
        }
        if let (Some(code), "open") = (code, standing) {
            left.case = Some(self.case(line, code, amount, (seen, why)));
        }
        self.open.push(left);
    }

    /// Opens a case about a line.
    fn case(
        &mut self,
        line: &Line,
        code: BreakCode,
        amount: Decimal,
        (seen, why): (&Seen, String),
    ) -> Uuid {
        let amount = self
            .money(amount)
            .or_else(|| Money::new(amount.abs(), Currency::Vnd).ok())
            .unwrap_or_else(|| Money::zero(Currency::Vnd));
        let statement = &self.scene.statement;
        let one = |ids: Vec<Uuid>| if let [one] = ids.as_slice() { Some(*one) } else { None };
        let of: BTreeSet<Uuid> = seen.settlements.iter().map(|c| c.settlement).collect();
        let id = BreakId::new(self.now);
        // What a batch is short or over is for whoever owes its money to explain.
        let partner = match (code, seen.batches.first()) {
            (BreakCode::FundsShort | BreakCode::FundsOver, Some(batch)) => &batch.partner,
            _ => &statement.partner,
        };
        self.cases.push(Break {
            id,
            code,
            state: BreakState::Open,
            opened_at: self.now,
            partner: partner.clone(),
            agency: String::new(),
            invoice: one(seen.invoices.iter().copied().collect()).map(InvoiceId),
            settlement: one(of.into_iter().collect()).map(SettlementId),
            amount,
            detail: format!("{why}; line {} of {}", line.place, statement.reference),
        });
        id.0
    }

    /// A match of this statement, without its sides.
    fn new_match(&self, rule: rules::Rule, suggested: bool, why: &str) -> NewMatch {
        let statement = &self.scene.statement;
        NewMatch {
            id: uuid_v7(self.now),
            layer: if statement.kind == Kind::Report { "line" } else { "funds" },
            rule: rule.as_str(),
            state: if suggested { "suggested" } else { "confirmed" },
            partner: statement.partner.clone(),
            account: statement.account.clone(),
            agency: self.scene.agency.clone(),
            fee: Decimal::ZERO,
            difference: Decimal::ZERO,
            reason: why.to_owned(),
            sides: Vec::new(),
        }
    }

    /// A line that was open before is so no longer.
    fn found_at_last(&mut self, open: Option<&OpenLine>) {
        if let Some(open) = open {
            self.closed.extend(open.case);
            self.off_the_list.push(open.line);
            self.tally.open -= 1;
        }
    }

    async fn write(
        &mut self,
        conn: &mut PgConnection,
        lines: &[Line],
        first: bool,
    ) -> Result<(), MatchingError> {
        let statement = &self.scene.statement;
        self.of_closed_days(conn).await?;
        let by_day = self.books.write(conn, self.matching, self.scene, self.now).await?;
        let entry = |at: &At| match at {
            Ok(day) => by_day.get(day).copied(),
            Err(entry) => Some(*entry),
        };
        matches::matches_insert(conn, &self.matches, rules::VERSION, ("payclear", self.now))
            .await?;
        let seen: Vec<settlements::Seen> = self
            .banked
            .iter()
            .filter_map(|(settlement, by, at)| {
                let by = format!("match/{by}");
                Some(settlements::Seen { settlement: *settlement, by, entry: entry(at)? })
            })
            .collect();
        let new = settlements::settlements_banked_insert(conn, &seen, self.now).await?;
        let told = told_before(&seen, &new, |seen| seen.by.clone());
        words::give_way_in(conn, self.matching, statement.id, &told).await?;
        for ((report, batch), by, at) in &self.funded {
            let Some(entry) = entry(at) else { continue };
            if !work::batch_funded(conn, (*report, batch), *by, entry).await? {
                return Err(MatchingError::Overtaken);
            }
        }
        for open in &mut self.open {
            if let Some(day) = self.booked_on.get(&open.line) {
                open.entry = by_day.get(day).copied();
            }
        }
        self.missing_no_more(conn).await?;
        breaks::store::breaks_close(conn, &self.closed, self.now).await?;
        breaks::store::breaks_insert(conn, &self.cases).await?;
        work::open_lines_delete(conn, &self.off_the_list).await?;
        work::open_lines_put(conn, &self.open).await?;
        if first && statement.kind == Kind::Report {
            let sums = sums_of(lines, &self.scene.terms);
            let of = (
                statement.partner.as_str(),
                statement.account.as_str(),
                statement.currency.as_str(),
                statement.day,
            );
            work::batches_add(conn, statement.id, of, &sums).await?;
        }
        for (batch, place) in &self.late_pairs {
            super::batches::bank_one_in(conn, self.matching, (statement.id, batch), *place).await?;
        }
        if self.told {
            outbox::WRITTEN.notify_one();
        }
        Ok(())
    }

    /// What was missing at the partner and is told of at last is missing no more.
    async fn missing_no_more(&mut self, conn: &mut PgConnection) -> Result<(), MatchingError> {
        let partner = &self.scene.statement.partner;
        let code = BreakCode::MissingAtProvider;
        let missing = breaks::store::breaks_of_settlements(conn, code, partner).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let found: BTreeSet<Uuid> = self
            .matches
            .iter()
            .flat_map(|m| m.sides.iter().filter_map(|side| side.settlement.map(|s| s.0)))
            .collect();
        self.closed.extend(missing.iter().filter(|(_, of)| found.contains(of)).map(|(id, _)| *id));
        Ok(())
    }

    /// Money of a day that is closed is booked into the first open one: that has to be known of.
    async fn of_closed_days(&mut self, conn: &mut PgConnection) -> Result<(), MatchingError> {
        let days = self.books.days();
        for day in crate::ledger::store::days_closed(conn, &days).await? {
            let Some(amount) = self.books.turnover(day) else { continue };
            self.cases.push(Break {
                id: BreakId::new(self.now),
                code: BreakCode::WrongPeriod,
                state: BreakState::AutoClosed,
                opened_at: self.now,
                partner: self.scene.statement.partner.clone(),
                agency: String::new(),
                invoice: None,
                settlement: None,
                amount,
                detail: format!("of {day}, which is closed; {}", self.scene.statement.reference),
            });
        }
        Ok(())
    }
}

/// Settlements that had been seen in the bank before, each with a reason.
pub(super) fn told_before(
    seen: &[settlements::Seen],
    new: &[Uuid],
    reason: impl Fn(&settlements::Seen) -> String,
) -> Vec<(Uuid, String)> {
    if new.len() == seen.len() {
        return Vec::new();
    }
    let new: BTreeSet<&Uuid> = new.iter().collect();
    let before = seen.iter().filter(|seen| !new.contains(&seen.settlement));
    before.map(|seen| (seen.settlement, reason(seen))).collect()
}

/// What booked lines add to the batches of their report.
fn sums_of(lines: &[Line], terms: &Terms) -> Vec<BatchSum> {
    let mut sums: BTreeMap<&str, BatchSum> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.standing == Standing::Booked) {
        let sum = sums.entry(&line.batch).or_insert_with(|| BatchSum {
            batch: line.batch.clone(),
            lines: 0,
            gross: Decimal::ZERO,
            fee: Decimal::ZERO,
            contract_fee: Decimal::ZERO,
            value_date: line.value_date,
            first_place: line.place,
            last_place: line.place,
        });
        sum.lines += 1;
        sum.gross += line.amount;
        sum.fee += line.fee;
        if line.nature == crate::statements::read::Nature::Payment {
            sum.contract_fee += terms.fee_of(line.amount);
        }
        sum.value_date = sum.value_date.min(line.value_date);
        sum.first_place = sum.first_place.min(line.place);
        sum.last_place = sum.last_place.max(line.place);
    }
    sums.into_values().collect()
}

/// A side of a line and a settlement.
fn pair(line: &Line, settlement: Uuid, amount: Decimal) -> NewSide {
    NewSide {
        line: Some((line.id, line.amount)),
        settlement: Some((settlement, amount)),
        ..NewSide::default()
    }
}

/// The sides of what a line was found to belong to.
fn sides(line: &Line, with: &With) -> Vec<NewSide> {
    let of_line = NewSide { line: Some((line.id, line.amount)), ..NewSide::default() };
    match with {
        With::Settlements(of) => match of.as_slice() {
            [(settlement, amount)] => vec![pair(line, *settlement, *amount)],
            many => {
                let side = |(id, amount): &(Uuid, Decimal)| NewSide {
                    settlement: Some((*id, *amount)),
                    ..NewSide::default()
                };
                std::iter::once(of_line).chain(many.iter().map(side)).collect()
            }
        },
        With::Batch { report, batch, net, .. } => {
            vec![NewSide { batch: Some((*report, batch.clone(), *net)), ..of_line }]
        }
        With::Refund { id, .. } | With::Reversal(id) | With::TakesBack(id) => {
            vec![NewSide { back: Some((*id, line.amount.abs())), ..of_line }]
        }
    }
}
