//! A partner's word that an order will not be paid, or that nobody can say: no money moved, so
//! nothing is booked; the attempt takes its step.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sqlx::PgPool;

use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::invoices::store::{self, AttemptChange};
use crate::partners::dialects::{Outcome, Report, Verdict};
use crate::platform::due::{self, Put};
use crate::platform::event;
use crate::vocabulary::ids::BreakId;

/// Takes such a word in.
pub async fn report_failed(
    pool: &PgPool,
    partner: &str,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<Verdict, sqlx::Error> {
    let Some(reference) = &report.reference else { return Ok(Verdict::UnknownOrder) };
    let mut tx = pool.begin().await?;
    let mut found = store::attempts_of_references(
        &mut tx,
        &[partner.to_owned()],
        std::slice::from_ref(reference),
    )
    .await?;
    let Some(attempt) = found.pop() else { return Ok(Verdict::UnknownOrder) };
    let locked = store::invoices_lock(&mut tx, &[attempt.invoice.0]).await?;
    let Some(invoice) = locked.into_iter().next() else { return Ok(Verdict::UnknownOrder) };
    let Some(attempt) = store::attempts_read(&mut tx, &[attempt.id.0]).await?.pop() else {
        return Ok(Verdict::UnknownOrder);
    };
    if attempt.amount != report.amount {
        return Ok(Verdict::WrongAmount);
    }
    let (step, code, kind) = match &report.outcome {
        Outcome::Failed { code } => (AttemptStep::Fail, code, "attempt.failed"),
        Outcome::Unknown { code } => (AttemptStep::LoseSight, code, "attempt.unknown"),
        Outcome::Collected => return Ok(Verdict::TryLater),
    };
    let Ok(to) = attempt.status.after(step) else {
        // A late or repeated word cannot move a final state back; that money may have moved for
        // an attempt that was given up is a case.
        if step == AttemptStep::LoseSight && attempt.status != AttemptStatus::Succeeded {
            let case = Break {
                id: BreakId::new(now),
                code: BreakCode::StatusDiffers,
                state: BreakState::Open,
                opened_at: now,
                partner: partner.to_owned(),
                agency: invoice.agency.clone(),
                invoice: Some(invoice.id),
                settlement: None,
                amount: report.amount,
                detail: format!("order {reference} is {}, the partner says {code}", attempt.status),
            };
            if !breaks::store::invoice_has_open(&mut tx, case.code, invoice.id).await? {
                breaks::store::breaks_insert(&mut tx, &[case]).await?;
                tx.commit().await?;
            }
        }
        return Ok(Verdict::Repeat);
    };
    let change = AttemptChange {
        id: attempt.id,
        from: attempt.status,
        to,
        instruction: None,
        code: Some(code.clone()),
    };
    if store::attempts_step(&mut tx, &[change], now).await?.is_empty() {
        return Ok(Verdict::TryLater);
    }
    if step == AttemptStep::LoseSight {
        let at = now + Duration::seconds(30);
        let put = Put { lane: partner, subject: attempt.id.0, at };
        due::put_all_in(&mut tx, due::QUERY, &[put]).await?;
    }
    let more = json!({ "attempt": attempt.id, "partner": partner, "code": code });
    let actor = format!("partner/{partner}");
    event::record_in(&mut tx, &[invoice.side_event(kind, &actor, now, &more)]).await?;
    tx.commit().await?;
    metrics::counter!("payclear_attempts_total", "partner" => partner.to_owned(), "status" => to.as_str())
        .increment(1);
    Ok(Verdict::Recorded)
}
