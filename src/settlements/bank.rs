//! A settlement is seen in the bank. Until statements can be imported an officer says so, for one
//! settlement at a time; what is due back of it may be released then, by another.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::store;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::platform::audit::{self, By};
use crate::vocabulary::day;
use crate::vocabulary::ids::SettlementId;

/// Why it is not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// Not there, or never booked.
    #[error("there is no booked settlement {0}")]
    NotFound(SettlementId),
    /// The partner took it back.
    #[error("the settlement {0} was taken back")]
    TakenBack(SettlementId),
    /// Somebody has confirmed it.
    #[error("the settlement {0} was confirmed before")]
    Repeat(SettlementId),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Books that a settlement was seen in the bank; `bank_account` is the account it was seen on, the
/// collecting account itself unless told.
pub async fn confirm_in(
    conn: &mut PgConnection,
    accounts: &Accounts,
    id: SettlementId,
    bank_account: Option<&str>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<i64, BankError> {
    let settlement = store::settlement_booked(conn, id).await?.ok_or(BankError::NotFound(id))?;
    // Its invoice's lock keeps a reversal out; money in suspense has none.
    let ids: Vec<_> = settlement.invoice.iter().map(|i| i.0).collect();
    crate::invoices::store::invoices_lock(conn, &ids).await?;
    if store::reversal_of(conn, id).await?.is_some() {
        return Err(BankError::TakenBack(id));
    }
    let occasion = Occasion {
        act: "banked",
        business_day: accounts.day_of(now),
        value_date: day::to_local(now).date(),
        source: format!("settlement/{id}"),
        reverses: None,
        actor: by.to_owned(),
        reason: "seen in the bank".to_owned(),
    };
    let bank_account = bank_account.unwrap_or(&settlement.account);
    let entry = acts::banked(
        occasion,
        &settlement.partner,
        &settlement.account,
        bank_account,
        settlement.amount,
    )
    .map_err(|error| sqlx::Error::Protocol(format!("defect: {error}")))?;
    let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
    let numbers: std::collections::HashMap<_, _> =
        ledger::accounts_open(conn, &keys).await?.into_iter().collect();
    let entry_id = ledger::entry_numbers(conn, 1).await?[0];
    if !store::settlement_banked_insert(conn, id, by, now, entry_id).await? {
        return Err(BankError::Repeat(id));
    }
    ledger::entries_insert(conn, &[(entry_id, &entry)], &numbers).await?;
    let detail = serde_json::json!({ "amount": settlement.amount, "bank_account": bank_account });
    audit::record_in(
        conn,
        By { actor: by, at: now },
        "settlement.banked",
        &id.to_string(),
        &detail,
    )
    .await?;
    Ok(entry_id)
}
