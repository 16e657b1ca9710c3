//! Invoices as they are looked for, and what happened to one.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Which invoices.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of agencies in these scopes.
    pub scopes: &'a [String],
    /// One of these.
    pub among: Option<&'a [Uuid]>,
    /// Of this agency and those below it.
    pub agency: Option<&'a str>,
    /// Of this portal.
    pub portal: Option<&'a str>,
    /// Of this procedure.
    pub procedure: Option<&'a str>,
    /// In this state.
    pub status: Option<&'a str>,
    /// Paid through this partner.
    pub paid_via: Option<&'a str>,
    /// With a line of this item, named as reports name it: `name (chapter – sub-item)`.
    pub item: Option<&'a str>,
    /// Paid within these instants.
    pub paid: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// From this id on: ids begin with the time they were made.
    pub from: Uuid,
    /// Below this id.
    pub until: Uuid,
    /// At most so many.
    pub most: i64,
}

/// An invoice in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub invoice_id: Uuid,
    /// Its code.
    pub code: String,
    /// The portal.
    pub portal: String,
    /// The agency.
    pub agency: String,
    /// The procedure.
    pub procedure: String,
    /// The dossier.
    pub dossier: String,
    /// How much is owed.
    pub amount: Decimal,
    /// How much was given back.
    pub refunded: Decimal,
    /// The currency.
    pub currency: String,
    /// Where it stands.
    pub status: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// Through whom.
    pub paid_via: Option<String>,
}

/// Invoices, the newest first.
pub async fn invoices(
    conn: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as!(
        Listed,
        r#"select invoice_id, code, portal, agency, procedure, dossier, amount, refunded, currency,
                  status, issued_at, paid_at, paid_via
             from invoice i
            where i.invoice_id >= $8 and i.invoice_id < $9
              and ($2::uuid[] is null or i.invoice_id = any($2))
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or i.agency = scope
                              or starts_with(i.agency, scope || '.'))
              and ($3::text is null or i.agency = $3 or starts_with(i.agency, $3 || '.'))
              and ($4::text is null or i.portal = $4)
              and ($5::text is null or i.procedure = $5)
              and ($6::text is null or i.status = $6)
              and ($7::text is null or i.paid_via = $7)
              and ($11::timestamptz is null or i.paid_at >= $11)
              and ($12::timestamptz is null or i.paid_at < $12)
              and ($13::text is null or exists (
                   select from jsonb_array_elements(i.lines) l(line)
                    where l.line ->> 'name' || ' (' || (l.line ->> 'chapter') || ' – '
                          || (l.line ->> 'sub_item') || ')' = $13))
            order by i.invoice_id desc limit $10"#,
        wanted.scopes,
        wanted.among,
        wanted.agency,
        wanted.portal,
        wanted.procedure,
        wanted.status,
        wanted.paid_via,
        wanted.from,
        wanted.until,
        wanted.most,
        wanted.paid.map(|(from, _)| from),
        wanted.paid.map(|(_, until)| until),
        wanted.item
    )
    .fetch_all(conn)
    .await
}

/// The invoices that somebody could mean: by code, dossier, our reference of an order, or a
/// partner's id of a payment. Each way has an index.
pub async fn meant(
    conn: &mut PgConnection,
    text: &str,
    partners: &[String],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select invoice_id as "id!" from invoice where code = upper($1)
           union select invoice_id from (
                 select invoice_id from invoice where dossier = $1 limit 200) d
           union select a.invoice_id from unnest($2::text[]) p(code)
             join attempt a on a.partner = p.code and a.reference = $1
           union select s.invoice_id from unnest($2::text[]) p(code)
            cross join unnest(array['webhook', 'api', 'statement']) via(source)
             join settlement s on s.partner = p.code and s.source = via.source
                  and s.transaction_id = $1
            where s.invoice_id is not null"#,
        text,
        partners
    )
    .fetch_all(conn)
    .await
}

/// A step that was taken.
#[derive(Debug)]
pub struct StepRow {
    /// When.
    pub made_at: DateTime<Utc>,
    /// What.
    pub kind: String,
    /// By whom.
    pub actor: String,
}

/// Everything that was told of an invoice, in its order.
pub async fn steps(conn: &mut PgConnection, invoice: Uuid) -> Result<Vec<StepRow>, sqlx::Error> {
    sqlx::query_as!(
        StepRow,
        r#"select e.made_at, e.kind, e.actor from event e
            where e.invoice_id = $1 order by e.made_by_tx, e.event_id limit 500"#,
        invoice
    )
    .fetch_all(conn)
    .await
}

/// Money that came for an invoice.
#[derive(Debug)]
pub struct SettledRow {
    /// Its id.
    pub settlement_id: Uuid,
    /// Through whom.
    pub partner: String,
    /// By whose word.
    pub source: String,
    /// The partner's id of it.
    pub transaction_id: String,
    /// On which account.
    pub account: String,
    /// How much.
    pub amount: Decimal,
    /// The currency.
    pub currency: String,
    /// What the payer wrote.
    pub memo: String,
    /// When it was collected.
    pub value_time: DateTime<Utc>,
    /// When we heard of it.
    pub received_at: DateTime<Utc>,
    /// What was done with it.
    pub outcome: String,
    /// Its entry.
    pub entry_id: Option<i64>,
    /// When it was seen in the bank.
    pub banked_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub reversed_at: Option<DateTime<Utc>>,
    /// The entry of that.
    pub reversal_entry: Option<i64>,
}

/// The settlements of an invoice.
pub async fn settlements(
    conn: &mut PgConnection,
    invoice: Uuid,
) -> Result<Vec<SettledRow>, sqlx::Error> {
    sqlx::query_as!(
        SettledRow,
        r#"select s.settlement_id, s.partner, s.source, s.transaction_id, s.account, s.amount,
                  s.currency, s.memo, s.value_time, s.received_at, s.outcome, s.entry_id,
                  b.at as "banked_at?", r.received_at as "reversed_at?",
                  r.entry_id as "reversal_entry?"
             from settlement s
             left join settlement_banked b on b.settlement_id = s.settlement_id
             left join reversal r on r.settlement_id = s.settlement_id
            where s.invoice_id = $1 order by s.settlement_id"#,
        invoice
    )
    .fetch_all(conn)
    .await
}

/// The invoice of a settlement.
pub async fn invoice_of_settlement(
    conn: &mut PgConnection,
    settlement: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select invoice_id from settlement where settlement_id = $1",
        settlement
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.flatten())
}
