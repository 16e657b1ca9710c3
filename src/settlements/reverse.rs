//! Reversals: the bank takes money back. The entry is mirrored, the debt is open again, the portal
//! is told, and a case is opened.
//!
//! A partner says so itself, by its own key, whichever way it had told of the money; of one that has no
//! key an officer says it, with the consent of another.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::outcome::Outcome;
use super::parts;
use super::settlement::Settlement;
use super::store::{self, ReversalRow};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Step;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::partners::SettlingSource;
use crate::platform::admission::{self, Nonce};
use crate::platform::outbox::{self, Message, MessageKind};
use crate::platform::{due, event, telemetry};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::day;
use crate::vocabulary::ids::{BreakId, SettlementId, uuid_v7};
use crate::vocabulary::money::{Currency, Money};

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
    /// How the settlement came, when the same transaction was booked from two sources.
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
                Err(error) if is_taken(&error) => {
                    let mut conn = self.pool.acquire().await?;
                    match admission::use_nonces_in(&mut conn, &[nonce]).await?.as_slice() {
                        [true] => Ok(Reversed::OtherTransaction),
                        _ => Ok(Reversed::NonceUsed),
                    }
                }
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
        if reversed == Reversed::Unknown {
            self.ask_in(&mut tx, reversal).await?;
        }
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
        let Some(settlement) = find_in(tx, reversal).await? else { return Ok(Reversed::Unknown) };
        let word = Word {
            actor: format!("partner/{}", reversal.partner),
            reason: &reversal.reason,
            transaction_id: &reversal.transaction_id,
            tells: true,
        };
        take_all_back_in(tx, &self.accounts, &settlement, &word, self.clock.now()).await
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
        let at = (self.accounts.as_ref(), self.clock.now());
        take_back_in(tx, at, (&settlement, booked), of, &word).await?;
        Ok(true)
    }

    /// A bank that takes back what is not booked here knows of money that we do not, or names it by
    /// another id: a case, once.
    async fn ask_in(&self, tx: &mut PgConnection, reversal: &Reversal) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let noted = find_in(tx, reversal).await?;
        let case = Break {
            id: BreakId::new(now),
            code: BreakCode::Reversed,
            state: BreakState::Open,
            opened_at: now,
            partner: reversal.partner.clone(),
            agency: String::new(),
            invoice: None,
            settlement: None,
            amount: noted.map_or(Money::zero(Currency::Vnd), |settlement| settlement.amount),
            detail: format!(
                "{}{}: {}",
                reversal.transaction_id,
                not_booked(&reversal.original),
                reversal.reason
            ),
        };
        breaks::store::break_tell_once(tx, &case).await
    }
}

/// What the case of a reversal says whose settlement was not found: by this it is found again.
fn not_booked(original: &str) -> String {
    format!(" takes back {original}, which is not booked")
}

/// The settlement that a reversal means, whichever source it was told by: the booked one before one
/// that was only noted, and what paid before what was held to be the same money.
async fn find_in(
    conn: &mut PgConnection,
    reversal: &Reversal,
) -> Result<Option<Settlement>, sqlx::Error> {
    let sources: Vec<String> = SettlingSource::ALL.iter().map(ToString::to_string).collect();
    let partners = vec![reversal.partner.clone(); sources.len()];
    let transactions = vec![reversal.original.clone(); sources.len()];
    let found = store::settlements_of_keys(conn, &partners, &sources, &transactions).await?;
    Ok(found.into_iter().min_by_key(|settlement| {
        (
            settlement.entry.is_none(),
            settlement.outcome == Outcome::SuspectedDuplicate,
            settlement.source != reversal.source,
        )
    }))
}

/// Whose word it is that a settlement is taken back.
#[derive(Debug, Clone)]
pub struct Word<'a> {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: &'a str,
    /// The partner's id of the reversal.
    pub transaction_id: &'a str,
    /// It is a case of its own for officers.
    pub tells: bool,
}

/// Takes one settlement back, once; `Unknown` when it was never booked. What was placed by officers
/// goes first: its invoice is owed again, and the money stands in suspense, where it is taken from.
pub async fn take_all_back_in(
    tx: &mut PgConnection,
    books: &Accounts,
    settlement: &Settlement,
    word: &Word<'_>,
    now: DateTime<Utc>,
) -> Result<Reversed, sqlx::Error> {
    let Some(booked) = settlement.entry else { return Ok(Reversed::Unknown) };
    let placed = store::placement_of(tx, settlement.id).await?;
    let ids = [settlement.invoice, placed.as_ref().and_then(|(placed, _)| placed.invoice)];
    let mut ids: Vec<_> = ids.iter().flatten().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    invoice_store::invoices_lock(tx, &ids).await?;
    if let Some(by) = store::reversal_of(tx, settlement.id).await? {
        return Ok(if by == word.transaction_id {
            Reversed::Repeat
        } else {
            Reversed::OtherTransaction
        });
    }
    if let Some((placed, entry)) = placed
        && store::reversal_of(tx, placed.id).await?.is_none()
    {
        let transaction_id = format!("{}/placed", word.transaction_id);
        let word = Word { transaction_id: &transaction_id, tells: false, ..word.clone() };
        take_back_in(tx, (books, now), (&placed, entry), settlement.id, &word).await?;
    }
    take_back_in(tx, (books, now), (settlement, booked), settlement.id, word).await?;
    // It may have been told of before the money was.
    let told = not_booked(&settlement.transaction_id);
    let of = (BreakCode::Reversed, settlement.partner.as_str());
    breaks::store::breaks_cease_told(tx, of, &told, now).await?;
    Ok(Reversed::Booked)
}

/// Takes one settlement back. Its invoice is locked. `of` is the settlement whose case holds what it
/// leaves: itself, or the one whose money it placed.
async fn take_back_in(
    tx: &mut PgConnection,
    (books, now): (&Accounts, DateTime<Utc>),
    (settlement, booked): (&Settlement, i64),
    of: SettlementId,
    word: &Word<'_>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = settlement.invoice.iter().map(|i| i.0).collect();
    let mut invoice = invoice_store::invoices_lock(tx, &ids).await?.pop();
    let mut lines = ledger::entry_lines(tx, booked).await?;
    let mut told = None;
    let mut detail = word.reason.to_owned();
    if let Some(invoice) = &mut invoice {
        let back = parts::back_in(tx, invoice, settlement, lines).await?;
        lines = back.lines;
        if !back.given.is_zero() {
            let given = back.given.for_people();
            detail = format!("{detail}; of its parts {given} was given back and is not held again");
        }
        // What nobody has approved of the cycle that ends is not given back any more.
        let again: Vec<_> = back.held_again.iter().map(|id| id.0).collect();
        due::put_many_in(tx, due::REFUND_REVERSED, &again, now).await?;
        told = Some(reopen(invoice, settlement, word, now)?);
    }
    let occasion = Occasion {
        act: "reversal",
        business_day: books.day_of(now),
        value_date: day::to_local(now).date(),
        source: format!("settlement/{}", settlement.id),
        reverses: Some(booked),
        actor: word.actor.clone(),
        reason: word.reason.to_owned(),
    };
    let entry =
        acts::mirror(occasion, lines).map_err(|e| sqlx::Error::Protocol(format!("defect: {e}")))?;
    let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
    let numbers: HashMap<_, _> = ledger::accounts_open(tx, &keys).await?.into_iter().collect();
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
        detail,
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
            due::put_in(tx, due::COMPAT_REVERSED, settlement.id.0, now).await?;
        }
    }
    Ok(())
}

/// Did a unique key refuse it?
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

type Told = (event::Event, Option<Message>);

/// The invoice's side of it: what was paid is owed again.
fn reopen(
    invoice: &mut Invoice,
    settlement: &Settlement,
    word: &Word<'_>,
    now: DateTime<Utc>,
) -> Result<Told, sqlx::Error> {
    let current = settlement.applied_cycle == Some(invoice.cycle);
    invoice.sequence += 1;
    let mut message = None;
    if current && settlement.outcome.is_applied() {
        invoice.status = invoice
            .status
            .after(Step::Reverse)
            .map_err(|e| sqlx::Error::Protocol(format!("defect: {e}")))?;
        invoice.status_since = now;
        invoice.paid_at = None;
        invoice.paid_via = None;
        invoice.cycle += 1;
        // What was given back is of the cycle that ends here; its refunds tell of it.
        invoice.refunded = Money::zero(invoice.amount.currency());
        invoice.refunding = invoice.refunded;
        message = Some(Message {
            kind: MessageKind::NoticeDue,
            route: String::new(),
            subject: invoice.id.0,
            sequence: invoice.sequence,
            trace: telemetry::current_trace(),
        });
    }
    let more = json!({
        "settlement": settlement.id, "partner": settlement.partner, "reason": word.reason,
        "taken_back": settlement.amount,
    });
    // A reversal that leaves the invoice as it stands is no news for the portal.
    let kind = if message.is_some() { "payment.reversed" } else { "settlement.reversed" };
    Ok((invoice.event(kind, &word.actor, now, &more), message))
}
