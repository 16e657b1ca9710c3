//! Mappings of partners' reports: entered from a file, each change a new version.

use sqlx::{PgConnection, PgPool};

use super::formats::mapping::{Mapping, MappingError};
use super::store::kept::{self, KeptMapping};
use crate::partners::store::partner_dialect;
use crate::platform::audit::{self, By};

/// Why a mapping is not entered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be read.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// It is nobody's.
    #[error("there is no partner {0:?} in the registers")]
    UnknownPartner(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Enters a mapping; its name and version, and whether it is new.
pub async fn register(
    pool: &PgPool,
    by: By<'_>,
    text: &str,
) -> Result<(String, i32, bool), RegisterError> {
    let mapping = Mapping::parse(text)?;
    let mut tx = pool.begin().await?;
    if partner_dialect(&mut tx, &mapping.partner).await?.is_none() {
        return Err(RegisterError::UnknownPartner(mapping.partner));
    }
    let newest = kept::mappings_newest(&mut tx, Some(&mapping.partner)).await?;
    let newest = newest.into_iter().find(|known| known.name == mapping.name);
    if let Some(known) = &newest
        && known.content == text
    {
        return Ok((mapping.name, known.version, false));
    }
    let version = newest.map_or(1, |known| known.version + 1);
    let (partner, name) = (mapping.partner, mapping.name);
    let kept = KeptMapping { partner, name, version, content: text.to_owned() };
    kept::mapping_insert(&mut tx, &kept, (by.actor, by.at)).await?;
    let subject = format!("{}/{}", kept.partner, kept.name);
    let detail = serde_json::json!({ "version": version });
    audit::record_in(&mut tx, by, "statement.mapping", &subject, &detail).await?;
    tx.commit().await?;
    Ok((kept.name, version, true))
}

/// The newest of each, ready to read with.
pub(super) async fn newest(
    conn: &mut PgConnection,
    partner: Option<&str>,
) -> Result<Vec<Mapping>, sqlx::Error> {
    let kept = kept::mappings_newest(conn, partner).await?;
    Ok(kept
        .into_iter()
        .filter_map(|kept| {
            let read = Mapping::parse(&kept.content);
            if let Err(error) = &read {
                tracing::error!(partner.code = kept.partner, mapping = kept.name, %error,
                    "a mapping cannot be read");
            }
            read.ok().map(|mapping| Mapping { version: kept.version, ..mapping })
        })
        .collect())
}
