//! Refunds as officers list them: by the agencies in their scopes.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::refunds::status::RefundStatus;
use crate::vocabulary::ids::RefundId;

/// Which refunds.
#[derive(Debug)]
pub struct Listed<'a> {
    /// Of invoices of agencies in these scopes.
    pub scopes: &'a [String],
    /// In this state.
    pub status: Option<RefundStatus>,
    /// Of invoices of this agency and those below it.
    pub agency: Option<&'a str>,
    /// Older than this one.
    pub before: Option<RefundId>,
    /// At most so many.
    pub limit: i64,
}

/// A refund by its id, with what an officer knows it by.
#[derive(Debug)]
pub struct ListedRow {
    /// Which.
    pub refund: Uuid,
    /// The agency of its invoice.
    pub agency: String,
    /// The code of its invoice.
    pub invoice: String,
}

/// Refunds, the newest first.
pub async fn refunds_list(
    conn: &mut PgConnection,
    wanted: &Listed<'_>,
) -> Result<Vec<ListedRow>, sqlx::Error> {
    sqlx::query_as!(
        ListedRow,
        r#"select r.refund_id as refund, i.agency, i.code as invoice
             from refund r join invoice i on i.invoice_id = r.invoice_id
            where exists (select from unnest($1::text[]) scope
                           where scope = '*' or i.agency = scope
                              or starts_with(i.agency, scope || '.'))
              and ($2::text is null or r.status = $2)
              and ($3::text is null or i.agency = $3 or starts_with(i.agency, $3 || '.'))
              and ($4::uuid is null or r.refund_id < $4)
            order by r.refund_id desc limit $5"#,
        wanted.scopes,
        wanted.status.map(RefundStatus::as_str),
        wanted.agency,
        wanted.before.map(|id| id.0),
        wanted.limit
    )
    .fetch_all(conn)
    .await
}
