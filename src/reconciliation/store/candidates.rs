//! What may belong to the lines of a chunk: each question once for all lines.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// A settlement that one of the lines may mean.
#[derive(Debug)]
pub struct SettlementRow {
    /// The line's place among those asked for.
    pub n: i32,
    /// Which.
    pub settlement: Uuid,
    /// Its invoice.
    pub invoice: Option<Uuid>,
    /// How much.
    pub amount: Decimal,
    /// The account it was collected on.
    pub account: String,
    /// When it counts.
    pub value_time: DateTime<Utc>,
    /// Matched, in the layer that is asked about.
    pub taken: bool,
    /// Taken back.
    pub reversed: bool,
}

/// Which layer a settlement may be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Reports.
    Line,
    /// Bank accounts.
    Funds,
}

/// Booked settlements of a partner by its transaction ids.
pub async fn by_transaction(
    conn: &mut PgConnection,
    (partner, sources): (&str, &[String]),
    layer: Layer,
    places: &[i32],
    transactions: &[String],
) -> Result<Vec<SettlementRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        SettlementRow,
        r#"select k.n as "n!", s.settlement_id as settlement, s.invoice_id as invoice, s.amount,
                  s.account, s.value_time,
                  case when $5 then exists (select from match_side m
                                             where m.settlement_id = s.settlement_id and m.active
                                               and m.layer = 'line')
                       else exists (select from match_side m
                                     where m.settlement_id = s.settlement_id and m.active
                                       and m.layer = 'funds' and m.invoice_id is null)
                  end as "taken!",
                  exists (select from reversal r where r.settlement_id = s.settlement_id) as "reversed!"
             from unnest($3::integer[], $4::text[]) k(n, transaction_id)
            cross join unnest($2::text[]) src(name)
            cross join lateral (
                  select * from settlement s
                   where s.partner = $1 and s.source = src.name
                     and s.transaction_id = k.transaction_id offset 0) s
            where s.entry_id is not null"#,
        partner,
        sources,
        places,
        transactions,
        layer == Layer::Line
    )
    .fetch_all(conn)
    .await
}

/// What a line names: an invoice, and a settlement of it when there is one.
#[derive(Debug)]
pub struct NamedRow {
    /// The line's place among those asked for.
    pub n: i32,
    /// The invoice.
    pub invoice: Uuid,
    /// The order that was named has failed or expired.
    pub failed: bool,
    /// A booked settlement of the invoice through this partner.
    pub settlement: Option<Uuid>,
    /// How much.
    pub amount: Option<Decimal>,
    /// The account it was collected on.
    pub account: Option<String>,
    /// When it counts.
    pub value_time: Option<DateTime<Utc>>,
    /// Matched, in the layer that is asked about.
    pub taken: bool,
    /// Taken back.
    pub reversed: bool,
}

/// By our references of orders.
pub async fn by_reference(
    conn: &mut PgConnection,
    partner: &str,
    layer: Layer,
    places: &[i32],
    references: &[String],
) -> Result<Vec<NamedRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        NamedRow,
        r#"select k.n as "n!", a.invoice_id as invoice, a.status in ('failed', 'expired') as "failed!",
                  s.settlement_id as "settlement?", s.amount as "amount?", s.account as "account?",
                  s.value_time as "value_time?",
                  case when $4 then exists (select from match_side m
                                             where m.settlement_id = s.settlement_id and m.active
                                               and m.layer = 'line')
                       else exists (select from match_side m
                                     where m.settlement_id = s.settlement_id and m.active
                                       and m.layer = 'funds' and m.invoice_id is null)
                  end as "taken!",
                  exists (select from reversal r where r.settlement_id = s.settlement_id) as "reversed!"
             from unnest($2::integer[], $3::text[]) k(n, reference)
            cross join lateral (
                  select a.invoice_id, a.status from attempt a
                   where a.partner = $1 and a.reference = k.reference offset 0) a
             left join lateral (
                  select * from settlement s
                   where s.invoice_id = a.invoice_id and s.partner = $1 and s.entry_id is not null
                  offset 0) s on true"#,
        partner,
        places,
        references,
        layer == Layer::Line
    )
    .fetch_all(conn)
    .await
}

/// By codes of invoices.
pub async fn by_code(
    conn: &mut PgConnection,
    partner: &str,
    layer: Layer,
    places: &[i32],
    codes: &[String],
) -> Result<Vec<NamedRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        NamedRow,
        r#"select k.n as "n!", i.invoice_id as invoice, false as "failed!",
                  s.settlement_id as "settlement?", s.amount as "amount?", s.account as "account?",
                  s.value_time as "value_time?",
                  case when $4 then exists (select from match_side m
                                             where m.settlement_id = s.settlement_id and m.active
                                               and m.layer = 'line')
                       else exists (select from match_side m
                                     where m.settlement_id = s.settlement_id and m.active
                                       and m.layer = 'funds' and m.invoice_id is null)
                  end as "taken!",
                  exists (select from reversal r where r.settlement_id = s.settlement_id) as "reversed!"
             from unnest($2::integer[], $3::text[]) k(n, code)
            cross join lateral (
                  select i.invoice_id from invoice i where i.code = k.code offset 0) i
             left join lateral (
                  select * from settlement s
                   where s.invoice_id = i.invoice_id and s.partner = $1 and s.entry_id is not null
                  offset 0) s on true"#,
        partner,
        places,
        codes,
        layer == Layer::Line
    )
    .fetch_all(conn)
    .await
}

/// Open invoices of dossiers, of the very amount of the line.
pub async fn by_dossier(
    conn: &mut PgConnection,
    places: &[i32],
    dossiers: &[String],
    amounts: &[Decimal],
) -> Result<Vec<(i32, Uuid)>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query!(
        r#"select k.n as "n!", i.invoice_id
             from unnest($1::integer[], $2::text[], $3::numeric[]) k(n, dossier, amount)
            cross join lateral (
                  select i.invoice_id from invoice i
                   where i.dossier = k.dossier and i.status in ('issued', 'pending')
                     and i.amount = k.amount offset 0) i"#,
        places,
        dossiers,
        amounts
    )
    .map(|row| (row.n, row.invoice_id))
    .fetch_all(conn)
    .await
}

/// Money that went back, or may go back by a line.
#[derive(Debug)]
pub struct BackRow {
    /// The line's place among those asked for.
    pub n: i32,
    /// The refund, the reversal or the settlement.
    pub id: Uuid,
    /// refund, reversal, original.
    pub what: String,
    /// A refund that was sent and has not ended.
    pub on_its_way: bool,
    /// How much, positive.
    pub amount: Decimal,
    /// Matched, in the layer that is asked about.
    pub taken: bool,
}

/// Refunds by our references, or by that of the order whose money went back; reversals by the partner's
/// ids, and settlements by the transaction ids that lines take back.
pub async fn backs(
    conn: &mut PgConnection,
    partner: &str,
    layer: &str,
    places: &[i32],
    names: &[String],
) -> Result<Vec<BackRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        BackRow,
        r#"with k as (select * from unnest($3::integer[], $4::text[]) k(n, name)),
                found as (
            select k.n, r.refund_id as id, 'refund' as what, r.status = 'sent' as on_its_way, r.amount
              from k cross join lateral (
                   select * from refund r where r.partner = $1 and r.reference = k.name
                      and r.status in ('sent', 'confirmed') offset 0) r
            union
            select k.n, r.refund_id, 'refund', r.status = 'sent', r.amount
              from k cross join lateral (
                   select a.invoice_id from attempt a
                    where a.partner = $1 and a.reference = k.name offset 0) a
             cross join lateral (
                   select * from refund r where r.invoice_id = a.invoice_id and r.partner = $1
                      and r.status in ('sent', 'confirmed') offset 0) r
            union
            select k.n, r.reversal_id, 'reversal', false, s.amount
              from k cross join lateral (
                   select * from reversal r where r.partner = $1 and r.transaction_id = k.name
                   offset 0) r
              join settlement s on s.settlement_id = r.settlement_id
            union
            select k.n, s.settlement_id, 'original', false, s.amount
              from k cross join (values ('webhook'), ('api'), ('statement')) source(name)
             cross join lateral (
                   select * from settlement s where s.partner = $1 and s.source = source.name
                      and s.transaction_id = k.name and s.entry_id is not null
                      and not exists (select from reversal r
                                       where r.settlement_id = s.settlement_id) offset 0) s)
           select f.n as "n!", f.id as "id!", f.what as "what!", f.on_its_way as "on_its_way!",
                  f.amount as "amount!",
                  exists (select from match_side m where m.back_id = f.id and m.layer = $2
                             and m.active) as "taken!"
             from found f order by f.n, f.what, f.id"#,
        partner,
        layer,
        places,
        names
    )
    .fetch_all(conn)
    .await
}

/// A batch that a line may pay.
#[derive(Debug)]
pub struct BatchRow {
    /// The line's place among those asked for.
    pub n: i32,
    /// The report.
    pub statement: Uuid,
    /// Its name.
    pub batch: String,
    /// Whose report it is.
    pub partner: String,
    /// By its name, or by its sum.
    pub named: bool,
    /// The day of the report.
    pub day: NaiveDate,
    /// Gross less stated fees.
    pub net: Decimal,
    /// Stated fees.
    pub fee: Decimal,
    /// Fees of the contract.
    pub contract_fee: Decimal,
}

/// Open batches by name.
pub async fn batches_named(
    conn: &mut PgConnection,
    places: &[i32],
    names: &[String],
) -> Result<Vec<BatchRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        BatchRow,
        r#"select distinct k.n as "n!", b.statement_id as statement, b.batch, b.partner, true as "named!", b.day,
                  b.gross - b.fee as "net!", b.fee, b.contract_fee
             from unnest($1::integer[], $2::text[]) k(n, name)
            cross join lateral (
                  select * from report_batch b where b.batch = k.name and b.state = 'open'
                     and b.batch <> '' offset 0) b"#,
        places,
        names
    )
    .fetch_all(conn)
    .await
}

/// Open batches by sum.
pub async fn batches_of_sum(
    conn: &mut PgConnection,
    places: &[i32],
    amounts: &[Decimal],
) -> Result<Vec<BatchRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        BatchRow,
        r#"select k.n as "n!", b.statement_id as statement, b.batch, b.partner, false as "named!", b.day,
                  b.gross - b.fee as "net!", b.fee, b.contract_fee
             from unnest($1::integer[], $2::numeric[]) k(n, amount)
             join report_batch b on b.state = 'open' and b.gross - b.fee = k.amount"#,
        places,
        amounts
    )
    .fetch_all(conn)
    .await
}
