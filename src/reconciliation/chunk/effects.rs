//! What a match brings about: money that is banked, refunds that end, settlements that a statement
//! makes or takes back.

use std::collections::HashMap;

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Chunk, books, pair, sides};
use crate::breaks::BreakCode;
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::Occasion;
use crate::partners::SettlingSource;
use crate::platform::group::Work;
use crate::platform::telemetry;
use crate::reconciliation::rules::{Rule, Seen, Taken, With};
use crate::reconciliation::run::{MatchingError, defect};
use crate::reconciliation::store::matches::NewSide;
use crate::reconciliation::store::work::{self, OpenLine};
use crate::refunds::finish::{End, finish_in};
use crate::refunds::refund::RefundMethod;
use crate::refunds::store as refunds;
use crate::settlements::group::{Reported, Request, Settling};
use crate::settlements::http::changed_lately;
use crate::settlements::outcome::Outcome;
use crate::settlements::reverse::{Reversal, Reversed, Reversing};
use crate::settlements::settlement::Settlement;
use crate::settlements::store as settlements;
use crate::statements::read::{Kind, Line};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::{RefundId, SettlementId};
use crate::vocabulary::money::Money;

/// A rule has fired.
pub(super) struct Found {
    pub rule: Rule,
    pub with: With,
    pub suggested: bool,
    pub why: String,
    pub also: Option<(BreakCode, Decimal)>,
}

/// A line that its statement settles: its place, for an invoice or not, and the one it suggests.
type ToSettle = (usize, bool, Option<Uuid>);

impl Chunk<'_> {
    /// Writes a match down, with all that follows from it.
    pub(super) async fn found(
        &mut self,
        conn: &mut PgConnection,
        line: &Line,
        transaction: &str,
        open: Option<&OpenLine>,
        mut found: Found,
    ) -> Result<(), MatchingError> {
        if found.suggested {
            self.suggest(line, open, &found);
            return Ok(());
        }
        let mut new = self.new_match(found.rule, false, &found.why);
        let account = self.scene.statement.kind == Kind::Account;
        let at = open.and_then(|open| open.entry).map_or(Ok(line.value_date), Err);
        match &mut found.with {
            With::Settlements(of) => {
                if account {
                    if open.is_none() {
                        self.book(line, None);
                    }
                    self.banked.extend(of.iter().map(|(id, _)| (*id, new.id, at)));
                } else if open.is_some() {
                    self.late_pairs.push((line.batch.clone(), line.place));
                }
            }
            With::Batch { report, batch, fee, difference, .. } => {
                let Some(row) = work::batch_lock(conn, *report, batch).await? else {
                    return Err(MatchingError::Overtaken);
                };
                self.closed.extend(row.case);
                match open {
                    None => {
                        self.book(line, Some((row.partner.clone(), row.account.clone())));
                    }
                    Some(_) => self.moves_to(line, (&row.partner, &row.account))?,
                }
                (new.fee, new.difference) =
                    (*fee, if found.rule == Rule::Tolerance { *difference } else { Decimal::ZERO });
                self.funded.push(((*report, batch.clone()), new.id, at));
            }
            With::Refund { id, ends } => {
                self.refund(conn, line, (transaction, open), (*id, *ends)).await?;
            }
            With::Reversal(_) => {
                if open.is_none() {
                    self.book(line, None);
                }
            }
            With::TakesBack(id) => {
                if open.is_none() {
                    self.book(line, None);
                }
                *id = self.take_back(conn, line, transaction, *id).await?;
            }
        }
        new.sides = sides(line, &found.with);
        if let Some((code, amount)) = found.also {
            let why = "the fee is not the contract's".to_owned();
            self.case(line, code, amount, (&Seen::default(), why));
        }
        self.matches.push(new);
        self.tally.matched += 1;
        self.found_at_last(open);
        Ok(())
    }

    /// A suggestion moves nothing: its line waits for a person, as a case.
    fn suggest(&mut self, line: &Line, open: Option<&OpenLine>, found: &Found) {
        let mut new = self.new_match(found.rule, true, &found.why);
        if let With::Batch { fee, difference, .. } = &found.with {
            new.fee = *fee;
            new.difference =
                if found.rule == Rule::Tolerance { *difference } else { Decimal::ZERO };
        }
        new.sides = sides(line, &found.with);
        self.matches.push(new);
        self.tally.suggested += 1;
        let why = format!("suggested: {}", found.why);
        let left = (self.today, why, line.amount);
        self.leave(line, open, &Seen::default(), ("open", Some(BreakCode::Unknown)), left);
        // It is counted once, as suggested.
        if open.is_none() {
            self.tally.open -= 1;
        }
    }

    /// Money that stood on the account's own receivable pays another's.
    fn moves_to(&mut self, line: &Line, to: (&str, &str)) -> Result<(), MatchingError> {
        let Some(money) = self.money(line.amount) else { return Ok(()) };
        let (from, to) = (self.receivable(money), books::receivable(to.0, to.1, money.currency()));
        if from != to {
            let occasion = self.occasion("receivable_moves", line);
            let entry = acts::receivable_moves(occasion, from, to, money);
            self.books.also(entry.map_err(defect)?);
        }
        Ok(())
    }

    fn occasion(&self, act: &'static str, line: &Line) -> Occasion {
        Occasion {
            act,
            business_day: BusinessDay(self.today),
            value_date: line.value_date,
            source: format!("statement/{}", self.scene.statement.id),
            reverses: None,
            actor: "payclear".to_owned(),
            reason: format!("line {}", line.place),
        }
    }

    /// A refund reached the payer. By transfer its end books the bank account itself, at whatever
    /// word; so what this line booked before, when it was open, goes back.
    async fn refund(
        &mut self,
        conn: &mut PgConnection,
        line: &Line,
        (transaction, open): (&str, Option<&OpenLine>),
        (id, ends): (Uuid, bool),
    ) -> Result<(), MatchingError> {
        let refund = refunds::refund_read(conn, RefundId(id)).await?;
        let refund = refund.ok_or(MatchingError::Overtaken)?;
        let account = self.scene.statement.kind == Kind::Account;
        if account && refund.method == RefundMethod::Transfer {
            let booked = open.is_some_and(|open| open.entry.is_some());
            if let (true, Some(money)) = (booked, self.money(line.amount)) {
                let bank = AccountKey::detailed(
                    AccountKind::BankAccount,
                    &self.scene.statement.partner,
                    &self.scene.statement.account,
                    money.currency(),
                );
                let back = [(self.receivable(money), money)];
                let entry = acts::statement(self.occasion("statement", line), &bank, &back, &[]);
                self.books.also(entry.map_err(defect)?);
            }
        } else if open.is_none() {
            self.book(line, None);
        }
        if ends {
            let end = End::Confirmed { partner_refund: Some(transaction.to_owned()) };
            let by = format!("partner/{}", self.scene.statement.partner);
            let books = &self.matching.accounts;
            finish_in(conn, books, RefundId(id), &end, &by, self.now).await.map_err(|error| {
                match error {
                    crate::refunds::finish::FinishError::Store(error) => {
                        MatchingError::Store(error)
                    }
                    _ => MatchingError::Overtaken,
                }
            })?;
            self.told = true;
        }
        Ok(())
    }

    /// The bank took a payment back, and nobody has told us yet.
    async fn take_back(
        &mut self,
        conn: &mut PgConnection,
        line: &Line,
        transaction: &str,
        settlement: Uuid,
    ) -> Result<Uuid, MatchingError> {
        let id = SettlementId(settlement);
        let key = settlements::settlement_key(conn, id).await?;
        let (source, original) = key.ok_or(MatchingError::Overtaken)?;
        let reversing = Reversing {
            pool: self.matching.pool.clone(),
            clock: self.matching.clock.clone(),
            accounts: self.matching.accounts.clone(),
        };
        let reversal = Reversal {
            partner: self.scene.statement.partner.clone(),
            source: source.parse().map_err(defect)?,
            original,
            transaction_id: transaction.to_owned(),
            reason: line.memo.clone(),
        };
        self.told = true;
        match reversing.reverse_in(conn, &reversal).await? {
            Reversed::Booked | Reversed::Repeat => {}
            Reversed::OtherTransaction | Reversed::Unknown | Reversed::NonceUsed => {
                return Err(MatchingError::Overtaken);
            }
        }
        settlements::reversal_id_of(conn, id).await?.ok_or(MatchingError::Overtaken)
    }

    /// Money that this very statement settles goes the way of all settlements: the invoice is paid, or
    /// it is due back, held, or in suspense, with its case.
    pub(super) async fn settle(
        &mut self,
        conn: &mut PgConnection,
        lines: &[Line],
        transactions: &[String],
        (before, wanted): (&HashMap<i64, OpenLine>, &[ToSettle]),
        taken: &mut Taken,
    ) -> Result<(), MatchingError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut reports = Vec::with_capacity(wanted.len());
        for (n, for_invoice, _) in wanted {
            reports.push(self.reported(&lines[*n], &transactions[*n], *for_invoice)?);
        }
        let settling = Settling {
            pool: self.matching.pool.clone(),
            clock: self.matching.clock.clone(),
            accounts: self.matching.accounts.clone(),
        };
        let request = [Request { nonce: None, reports }];
        let settled = settling.run(conn, &request).await?.pop().flatten().unwrap_or_default();
        if settled.len() != wanted.len() {
            return Err(defect("a settlement without an answer"));
        }
        self.told = true;
        for ((n, _, suggest), settled) in wanted.iter().zip(settled) {
            let (line, of) = (&lines[*n], settled.settlement);
            let open = before.get(&line.id);
            let same = of.amount.amount() == line.amount && of.outcome != Outcome::Noted;
            if !taken.insert(of.id.0) || !same {
                let why = "another line tells of the same".to_owned();
                let left = (self.today, why, line.amount);
                let code = ("open", Some(BreakCode::Duplicate));
                self.leave(line, open, &Seen::default(), code, left);
                continue;
            }
            let mut new = self.new_match(Rule::Transaction, false, "settled by this line");
            new.sides = vec![pair(line, of.id.0, line.amount)];
            if open.is_none() {
                self.book(line, None);
            }
            let at = open.and_then(|open| open.entry).map_or(Ok(line.value_date), Err);
            self.banked.push((of.id.0, new.id, at));
            self.matches.push(new);
            self.tally.matched += 1;
            self.found_at_last(open);
            if let (Some(invoice), Outcome::Suspense) = (suggest, of.outcome) {
                let why = "dossier in the text, amount of its only open invoice";
                let mut idea = self.new_match(Rule::Dossier, true, why);
                let side = pair(line, of.id.0, line.amount);
                idea.sides = vec![NewSide { invoice: Some(*invoice), ..side }];
                self.matches.push(idea);
                self.tally.suggested += 1;
            }
        }
        Ok(())
    }

    /// A line as a settlement to be.
    fn reported(
        &self,
        line: &Line,
        transaction: &str,
        for_invoice: bool,
    ) -> Result<Reported, MatchingError> {
        let statement = &self.scene.statement;
        let amount = self.money(line.amount).ok_or_else(|| defect("money without a currency"))?;
        let clean = |text: &str| -> String {
            text.chars().filter(|c| !c.is_control()).take(1000).collect()
        };
        let memo = clean(&line.memo);
        let mut candidates = Vec::new();
        let mut reference = None;
        if for_invoice {
            candidates = InvoiceCode::candidates(&line.order_reference);
            candidates.extend(InvoiceCode::candidates(&memo));
            candidates.sort();
            candidates.dedup();
            reference = Some(line.order_reference.clone())
                .filter(|reference| !reference.is_empty() && candidates.is_empty());
        }
        let raw = serde_json::json!({
            "statement": statement.id, "reference": statement.reference, "place": line.place,
            "memo": memo, "order_reference": line.order_reference,
        });
        let directory = self.matching.directory.current();
        let day = BusinessDay(line.value_date);
        Ok(Reported {
            candidates,
            timed: true,
            reference,
            settles: true,
            changed_source: for_invoice
                && changed_lately(&directory, &statement.partner, &statement.account, day),
            trace: telemetry::current_trace(),
            settlement: Settlement {
                id: SettlementId::new(self.now),
                partner: statement.partner.clone(),
                source: SettlingSource::Statement,
                transaction_id: clean(transaction),
                account: statement.account.clone(),
                amount: Money::new(amount.amount(), amount.currency()).map_err(defect)?,
                memo,
                value_time: day::from_local(line.value_date.into()),
                received_at: self.now,
                outcome: Outcome::Suspense,
                invoice: None,
                attempt: None,
                applied_cycle: None,
                entry: None,
                raw: raw.to_string().into_bytes().into(),
                counter_account: None,
            },
        })
    }
}
