//! Cases, as lists show them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Which cases.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of agencies in these scopes; what is no agency's is seen with `*` alone.
    pub scopes: &'a [String],
    /// Of this invoice.
    pub invoice: Uuid,
    /// At most so many.
    pub most: i64,
}

/// A case.
#[derive(Debug)]
pub struct Case {
    /// Its id.
    pub break_id: Uuid,
    /// What does not match.
    pub code: String,
    /// When it was found.
    pub opened_at: DateTime<Utc>,
    /// The partner.
    pub partner: String,
    /// The agency, when one is known.
    pub agency: String,
    /// The invoice, when one is known.
    pub invoice_id: Option<Uuid>,
    /// Its code.
    pub invoice: Option<String>,
    /// How much.
    pub amount: Decimal,
    /// The currency.
    pub currency: String,
    /// Where it stands.
    pub state: String,
    /// For the officer.
    pub detail: String,
}

/// The cases of an invoice, the newest first.
pub async fn cases(conn: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Vec<Case>, sqlx::Error> {
    sqlx::query_as!(
        Case,
        r#"select b.break_id, b.code, b.opened_at, b.partner, b.agency, b.invoice_id,
                  i.code as "invoice?", b.amount, b.currency, b.state, b.detail
             from break_case b left join invoice i on i.invoice_id = b.invoice_id
            where exists (select from unnest($1::text[]) scope
                           where scope = '*' or b.agency = scope
                              or starts_with(b.agency, scope || '.'))
              and b.invoice_id = $2
            order by b.opened_at desc, b.break_id desc limit $3"#,
        wanted.scopes,
        wanted.invoice,
        wanted.most
    )
    .fetch_all(conn)
    .await
}

/// The codes of invoices.
pub async fn invoice_codes(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, sqlx::Error> {
    sqlx::query!(
        "select i.invoice_id, i.code
           from unnest($1::uuid[]) k(id)
          cross join lateral (select invoice_id, code from invoice
                               where invoice_id = k.id offset 0) i",
        ids
    )
    .map(|row| (row.invoice_id, row.code))
    .fetch_all(conn)
    .await
    .map(|rows| rows.into_iter().collect())
}
