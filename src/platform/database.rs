//! The database: PostgreSQL is the only truth.

use std::str::FromStr;
use std::time::Duration;

#[expect(
    clippy::disallowed_types,
    reason = "role names and passwords cannot be bound in DDL; they are quoted by the server's own format()"
)]
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

/// The oldest server that will do.
const OLDEST_VERSION: i32 = 150_000;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Not reachable, or a statement failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A migration failed, or the database is ahead of this program.
    #[error("database: migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Too old.
    #[error("database: this is PostgreSQL {0}; version 15 or newer is needed")]
    TooOld(String),
    /// The schema is not there, or not of this program's version.
    #[error("database: the schema is not up to date ({0}); run `payclear migrate --roles` first")]
    NotMigrated(String),
    /// The address has no user name.
    #[error("database: DATABASE_URL must name the application's user")]
    NoUser,
}

/// Opens the pool of the application role.
///
/// Each connection ends a statement after 5 s, waits 1 s for a lock, and is cut off when it idles
/// in a transaction for 5 s: an open transaction stalls the sequencer.
pub async fn open(url: &str, connections: u32) -> Result<PgPool, DatabaseError> {
    let options = PgConnectOptions::from_str(url)?.application_name("payclear").options([
        ("statement_timeout", "5000"),
        ("lock_timeout", "1000"),
        ("idle_in_transaction_session_timeout", "5000"),
        ("timezone", "UTC"),
        // Statements are short: compiling one takes longer than running it.
        ("jit", "off"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(pool)
}

/// Refuses a server that is too old and a schema that is not this program's.
pub async fn check(pool: &PgPool) -> Result<(), DatabaseError> {
    let mut conn = pool.acquire().await?;
    check_version(&mut conn).await?;
    let applied: Result<Vec<i64>, _> =
        sqlx::query_scalar("select version from _sqlx_migrations where success order by version")
            .fetch_all(&mut *conn)
            .await;
    let applied = applied.map_err(|e| DatabaseError::NotMigrated(e.to_string()))?;
    for migration in MIGRATIONS.iter() {
        if !applied.contains(&migration.version) {
            return Err(DatabaseError::NotMigrated(format!("{} is missing", migration.version)));
        }
    }
    Ok(())
}

async fn check_version(conn: &mut PgConnection) -> Result<(), DatabaseError> {
    let (number, text): (i32, String) = sqlx::query_as(
        "select current_setting('server_version_num')::integer, current_setting('server_version')",
    )
    .fetch_one(conn)
    .await?;
    if number < OLDEST_VERSION { Err(DatabaseError::TooOld(text)) } else { Ok(()) }
}

/// Makes the roles of the cluster, once: an owner that nobody can log in as, what the application
/// and auditors may do, and the application's user (with the password of `application_url`).
pub async fn make_roles(owner_url: &str, application_url: &str) -> Result<(), DatabaseError> {
    for _ in 0..20 {
        match make_roles_once(owner_url, application_url).await {
            // Roles belong to the whole cluster and locks to one database: another program may do
            // the same from another database at this moment.
            Err(DatabaseError::Sql(sqlx::Error::Database(told)))
                if matches!(told.code().as_deref(), Some("XX000" | "23505" | "42710")) =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
    make_roles_once(owner_url, application_url).await
}

async fn make_roles_once(owner_url: &str, application_url: &str) -> Result<(), DatabaseError> {
    let mut conn = PgConnection::connect(owner_url).await?;
    check_version(&mut conn).await?;
    let application = url::Url::parse(application_url).map_err(|_| DatabaseError::NoUser)?;
    if application.username().is_empty() {
        return Err(DatabaseError::NoUser);
    }
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let user = decoded(application.username());
    let password = application.password().map(decoded);
    let mut tx = conn.begin().await?;
    // Two programs may do this at once.
    sqlx::query("select pg_advisory_xact_lock(7309454)").execute(&mut *tx).await?;
    for role in ["payclear_owner", "payclear_app", "payclear_auditor"] {
        make_role(&mut tx, role, Login::None).await?;
    }
    make_role(&mut tx, &user, Login::Allowed { password: password.as_deref() }).await?;
    if user != "payclear_app" {
        let grant: String = sqlx::query_scalar("select format('grant payclear_app to %I', $1)")
            .bind(&user)
            .fetch_one(&mut *tx)
            .await?;
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut *tx).await?;
    }
    let own: String = sqlx::query_scalar(
        "select format('alter database %I owner to payclear_owner; grant payclear_owner to %I; alter schema public owner to payclear_owner; revoke create on schema public from public', current_database(), current_user)")
        .fetch_one(&mut *tx)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(own)).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether somebody can log in as a role.
#[derive(Clone, Copy)]
enum Login<'a> {
    None,
    /// Without a password the server must trust the connection.
    Allowed {
        password: Option<&'a str>,
    },
}

async fn make_role(
    conn: &mut PgConnection,
    role: &str,
    login: Login<'_>,
) -> Result<(), DatabaseError> {
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut *conn)
            .await?;
    let verb = if exists { "alter" } else { "create" };
    let statement: Option<String> = match login {
        Login::None if exists => None,
        Login::None => sqlx::query_scalar("select format('create role %I nologin', $1)")
            .bind(role)
            .fetch_one(&mut *conn)
            .await
            .map(Some)?,
        Login::Allowed { password: None } => {
            sqlx::query_scalar("select format($2 || ' role %I login', $1)")
                .bind(role)
                .bind(verb)
                .fetch_one(&mut *conn)
                .await
                .map(Some)?
        }
        Login::Allowed { password: Some(password) } => {
            sqlx::query_scalar("select format($2 || ' role %I login password %L', $1, $3)")
                .bind(role)
                .bind(verb)
                .bind(password)
                .fetch_one(&mut *conn)
                .await
                .map(Some)?
        }
    };
    if let Some(statement) = statement {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(conn).await?;
    }
    Ok(())
}

/// Applies the migrations as the owner; the number of those that were new.
pub async fn migrate(owner_url: &str) -> Result<usize, DatabaseError> {
    let options = PgConnectOptions::from_str(owner_url)?.options([("role", "payclear_owner")]);
    let mut conn = PgConnection::connect_with(&options).await?;
    check_version(&mut conn).await?;
    let before: i64 = applied_count(&mut conn).await;
    MIGRATIONS.run(&mut conn).await?;
    let after = applied_count(&mut conn).await;
    sqlx::raw_sql("grant select on _sqlx_migrations to payclear_app, payclear_auditor; analyze")
        .execute(&mut conn)
        .await?;
    conn.close().await?;
    Ok(usize::try_from(after - before).unwrap_or(0))
}

/// Makes the sandbox's database on the owner's server when it is not there yet; the owner's address
/// of it.
pub async fn made_beside(owner_url: &str, application_url: &str) -> Result<String, DatabaseError> {
    let name = PgConnectOptions::from_str(application_url)?;
    let name = name.get_database().ok_or(DatabaseError::NoUser)?.to_owned();
    let mut conn = PgConnection::connect(owner_url).await?;
    let statement: Option<String> = sqlx::query_scalar(
        "select format('create database %I', $1)
          where not exists (select from pg_database where datname = $1)",
    )
    .bind(&name)
    .fetch_optional(&mut conn)
    .await?;
    if let Some(statement) = statement {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
    }
    conn.close().await?;
    let mut url = url::Url::parse(owner_url).map_err(|_| DatabaseError::NoUser)?;
    url.set_path(&name);
    Ok(url.into())
}

async fn applied_count(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(conn).await.unwrap_or(0)
}

/// Which database this is, whatever its address is called: its cluster and its name.
pub async fn identity(pool: &PgPool) -> Result<(Option<i64>, Option<String>), sqlx::Error> {
    let row = sqlx::query!(
        "select system_identifier as cluster, current_database()::text as name
           from pg_control_system()"
    )
    .fetch_one(pool)
    .await?;
    Ok((row.cluster, row.name))
}

/// Can the database be written to now?
pub async fn is_writable(pool: &PgPool) -> bool {
    let ask = sqlx::query_scalar!(
        r#"select not pg_is_in_recovery() and not current_setting('transaction_read_only')::boolean as "writable!""#
    )
    .fetch_one(pool);
    matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(true)))
}

/// How much room is left on the disk of a path of this machine (MiB); none when it cannot be told.
pub fn disk_free(path: &str) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    // What only root may still use is no room for a database.
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024))
}
