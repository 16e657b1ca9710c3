//! Settling, in groups: settlement, invoice and attempt steps, ledger entry, events and the notice's
//! message are one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::decide::{Decision, Standing, decide};
use super::outcome::Outcome;
use super::settlement::Settlement;
use super::store;
use crate::breaks::holding::{HeldIn, Holding};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::attempt::Attempt;
use crate::invoices::claim;
use crate::invoices::invoice::{Invoice, Part};
use crate::invoices::status::{AttemptStatus, AttemptStep, Status, Step};
use crate::invoices::store as invoice_store;
use crate::invoices::store::AttemptChange;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts::{self, Collected};
use crate::ledger::entry::{Entry, Occasion};
use crate::ledger::store as ledger;
use crate::partners::dialects::Verdict;
use crate::platform::admission::{self, Nonce};
use crate::platform::due::{self, Put};
use crate::platform::event::{self, Event};
use crate::platform::group::Work;
use crate::platform::outbox::{self, Message, MessageKind};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::{AttemptId, BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

/// Two days before the change of an account's settling source and two after it both sources may tell
/// of the same money.
const SOURCES_OVERLAP: Duration = Duration::days(4);

/// The writer's work.
#[derive(Debug)]
pub struct Settling {
    /// For opening accounts beside the group's transaction.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Account numbers.
    pub accounts: Arc<Accounts>,
}

/// One request: a callback, or a list of the plain API.
#[derive(Debug)]
pub struct Request {
    /// The nonce of a signed request; a callback has none.
    pub nonce: Option<Nonce>,
    /// What is reported, in order.
    pub reports: Vec<Reported>,
}

/// One word of a partner, read and verified.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The settlement to be; what is done with it is decided here.
    pub settlement: Settlement,
    /// The partner named a time; a repeat is compared by it.
    pub timed: bool,
    /// Our reference, when the partner named one.
    pub reference: Option<String>,
    /// The codes that the memo can be read to hold.
    pub candidates: Vec<InvoiceCode>,
    /// Does this source settle the account?
    pub settles: bool,
    /// The account changed its settling source within two days.
    pub changed_source: bool,
    /// The trace to go on with.
    pub trace: String,
}

/// What became of one report.
#[derive(Debug, Clone)]
pub struct Settled {
    /// For the dialect's answer.
    pub verdict: Verdict,
    /// The settlement as it stands; of other content, the first one.
    pub settlement: Settlement,
}

/// What a request gets: a result for each report, or nothing because its nonce was used.
pub type Settlements = Option<Vec<Settled>>;

impl Work for Settling {
    type Item = Request;
    type Outcome = Settlements;
    const NAME: &'static str = "settle";

    fn committed(&self) {
        outbox::WRITTEN.notify_one();
    }

    async fn run(
        &self,
        conn: &mut PgConnection,
        requests: &[Request],
    ) -> Result<Vec<Settlements>, sqlx::Error> {
        let now = self.clock.now();
        let nonces: Vec<&Nonce> = requests.iter().filter_map(|r| r.nonce.as_ref()).collect();
        let mut new = if nonces.is_empty() {
            Vec::new()
        } else {
            admission::use_nonces_in(conn, &nonces).await?
        }
        .into_iter();
        let let_in: Vec<bool> =
            requests.iter().map(|r| r.nonce.is_none() || new.next().unwrap_or(false)).collect();
        let reports: Vec<&Reported> = requests
            .iter()
            .zip(&let_in)
            .filter(|(_, let_in)| **let_in)
            .flat_map(|(request, _)| &request.reports)
            .collect();
        let mut group = Group::read(conn, &reports, now, self.accounts.day_of(now)).await?;
        let mut settled = Vec::with_capacity(reports.len());
        for report in reports {
            settled.push(group.take(conn, report).await?);
        }
        group.write(conn, &self.pool, &self.accounts).await?;
        let mut settled = settled.into_iter();
        Ok(requests
            .iter()
            .zip(let_in)
            .map(|(request, let_in)| {
                let_in.then(|| settled.by_ref().take(request.reports.len()).collect())
            })
            .collect())
    }
}

impl Settling {
    /// Takes one report in by the word of two officers, in the caller's transaction: decided, booked
    /// and told as any other.
    pub async fn settle_in(
        &self,
        conn: &mut PgConnection,
        report: &Reported,
        word: OfficersWord,
    ) -> Result<Settled, sqlx::Error> {
        let now = self.clock.now();
        let mut group = Group::read(conn, &[report], now, self.accounts.day_of(now)).await?;
        group.officers = Some(word);
        let settled = group.take(conn, report).await?;
        group.write(conn, &self.pool, &self.accounts).await?;
        Ok(settled)
    }
}

type Key = (String, &'static str, String);

fn key_of(settlement: &Settlement) -> Key {
    (settlement.partner.clone(), settlement.source.as_str(), settlement.transaction_id.clone())
}

/// The world as a group sees it, and what it will write.
struct Group {
    now: DateTime<Utc>,
    day: BusinessDay,
    known: HashMap<Key, Settlement>,
    attempts: HashMap<(String, String), Attempt>,
    codes: HashMap<InvoiceCode, InvoiceId>,
    invoices: BTreeMap<InvoiceId, Invoice>,
    changed: HashSet<InvoiceId>,
    settlements: Vec<Settlement>,
    entries: Vec<Entry>,
    steps: BTreeMap<AttemptId, AttemptChange>,
    /// Cases, each with the money that it holds.
    cases: Vec<(Break, Option<Holding>)>,
    /// Invoices that held parts have completed, each with the settlement that did.
    paid_up: Vec<(InvoiceId, SettlementId)>,
    paid_another_way: Vec<Uuid>,
    events: Vec<Event>,
    messages: Vec<Message>,
    /// Invoices with money that is due back.
    due_back: BTreeSet<InvoiceId>,
    /// Who says it, when it is no partner.
    officers: Option<OfficersWord>,
}

/// Two officers' word about money that a partner reported before.
#[derive(Debug, Clone)]
pub struct OfficersWord {
    /// Who proposed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// It stood in suspense.
    pub from_suspense: bool,
}

impl Group {
    /// Reads what cannot change (references), locks the invoices in the order of their ids, and only
    /// then reads what depends on them: a lock refreshes only the row it locks.
    async fn read(
        conn: &mut PgConnection,
        reports: &[&Reported],
        now: DateTime<Utc>,
        day: BusinessDay,
    ) -> Result<Self, sqlx::Error> {
        let (mut partners, mut references) = (Vec::new(), Vec::new());
        for report in reports {
            if let Some(reference) = &report.reference {
                partners.push(report.settlement.partner.clone());
                references.push(reference.clone());
            }
        }
        let meant = invoice_store::attempt_ids_of_references(conn, &partners, &references).await?;
        let mut codes: Vec<InvoiceCode> =
            reports.iter().flat_map(|r| r.candidates.iter().cloned()).collect();
        codes.sort();
        codes.dedup();
        let mut ids: Vec<Uuid> = meant.iter().map(|(_, invoice)| invoice.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let invoices = invoice_store::invoices_lock_named(conn, &ids, &codes).await?;
        let keys: Vec<Key> = reports.iter().map(|r| key_of(&r.settlement)).collect();
        let known = store::settlements_of_keys(
            conn,
            &keys.iter().map(|k| k.0.clone()).collect::<Vec<_>>(),
            &keys.iter().map(|k| k.1.to_owned()).collect::<Vec<_>>(),
            &keys.iter().map(|k| k.2.clone()).collect::<Vec<_>>(),
        )
        .await?;
        let meant: Vec<Uuid> = meant.iter().map(|(attempt, _)| attempt.0).collect();
        let attempts = invoice_store::attempts_lock(conn, &meant).await?;
        Ok(Self {
            now,
            day,
            known: known.into_iter().map(|s| (key_of(&s), s)).collect(),
            attempts: attempts
                .into_iter()
                .map(|a| ((a.partner.clone(), a.reference.clone()), a))
                .collect(),
            codes: invoices.iter().map(|i| (i.code.clone(), i.id)).collect(),
            invoices: invoices.into_iter().map(|i| (i.id, i)).collect(),
            changed: HashSet::new(),
            settlements: Vec::new(),
            entries: Vec::new(),
            steps: BTreeMap::new(),
            cases: Vec::new(),
            paid_up: Vec::new(),
            paid_another_way: Vec::new(),
            events: Vec::new(),
            messages: Vec::new(),
            due_back: BTreeSet::new(),
            officers: None,
        })
    }

    /// Takes one report in: later ones see what it did.
    async fn take(
        &mut self,
        conn: &mut PgConnection,
        report: &Reported,
    ) -> Result<Settled, sqlx::Error> {
        if let Some(first) = self.known.get(&key_of(&report.settlement)).cloned() {
            return self.repeat(conn, report, first).await;
        }
        let attempt = report.reference.as_ref().and_then(|reference| {
            self.attempts.get(&(report.settlement.partner.clone(), reference.clone())).cloned()
        });
        // What is done with the money is one thing; what its partner is answered about the order that
        // it named is another. Once it is booked, the same word is a repeat like any other.
        let recorded = match &attempt {
            None if report.reference.is_some() => Verdict::UnknownOrder,
            Some(attempt) if attempt.amount != report.settlement.amount => Verdict::WrongAmount,
            _ => Verdict::Recorded,
        };
        let meant = self.meant(report, attempt.as_ref());
        let mut settlement = report.settlement.clone();
        settlement.attempt = attempt.as_ref().map(|a| a.id);
        if !report.settles {
            settlement.outcome = Outcome::Noted;
            settlement.invoice = meant.ok();
            return Ok(self.keep(settlement, recorded));
        }
        let (id, code) = match meant {
            Ok(id) => (id, None),
            Err(code) => (InvoiceId(Uuid::nil()), Some(code)),
        };
        if let Some(code) = code {
            if report.changed_source && self.is_known_of_another(conn, &settlement).await? {
                let (outcome, code) = (Outcome::SuspectedDuplicate, BreakCode::Duplicate);
                self.suspend(&mut settlement, outcome, code)?;
            } else {
                self.suspend(&mut settlement, Outcome::Suspense, code)?;
            }
            return Ok(self.keep(settlement, recorded));
        }
        settlement.invoice = Some(id);
        if report.changed_source && self.is_known_of_another(conn, &settlement).await? {
            self.suspend(&mut settlement, Outcome::SuspectedDuplicate, BreakCode::Duplicate)?;
            return Ok(self.keep(settlement, recorded));
        }
        self.pay(conn, &mut settlement, report, attempt.as_ref()).await?;
        Ok(self.keep(settlement, recorded))
    }

    /// Has another source reported this money, and was that booked? The same account and amount, and
    /// the same invoice; where none is known, the same memo within the days in question.
    async fn is_known_of_another(
        &self,
        conn: &mut PgConnection,
        settlement: &Settlement,
    ) -> Result<bool, sqlx::Error> {
        let in_group = |other: &&Settlement| {
            other.outcome != Outcome::Noted
                && other.source != settlement.source
                && (&other.partner, &other.account, other.amount, other.invoice)
                    == (
                        &settlement.partner,
                        &settlement.account,
                        settlement.amount,
                        settlement.invoice,
                    )
        };
        let same_memo = |memo: &str| memo_token(memo) == memo_token(&settlement.memo);
        let mut others = self.settlements.iter().filter(in_group);
        if let Some(invoice) = settlement.invoice {
            Ok(others.next().is_some()
                || store::reported_by_another(conn, settlement, invoice).await?)
        } else {
            let since = self.now - SOURCES_OVERLAP;
            Ok(others.any(|other| same_memo(&other.memo))
                || store::unidentified_by_another(conn, settlement, since)
                    .await?
                    .iter()
                    .any(|memo| same_memo(memo)))
        }
    }

    /// The same transaction again: no effect. With other content: a case, once.
    async fn repeat(
        &mut self,
        conn: &mut PgConnection,
        report: &Reported,
        first: Settlement,
    ) -> Result<Settled, sqlx::Error> {
        let mut said = report.settlement.clone();
        // A time that was not named, then or now, is not compared.
        if !report.timed || first.value_time == first.received_at {
            said.value_time = first.value_time;
        }
        if said.same_content(&first) {
            return Ok(Settled { verdict: Verdict::Repeat, settlement: first });
        }
        let code = if said.amount == first.amount {
            BreakCode::Duplicate
        } else {
            BreakCode::AmountDiffers
        };
        let told = self.cases.iter().any(|(c, _)| c.code == code && c.settlement == Some(first.id));
        if !told && !breaks::store::break_is_open(conn, code, first.id.0).await? {
            let detail = format!(
                "transaction {} was reported again with other content: {:?} on {}",
                first.transaction_id, said.amount, said.account
            );
            let case = self.case(&first, code, said.amount, BreakState::Open, detail);
            self.cases.push((case, None));
        }
        Ok(Settled { verdict: Verdict::OtherContent, settlement: first })
    }

    /// Which invoice is meant: by reference first, by the one code of the memo otherwise.
    fn meant(&self, report: &Reported, attempt: Option<&Attempt>) -> Result<InvoiceId, BreakCode> {
        let same_currency = |id: &InvoiceId| {
            self.invoices
                .get(id)
                .is_some_and(|i| i.amount.currency() == report.settlement.amount.currency())
        };
        if let Some(attempt) = attempt {
            return Some(attempt.invoice).filter(same_currency).ok_or(BreakCode::Unknown);
        }
        let mut found: Vec<InvoiceId> =
            report.candidates.iter().filter_map(|code| self.codes.get(code).copied()).collect();
        found.dedup();
        match found.as_slice() {
            [] => Err(BreakCode::Unknown),
            [one] => Some(*one).filter(same_currency).ok_or(BreakCode::Unknown),
            _ => Err(BreakCode::Ambiguous),
        }
    }

    fn occasion(&self, settlement: &Settlement, act: &'static str) -> Occasion {
        Occasion {
            act,
            business_day: self.day,
            value_date: day::to_local(settlement.value_time).date(),
            source: format!("settlement/{}", settlement.id),
            reverses: None,
            actor: self.actor(settlement),
            reason: self.officers.as_ref().map(|word| word.reason.clone()).unwrap_or_default(),
        }
    }

    fn actor(&self, settlement: &Settlement) -> String {
        let partner = || format!("partner/{}", settlement.partner);
        self.officers.as_ref().map_or_else(partner, |word| word.actor.clone())
    }

    fn collected<'s>(&self, settlement: &'s Settlement) -> Collected<'s> {
        Collected {
            partner: &settlement.partner,
            account: &settlement.account,
            amount: settlement.amount,
            from_suspense: self.officers.as_ref().is_some_and(|word| word.from_suspense),
        }
    }

    fn case(
        &self,
        settlement: &Settlement,
        code: BreakCode,
        amount: Money,
        state: BreakState,
        detail: String,
    ) -> Break {
        let invoice = settlement.invoice.and_then(|id| self.invoices.get(&id));
        Break {
            id: BreakId::new(self.now),
            code,
            state,
            opened_at: self.now,
            partner: settlement.partner.clone(),
            agency: invoice.map(|i| i.agency.clone()).unwrap_or_default(),
            invoice: settlement.invoice,
            settlement: Some(settlement.id),
            amount,
            detail,
        }
    }

    fn suspend(
        &mut self,
        settlement: &mut Settlement,
        outcome: Outcome,
        code: BreakCode,
    ) -> Result<(), sqlx::Error> {
        settlement.outcome = outcome;
        let entry =
            acts::suspense(self.occasion(settlement, "suspense"), &self.collected(settlement));
        self.entries.push(entry.map_err(defect)?);
        let detail = format!("memo: {}", settlement.memo);
        let case = self.case(settlement, code, settlement.amount, BreakState::Open, detail);
        self.cases.push((case, Some(Holding::of(HeldIn::Suspense, settlement.amount))));
        self.events.push(Event {
            made_at: self.now,
            kind: "settlement.suspense",
            portal: None,
            agency: None,
            invoice: None,
            sequence: None,
            actor: self.actor(settlement),
            body: json!({
                "settlement": settlement.id, "outcome": outcome, "case": code,
                "amount": settlement.amount,
            })
            .to_string(),
        });
        Ok(())
    }

    /// Money for a known invoice.
    async fn pay(
        &mut self,
        conn: &mut PgConnection,
        settlement: &mut Settlement,
        report: &Reported,
        attempt: Option<&Attempt>,
    ) -> Result<(), sqlx::Error> {
        let Some(id) = settlement.invoice else { return Ok(()) };
        let Some(mut invoice) = self.invoices.get(&id).cloned() else { return Ok(()) };
        let mut standing = Standing {
            status: invoice.status,
            amount: invoice.amount,
            held: invoice.held,
            has_successor: false,
        };
        let mut decision = decide(standing, settlement.amount).map_err(defect)?;
        // Late full money takes the claim again; losing it is what "a successor exists" means.
        if invoice.status == Status::Expired && decision.outcome.is_applied() {
            standing.has_successor = claim::claims_insert(conn, &[&invoice]).await?.is_empty();
            decision = decide(standing, settlement.amount).map_err(defect)?;
        }
        self.book(settlement, &mut invoice, decision, report)?;
        if decision.outcome.is_applied() {
            match attempt {
                Some(attempt) if attempt.is_standing() => self.succeed(attempt),
                Some(attempt) => {
                    self.succeed(attempt);
                    self.paid_another_way.push(id.0);
                }
                None => self.paid_another_way.push(id.0),
            }
        }
        self.changed.insert(id);
        self.invoices.insert(id, invoice);
        Ok(())
    }

    fn book(
        &mut self,
        settlement: &mut Settlement,
        invoice: &mut Invoice,
        decision: Decision,
        report: &Reported,
    ) -> Result<(), sqlx::Error> {
        settlement.outcome = decision.outcome;
        invoice.sequence += 1;
        if decision.outcome.is_applied() {
            settlement.applied_cycle = Some(invoice.cycle);
        }
        let from = self.collected(settlement);
        let (entry, kind) = match decision.outcome {
            Outcome::Held => {
                invoice.held = invoice.held.checked_add(settlement.amount).map_err(defect)?;
                invoice.parts.push(Part {
                    settlement: settlement.id,
                    partner: settlement.partner.clone(),
                    amount: settlement.amount,
                });
                if let Ok(status) = invoice.status.after(Step::Attempt) {
                    invoice.status = status;
                    invoice.status_since = self.now;
                }
                let occasion = self.occasion(settlement, "part_payment");
                (acts::part_payment(occasion, &from), "payment.part_received")
            }
            outcome if outcome.is_applied() => {
                let parts: Vec<(String, Money)> =
                    invoice.parts.drain(..).map(|part| (part.partner, part.amount)).collect();
                if !parts.is_empty() {
                    self.paid_up.push((invoice.id, settlement.id));
                }
                let occasion = self.occasion(settlement, "settlement");
                let entry =
                    acts::settlement(occasion, &from, &parts, &invoice.shares(), decision.surplus);
                invoice.held = Money::zero(invoice.amount.currency());
                invoice.status = invoice.status.after(Step::Settle).map_err(defect)?;
                invoice.status_since = self.now;
                invoice.paid_at = Some(self.now);
                invoice.paid_via = Some(settlement.partner.clone());
                (entry, "invoice.paid")
            }
            _ => {
                let occasion = self.occasion(settlement, "surplus");
                (acts::surplus(occasion, &from), "payment.surplus")
            }
        };
        self.entries.push(entry.map_err(defect)?);
        if let Some((code, amount)) = decision.case {
            // Money that came late and found its place only has to be known.
            let state = if decision.outcome == Outcome::AppliedLate {
                BreakState::AutoClosed
            } else {
                BreakState::Open
            };
            let detail = format!("{} of invoice {}", decision.outcome, invoice.code);
            let held_in = match decision.outcome {
                Outcome::Held => Some(HeldIn::PartPaymentsHeld),
                _ if decision.surplus.is_zero() => None,
                _ => Some(HeldIn::RefundDue),
            };
            let holding = held_in.map(|held_in| Holding::of(held_in, amount));
            self.cases.push((self.case(settlement, code, amount, state, detail), holding));
        }
        if !decision.surplus.is_zero() {
            self.due_back.insert(invoice.id);
        }
        let actor = self.actor(settlement);
        let mut more = json!({
            "settlement": settlement.id, "outcome": decision.outcome, "partner": settlement.partner,
            "received": settlement.amount, "surplus": decision.surplus, "held": invoice.held,
        });
        // The feed tells at once, and that the money has not been seen in the bank.
        if decision.outcome.is_applied() && invoice.terms.notify_when_banked {
            more["notify_at"] = json!("banked");
            more["cash"] = json!("reported");
        }
        self.events.push(invoice.event(kind, &actor, self.now, &more));
        if decision.outcome.is_applied() && !invoice.terms.notify_when_banked {
            self.messages.push(Message {
                kind: MessageKind::NoticeDue,
                route: String::new(),
                subject: invoice.id.0,
                sequence: invoice.sequence,
                trace: report.trace.clone(),
            });
        }
        Ok(())
    }

    fn succeed(&mut self, attempt: &Attempt) {
        if let Ok(to) = attempt.status.after(AttemptStep::Succeed) {
            self.steps.insert(
                attempt.id,
                AttemptChange {
                    id: attempt.id,
                    from: attempt.status,
                    to,
                    instruction: None,
                    code: None,
                },
            );
            let key = (attempt.partner.clone(), attempt.reference.clone());
            if let Some(known) = self.attempts.get_mut(&key) {
                known.status = AttemptStatus::Succeeded;
            }
        }
    }

    fn keep(&mut self, settlement: Settlement, verdict: Verdict) -> Settled {
        self.known.insert(key_of(&settlement), settlement.clone());
        self.settlements.push(settlement.clone());
        Settled { verdict, settlement }
    }

    /// Writes everything, room by room, each in one statement.
    async fn write(
        mut self,
        conn: &mut PgConnection,
        pool: &PgPool,
        accounts: &Accounts,
    ) -> Result<(), sqlx::Error> {
        let ids = ledger::entry_numbers(conn, self.entries.len()).await?;
        // Every settlement but a noted one has an entry, in the same order.
        let mut next = ids.iter();
        for settlement in &mut self.settlements {
            if settlement.outcome != Outcome::Noted {
                settlement.entry = next.next().copied();
            }
        }
        let wanted = self.entries.iter().flat_map(Entry::accounts).collect();
        let numbers = accounts.numbers(pool, wanted).await?;
        let changed: Vec<&Invoice> =
            self.invoices.values().filter(|invoice| self.changed.contains(&invoice.id)).collect();
        invoice_store::invoices_update(conn, &changed).await?;
        let steps: Vec<AttemptChange> = self.steps.into_values().collect();
        invoice_store::attempts_step(conn, &steps, self.now).await?;
        let needless =
            invoice_store::standing_orders_end(conn, &self.paid_another_way, self.now).await?;
        let needless: Vec<Put<'_>> = needless
            .iter()
            .map(|(attempt, partner)| Put { lane: partner, subject: *attempt, at: self.now })
            .collect();
        due::put_new_in(conn, due::CANCEL, &needless).await?;
        let entries: Vec<(i64, &Entry)> = ids.iter().copied().zip(&self.entries).collect();
        ledger::entries_insert(conn, &entries, &numbers).await?;
        store::settlements_insert(conn, &self.settlements.iter().collect::<Vec<_>>()).await?;
        // A part and the rest may come in one group: the case of the part is there before it is used.
        breaks::store::holds::breaks_insert_holding(conn, &self.cases).await?;
        breaks::store::holds::parts_use(conn, &self.paid_up, self.now).await?;
        for invoice in &self.due_back {
            due::put_if_none_in(conn, due::REFUND_OPEN, invoice.0, self.now).await?;
        }
        event::record_in(conn, &self.events).await?;
        outbox::record_in(conn, &self.messages, self.now).await?;
        for settlement in &self.settlements {
            metrics::counter!("payclear_settlements_total",
                "partner" => settlement.partner.clone(), "outcome" => settlement.outcome.as_str())
            .increment(1);
        }
        Ok(())
    }
}

/// What two channels of one bank leave alike of a memo: its letters and digits, in capitals.
fn memo_token(memo: &str) -> String {
    memo.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// A rule of ours was broken by ourselves: the group fails, the money is reported again.
fn defect(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Protocol(format!("defect: {error}"))
}
