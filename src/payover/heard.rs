//! The bank's statement shows what went out: transfers to the Treasury end by it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::confirm::{ConfirmError, Confirmed, Debit, confirm_in, transfer_of};
use super::{PayingOver, defect};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::platform::audit::By;
use crate::reconciliation::store::work::{self, Payout};
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::BreakId;
use crate::vocabulary::money::{Currency, Money};

/// Lines of one sweep.
const SWEEP: i64 = 200;
/// Whose word it is.
const ACTOR: &str = "statement";

impl PayingOver {
    /// Takes in the debits of ours that statements show; returns how many were looked at.
    pub async fn sweep_debits(&self) -> Result<usize, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let debits = work::payouts_lock(&mut tx, SWEEP).await?;
        for debit in &debits {
            self.take_in(&mut tx, debit).await?;
        }
        tx.commit().await?;
        Ok(debits.len())
    }

    async fn take_in(&self, conn: &mut PgConnection, payout: &Payout) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let currency: Currency = payout.currency.parse().map_err(defect)?;
        let amount = Money::new(payout.amount, currency).map_err(defect)?;
        let debit = Debit {
            amount,
            account: payout.account.clone(),
            value_date: payout.value_date,
            statement_line: Some(payout.line),
        };
        let by = By { actor: ACTOR, at: now };
        let confirmed = match transfer_of(&payout.reference) {
            Some(id) => confirm_in(conn, &self.accounts, id, &debit, by).await,
            None => Err(ConfirmError::NotFound),
        };
        match confirmed {
            Ok(Confirmed::Booked { entry }) => {
                work::payout_leave(
                    conn,
                    payout.line,
                    &format!("booked as entry {entry}"),
                    None,
                    None,
                )
                .await
            }
            Ok(Confirmed::Repeat) => {
                work::payout_leave(conn, payout.line, "the transfer was booked before", None, None)
                    .await
            }
            Ok(Confirmed::Differs { case }) => {
                let case = Some((BreakCode::PayoutDiffers.as_str(), case.0));
                let why = "another amount or account than was ordered";
                work::payout_leave(conn, payout.line, why, case, None).await
            }
            Err(ConfirmError::Store(error)) => Err(error),
            // Money left the account in our name and no transfer of ours explains it: it is booked all
            // the same, on the receivable of the account, so that the books hold what the bank says.
            Err(why) => {
                let case = Break {
                    id: BreakId::new(now),
                    code: BreakCode::PayoutDiffers,
                    state: BreakState::Open,
                    opened_at: now,
                    partner: payout.partner.clone(),
                    agency: String::new(),
                    invoice: None,
                    settlement: None,
                    amount,
                    detail: format!(
                        "a debit of account {} of {} that names {}: {why}",
                        payout.account, payout.value_date, payout.reference
                    ),
                };
                breaks::store::breaks_insert(conn, std::slice::from_ref(&case)).await?;
                let about = Some((case.code.as_str(), case.id.0));
                let entry = self.book_in(conn, (payout, amount), now).await?;
                let why = why.to_string();
                work::payout_leave(conn, payout.line, &why, about, Some(entry)).await
            }
        }
    }

    /// Books a debit that nothing explains.
    async fn book_in(
        &self,
        conn: &mut PgConnection,
        (payout, amount): (&Payout, Money),
        now: DateTime<Utc>,
    ) -> Result<i64, sqlx::Error> {
        let of = |kind| {
            let (partner, account) = (&payout.partner, &payout.account);
            AccountKey::detailed(kind, partner, account, amount.currency())
        };
        let today = self.accounts.day_of(now);
        let occasion = Occasion {
            act: "statement",
            business_day: BusinessDay(payout.value_date.min(today.0)),
            value_date: payout.value_date,
            source: format!("statement/{}", payout.statement),
            reverses: None,
            actor: format!("partner/{}", payout.partner),
            reason: format!("line {}", payout.line),
        };
        let owed = [(of(AccountKind::PartnerReceivable), amount)];
        let entry = acts::statement(occasion, &of(AccountKind::BankAccount), &[], &owed);
        let entry = entry.map_err(defect)?;
        let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
        let numbers: HashMap<_, _> =
            ledger::accounts_open(conn, &keys).await?.into_iter().collect();
        let number = ledger::entry_numbers(conn, 1).await?[0];
        ledger::entries_insert(conn, &[(number, &entry)], &numbers).await?;
        work::matching_entries_insert(conn, payout.statement, &[number]).await?;
        Ok(number)
    }
}
