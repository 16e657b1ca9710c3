//! Who did what.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Which rows.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of this actor.
    pub actor: Option<&'a str>,
    /// Of this action, or of those that begin so up to a full stop.
    pub action: Option<&'a str>,
    /// About this.
    pub subject: Option<&'a str>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// At most so many.
    pub most: i64,
}

/// One deed.
#[derive(Debug)]
pub struct Deed {
    /// Its number.
    pub audit_id: i64,
    /// When.
    pub made_at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More of it, as JSON.
    pub detail: String,
    /// Why.
    pub reason: Option<String>,
}

/// Deeds, the newest first.
pub async fn deeds(conn: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Vec<Deed>, sqlx::Error> {
    sqlx::query_as!(
        Deed,
        r#"select audit_id, made_at, actor, action, subject, detail::text as "detail!", reason
             from audit
            where ($1::text is null or actor = $1)
              and ($2::text is null or action = $2 or starts_with(action, $2 || '.'))
              and ($3::text is null or subject = $3)
              and ($4::timestamptz is null or made_at >= $4)
              and ($5::timestamptz is null or made_at < $5)
            order by audit_id desc limit $6"#,
        wanted.actor,
        wanted.action,
        wanted.subject,
        wanted.from,
        wanted.until,
        wanted.most
    )
    .fetch_all(conn)
    .await
}
