//! A database of one test without a service on it.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::cluster::{at, cluster, drop_database, fresh_database};

/// A fresh database with the sample registers.
pub struct Scratch {
    name: String,
    /// As the application role.
    pub application_url: String,
}

impl Scratch {
    pub async fn make() -> Self {
        let name = fresh_database().await;
        let application_url = at(&cluster().application_url, &name);
        Self { name, application_url }
    }

    /// Connected as who may do anything.
    pub async fn owner(&self) -> PgPool {
        let url = at(&cluster().owner_url, &self.name);
        let options: PgConnectOptions = url.parse().expect("an address");
        PgPoolOptions::new().max_connections(2).connect_with(options).await.expect("a pool")
    }

    /// Takes the database away again.
    pub async fn drop(self) {
        drop_database(&self.name).await;
    }
}
