//! Steps: one row for each, written with the change, never updated. They are the history, the
//! portal's feed and the source of the audit chain at once.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::vocabulary::ids::InvoiceId;

/// One step, as it is written.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by our clock.
    pub made_at: DateTime<Utc>,
    /// What, for example `invoice.paid`.
    pub kind: &'static str,
    /// The portal whose feed it belongs to.
    pub portal: Option<String>,
    /// The agency whose money or case it is.
    pub agency: Option<String>,
    /// The invoice it is about.
    pub invoice: Option<InvoiceId>,
    /// The place in the life of the invoice, from 1; none for steps beside it.
    pub sequence: Option<i32>,
    /// Who: `portal:<code>`, `partner:<code>`, `clock`, or a person.
    pub actor: String,
    /// A JSON object, as text: these very bytes are chained.
    pub body: String,
}

/// Writes steps, in one statement, in the caller's transaction.
pub async fn record_in(conn: &mut PgConnection, events: &[Event]) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let made_at: Vec<_> = events.iter().map(|e| e.made_at).collect();
    let kind: Vec<_> = events.iter().map(|e| e.kind.to_owned()).collect();
    let portal: Vec<_> = events.iter().map(|e| e.portal.clone()).collect();
    let agency: Vec<_> = events.iter().map(|e| e.agency.clone()).collect();
    let invoice: Vec<_> = events.iter().map(|e| e.invoice.map(|i| i.0)).collect();
    let sequence: Vec<_> = events.iter().map(|e| e.sequence).collect();
    let actor: Vec<_> = events.iter().map(|e| e.actor.clone()).collect();
    let body: Vec<_> = events.iter().map(|e| e.body.clone()).collect();
    sqlx::query!(
        "insert into event (made_by_tx, made_at, kind, portal, agency, invoice_id, sequence, actor, body)
         select pg_current_xact_id(), e.*
           from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::uuid[],
                       $6::integer[], $7::text[], $8::text[]) e",
        &made_at,
        &kind,
        &portal as &[Option<String>],
        &agency as &[Option<String>],
        &invoice as &[Option<uuid::Uuid>],
        &sequence as &[Option<i32>],
        &actor,
        &body,
    )
    .execute(conn)
    .await?;
    Ok(())
}
