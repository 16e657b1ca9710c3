//! Statements that read receipts, and look for what is missing.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::receipts::receipt::{Receipt, Signature};
use crate::receipts::status::ReceiptStatus;
use crate::vocabulary::ids::{InvoiceId, ReceiptId};

struct ReceiptRow {
    receipt_id: Uuid,
    invoice_id: Uuid,
    sequence: i32,
    revision: i32,
    agency: String,
    content: String,
    issued_at: DateTime<Utc>,
    issued_by: String,
    agreed_by: Option<String>,
    replaces: Option<Uuid>,
    status: String,
    status_since: DateTime<Utc>,
    key_id: Option<String>,
    signature: Option<Vec<u8>>,
    signed_at: Option<DateTime<Utc>>,
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl TryFrom<ReceiptRow> for Receipt {
    type Error = sqlx::Error;

    fn try_from(row: ReceiptRow) -> Result<Self, sqlx::Error> {
        let signature = match (row.key_id, row.signature, row.signed_at) {
            (Some(key_id), Some(bytes), Some(at)) => Some(Signature { key_id, bytes, at }),
            _ => None,
        };
        Ok(Self {
            id: ReceiptId(row.receipt_id),
            invoice: InvoiceId(row.invoice_id),
            sequence: row.sequence,
            revision: row.revision,
            agency: row.agency,
            content: serde_json::from_str(&row.content).map_err(undecodable)?,
            text: row.content,
            issued_at: row.issued_at,
            issued_by: row.issued_by,
            agreed_by: row.agreed_by,
            replaces: row.replaces.map(ReceiptId),
            status: row.status.parse::<ReceiptStatus>().map_err(undecodable)?,
            status_since: row.status_since,
            signature,
        })
    }
}

/// Receipts by id, in the order of their ids.
pub async fn receipts_read(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Receipt>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ReceiptRow,
        "select receipt_id, invoice_id, sequence, revision, agency, content, issued_at, issued_by,
                agreed_by, replaces, status, status_since, key_id, signature, signed_at
           from receipt where receipt_id = any($1) order by receipt_id",
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// A receipt by its id.
pub async fn receipt_read(
    conn: &mut PgConnection,
    id: ReceiptId,
) -> Result<Option<Receipt>, sqlx::Error> {
    Ok(receipts_read(conn, &[id.0]).await?.pop())
}

/// A receipt by its id, locked.
pub async fn receipt_lock(
    conn: &mut PgConnection,
    id: ReceiptId,
) -> Result<Option<Receipt>, sqlx::Error> {
    sqlx::query!(
        r#"select count(*) as "locked!" from (
             select from receipt where receipt_id = $1 for no key update) l"#,
        id.0
    )
    .fetch_one(&mut *conn)
    .await?;
    receipt_read(conn, id).await
}

/// A receipt by the code that the public checks it under.
pub async fn receipt_of_code(
    conn: &mut PgConnection,
    code: &str,
) -> Result<Option<Receipt>, sqlx::Error> {
    let id = sqlx::query_scalar!("select receipt_id from receipt where check_code = $1", code)
        .fetch_optional(&mut *conn)
        .await?;
    match id {
        Some(id) => receipt_read(conn, ReceiptId(id)).await,
        None => Ok(None),
    }
}

/// The receipt of an invoice: of its last payment, the newest.
pub async fn receipt_of_invoice(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Option<Receipt>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "select receipt_id from receipt where invoice_id = $1
          order by sequence desc, revision desc limit 1",
        invoice.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    match id {
        Some(id) => receipt_read(conn, ReceiptId(id)).await,
        None => Ok(None),
    }
}

/// The receipt that stands in place of one.
pub async fn receipt_in_place_of(
    conn: &mut PgConnection,
    id: ReceiptId,
) -> Result<Option<Receipt>, sqlx::Error> {
    let id = sqlx::query_scalar!("select receipt_id from receipt where replaces = $1", id.0)
        .fetch_optional(&mut *conn)
        .await?;
    match id {
        Some(id) => receipt_read(conn, ReceiptId(id)).await,
        None => Ok(None),
    }
}

/// Which receipts, of those in sight.
#[derive(Debug)]
pub struct Filter<'a> {
    /// The scopes of who looks.
    pub scopes: &'a [String],
    /// Of this agency and those below it.
    pub agency: Option<&'a str>,
    /// That bear this day.
    pub day: Option<NaiveDate>,
    /// In this state.
    pub status: Option<ReceiptStatus>,
    /// Older than this one.
    pub before: Option<ReceiptId>,
    /// At most so many.
    pub limit: i64,
}

/// Receipts, the newest first.
pub async fn receipts_list(
    conn: &mut PgConnection,
    filter: &Filter<'_>,
) -> Result<Vec<Receipt>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select receipt_id from receipt r
          where exists (select from unnest($1::text[]) s(scope)
                         where s.scope = '*' or r.agency = s.scope
                            or starts_with(r.agency, s.scope || '.'))
            and ($2::text is null or r.agency = $2 or starts_with(r.agency, $2 || '.'))
            and ($3::date is null or r.day = $3)
            and ($4::text is null or r.status = $4)
            and ($5::uuid is null or r.receipt_id < $5)
          order by receipt_id desc limit $6",
        filter.scopes,
        filter.agency,
        filter.day,
        filter.status.map(ReceiptStatus::as_str),
        filter.before.map(|id| id.0),
        filter.limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut receipts = receipts_read(conn, &ids).await?;
    receipts.reverse();
    Ok(receipts)
}

/// A step of a receipt's history.
#[derive(Debug)]
pub struct PastStep {
    /// `issued`, `signed`, `cancelled` or `replaced`.
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Who agreed.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
}

/// The history of a receipt.
pub async fn steps_of(
    conn: &mut PgConnection,
    id: ReceiptId,
) -> Result<Vec<PastStep>, sqlx::Error> {
    sqlx::query_as!(
        PastStep,
        r#"select n.kind as "kind!", n.at as "at!", n.actor as "actor!", n.approved_by,
                  n.reason as "reason!"
             from (select 0 as part, 'issued' as kind, issued_at as at, issued_by as actor,
                          agreed_by as approved_by, '' as reason
                     from receipt where receipt_id = $1
                   union all
                   select 1, 'signed', signed_at, 'key/' || key_id, null, ''
                     from receipt where receipt_id = $1 and signature is not null
                   union all
                   select 2, kind, at, actor, approved_by, reason
                     from receipt_step where receipt_id = $1) n
            order by n.at, n.part"#,
        id.0
    )
    .fetch_all(conn)
    .await
}

/// What a day's report tells of: receipts that bear the day, and ends that fell on it, of one body.
pub async fn reported_on(
    conn: &mut PgConnection,
    agency: &str,
    day: NaiveDate,
) -> Result<Vec<(Uuid, String, String)>, sqlx::Error> {
    sqlx::query!(
        r#"select n.receipt_id as "id!", n.kind as "kind!", n.reason as "reason!"
             from (select r.receipt_id, 'issued' as kind, '' as reason, 0 as part,
                          r.form, r.symbol, r.number
                     from receipt r where r.agency = $1 and r.day = $2
                   union all
                   select r.receipt_id, s.kind, s.reason, 1, r.form, r.symbol, r.number
                     from receipt_step s join receipt r on r.receipt_id = s.receipt_id
                    where s.day = $2 and r.agency = $1) n
            order by n.part, n.form, n.symbol, n.number, n.kind"#,
        agency,
        day
    )
    .map(|row| (row.id, row.kind, row.reason))
    .fetch_all(conn)
    .await
}

/// Numbers that are missing inside a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct MissingNumbers {
    /// The unit.
    pub agency: String,
    /// Form symbol.
    pub form: String,
    /// Receipt symbol.
    pub symbol: String,
    /// From this number.
    pub from: i32,
    /// To this number.
    pub to: i32,
}

/// Runs whose numbers do not follow each other from the first of their range.
pub async fn numbers_missing(
    conn: &mut PgConnection,
    scopes: &[String],
) -> Result<Vec<MissingNumbers>, sqlx::Error> {
    sqlx::query_as!(
        MissingNumbers,
        r#"select n.agency, n.form, n.symbol, n.before + 1 as "from!", n.number - 1 as "to!"
             from (select r.agency, r.form, r.symbol, r.number,
                          coalesce(lag(r.number) over (partition by r.agency, r.form, r.symbol,
                                       g.first_number order by r.number),
                                   g.first_number - 1) as before
                     from receipt r
                     join receipt_range g
                       on g.agency = r.agency and g.form = r.form and g.symbol = r.symbol
                      and r.number between g.first_number and g.last_number
                    where exists (select from unnest($1::text[]) s(scope)
                                   where s.scope = '*' or r.agency = s.scope
                                      or starts_with(r.agency, s.scope || '.'))) n
            where n.number <> n.before + 1
            order by n.agency, n.form, n.symbol, n.number"#,
        scopes
    )
    .fetch_all(conn)
    .await
}

/// Payments of an agency that have no receipt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Waiting {
    /// The unit.
    pub agency: String,
    /// How many payments wait for a number.
    pub payments: i64,
    /// The oldest was paid then.
    pub since: DateTime<Utc>,
}

/// What waits for a number, by agency.
pub async fn payments_waiting(
    conn: &mut PgConnection,
    scopes: &[String],
) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"select agency, count(*) as "payments!", min(at) as "since!" from receipt_task t
            where kind = 'issue'
              and exists (select from unnest($1::text[]) s(scope)
                           where s.scope = '*' or t.agency = s.scope
                              or starts_with(t.agency, s.scope || '.'))
            group by agency order by agency"#,
        scopes
    )
    .fetch_all(conn)
    .await
}

/// How many receipts have no signature yet, of agencies in sight, older than a time.
pub async fn unsigned_before(
    conn: &mut PgConnection,
    scopes: &[String],
    before: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from receipt r
            where signature is null and issued_at < $2
              and exists (select from unnest($1::text[]) s(scope)
                           where s.scope = '*' or r.agency = s.scope
                              or starts_with(r.agency, s.scope || '.'))"#,
        scopes,
        before
    )
    .fetch_one(conn)
    .await
}

/// Payments that the mark has passed and that have neither a receipt nor a task, and receipts of
/// nothing that was paid: two counts that are zero. Reads every receipt.
pub async fn payments_without(conn: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"with passed as (
               select e.invoice_id, e.sequence
                 from receipt_progress p
                 join event_batch b on b.batch_id > p.since_batch and b.batch_id <= p.batch_id
                 join event e on e.made_by_tx >= b.from_tx and e.made_by_tx < b.to_tx
                where e.kind = 'invoice.paid')
           select (select count(*) from passed e
                    where not exists (select from receipt r where r.invoice_id = e.invoice_id
                                                              and r.sequence = e.sequence)
                      and not exists (select from receipt_task t where t.invoice_id = e.invoice_id
                                         and t.sequence = e.sequence and t.kind = 'issue'))
                      as "without!",
                  (select count(*) from receipt r
                    where not exists (select from event e where e.invoice_id = r.invoice_id
                                         and e.sequence = r.sequence and e.kind = 'invoice.paid'))
                      as "unpaid!""#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.without, row.unpaid))
}

/// How many numbers are left to each unit in a year, and how many it has used.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct RangeUse {
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
    /// The last that was used; none yet.
    pub used: Option<i32>,
    /// Given up.
    pub closed: bool,
}

/// Every range in sight, with its use.
pub async fn ranges_used(
    conn: &mut PgConnection,
    scopes: &[String],
) -> Result<Vec<RangeUse>, sqlx::Error> {
    sqlx::query_as!(
        RangeUse,
        r#"select g.agency, g.form, g.symbol, g.first_number as first, g.last_number as last,
                  u.used, g.closed
             from receipt_range g
            cross join lateral (
                  select max(r.number) as used from receipt r
                   where r.agency = g.agency and r.form = g.form and r.symbol = g.symbol
                     and r.number between g.first_number and g.last_number offset 0) u
            where exists (select from unnest($1::text[]) s(scope)
                           where s.scope = '*' or g.agency = s.scope
                              or starts_with(g.agency, s.scope || '.'))
            order by g.agency, g.symbol, g.form, g.first_number"#,
        scopes
    )
    .fetch_all(conn)
    .await
}

/// The sum and number of receipts that stand for a day of an agency: for those who compare.
pub async fn sum_of_day(
    conn: &mut PgConnection,
    agency: &str,
    day: NaiveDate,
) -> Result<(i64, Decimal), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "n!", coalesce(sum(amount), 0) as "sum!" from receipt
            where agency = $1 and day = $2 and status = 'valid'"#,
        agency,
        day
    )
    .fetch_one(conn)
    .await?;
    Ok((row.n, row.sum))
}
