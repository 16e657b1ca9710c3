//! Every statement on invoices and attempts (claims: `claim.rs`).

pub mod reads;
pub mod totals;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::Attempt;
use super::invoice::Invoice;
use super::row::InvoiceRow;
use super::status::AttemptStatus;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::ids::{AttemptId, InvoiceId};

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Locks attempts, in the order of their ids, and nothing else; as they stand once they are locked.
pub async fn attempts_lock(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Attempt>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"select attempt_id, invoice_id, partner, reference, amount, currency, payer_ip, language,
                  created_at, expires_at, status, status_since, instruction::text, last_code
             from attempt where attempt_id = any($1) order by attempt_id for no key update"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// Ends the orders that stood at banks from the start, of invoices that were paid another way;
/// which of them their partners hold open under an id of their own, and whose each is.
pub async fn standing_orders_end(
    conn: &mut PgConnection,
    invoices: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    if invoices.is_empty() {
        return Ok(Vec::new());
    }
    // Looked up invoice by invoice: a plan made while there were no attempts would read them all.
    let standing = sqlx::query_scalar!(
        "select a.attempt_id
           from unnest($1::uuid[]) i(id)
          cross join lateral (
                select attempt_id from attempt
                 where invoice_id = i.id and payer_ip = '0.0.0.0'
                   and status in ('created', 'awaiting_payer') offset 0) a",
        invoices
    )
    .fetch_all(&mut *conn)
    .await?;
    if standing.is_empty() {
        return Ok(Vec::new());
    }
    let ended = sqlx::query!(
        r#"with locked as materialized (
                select attempt_id from attempt where attempt_id = any($1)
                 order by attempt_id for no key update)
         update attempt set status = 'expired', status_since = $2
          where attempt_id = any($1) and status in ('created', 'awaiting_payer')
            and exists (select from locked)
         returning attempt_id, partner,
                   coalesce(instruction ->> 'partner_order', '') <> '' as "held_open!""#,
        &standing,
        now
    )
    .fetch_all(conn)
    .await?;
    let held_open = ended.into_iter().filter(|row| row.held_open);
    Ok(held_open.map(|row| (row.attempt_id, row.partner)).collect())
}

/// Writes invoices, all in one statement.
pub async fn invoices_insert(
    conn: &mut PgConnection,
    invoices: &[&Invoice],
) -> Result<(), sqlx::Error> {
    if invoices.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Invoice) -> &str| -> Vec<String> {
        invoices.iter().map(|i| pick(i).to_owned()).collect()
    };
    let ids: Vec<Uuid> = invoices.iter().map(|i| i.id.0).collect();
    let amounts: Vec<Decimal> = invoices.iter().map(|i| i.amount.amount()).collect();
    let payers: Vec<String> = invoices.iter().map(|i| json(&i.payer)).collect();
    let sealed: Vec<Option<Vec<u8>>> = invoices.iter().map(|i| i.payer_id_sealed.clone()).collect();
    let lines: Vec<String> = invoices.iter().map(|i| json(&i.lines)).collect();
    let terms: Vec<String> = invoices.iter().map(|i| json(&i.terms)).collect();
    let issued: Vec<DateTime<Utc>> = invoices.iter().map(|i| i.issued_at).collect();
    let expires: Vec<DateTime<Utc>> = invoices.iter().map(|i| i.expires_at).collect();
    sqlx::query!(
        "insert into invoice (invoice_id, code, portal, agency, procedure, fee, dossier, amount,
                              currency, payer, payer_id_sealed, lines, terms, issued_at, expires_at,
                              status_since)
         select i.id, i.code, i.portal, i.agency, i.procedure, i.fee, i.dossier, i.amount,
                i.currency, i.payer::jsonb, i.sealed, i.lines::jsonb, i.terms::jsonb, i.issued,
                i.expires, i.issued
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                       $7::text[], $8::numeric[], $9::text[], $10::text[], $11::bytea[],
                       $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[])
                i(id, code, portal, agency, procedure, fee, dossier, amount, currency, payer,
                  sealed, lines, terms, issued, expires)",
        &ids,
        &text(|i| i.code.as_str()),
        &text(|i| &i.portal),
        &text(|i| &i.agency),
        &text(|i| &i.procedure),
        &text(|i| &i.fee),
        &text(|i| &i.dossier),
        &amounts,
        &text(|i| i.amount.currency().as_str()),
        &payers,
        &sealed as &[Option<Vec<u8>>],
        &lines,
        &terms,
        &issued,
        &expires,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks invoices, in the order of their ids, and nothing else; as they stand once they are locked.
/// What depends on them is read in later statements: a lock refreshes only the row that it locks.
pub async fn invoices_lock(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Invoice>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        InvoiceRow,
        r#"select invoice_id, code, portal, agency, procedure, fee, dossier, amount, currency,
                  payer::text as "payer!", payer_id_sealed, lines::text as "lines!",
                  terms::text as "terms!", issued_at, expires_at, status, status_since, sequence,
                  cycle, held, parts::text as "parts!", refunded, refunding, paid_at,
                  paid_via
             from invoice where invoice_id = any($1) order by invoice_id for no key update"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Invoice::try_from).collect()
}

/// The same in a group, whose plans go by keys: of invoices that are known by id or by code.
pub async fn invoices_lock_named(
    conn: &mut PgConnection,
    ids: &[Uuid],
    codes: &[InvoiceCode],
) -> Result<Vec<Invoice>, sqlx::Error> {
    if ids.is_empty() && codes.is_empty() {
        return Ok(Vec::new());
    }
    let codes: Vec<String> = codes.iter().map(|c| c.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        InvoiceRow,
        r#"select invoice_id, code, portal, agency, procedure, fee, dossier, amount, currency,
                  payer::text as "payer!", payer_id_sealed, lines::text as "lines!",
                  terms::text as "terms!", issued_at, expires_at, status, status_since, sequence,
                  cycle, held, parts::text as "parts!", refunded, refunding, paid_at,
                  paid_via
             from invoice where invoice_id = any($1) or code = any($2)
            order by invoice_id for no key update"#,
        ids,
        &codes
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Invoice::try_from).collect()
}

/// Reads invoices; the newest issued first.
pub async fn invoices_read(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Invoice>, sqlx::Error> {
    let rows = sqlx::query_as!(
        InvoiceRow,
        r#"select invoice_id, code, portal, agency, procedure, fee, dossier, amount, currency,
                  payer::text as "payer!", payer_id_sealed, lines::text as "lines!",
                  terms::text as "terms!", issued_at, expires_at, status, status_since, sequence,
                  cycle, held, parts::text as "parts!", refunded, refunding, paid_at,
                  paid_via
             from invoice where invoice_id = any($1) order by issued_at desc, invoice_id desc"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Invoice::try_from).collect()
}

/// One invoice by id.
pub async fn invoice_read(
    conn: &mut PgConnection,
    id: InvoiceId,
) -> Result<Option<Invoice>, sqlx::Error> {
    Ok(invoices_read(conn, &[id.0]).await?.pop())
}

/// The invoices that have one of these codes.
pub async fn invoices_of_codes(
    conn: &mut PgConnection,
    codes: &[InvoiceCode],
) -> Result<Vec<(InvoiceCode, InvoiceId)>, sqlx::Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<String> = codes.iter().map(|c| c.as_str().to_owned()).collect();
    let rows = sqlx::query!("select code, invoice_id from invoice where code = any($1)", &texts)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.code.parse().ok()?, InvoiceId(row.invoice_id))))
        .collect())
}

/// Writes what changes in the life of invoices. The rows are locked by this transaction, so the
/// guard is their sequence: each went up by the steps taken here.
pub async fn invoices_update(
    conn: &mut PgConnection,
    changed: &[&Invoice],
) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changed.iter().map(|i| i.id.0).collect();
    let statuses: Vec<String> = changed.iter().map(|i| i.status.to_string()).collect();
    let since: Vec<DateTime<Utc>> = changed.iter().map(|i| i.status_since).collect();
    let sequences: Vec<i32> = changed.iter().map(|i| i.sequence).collect();
    let cycles: Vec<i32> = changed.iter().map(|i| i.cycle).collect();
    let held: Vec<Decimal> = changed.iter().map(|i| i.held.amount()).collect();
    let parts: Vec<String> = changed.iter().map(|i| json(&i.parts)).collect();
    let refunded: Vec<Decimal> = changed.iter().map(|i| i.refunded.amount()).collect();
    let refunding: Vec<Decimal> = changed.iter().map(|i| i.refunding.amount()).collect();
    let paid_at: Vec<Option<DateTime<Utc>>> = changed.iter().map(|i| i.paid_at).collect();
    let paid_via: Vec<Option<String>> = changed.iter().map(|i| i.paid_via.clone()).collect();
    let done = sqlx::query!(
        "update invoice i
            set status = c.status, status_since = c.since, sequence = c.sequence, cycle = c.cycle,
                held = c.held, parts = c.parts::jsonb, refunded = c.refunded,
                refunding = c.refunding, paid_at = c.paid_at, paid_via = c.paid_via
           from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::integer[], $5::integer[],
                       $6::numeric[], $7::text[], $8::numeric[], $9::numeric[], $10::timestamptz[],
                       $11::text[])
                c(id, status, since, sequence, cycle, held, parts, refunded, refunding, paid_at,
                  paid_via)
          where i.invoice_id = c.id and i.sequence < c.sequence",
        &ids,
        &statuses,
        &since,
        &sequences,
        &cycles,
        &held,
        &parts,
        &refunded,
        &refunding,
        &paid_at as &[Option<DateTime<Utc>>],
        &paid_via as &[Option<String>],
    )
    .execute(conn)
    .await?
    .rows_affected();
    if done == changed.len() as u64 {
        Ok(())
    } else {
        Err(sqlx::Error::Protocol(format!("{done} of {} invoices were updated", changed.len())))
    }
}

/// Writes attempts, all in one statement.
pub async fn attempts_insert(
    conn: &mut PgConnection,
    attempts: &[&Attempt],
) -> Result<(), sqlx::Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Attempt) -> &str| -> Vec<String> {
        attempts.iter().map(|a| pick(a).to_owned()).collect()
    };
    let ids: Vec<Uuid> = attempts.iter().map(|a| a.id.0).collect();
    let invoices: Vec<Uuid> = attempts.iter().map(|a| a.invoice.0).collect();
    let amounts: Vec<Decimal> = attempts.iter().map(|a| a.amount.amount()).collect();
    let created: Vec<DateTime<Utc>> = attempts.iter().map(|a| a.created_at).collect();
    let expires: Vec<DateTime<Utc>> = attempts.iter().map(|a| a.expires_at).collect();
    sqlx::query!(
        "insert into attempt (attempt_id, invoice_id, partner, reference, amount, currency,
                              payer_ip, language, created_at, expires_at, status_since)
         select a.*, a.created
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::text[],
                       $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])
                a(id, invoice, partner, reference, amount, currency, ip, language, created, expires)",
        &ids,
        &invoices,
        &text(|a| &a.partner),
        &text(|a| &a.reference),
        &amounts,
        &text(|a| a.amount.currency().as_str()),
        &text(|a| &a.payer_ip),
        &text(|a| &a.language),
        &created,
        &expires,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The columns of an attempt as they are read.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct AttemptRow {
    pub attempt_id: Uuid,
    pub invoice_id: Uuid,
    pub partner: String,
    pub reference: String,
    pub amount: Decimal,
    pub currency: String,
    pub payer_ip: String,
    pub language: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub status: String,
    pub status_since: DateTime<Utc>,
    pub instruction: Option<String>,
    pub last_code: Option<String>,
}

/// Reads attempts by id, in the order of their ids.
pub async fn attempts_read(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Attempt>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"select attempt_id, invoice_id, partner, reference, amount, currency, payer_ip, language,
                  created_at, expires_at, status, status_since, instruction::text, last_code
             from attempt where attempt_id = any($1) order by attempt_id"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// The attempts of an invoice, the newest first.
pub async fn attempts_of_invoice(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<Attempt>, sqlx::Error> {
    let ids =
        sqlx::query_scalar!("select attempt_id from attempt where invoice_id = $1", invoice.0)
            .fetch_all(&mut *conn)
            .await?;
    let mut attempts = attempts_read(conn, &ids).await?;
    attempts.reverse();
    Ok(attempts)
}

/// The attempts that partners name by these references, and their invoices: what never changes of
/// them.
pub async fn attempt_ids_of_references(
    conn: &mut PgConnection,
    partners: &[String],
    references: &[String],
) -> Result<Vec<(AttemptId, InvoiceId)>, sqlx::Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "select a.attempt_id, a.invoice_id
           from unnest($1::text[], $2::text[]) r(partner, reference)
          cross join lateral (
                select attempt_id, invoice_id from attempt a
                 where a.partner = r.partner and a.reference = r.reference offset 0) a",
        partners,
        references
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (AttemptId(r.attempt_id), InvoiceId(r.invoice_id))).collect())
}

/// The attempts that partners name by these references.
pub async fn attempts_of_references(
    conn: &mut PgConnection,
    partners: &[String],
    references: &[String],
) -> Result<Vec<Attempt>, sqlx::Error> {
    let ids = attempt_ids_of_references(&mut *conn, partners, references).await?;
    let ids: Vec<Uuid> = ids.into_iter().map(|(attempt, _)| attempt.0).collect();
    attempts_read(conn, &ids).await
}

/// One attempt's step.
#[derive(Debug, Clone)]
pub struct AttemptChange {
    /// Which.
    pub id: AttemptId,
    /// Where it must stand.
    pub from: AttemptStatus,
    /// Where it goes.
    pub to: AttemptStatus,
    /// What the payer needs, when the partner said it.
    pub instruction: Option<String>,
    /// The partner's own code.
    pub code: Option<String>,
}

/// Takes attempts' steps, guarded by where each stands; returns those that were taken.
pub async fn attempts_step(
    conn: &mut PgConnection,
    changes: &[AttemptChange],
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = changes.iter().map(|c| c.id.0).collect();
    let from: Vec<String> = changes.iter().map(|c| c.from.to_string()).collect();
    let to: Vec<String> = changes.iter().map(|c| c.to.to_string()).collect();
    let instructions: Vec<Option<String>> = changes.iter().map(|c| c.instruction.clone()).collect();
    let codes: Vec<Option<String>> = changes.iter().map(|c| c.code.clone()).collect();
    // Locked in the order of ids first: an update alone locks in the order of its plan.
    sqlx::query_scalar!(
        r#"with locked as materialized (
                select attempt_id from attempt where attempt_id = any($1)
                 order by attempt_id for no key update)
         update attempt a
            set status = c.to_status, status_since = $6,
                instruction = coalesce(c.instruction::jsonb, a.instruction),
                last_code = coalesce(c.code, a.last_code)
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
                c(id, from_status, to_status, instruction, code), locked l
          where a.attempt_id = c.id and l.attempt_id = c.id and a.status = c.from_status
         returning a.attempt_id"#,
        &ids,
        &from,
        &to,
        &instructions as &[Option<String>],
        &codes as &[Option<String>],
        now,
    )
    .fetch_all(conn)
    .await
}
