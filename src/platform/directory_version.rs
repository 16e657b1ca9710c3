//! The number that rises with every change of a register, a key or an endpoint.
//!
//! Processes hold the registers in memory and read this one row to see that theirs are old. Its row
//! lock puts the changes in one order: whoever sees a new number and reads again misses nothing.

use sqlx::PgConnection;

/// The number of the last committed change.
pub async fn read(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select version from directory_version").fetch_one(conn).await
}

/// Raises the number. Called first in a transaction, it also makes the changes wait for each other.
pub async fn raise_in(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("update directory_version set version = version + 1").execute(conn).await?;
    Ok(())
}

/// Raises the number when it still is `seen`: what was read since then is then still true, and
/// stays so until this transaction ends. `false` means: read again.
pub async fn raise_from_in(conn: &mut PgConnection, seen: i64) -> Result<bool, sqlx::Error> {
    let done =
        sqlx::query!("update directory_version set version = version + 1 where version = $1", seen)
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}
