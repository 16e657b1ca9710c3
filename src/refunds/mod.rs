//! Refunds: money that goes back to whoever paid it. Asked for by one, approved by another, sent
//! once, followed until it is confirmed or has failed, booked at each step.
//!
//! ```text
//! requested ─▶ approved ─▶ sent ─▶ confirmed
//!     └─▶ refused            └───▶ failed (the approval is booked back)
//! ```
//!
//! `surplus` gives back what is due back of one settlement and is opened by the clock; it is
//! released only when that settlement was seen in the bank. `paid` gives back what an invoice was
//! paid, line by line; `treasury` is the same when the line was paid over: a claim that is booked
//! and exported, never sent by us. It goes by the `partner`'s own call, or by `transfer` to the
//! payer's account (pain.001), or by the `treasury`.
//!
//! `approved → sent`, guarded and committed, is the inbox: a message that finds a refund `sent` asks
//! the partner and never calls again. Locks are taken as everywhere: the invoice first, then its
//! refunds by id, then inserts.

pub mod account_approval;
pub mod accounts;
pub mod approve;
pub mod consumer;
pub mod door;
pub mod export;
pub mod finish;
pub mod http;
pub mod name_account;
pub mod officers;
pub mod open;
pub mod paid_over;
pub mod query;
pub mod recover;
pub mod refund;
pub mod request;
pub mod send;
pub mod status;
pub mod store;
pub mod view;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::ledger::accounts::Accounts;
use crate::ledger::entry::{Entry, NotAnEntry, Occasion};
use crate::ledger::store as ledger;
use crate::vocabulary::day;
use refund::Refund;

/// A rule of ours was broken by ourselves.
fn defect(error: impl std::error::Error) -> sqlx::Error {
    sqlx::Error::Protocol(format!("defect: {error}"))
}

/// What an entry about a refund says besides its lines.
fn occasion(
    refund: &Refund,
    accounts: &Accounts,
    act: &'static str,
    by: &str,
    now: DateTime<Utc>,
) -> Occasion {
    Occasion {
        act,
        business_day: accounts.day_of(now),
        value_date: day::to_local(now).date(),
        source: format!("refund/{}", refund.id),
        reverses: None,
        actor: by.to_owned(),
        reason: refund.reason.clone(),
    }
}

/// Books an entry; its number.
async fn book_in(
    conn: &mut PgConnection,
    entry: Result<Entry, NotAnEntry>,
) -> Result<i64, sqlx::Error> {
    let entry = entry.map_err(defect)?;
    let mut keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
    keys.sort();
    keys.dedup();
    let numbers: std::collections::HashMap<_, _> =
        ledger::accounts_open(conn, &keys).await?.into_iter().collect();
    let id = ledger::entry_numbers(conn, 1).await?[0];
    ledger::entries_insert(conn, &[(id, &entry)], &numbers).await?;
    Ok(id)
}
