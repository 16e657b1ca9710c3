//! The bank's statement shows what went out: transfers to the Treasury end by it.

use sqlx::PgConnection;

use super::PayingOver;
use super::confirm::{ConfirmError, Confirmed, Debit, confirm_in, transfer_of};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::platform::audit::By;
use crate::reconciliation::store::work::{self, Payout};
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
        let defect =
            |error: &dyn std::fmt::Display| sqlx::Error::Protocol(format!("defect: {error}"));
        let now = self.clock.now();
        let currency: Currency = payout.currency.parse().map_err(|e| defect(&e))?;
        let amount = Money::new(payout.amount, currency).map_err(|e| defect(&e))?;
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
                work::payout_leave(conn, payout.line, &format!("booked as entry {entry}"), None)
                    .await
            }
            Ok(Confirmed::Repeat) => {
                work::payout_leave(conn, payout.line, "the transfer was booked before", None).await
            }
            Ok(Confirmed::Differs { case }) => {
                let case = Some((BreakCode::PayoutDiffers.as_str(), case.0));
                let why = "another amount or account than was ordered";
                work::payout_leave(conn, payout.line, why, case).await
            }
            Err(ConfirmError::Store(error)) => Err(error),
            // Money left the account in our name and no transfer of ours explains it.
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
                work::payout_leave(conn, payout.line, &why.to_string(), about).await
            }
        }
    }
}
