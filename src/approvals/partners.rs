//! The settings of a partner's dialect say where its orders go: they wait, sealed, for an approval.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};

use super::approval::Approval;
use super::kinds::{ApplyError, Kind};
use super::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::partners::register::{self, ConfigureError};
use crate::partners::store;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::platform::seal::MasterKeys;
use crate::vocabulary::ids::ApprovalId;

const CONFIGURE: &str = "partner.configure";
/// What a field's name may end in for its value to be shown to who decides; all else is `…`.
const SHOWN: &[&str] = &["url", "code", "_id", "number", "name", "version"];

/// Why settings were not taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The settings.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Takes in a dialect's settings (a JSON object), after the dialect itself has read them.
pub async fn configure(
    pool: &PgPool,
    keys: &MasterKeys,
    maker: Maker<'_>,
    partner: &str,
    settings: &[u8],
) -> Result<Option<ApprovalId>, TakeError> {
    let mut tx = pool.begin().await?;
    let (dialect, sealed) = register::seal_in(&mut tx, keys, partner, settings).await?;
    let content = json!({
        "partner": partner, "dialect": dialect, "settings": shown(settings),
        "sealed_sha256": digest(&sealed),
    });
    let proposal =
        Proposal { kind: CONFIGURE, subject: partner, agency: EVERYTHING, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    store::partner_next_settings_put(&mut tx, partner, Some(&sealed)).await?;
    if maker.making == Making::Bootstrap {
        register::take_next_in(&mut tx, maker.by, (partner, &dialect)).await?;
    }
    tx.commit().await?;
    Ok(approval)
}

/// The fields by name, with the values of those that hold no secret.
fn shown(settings: &[u8]) -> Value {
    let read: Map<String, Value> = serde_json::from_slice(settings).unwrap_or_default();
    let fields = read.into_iter().map(|(name, value)| {
        let open = SHOWN.iter().any(|end| name.ends_with(end)) && !value.is_object();
        let value =
            if open || value.is_boolean() || value.is_number() { value } else { json!("…") };
        (name, value)
    });
    Value::Object(fields.collect())
}

/// Sealed values are different each time: this names one and gives nothing away.
fn digest(sealed: &[u8]) -> String {
    hex::encode(Sha256::digest(sealed))
}

/// New settings of a partner.
#[derive(Debug, Clone, Copy)]
pub struct PartnerKind;

impl Kind for PartnerKind {
    fn name(&self) -> &'static str {
        CONFIGURE
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver, Role::Admin]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            directory_version::raise_in(conn).await?;
            let (partner, content) = (approval.subject.as_str(), approval.value());
            let waiting = store::partner_next_settings(conn, partner).await?;
            let dialect = store::partner_dialect(conn, partner).await?.unwrap_or_default();
            // Settings of one dialect are none of another: the register may have changed it.
            if waiting.is_none_or(|sealed| content["sealed_sha256"] != digest(&sealed))
                || content["dialect"] != dialect.as_str()
            {
                return Err(ApplyError::Changed);
            }
            register::take_next_in(conn, by, (partner, &dialect)).await?;
            Ok(())
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let partner = approval.subject.as_str();
            let waiting = store::partner_next_settings(conn, partner).await?;
            if waiting.is_some_and(|s| approval.value()["sealed_sha256"] == digest(&s)) {
                store::partner_next_settings_put(conn, partner, None).await?;
                let detail = json!({ "approval": approval.id });
                audit::record_in(conn, by, "partner.settings_dropped", partner, &detail).await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decides_sees_addresses_and_no_secret() {
        let settings = br#"{"base_url":"https://bank.example","client_id":"c","api_key":"canary",
            "checksum_key":"canary","timeout":30,"nested":{"base_url":"canary"},"secret":"canary"}"#;
        let shown = shown(settings);
        assert_eq!(shown["base_url"], "https://bank.example");
        assert_eq!((&shown["client_id"], &shown["timeout"]), (&json!("c"), &json!(30)));
        assert_eq!(shown["api_key"], "…");
        assert!(!shown.to_string().contains("canary"), "{shown}");
    }
}
