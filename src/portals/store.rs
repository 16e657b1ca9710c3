//! SQL on `portal` and `endpoint`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Portal;
use crate::vocabulary::ids::EndpointId;
use crate::vocabulary::origin::Origin;

/// Every portal, open or not, by code.
pub async fn portal_list(conn: &mut PgConnection) -> Result<Vec<Portal>, sqlx::Error> {
    let rows = sqlx::query!(
        "select code, name, name_en, return_origins, seen_as, calls_per_second, open
         from portal order by code"
    )
    .fetch_all(conn)
    .await?;
    let origins = |texts: Vec<String>| texts.into_iter().map(Origin::from_register).collect();
    Ok(rows
        .into_iter()
        .map(|row| Portal {
            code: row.code,
            name: row.name,
            name_en: row.name_en,
            return_origins: origins(row.return_origins),
            seen_as: origins(row.seen_as),
            calls_per_second: row.calls_per_second.unsigned_abs(),
            open: row.open,
        })
        .collect())
}

/// Is there a portal of that code?
pub async fn portal_exists(conn: &mut PgConnection, code: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select from portal where code = $1) as "is!""#, code)
        .fetch_one(conn)
        .await
}

/// Enters a portal, or brings it up to date.
pub async fn portal_put(
    conn: &mut PgConnection,
    portal: &Portal,
    load: i64,
) -> Result<(), sqlx::Error> {
    let texts = |origins: &[Origin]| -> Vec<String> {
        origins.iter().map(|origin| origin.as_str().to_owned()).collect()
    };
    sqlx::query!(
        "insert into portal
             (code, name, name_en, return_origins, seen_as, calls_per_second, open, load_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint portal_pkey do update set
             name = excluded.name, name_en = excluded.name_en,
             return_origins = excluded.return_origins, seen_as = excluded.seen_as,
             calls_per_second = excluded.calls_per_second, open = excluded.open,
             load_id = excluded.load_id",
        portal.code,
        portal.name,
        portal.name_en,
        &texts(&portal.return_origins),
        &texts(&portal.seen_as),
        portal.calls_per_second.cast_signed(),
        portal.open,
        load,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An endpoint as it lies in the database, secrets sealed.
#[derive(Debug, Clone)]
pub struct EndpointRow {
    /// Its id.
    pub endpoint_id: EndpointId,
    /// Whose it is.
    pub portal: String,
    /// The address.
    pub url: String,
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// The secret before it, sealed.
    pub previous_secret: Option<Vec<u8>>,
    /// Until when the secret before it signs as well.
    pub previous_until: Option<DateTime<Utc>>,
    /// `pending`, `open`, `disabled` or `gone`.
    pub state: String,
    /// Why it is in that state.
    pub state_reason: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// The endpoints of one portal, or of all with `None`; those that are gone are left out.
pub async fn endpoint_list(
    conn: &mut PgConnection,
    portal: Option<&str>,
) -> Result<Vec<EndpointRow>, sqlx::Error> {
    sqlx::query_as!(
        EndpointRow,
        r#"select endpoint_id as "endpoint_id: EndpointId", portal, url, secret, previous_secret,
               previous_until, state, state_reason, made_at
           from endpoint
           where state <> 'gone' and ($1::text is null or portal = $1)
           order by portal, endpoint_id"#,
        portal,
    )
    .fetch_all(conn)
    .await
}

/// One endpoint of a portal, locked until the transaction ends.
pub async fn endpoint_lock(
    conn: &mut PgConnection,
    portal: &str,
    id: EndpointId,
) -> Result<Option<EndpointRow>, sqlx::Error> {
    sqlx::query_as!(
        EndpointRow,
        r#"select endpoint_id as "endpoint_id: EndpointId", portal, url, secret, previous_secret,
               previous_until, state, state_reason, made_at
           from endpoint
           where endpoint_id = $1 and portal = $2 and state <> 'gone'
           for update"#,
        id as EndpointId,
        portal,
    )
    .fetch_optional(conn)
    .await
}

/// Enters an endpoint.
pub async fn endpoint_insert(
    conn: &mut PgConnection,
    row: &EndpointRow,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into endpoint (endpoint_id, portal, url, secret, state, made_at)
         values ($1, $2, $3, $4, $5, $6)",
        row.endpoint_id as EndpointId,
        row.portal,
        row.url,
        row.secret,
        row.state,
        row.made_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts a new secret in the place of the old one, which signs beside it until `until`.
pub async fn endpoint_rotate(
    conn: &mut PgConnection,
    id: EndpointId,
    secret: &[u8],
    previous: &[u8],
    until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update endpoint set secret = $2, previous_secret = $3, previous_until = $4
         where endpoint_id = $1",
        id as EndpointId,
        secret,
        previous,
        until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves an endpoint from one state to another; `false` when it was not in the first.
pub async fn endpoint_step(
    conn: &mut PgConnection,
    id: EndpointId,
    from: &str,
    to: &str,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update endpoint set state = $3, state_reason = $4
         where endpoint_id = $1 and state = $2",
        id as EndpointId,
        from,
        to,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
