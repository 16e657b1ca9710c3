//! Makes partners ready to be spoken to: takes in the settings of their dialects and opens them.

use std::sync::Arc;

use serde_json::json;
use sqlx::PgConnection;

use super::dialects::{self, Quirk, SettingsError};
use super::store::{self, PartnerRow};
use super::{Partner, PartnerEntry};
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::platform::seal::{MasterKeys, OpenError, Secret};
use crate::vocabulary::realm::Realm;

/// Does a partner of this dialect collect on bank accounts, which have a BIN?
pub fn has_bank_accounts(dialect: &str) -> bool {
    !dialects::quirks(dialect).contains(&Quirk::MerchantNumber)
}

/// Does this dialect have a callback that can settle?
pub fn has_callback(dialect: &str) -> bool {
    !dialects::quirks(dialect).contains(&Quirk::NoCallback)
}

/// Why a partner is not configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The registers hold no such partner.
    #[error("there is no partner {partner}: enter it in partners.csv and import the registers")]
    UnknownPartner {
        /// The code asked for.
        partner: String,
    },
    /// The dialect does not take the settings.
    #[error("these are no settings of the dialect {dialect}: {why}")]
    Settings {
        /// The partner's dialect.
        dialect: String,
        /// What the dialect says.
        #[source]
        why: SettingsError,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Settings are bound to their partner.
fn context(partner: &str) -> String {
    format!("partner/{partner}")
}

/// Seals a dialect's settings (a JSON object), after the dialect itself has read them; the dialect.
pub async fn seal_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    partner: &str,
    settings: &[u8],
) -> Result<(String, Vec<u8>), ConfigureError> {
    let unknown = || ConfigureError::UnknownPartner { partner: partner.to_owned() };
    directory_version::raise_in(conn).await?;
    let dialect = store::partner_dialect(conn, partner).await?.ok_or_else(unknown)?;
    if let Err(why) = dialects::from_settings(&dialect, settings) {
        return Err(ConfigureError::Settings { dialect, why });
    }
    Ok((dialect, keys.seal(&context(partner), settings)))
}

/// Puts the settings in force that wait beside those of before.
pub async fn take_next_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (partner, dialect): (&str, &str),
) -> Result<(), sqlx::Error> {
    store::partner_next_settings_take(conn, partner).await?;
    let detail = json!({ "dialect": dialect });
    audit::record_in(conn, by, "partner.configured", partner, &detail).await
}

/// The settings of a partner, opened; none when there are none or they do not open.
pub fn settings_of(row: &PartnerRow, keys: &MasterKeys) -> Option<Secret> {
    keys.open(&context(&row.entry.code), row.settings.as_ref()?).ok()
}

/// Makes a partner of its row. Settings that do not open or do not fit take away this partner's
/// voice alone, with a warning: the others go on.
pub fn open(row: PartnerRow, keys: &MasterKeys) -> Partner {
    let PartnerRow { entry, settings } = row;
    // The bank that makes money up speaks in the sandbox, and nowhere else.
    let made_up = dialects::quirks(&entry.dialect).contains(&Quirk::SandboxOnly);
    let dialect = if made_up && keys.realm() != Realm::Sandbox {
        tracing::error!(partner.code = entry.code, "a test bank is not spoken to here");
        None
    } else {
        open_dialect(&entry, settings, keys)
    };
    Partner {
        code: entry.code,
        name: entry.name,
        name_en: entry.name_en,
        calls_per_second: entry.calls_per_second,
        open: entry.open,
        seen_as: entry.seen_as,
        called_from: entry.called_from,
        dialect_name: entry.dialect,
        dialect,
    }
}

fn open_dialect(
    entry: &PartnerEntry,
    settings: Option<Vec<u8>>,
    keys: &MasterKeys,
) -> Option<Arc<dyn dialects::Dialect>> {
    match settings.map(|sealed| keys.open(&context(&entry.code), &sealed)) {
        // Not configured is no fault: a dialect that needs no settings speaks, others wait.
        None => dialects::from_settings(&entry.dialect, b"{}").ok(),
        Some(opened) => read(entry, opened).unwrap_or_else(|why| {
            tracing::warn!(
                partner.code = entry.code,
                %why,
                "the partner is disabled: its settings cannot be used; configure it again"
            );
            None
        }),
    }
}

/// Why sealed settings cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

type Opened = Result<Secret, OpenError>;

fn read(
    entry: &PartnerEntry,
    opened: Opened,
) -> Result<Option<Arc<dyn dialects::Dialect>>, Unusable> {
    Ok(Some(dialects::from_settings(&entry.dialect, opened?.expose())?))
}
