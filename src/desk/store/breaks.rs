//! Cases, as lists show them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Which cases.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of agencies in these scopes; what is no agency's is seen with `*` alone.
    pub scopes: &'a [String],
    /// `open` for all that wait, `any`, or one state.
    pub state: &'a str,
    /// Of this code.
    pub code: Option<&'a str>,
    /// Of this partner.
    pub partner: Option<&'a str>,
    /// Of this invoice.
    pub invoice: Option<Uuid>,
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

/// Cases, the newest first.
pub async fn cases(conn: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Vec<Case>, sqlx::Error> {
    sqlx::query_as!(
        Case,
        r#"select b.break_id, b.code, b.opened_at, b.partner, b.agency, b.invoice_id,
                  i.code as "invoice?", b.amount, b.currency, b.state, b.detail
             from break_case b left join invoice i on i.invoice_id = b.invoice_id
            where exists (select from unnest($1::text[]) scope
                           where scope = '*' or b.agency = scope
                              or starts_with(b.agency, scope || '.'))
              and case $2::text when 'any' then true
                                when 'open' then b.state in ('open', 'assigned', 'waiting')
                                else b.state = $2 end
              and ($3::text is null or b.code = $3)
              and ($4::text is null or b.partner = $4)
              and ($5::uuid is null or b.invoice_id = $5)
            order by b.opened_at desc, b.break_id desc limit $6"#,
        wanted.scopes,
        wanted.state,
        wanted.code,
        wanted.partner,
        wanted.invoice,
        wanted.most
    )
    .fetch_all(conn)
    .await
}
