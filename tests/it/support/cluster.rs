//! The servers of the run, and a database of its own for each test: cloned from a template that is
//! migrated, filled with the sample registers and analysed once.

use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use payclear::platform::audit::By;
use payclear::platform::database;
use payclear::registers::import::import;
use payclear::vocabulary::clock::{Clock, SystemClock};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

/// Two runs on one cluster make the template one after the other.
const TEMPLATE_LOCK: i64 = 7_309_455;

/// Where the servers are.
pub struct Cluster {
    pub owner_url: String,
    pub application_url: String,
    pub amqp_url: String,
}

pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!(
                    "{name} is not set: these tests need a PostgreSQL and a RabbitMQ; run `make test`"
                )
            })
        };
        Cluster {
            owner_url: variable("DATABASE_OWNER_URL"),
            application_url: variable("DATABASE_URL"),
            amqp_url: variable("AMQP_URL"),
        }
    })
}

/// The same server, another database.
pub fn at(url: &str, database: &str) -> String {
    let mut url = url::Url::parse(url).expect("a database URL");
    url.set_path(database);
    url.into()
}

/// Runs statements whose names cannot be bound.
pub async fn run(conn: &mut PgConnection, statements: String) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(conn).await.expect("a statement of the owner");
}

/// A database that nobody else uses.
pub async fn fresh_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut conn = PgConnection::connect(&cluster().owner_url).await.expect("the owner's database");
    run(&mut conn, format!("drop database if exists {name} with (force)")).await;
    let template = template().await;
    run(&mut conn, format!("create database {name} template {template}")).await;
    name
}

pub async fn drop_database(name: &str) {
    let mut conn = PgConnection::connect(&cluster().owner_url).await.expect("the owner's database");
    run(&mut conn, format!("drop database if exists {name} with (force)")).await;
}

async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

async fn make_template() -> String {
    let name = format!("payclear_template_{}", fingerprint());
    let mut conn = PgConnection::connect(&cluster().owner_url).await.expect("the owner's database");
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut conn)
        .await
        .expect("the lock of the template");
    let known: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname ^@ $1")
            .bind("payclear_template_")
            .fetch_all(&mut conn)
            .await
            .expect("the names of databases");
    if !known.contains(&name) {
        for old in known {
            run(&mut conn, format!("drop database if exists {old} with (force)")).await;
        }
        let raw = format!("{name}_raw");
        run(&mut conn, format!("create database {raw}")).await;
        fill(&raw).await;
        run(&mut conn, format!("alter database {raw} rename to {name}")).await;
    }
    conn.close().await.expect("the lock is given back");
    name
}

async fn fill(database: &str) {
    let owner_url = at(&cluster().owner_url, database);
    let application_url = at(&cluster().application_url, database);
    database::make_roles(&owner_url, &application_url).await.expect("the roles");
    database::migrate(&owner_url).await.expect("the migrations");
    let pool = database::open(&application_url, 2).await.expect("the application's database");
    let by = By { actor: "tests", at: SystemClock.now() };
    import(&pool, by, &root().join("registers/sample")).await.expect("the sample registers");
    pool.close().await;
    let options = PgConnectOptions::from_str(&owner_url).expect("a database URL");
    let mut conn = PgConnection::connect_with(&options).await.expect("the owner's database");
    run(&mut conn, "analyze".to_owned()).await;
    conn.close().await.expect("nobody holds the template");
}

/// Changes with the migrations and the sample registers.
fn fingerprint() -> String {
    let mut hash = Sha256::new();
    for folder in ["migrations", "registers/sample"] {
        let files = std::fs::read_dir(root().join(folder)).expect("a folder of the tree");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.retain(|path| path.is_file());
        paths.sort();
        for path in paths {
            hash.update(std::fs::read(path).expect("a file of the tree"));
        }
    }
    hex::encode(&hash.finalize()[..6])
}
