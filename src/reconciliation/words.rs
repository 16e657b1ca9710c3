//! Money that officers saw in the bank before a statement told of it. The statement's line books the
//! bank; so what their word has booked goes back, and the bank is counted once.

use sqlx::PgConnection;
use uuid::Uuid;

use super::batches::write_in;
use super::chunk::receivable;
use super::run::{Matching, MatchingError, defect};
use super::store::words as store;
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::Occasion;
use crate::vocabulary::money::{Currency, Money};

/// The words about these settlements give way to a statement; each is named with the reason by which
/// its entry is found again when the match is taken back. Which they were.
pub(super) async fn give_way_in(
    conn: &mut PgConnection,
    matching: &Matching,
    statement: Uuid,
    of: &[(Uuid, String)],
) -> Result<Vec<Uuid>, MatchingError> {
    let ids: Vec<Uuid> = of.iter().map(|(settlement, _)| *settlement).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut gave_way = Vec::new();
    let today = matching.accounts.day_of(matching.now());
    for word in store::words_of(conn, &ids).await? {
        let Some((_, reason)) = of.iter().find(|(id, _)| *id == word.settlement) else { continue };
        let currency: Currency = word.currency.parse().map_err(defect)?;
        let amount = Money::new(word.amount, currency).map_err(defect)?;
        let occasion = Occasion {
            act: store::GIVES_WAY,
            business_day: today,
            value_date: today.0,
            source: format!("settlement/{}", word.settlement),
            reverses: None,
            actor: "payclear".to_owned(),
            reason: reason.clone(),
        };
        let bank = AccountKind::BankAccount;
        let bank = AccountKey::detailed(bank, &word.partner, &word.bank_account, currency);
        let owed = receivable(&word.partner, &word.account, currency);
        let entry = acts::between(occasion, owed, bank, amount).map_err(defect)?;
        write_in(conn, matching, statement, entry).await?;
        gave_way.push(word.settlement);
    }
    Ok(gave_way)
}
