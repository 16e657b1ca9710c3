//! A database of one test, migrated; each test drops its own.

use payclear::platform::database;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use url::Url;

/// A fresh database.
pub struct Scratch {
    owner_url: String,
    /// As the application role.
    pub application_url: String,
}

#[expect(clippy::disallowed_methods, reason = "tests are told of their servers this way")]
fn server(name: &str) -> Url {
    let text = std::env::var(name).unwrap_or_default();
    Url::parse(&text).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}

impl Scratch {
    /// Makes the database and migrates it.
    pub async fn make(name: &str) -> Self {
        let name = format!("payclear_it_{name}_{:08x}", rand::random::<u32>());
        let of = |variable| {
            let mut url = server(variable);
            url.set_path(&name);
            url.to_string()
        };
        let (owner_url, application_url) = (of("DATABASE_OWNER_URL"), of("DATABASE_URL"));
        let mut conn =
            PgConnection::connect(server("DATABASE_OWNER_URL").as_str()).await.expect("a server");
        // Names are made above, of letters and digits.
        let make = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(make).execute(&mut conn).await.expect("a database");
        conn.close().await.expect("closes");
        database::make_roles(&owner_url, &application_url).await.expect("roles");
        database::migrate(&owner_url).await.expect("migrations");
        Self { owner_url, application_url }
    }

    /// Connected as who may do anything.
    pub async fn owner(&self) -> PgPool {
        let options: PgConnectOptions = self.owner_url.parse().expect("an address");
        PgPoolOptions::new().max_connections(2).connect_with(options).await.expect("a pool")
    }

    /// Takes the database away again.
    pub async fn drop(self) {
        let mut conn =
            PgConnection::connect(server("DATABASE_OWNER_URL").as_str()).await.expect("a server");
        let url = Url::parse(&self.owner_url).expect("an address");
        let drop = sqlx::AssertSqlSafe(format!(
            "drop database {} with (force)",
            url.path().trim_start_matches('/')
        ));
        sqlx::raw_sql(drop).execute(&mut conn).await.expect("dropped");
    }
}
