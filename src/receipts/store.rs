//! The statements that number, sign and end receipts.

pub mod keys;
pub mod reads;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::receipt::{Receipt, Step};
use super::signer::Signed;
use super::status::ReceiptStatus;
use crate::vocabulary::ids::{InvoiceId, ReceiptId};

/// Locks the mark up to which payments have been looked at, for a holder of this fence; none when a
/// later leader was there.
pub async fn progress_lock(
    conn: &mut PgConnection,
    fence: i64,
) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query!("select batch_id, fence from receipt_progress for update")
        .fetch_one(conn)
        .await?;
    Ok((row.fence <= fence).then_some(row.batch_id))
}

/// Moves the mark on.
pub async fn progress_set(
    conn: &mut PgConnection,
    batch: i64,
    fence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update receipt_progress set batch_id = $1, fence = $2", batch, fence)
        .execute(conn)
        .await?;
    Ok(())
}

/// The last of the next `most` batches of events after one; none when there is none.
pub async fn batch_after(
    conn: &mut PgConnection,
    after: i64,
    most: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "select max(n.batch_id) from (
             select batch_id from event_batch where batch_id > $1 order by batch_id limit $2) n",
        after,
        most
    )
    .fetch_one(conn)
    .await
}

/// What the events of these batches ask for, in their order. After a restore the intervals of an
/// earlier life may hold events of this one: what waits or is done already is passed over.
pub async fn tasks_of_events(
    conn: &mut PgConnection,
    after: i64,
    upto: i64,
) -> Result<Vec<Task>, sqlx::Error> {
    sqlx::query!(
        r#"select t.kind as "kind!", t.agency as "agency!", t.invoice_id as "invoice!",
                  t.sequence as "sequence!", t.made_at
             from (select b.batch_id, e.made_by_tx, e.event_id, e.made_at,
                          coalesce(e.agency, '') as agency, e.invoice_id,
                          case e.kind when 'invoice.paid' then 'issue' else 'cancel' end as kind,
                          case e.kind when 'invoice.paid' then e.sequence
                               else (select max(p.sequence) from event p
                                      where p.invoice_id = e.invoice_id and p.sequence < e.sequence
                                        and p.kind = 'invoice.paid') end as sequence
                     from event_batch b
                    cross join lateral (
                          select v.* from event v
                           where v.made_by_tx >= b.from_tx and v.made_by_tx < b.to_tx
                             and v.kind in ('invoice.paid', 'payment.reversed')
                          offset 0) e
                    where b.batch_id > $1 and b.batch_id <= $2) t
            where t.sequence is not null
              and (t.kind <> 'issue'
                   or not exists (select from receipt r
                                   where r.invoice_id = t.invoice_id and r.sequence = t.sequence))
              and not exists (select from receipt_task w
                               where w.invoice_id = t.invoice_id and w.sequence = t.sequence
                                 and w.kind = t.kind)
            order by t.batch_id, t.made_by_tx, t.event_id"#,
        after,
        upto
    )
    .map(|row| Task {
        id: None,
        kind: row.kind,
        agency: row.agency,
        invoice: InvoiceId(row.invoice),
        sequence: row.sequence,
        at: row.made_at,
        receipt: None,
        correction: None,
    })
    .fetch_all(conn)
    .await
}

/// Keeps what could not be done yet.
pub async fn tasks_insert(conn: &mut PgConnection, tasks: &[Task]) -> Result<(), sqlx::Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let kinds: Vec<String> = tasks.iter().map(|t| t.kind.clone()).collect();
    let agencies: Vec<String> = tasks.iter().map(|t| t.agency.clone()).collect();
    let invoices: Vec<Uuid> = tasks.iter().map(|t| t.invoice.0).collect();
    let sequences: Vec<i32> = tasks.iter().map(|t| t.sequence).collect();
    let times: Vec<DateTime<Utc>> = tasks.iter().map(|t| t.at).collect();
    sqlx::query!(
        "insert into receipt_task (kind, agency, invoice_id, sequence, at)
         select * from unnest($1::text[], $2::text[], $3::uuid[], $4::integer[],
                              $5::timestamptz[])",
        &kinds,
        &agencies,
        &invoices,
        &sequences,
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its place among those that wait; none while it is new.
    pub id: Option<i64>,
    /// `issue`, `cancel` or `replace`.
    pub kind: String,
    /// Who collects.
    pub agency: String,
    /// Whose payment.
    pub invoice: InvoiceId,
    /// The step `invoice.paid`.
    pub sequence: i32,
    /// When the money came or went.
    pub at: DateTime<Utc>,
    /// Of a replacement: which.
    pub receipt: Option<ReceiptId>,
    /// Of a replacement: what is put right.
    pub correction: Option<String>,
}

/// The next tasks after one, but those of agencies that have no numbers.
pub async fn tasks_next(
    conn: &mut PgConnection,
    after: i64,
    without: &[String],
    most: i64,
) -> Result<Vec<Task>, sqlx::Error> {
    sqlx::query!(
        r#"select task_id, kind, agency, invoice_id, sequence, at, receipt_id,
                  correction::text as "correction"
             from receipt_task
            where task_id > $1 and (kind = 'cancel' or agency <> all($2))
            order by task_id limit $3"#,
        after,
        without,
        most
    )
    .map(|row| Task {
        id: Some(row.task_id),
        kind: row.kind,
        agency: row.agency,
        invoice: InvoiceId(row.invoice_id),
        sequence: row.sequence,
        at: row.at,
        receipt: row.receipt_id.map(ReceiptId),
        correction: row.correction,
    })
    .fetch_all(conn)
    .await
}

/// Takes away what is done.
pub async fn tasks_done(conn: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from receipt_task where task_id = any($1)", ids).execute(conn).await?;
    Ok(())
}

/// Asks for a receipt in place of another; `false` when that is asked for already.
pub async fn replacement_insert(
    conn: &mut PgConnection,
    receipt: &Receipt,
    correction: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into receipt_task (kind, agency, invoice_id, sequence, at, receipt_id, correction)
         values ('replace', $1, $2, $3, $4, $5, $6::text::jsonb)
         on conflict on constraint receipt_task_once do nothing",
        receipt.agency,
        receipt.invoice.0,
        receipt.sequence,
        now,
        receipt.id.0,
        correction
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A range of numbers with the last that was used of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The unit.
    pub agency: String,
    /// Form symbol.
    pub form: String,
    /// Receipt symbol.
    pub symbol: String,
    /// From this number.
    pub first: i32,
    /// To this number.
    pub last: i32,
    /// The last that was used.
    pub used: Option<i32>,
    /// Who issues on the agency's behalf, or empty.
    pub delegate_name: String,
    /// Their tax code, or empty.
    pub delegate_tax_code: String,
    /// The written delegation, or empty.
    pub delegation: String,
}

/// The open ranges of agencies, in the order in which they are used.
pub async fn runs_of(
    conn: &mut PgConnection,
    agencies: &[String],
) -> Result<Vec<Run>, sqlx::Error> {
    sqlx::query_as!(
        Run,
        r#"select g.agency, g.form, g.symbol, g.first_number as first, g.last_number as last,
                  u.used, g.delegate_name, g.delegate_tax_code, g.delegation
             from receipt_range g
            cross join lateral (
                  select max(r.number) as used from receipt r
                   where r.agency = g.agency and r.form = g.form and r.symbol = g.symbol
                     and r.number between g.first_number and g.last_number offset 0) u
            where g.agency = any($1) and not g.closed
            order by g.agency, g.symbol, g.form, g.first_number"#,
        agencies
    )
    .fetch_all(conn)
    .await
}

/// The latest day that a receipt of each agency bears.
pub async fn last_days(
    conn: &mut PgConnection,
    agencies: &[String],
) -> Result<Vec<(String, NaiveDate)>, sqlx::Error> {
    sqlx::query!(
        r#"select a.agency as "agency!", d.day as "day!"
             from unnest($1::text[]) a(agency)
            cross join lateral (select max(r.day) as day from receipt r
                                 where r.agency = a.agency offset 0) d
            where d.day is not null"#,
        agencies
    )
    .map(|row| (row.agency, row.day))
    .fetch_all(conn)
    .await
}

/// Enters receipts.
pub async fn receipts_insert(
    conn: &mut PgConnection,
    receipts: &[Receipt],
) -> Result<(), sqlx::Error> {
    if receipts.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Receipt) -> &str| -> Vec<String> {
        receipts.iter().map(|r| pick(r).to_owned()).collect()
    };
    let ids: Vec<Uuid> = receipts.iter().map(|r| r.id.0).collect();
    let invoices: Vec<Uuid> = receipts.iter().map(|r| r.invoice.0).collect();
    let sequences: Vec<i32> = receipts.iter().map(|r| r.sequence).collect();
    let revisions: Vec<i32> = receipts.iter().map(|r| r.revision).collect();
    let numbers: Vec<i32> = receipts
        .iter()
        .map(|r| i32::try_from(r.content.number.number).unwrap_or(i32::MAX))
        .collect();
    let days: Vec<NaiveDate> = receipts.iter().map(Receipt::day).collect();
    let amounts: Vec<Decimal> = receipts.iter().map(|r| r.amount().amount()).collect();
    let hashes: Vec<Vec<u8>> =
        receipts.iter().map(|r| super::content::hash_of(&r.text).to_vec()).collect();
    let issued: Vec<DateTime<Utc>> = receipts.iter().map(|r| r.issued_at).collect();
    let replaces: Vec<Option<Uuid>> = receipts.iter().map(|r| r.replaces.map(|id| id.0)).collect();
    let agreed: Vec<Option<String>> = receipts.iter().map(|r| r.agreed_by.clone()).collect();
    let keys: Vec<Option<String>> =
        receipts.iter().map(|r| r.signature.as_ref().map(|s| s.key_id.clone())).collect();
    let signatures: Vec<Option<Vec<u8>>> =
        receipts.iter().map(|r| r.signature.as_ref().map(|s| s.bytes.clone())).collect();
    let signed: Vec<Option<DateTime<Utc>>> =
        receipts.iter().map(|r| r.signature.as_ref().map(|s| s.at)).collect();
    sqlx::query!(
        "insert into receipt (receipt_id, invoice_id, sequence, revision, agency, form, symbol,
             number, day, amount, currency, payer_name, check_code, content, content_hash,
             issued_at, replaces, issued_by, agreed_by, key_id, signature, signed_at, status_since)
         select n.*, n.issued from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[],
             $5::text[], $6::text[], $7::text[], $8::integer[], $9::date[], $10::numeric[],
             $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[], $16::timestamptz[],
             $17::uuid[], $18::text[], $19::text[], $20::text[], $21::bytea[], $22::timestamptz[])
             n(id, invoice, sequence, revision, agency, form, symbol, number, day, amount, currency,
               payer, code, content, hash, issued, replaces, by, agreed, key, signature, signed)",
        &ids,
        &invoices,
        &sequences,
        &revisions,
        &text(|r| &r.agency),
        &text(|r| &r.content.number.form),
        &text(|r| &r.content.number.symbol),
        &numbers,
        &days,
        &amounts,
        &text(|r| r.content.amount.currency().as_str()),
        &text(|r| &r.content.payer_name),
        &text(|r| &r.content.check_code),
        &text(|r| &r.text),
        &hashes,
        &issued,
        &replaces as &[Option<Uuid>],
        &text(|r| &r.issued_by),
        &agreed as &[Option<String>],
        &keys as &[Option<String>],
        &signatures as &[Option<Vec<u8>>],
        &signed as &[Option<DateTime<Utc>>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds to the history.
pub async fn steps_insert(
    conn: &mut PgConnection,
    steps: &[Step],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = steps.iter().map(|s| s.receipt.0).collect();
    let kinds: Vec<String> = steps.iter().map(|s| s.kind.to_owned()).collect();
    let days: Vec<NaiveDate> = steps.iter().map(|s| s.day).collect();
    let actors: Vec<String> = steps.iter().map(|s| s.actor.clone()).collect();
    let approvers: Vec<Option<String>> = steps.iter().map(|s| s.approved_by.clone()).collect();
    let reasons: Vec<String> = steps.iter().map(|s| s.reason.clone()).collect();
    sqlx::query!(
        "insert into receipt_step (receipt_id, kind, day, at, actor, approved_by, reason)
         select s.id, s.kind, s.day, $7, s.actor, s.approver, s.reason
           from unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[])
                s(id, kind, day, actor, approver, reason)",
        &ids,
        &kinds,
        &days,
        &actors,
        &approvers as &[Option<String>],
        &reasons,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the receipts that stand for these payments; which they were, with their payments.
pub async fn receipts_end_of_payments(
    conn: &mut PgConnection,
    payments: &[(InvoiceId, i32)],
    now: DateTime<Utc>,
) -> Result<Vec<ReceiptId>, sqlx::Error> {
    let invoices: Vec<Uuid> = payments.iter().map(|(invoice, _)| invoice.0).collect();
    let sequences: Vec<i32> = payments.iter().map(|(_, sequence)| *sequence).collect();
    sqlx::query_scalar!(
        r#"update receipt r set status = 'cancelled', status_since = $3
             from unnest($1::uuid[], $2::integer[]) p(invoice, sequence)
            where r.invoice_id = p.invoice and r.sequence = p.sequence and r.status = 'valid'
           returning r.receipt_id as "id: ReceiptId""#,
        &invoices,
        &sequences,
        now
    )
    .fetch_all(conn)
    .await
}

/// Which of these payments have a receipt, whatever its standing.
pub async fn payments_with_receipt(
    conn: &mut PgConnection,
    payments: &[(InvoiceId, i32)],
) -> Result<Vec<(InvoiceId, i32)>, sqlx::Error> {
    let invoices: Vec<Uuid> = payments.iter().map(|(invoice, _)| invoice.0).collect();
    let sequences: Vec<i32> = payments.iter().map(|(_, sequence)| *sequence).collect();
    sqlx::query!(
        r#"select p.invoice as "invoice!", p.sequence as "sequence!"
             from unnest($1::uuid[], $2::integer[]) p(invoice, sequence)
            where exists (select from receipt r
                           where r.invoice_id = p.invoice and r.sequence = p.sequence)"#,
        &invoices,
        &sequences
    )
    .map(|row| (InvoiceId(row.invoice), row.sequence))
    .fetch_all(conn)
    .await
}

/// Ends a receipt that is valid; `false` when it is not.
pub async fn receipt_end(
    conn: &mut PgConnection,
    id: ReceiptId,
    to: ReceiptStatus,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update receipt set status = $2, status_since = $3
          where receipt_id = $1 and status = 'valid'",
        id.0,
        to.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A receipt that waits for its signature.
#[derive(Debug)]
pub struct Unsigned {
    /// Which.
    pub id: ReceiptId,
    /// Whose.
    pub agency: String,
    /// What is signed.
    pub content: String,
}

/// What waits for a signature, oldest first, so many of each agency.
pub async fn receipts_unsigned(
    conn: &mut PgConnection,
    most_each: i64,
) -> Result<Vec<Unsigned>, sqlx::Error> {
    sqlx::query_as!(
        Unsigned,
        r#"select w.receipt_id as "id: ReceiptId", w.agency, w.content
             from (select r.*, row_number() over (partition by r.agency order by r.issued_at) as place
                     from (select receipt_id, agency, content, issued_at from receipt
                            where signature is null order by issued_at limit 20000) r) w
            where w.place <= $1"#,
        most_each
    )
    .fetch_all(conn)
    .await
}

/// Writes signatures down, each once; how many were written.
pub async fn receipts_sign(
    conn: &mut PgConnection,
    signed: &[(ReceiptId, Signed)],
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    let ids: Vec<Uuid> = signed.iter().map(|(id, _)| id.0).collect();
    let keys: Vec<String> = signed.iter().map(|(_, s)| s.key_id.clone()).collect();
    let signatures: Vec<Vec<u8>> = signed.iter().map(|(_, s)| s.signature.clone()).collect();
    let done = sqlx::query!(
        "update receipt r set key_id = s.key, signature = s.signature, signed_at = $4
           from unnest($1::uuid[], $2::text[], $3::bytea[]) s(id, key, signature)
          where r.receipt_id = s.id and r.signature is null",
        &ids,
        &keys,
        &signatures,
        now
    )
    .execute(conn)
    .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(0))
}
