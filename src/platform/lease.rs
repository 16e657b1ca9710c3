//! Leaders: a row with an end and a number that rises with each new holder.
//!
//! No session locks: a connection pooler would give them to somebody else.

use std::time::Duration;

use sqlx::PgConnection;

/// How long a lease holds unless it is renewed.
pub const HOLDS: Duration = Duration::from_secs(6);

/// Takes or renews a lease. The number is its fence; none when another holds it.
///
/// Time is the database's, so that two machines with different clocks agree on who leads.
pub async fn take(
    conn: &mut PgConnection,
    name: &str,
    holder: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let seconds = i32::try_from(HOLDS.as_secs()).unwrap_or(i32::MAX);
    sqlx::query_scalar!(
        "insert into lease as l (name, holder, fence, until)
         values ($1, $2, 1, statement_timestamp() + make_interval(secs => $3::integer))
         on conflict on constraint lease_pkey do update
            set holder = excluded.holder,
                fence = case when l.holder = excluded.holder then l.fence else l.fence + 1 end,
                until = excluded.until
          where l.holder = excluded.holder or l.until < statement_timestamp()
         returning fence",
        name,
        holder,
        seconds
    )
    .fetch_optional(conn)
    .await
}

/// Takes a lease from whoever holds it; the higher fence ends what the other does under it.
pub async fn seize(conn: &mut PgConnection, name: &str, holder: &str) -> Result<(), sqlx::Error> {
    let seconds = i32::try_from(HOLDS.as_secs()).unwrap_or(i32::MAX);
    sqlx::query!(
        "insert into lease as l (name, holder, fence, until)
         values ($1, $2, 1, statement_timestamp() + make_interval(secs => $3::integer))
         on conflict on constraint lease_pkey do update
            set holder = excluded.holder, fence = l.fence + 1, until = excluded.until",
        name,
        holder,
        seconds
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a lease up, so that another need not wait for its end.
pub async fn release(conn: &mut PgConnection, name: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update lease set until = statement_timestamp() where name = $1 and holder = $2",
        name,
        holder
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Tells that a process is there; how many of its kind are.
pub async fn be_present(
    conn: &mut PgConnection,
    kind: &str,
    holder: &str,
) -> Result<u32, sqlx::Error> {
    let seconds = i32::try_from(HOLDS.as_secs()).unwrap_or(i32::MAX);
    sqlx::query!(
        "insert into lease (name, holder, fence, until)
         values ($1 || '/' || $2, $2, 1, statement_timestamp() + make_interval(secs => $3::integer))
         on conflict on constraint lease_pkey do update set until = excluded.until",
        kind,
        holder,
        seconds
    )
    .execute(&mut *conn)
    .await?;
    // Those that went without a word.
    sqlx::query!(
        "delete from lease where starts_with(name, $1 || '/')
            and until < statement_timestamp() - interval '1 minute'",
        kind
    )
    .execute(&mut *conn)
    .await?;
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from lease
            where starts_with(name, $1 || '/') and until > statement_timestamp()"#,
        kind
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Tells that a process is gone.
pub async fn leave(conn: &mut PgConnection, kind: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from lease where name = $1 || '/' || $2", kind, holder)
        .execute(conn)
        .await?;
    Ok(())
}
