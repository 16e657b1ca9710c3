//! Mappings of partners' reports: entered from a file by one person, in force once another has agreed,
//! each change a new version. Who could change alone which column is the amount could change alone what
//! a partner is held to have collected.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::formats::mapping::{Mapping, MappingError};
use super::store::kept::{self, KeptMapping};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Maker, Proposal, ProposeError, ask_in};
use crate::partners::store::partner_dialect;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

/// The name of the kind, in approvals and in the guard of the database.
pub const MAPPING: &str = "statement.mapping";

/// Why a mapping is not entered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be read.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// It is nobody's.
    #[error("there is no partner {0:?} in the registers")]
    UnknownPartner(String),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// A mapping that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// The version that it is, or will be.
    pub version: i32,
    /// It says something else than the newest.
    pub new: bool,
    /// It waits for this approval.
    pub approval: Option<ApprovalId>,
}

fn subject(kept: &KeptMapping) -> String {
    format!("{}/{}", kept.partner, kept.name)
}

fn content(kept: &KeptMapping) -> Value {
    json!({
        "partner": kept.partner, "name": kept.name, "version": kept.version,
        "mapping": kept.content,
    })
}

/// Proposes a mapping; at the very beginning it is in force at once. The newest again changes nothing.
pub async fn register(
    pool: &PgPool,
    maker: Maker<'_>,
    text: &str,
) -> Result<Registered, RegisterError> {
    let mapping = Mapping::parse(text)?;
    let mut tx = pool.begin().await?;
    if partner_dialect(&mut tx, &mapping.partner).await?.is_none() {
        return Err(RegisterError::UnknownPartner(mapping.partner));
    }
    let newest = newest_in(&mut tx, &mapping.partner, &mapping.name).await?;
    if let Some(known) = &newest
        && known.content == text
    {
        let (name, version) = (mapping.name, known.version);
        return Ok(Registered { name, version, new: false, approval: None });
    }
    let version = newest.map_or(1, |known| known.version + 1);
    let (partner, name) = (mapping.partner, mapping.name);
    let kept = KeptMapping { partner, name, version, content: text.to_owned() };
    let (subject, content) = (subject(&kept), content(&kept));
    let proposal =
        Proposal { kind: MAPPING, subject: &subject, agency: EVERYTHING, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    if approval.is_none() {
        enter_in(&mut tx, &kept, maker.by).await?;
    }
    tx.commit().await?;
    Ok(Registered { name: kept.name, version, new: true, approval })
}

async fn newest_in(
    conn: &mut PgConnection,
    partner: &str,
    name: &str,
) -> Result<Option<KeptMapping>, sqlx::Error> {
    let newest = kept::mappings_newest(conn, Some(partner)).await?;
    Ok(newest.into_iter().find(|known| known.name == name))
}

async fn enter_in(
    conn: &mut PgConnection,
    kept: &KeptMapping,
    by: By<'_>,
) -> Result<(), sqlx::Error> {
    kept::mapping_insert(conn, kept, (by.actor, by.at)).await?;
    let detail = json!({ "version": kept.version });
    audit::record_in(conn, by, "statement.mapping", &subject(kept), &detail).await
}

/// A mapping that waits.
#[derive(Debug, Clone, Copy)]
pub struct MappingKind;

impl MappingKind {
    async fn enter(
        conn: &mut PgConnection,
        approval: &Approval,
        by: By<'_>,
    ) -> Result<(), ApplyError> {
        let value = approval.value();
        let text = |field: &str| value[field].as_str().map(str::to_owned);
        let version = value["version"].as_i64().and_then(|version| version.try_into().ok());
        let (Some(partner), Some(name), Some(version), Some(mapping)) =
            (text("partner"), text("name"), version, text("mapping"))
        else {
            return Err(ApplyError::Changed);
        };
        let kept = KeptMapping { partner, name, version, content: mapping };
        let read = Mapping::parse(&kept.content)
            .map_err(|error| ApplyError::Impossible(error.to_string()))?;
        let itself = read.partner == kept.partner && read.name == kept.name;
        if !itself || canonical(&content(&kept)) != approval.content {
            return Err(ApplyError::Changed);
        }
        let newest = newest_in(conn, &kept.partner, &kept.name).await?;
        if newest.map_or(1, |known| known.version + 1) != kept.version {
            return Err(ApplyError::Changed);
        }
        enter_in(conn, &kept, by).await?;
        Ok(())
    }
}

impl Kind for MappingKind {
    fn name(&self) -> &'static str {
        MAPPING
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(Self::enter(conn, approval, by))
    }

    fn drop_in<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: &'a Approval,
        _: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
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
