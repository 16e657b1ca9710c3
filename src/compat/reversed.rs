//! A bank takes back what a dossier system was told of as paid. The platform's messages, as far as they
//! are known, have none that says so: an officer tells the system's people, and the payment is looked
//! at again, so that its result is told once more when it is paid anew.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::results::RESULT_DUE;
use super::store;
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::store::invoice_read;
use crate::platform::due;
use crate::settlements::store::settlement_booked;
use crate::vocabulary::ids::{BreakId, SettlementId};

/// Settlements of one sweep.
const SWEEP: i64 = 100;

/// Looks at settlements that were taken back; how many.
pub async fn sweep(pool: &PgPool, now: DateTime<Utc>) -> Result<usize, sqlx::Error> {
    let settlements = due::take(pool, due::COMPAT_REVERSED, now, SWEEP).await?;
    for settlement in &settlements {
        if let Err(error) = look(pool, *settlement, now).await {
            tracing::warn!(settlement.id = %settlement, %error,
                "whether a dossier system believes in it was not looked at");
        }
    }
    Ok(settlements.len())
}

async fn look(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    if let Some(settlement) = settlement_booked(&mut tx, SettlementId(id)).await?
        && let Some(invoice) = settlement.invoice
        && let Some(payment) = store::payment_untell(&mut tx, invoice).await?
    {
        let agency = invoice_read(&mut tx, invoice).await?.map(|invoice| invoice.agency);
        due::put_in(&mut tx, RESULT_DUE, invoice.0, now).await?;
        let case = Break {
            id: BreakId::new(now),
            code: BreakCode::Reversed,
            state: BreakState::Open,
            opened_at: now,
            partner: settlement.partner,
            agency: agency.unwrap_or_default(),
            invoice: Some(invoice),
            settlement: Some(SettlementId(id)),
            amount: settlement.amount,
            detail: format!(
                "the dossier system of {} was told that {} is paid, and no message takes it back: \
                 tell its people",
                payment.portal, payment.reference
            ),
        };
        breaks::store::breaks_insert(&mut tx, &[case]).await?;
    }
    due::done_in(&mut tx, due::COMPAT_REVERSED, &[id]).await?;
    tx.commit().await
}
