//! `payclear doctor`: checks settings, database and broker, one line for each, and prints what the
//! broker is expected to hold.

use std::process::ExitCode;

use crate::callers;
use crate::platform::broker;
use crate::platform::database;
use crate::platform::outbox;
use crate::platform::settings::{Settings, SettingsError};
use crate::vocabulary::realm::Realm;

/// Runs the command; exit code 1 when something is not in order.
pub async fn run() -> Result<ExitCode, SettingsError> {
    let settings = Settings::read()?;
    println!(
        "settings: readable, mode {:?}, public address {}",
        settings.mode, settings.http.public_url
    );
    let mut well = look(&settings).await;
    match settings.for_sandbox() {
        Some(sandbox) => {
            println!("sandbox:");
            well &= look(&sandbox).await;
        }
        None => println!("sandbox: none (sandbox.database_url is empty)"),
    }
    println!("doctor: {}", if well { "in order" } else { "NOT IN ORDER" });
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at the database and the queues of one realm.
async fn look(settings: &Settings) -> bool {
    let mut well = true;
    let mut partners = Vec::new();
    match database::open(&settings.database.url, 2).await {
        Ok(pool) => {
            match database::check(&pool).await {
                Ok(()) => println!("database: reachable, the schema is this program's"),
                Err(error) => {
                    well = false;
                    println!("{error}");
                }
            }
            match other_realm(&pool, settings.realm).await {
                Ok(false) => {}
                Ok(true) => {
                    well = false;
                    println!(
                        "database: NOT {}'s, it holds keys of the other realm",
                        settings.realm.name()
                    );
                }
                Err(error) => {
                    well = false;
                    println!("database: {error}");
                }
            }
            if !database::is_writable(&pool).await {
                well = false;
                println!("database: cannot be written to");
            }
            if let Ok((waiting, age)) = outbox::depth(&pool).await {
                println!("outbox: {waiting} messages wait, the oldest for {age} s");
            }
            partners = sqlx::query_scalar!("select code from partner order by code")
                .fetch_all(&pool)
                .await
                .unwrap_or_default();
        }
        Err(error) => {
            well = false;
            println!("{error}");
        }
    }
    match broker::connect(&settings.broker, "doctor").await {
        Ok(connection) => {
            println!("broker: reachable");
            drop(connection.close(200, "bye".into()).await);
        }
        Err(error) => {
            well = false;
            println!("{error}");
        }
    }
    println!("topology (exchange payclear.events, quorum queues, dead letters to parked.v1):");
    for (queue, key) in broker::topology(&partners) {
        println!("  {:<40} {key}", broker::named(&settings.broker, &queue));
    }
    well
}

async fn other_realm(pool: &sqlx::PgPool, realm: Realm) -> Result<bool, sqlx::Error> {
    callers::store::key_of_other_realm(&mut *pool.acquire().await?, realm).await
}
