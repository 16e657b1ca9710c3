//! Reversals: the bank takes money back. The entry is mirrored, the debt is open again, the portal
//! is told, and a case is opened.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::outcome::Outcome;
use super::settlement::Settlement;
use super::store::{self, ReversalRow};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::invoice::{Invoice, Part};
use crate::invoices::status::{Status, Step};
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::chart::AccountKind;
use crate::ledger::entry::{Line, Occasion, Side};
use crate::ledger::store as ledger;
use crate::partners::SettlingSource;
use crate::platform::admission::{self, Nonce};
use crate::platform::outbox::{self, Message, MessageKind};
use crate::platform::{due, event, telemetry};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::day;
use crate::vocabulary::ids::{BreakId, SettlementId, uuid_v7};
use crate::vocabulary::money::Money;

/// What reversing needs.
#[derive(Debug, Clone)]
pub struct Reversing {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Account numbers.
    pub accounts: Arc<Accounts>,
}

/// A partner's word that a transaction is taken back.
#[derive(Debug, Clone)]
pub struct Reversal {
    /// Who says it.
    pub partner: String,
    /// How the settlement came.
    pub source: SettlingSource,
    /// The transaction that is taken back.
    pub original: String,
    /// The partner's id of the reversal.
    pub transaction_id: String,
    /// Why, in the partner's words.
    pub reason: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversed {
    /// Booked now.
    Booked,
    /// The same word was booked before.
    Repeat,
    /// The settlement was taken back by another transaction.
    OtherTransaction,
    /// There is no such settlement, or it was never booked.
    Unknown,
    /// The signature was used before.
    NonceUsed,
}

impl Reversing {
    /// Takes a settlement back. The nonce is used up, whatever comes of it.
    pub async fn reverse(
        &self,
        reversal: &Reversal,
        nonce: &Nonce,
    ) -> Result<Reversed, sqlx::Error> {
        match self.reverse_once(reversal, nonce).await {
            // Another was faster: it is seen now. If not, this id has taken back something else.
            Err(error) if is_taken(&error) => match self.reverse_once(reversal, nonce).await {
                Err(error) if is_taken(&error) => Ok(Reversed::OtherTransaction),
                reversed => reversed,
            },
            reversed => reversed,
        }
    }

    async fn reverse_once(
        &self,
        reversal: &Reversal,
        nonce: &Nonce,
    ) -> Result<Reversed, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if admission::use_nonces_in(&mut tx, &[nonce]).await? != [true] {
            return Ok(Reversed::NonceUsed);
        }
        let reversed = self.reverse_in(&mut tx, reversal).await?;
        tx.commit().await?;
        if reversed == Reversed::Booked {
            outbox::WRITTEN.notify_one();
        }
        Ok(reversed)
    }

    /// Takes a settlement back in the caller's transaction.
    pub async fn reverse_in(
        &self,
        tx: &mut PgConnection,
        reversal: &Reversal,
    ) -> Result<Reversed, sqlx::Error> {
        let found = store::settlements_of_keys(
            tx,
            std::slice::from_ref(&reversal.partner),
            &[reversal.source.to_string()],
            std::slice::from_ref(&reversal.original),
        )
        .await?
        .pop();
        let Some((settlement, booked)) = found.and_then(|s| s.entry.map(|entry| (s, entry))) else {
            return Ok(Reversed::Unknown);
        };
        // What was placed by officers goes first: its invoice is owed again, and the money stands in
        // suspense, where it is taken from.
        let placed = store::placement_of(tx, settlement.id).await?;
        let ids = [settlement.invoice, placed.as_ref().and_then(|(placed, _)| placed.invoice)];
        let mut ids: Vec<_> = ids.iter().flatten().map(|id| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        invoice_store::invoices_lock(tx, &ids).await?;
        if let Some(by) = store::reversal_of(tx, settlement.id).await? {
            return Ok(if by == reversal.transaction_id {
                Reversed::Repeat
            } else {
                Reversed::OtherTransaction
            });
        }
        let word = Word {
            actor: format!("partner/{}", reversal.partner),
            reason: &reversal.reason,
            transaction_id: &reversal.transaction_id,
            tells: true,
        };
        if let Some((placed, entry)) = placed
            && store::reversal_of(tx, placed.id).await?.is_none()
        {
            let transaction_id = format!("{}/placed", reversal.transaction_id);
            let word = Word { transaction_id: &transaction_id, tells: false, ..word.clone() };
            self.take_back_in(tx, (&placed, entry), settlement.id, &word).await?;
        }
        self.take_back_in(tx, (&settlement, booked), settlement.id, &word).await?;
        Ok(Reversed::Booked)
    }

    /// Takes a settlement back by the word of two officers: the partner knows nothing of it. `false`
    /// when it was taken back before, was never booked, or somebody placed it.
    pub async fn take_back_by_officers_in(
        &self,
        tx: &mut PgConnection,
        id: SettlementId,
        (actor, reason): (&str, &str),
        transaction_id: &str,
    ) -> Result<bool, sqlx::Error> {
        let Some((settlement, booked)) = store::settlement_to_take_back(tx, id).await? else {
            return Ok(false);
        };
        let ids: Vec<_> = settlement.invoice.iter().map(|i| i.0).collect();
        invoice_store::invoices_lock(tx, &ids).await?;
        if store::reversal_of(tx, id).await?.is_some()
            || store::placement_of(tx, id).await?.is_some()
        {
            return Ok(false);
        }
        let of = store::placed_by(tx, id).await?.unwrap_or(id);
        let word = Word { actor: actor.to_owned(), reason, transaction_id, tells: false };
        self.take_back_in(tx, (&settlement, booked), of, &word).await?;
        Ok(true)
    }

    /// Takes one settlement back. Its invoice is locked. `of` is the settlement whose case holds what
    /// it leaves: itself, or the one whose money it placed.
    async fn take_back_in(
        &self,
        tx: &mut PgConnection,
        (settlement, booked): (&Settlement, i64),
        of: SettlementId,
        word: &Word<'_>,
    ) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let ids: Vec<_> = settlement.invoice.iter().map(|i| i.0).collect();
        let mut invoice = invoice_store::invoices_lock(tx, &ids).await?.pop();
        let mut lines = ledger::entry_lines(tx, booked).await?;
        let mut told = None;
        if let Some(invoice) = &mut invoice {
            if is_used_up(invoice, settlement) {
                lines = with_used_part(lines, invoice);
            }
            told = reopen(invoice, settlement, &lines, word, now)?;
        }
        let occasion = Occasion {
            act: "reversal",
            business_day: self.accounts.day_of(now),
            value_date: day::to_local(now).date(),
            source: format!("settlement/{}", settlement.id),
            reverses: Some(booked),
            actor: word.actor.clone(),
            reason: word.reason.to_owned(),
        };
        let entry = acts::mirror(occasion, lines)
            .map_err(|e| sqlx::Error::Protocol(format!("defect: {e}")))?;
        let numbers = self.accounts.numbers(&self.pool, entry.accounts()).await?;
        let entry_id = ledger::entry_numbers(tx, 1).await?[0];
        if let Some(invoice) = &invoice {
            invoice_store::invoices_update(tx, &[invoice]).await?;
        }
        ledger::entries_insert(tx, &[(entry_id, &entry)], &numbers).await?;
        let row = ReversalRow {
            id: uuid_v7(now),
            settlement: settlement.id,
            partner: &settlement.partner,
            transaction_id: word.transaction_id,
            reason: word.reason,
            received_at: now,
            entry: entry_id,
        };
        store::reversal_insert(tx, &row).await?;
        // What officers do is explained where they do it; it only has to be known.
        let state = if word.tells { BreakState::Open } else { BreakState::AutoClosed };
        let case = Break {
            id: BreakId::new(now),
            code: BreakCode::Reversed,
            state,
            opened_at: now,
            partner: settlement.partner.clone(),
            agency: invoice.as_ref().map(|i| i.agency.clone()).unwrap_or_default(),
            invoice: settlement.invoice,
            settlement: Some(settlement.id),
            amount: settlement.amount,
            detail: word.reason.to_owned(),
        };
        breaks::holding::take_back_in(tx, (settlement.id, of), entry.lines(), case).await?;
        due::put_in(tx, due::REFUND_REVERSED, settlement.id.0, now).await?;
        if let Some((event, message)) = told {
            event::record_in(tx, &[event]).await?;
            outbox::record_in(tx, message.as_slice(), now).await?;
            if message.is_some() {
                // Its time may be over long since: the payer gets a week, or what was left.
                let week = now + Duration::days(7);
                let at = invoice.as_ref().map_or(week, |i| i.expires_at.max(week));
                due::put_in(tx, "invoice.expire", ids[0], at).await?;
            }
        }
        Ok(())
    }
}

/// Whose word it is that a settlement is taken back.
#[derive(Debug, Clone)]
struct Word<'a> {
    /// Who.
    actor: String,
    /// Why.
    reason: &'a str,
    /// Under which id.
    transaction_id: &'a str,
    /// It is a case of its own for officers.
    tells: bool,
}

/// Did a unique key refuse it?
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Where a part stands among those held: alone, or in a sum of parts that came through one partner
/// (a reversal puts back what the ledger had added up).
fn place_of_part(invoice: &Invoice, settlement: &Settlement) -> Option<usize> {
    let holds = |p: &Part, whole: bool| {
        p.partner == settlement.partner
            && if whole { p.amount == settlement.amount } else { p.amount > settlement.amount }
    };
    let find = |whole| invoice.parts.iter().position(|p| holds(p, whole));
    find(true).or_else(|| find(false))
}

/// A part that is held no more.
fn is_used_up(invoice: &Invoice, settlement: &Settlement) -> bool {
    settlement.outcome == Outcome::Held && place_of_part(invoice, settlement).is_none()
}

/// A part that is held no more has gone on since it was booked: with an ended invoice it is due
/// back; with a paid one it is the agency's by now, and what is missing stands in suspense until an
/// officer decides whose loss it is. The bank has the money all the same.
fn with_used_part(lines: Vec<Line>, invoice: &Invoice) -> Vec<Line> {
    let now_at = match invoice.status {
        Status::Expired | Status::Cancelled => AccountKind::RefundDue,
        Status::Issued | Status::Pending | Status::Paid => AccountKind::Suspense,
    };
    lines
        .into_iter()
        .map(|mut line| {
            if line.account.kind == AccountKind::PartPaymentsHeld {
                line.account.kind = now_at;
            }
            line
        })
        .collect()
}

type Told = Option<(event::Event, Option<Message>)>;

/// The invoice's side of it: what was paid is owed again, what was held is held no more.
fn reopen(
    invoice: &mut Invoice,
    settlement: &Settlement,
    lines: &[Line],
    word: &Word<'_>,
    now: DateTime<Utc>,
) -> Result<Told, sqlx::Error> {
    let current = settlement.applied_cycle == Some(invoice.cycle);
    let defect = |why: String| sqlx::Error::Protocol(format!("defect: {why}"));
    invoice.sequence += 1;
    let mut message = None;
    if current && settlement.outcome.is_applied() {
        invoice.status = invoice.status.after(Step::Reverse).map_err(|e| defect(e.to_string()))?;
        invoice.status_since = now;
        invoice.paid_at = None;
        invoice.paid_via = None;
        invoice.cycle += 1;
        // What was given back is of the cycle that ends here; its refunds tell of it.
        invoice.refunded = Money::zero(invoice.amount.currency());
        invoice.refunding = invoice.refunded;
        // The parts that had completed it are held again.
        invoice.parts = lines
            .iter()
            .filter(|l| l.side == Side::Debit && l.account.kind == AccountKind::PartPaymentsHeld)
            .map(|l| Part { partner: l.account.owner.clone(), amount: l.amount })
            .collect();
        message = Some(Message {
            kind: MessageKind::NoticeDue,
            route: String::new(),
            subject: invoice.id.0,
            sequence: invoice.sequence,
            trace: telemetry::current_trace(),
        });
    } else if settlement.outcome == Outcome::Held
        && let Some(place) = place_of_part(invoice, settlement)
    {
        let part = &mut invoice.parts[place];
        part.amount =
            part.amount.checked_sub(settlement.amount).map_err(|e| defect(e.to_string()))?;
        invoice.parts.retain(|part| !part.amount.is_zero());
    }
    let zero = Money::zero(invoice.amount.currency());
    invoice.held = invoice
        .parts
        .iter()
        .try_fold(zero, |sum, part| sum.checked_add(part.amount))
        .map_err(|e| defect(e.to_string()))?;
    let more = json!({
        "settlement": settlement.id, "partner": settlement.partner, "reason": word.reason,
        "taken_back": settlement.amount,
    });
    // A reversal that leaves the invoice as it stands is no news for the portal.
    let kind = if message.is_some() { "payment.reversed" } else { "settlement.reversed" };
    Ok(Some((invoice.event(kind, &word.actor, now, &more), message)))
}
