//! Whether a partner was put through its paces before payers are sent to it: the runs of
//! `payclear partner certify`, each case of them, and by which run a partner was opened.
//!
//! A run counts for the settings that it drove. When they change, or when others were driven, it says
//! nothing of what runs now; and of what runs now the newest run counts, not the best one.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::PartnerRow;
use super::store::certifications::{certification_in_force, partner_opening_insert};
use crate::platform::audit::{self, By};

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: Uuid,
    /// Who was driven.
    pub partner: String,
    /// By which dialect.
    pub dialect: String,
    /// How payers pay there; none when its settings could not be read.
    pub channel: Option<String>,
    /// The version of the program that ran.
    pub version: String,
    /// Who ran it.
    pub run_by: String,
    /// When.
    pub run_at: DateTime<Utc>,
    /// The settings in force that were driven, by their digest; none when others were.
    pub settings_sha256: Option<Vec<u8>>,
    /// A list of `check`, `result` (`pass`, `fail`, `skip`), `seen` and `mend`.
    pub cases: Value,
    /// Did none fail?
    pub passed: bool,
}

/// Names the settings of a partner that are in force, and gives nothing away: they are sealed anew
/// each time.
pub fn digest_in_force(row: &PartnerRow) -> Vec<u8> {
    Sha256::digest(row.settings.as_deref().unwrap_or_default()).to_vec()
}

/// By which run, or why without one, a partner is opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Opening {
    /// The partner.
    pub partner: String,
    /// The run that it passed.
    #[serde(rename = "certification")]
    pub run: Option<Uuid>,
    /// When that was.
    pub run_at: Option<DateTime<Utc>>,
    /// By which version of the program.
    pub version: Option<String>,
    /// Why it is opened without one.
    pub uncertified: Option<String>,
}

/// By what these partners would be opened; those that passed no run, when no reason is given, are
/// the error.
pub async fn openings(
    conn: &mut PgConnection,
    partners: &[String],
    uncertified: Option<&str>,
) -> Result<Result<Vec<Opening>, Vec<String>>, sqlx::Error> {
    let (mut openings, mut missing) = (Vec::with_capacity(partners.len()), Vec::new());
    for partner in partners {
        let run = certification_in_force(conn, partner).await?;
        let reason = uncertified.map(str::trim).filter(|reason| !reason.is_empty());
        if run.is_none() && reason.is_none() {
            missing.push(partner.clone());
            continue;
        }
        let (run, run_at, version) = match run {
            Some((id, at, version)) => (Some(id), Some(at), Some(version)),
            None => (None, None, None),
        };
        let uncertified = if run.is_none() { reason.map(str::to_owned) } else { None };
        openings.push(Opening { partner: partner.clone(), run, run_at, version, uncertified });
    }
    Ok(if missing.is_empty() { Ok(openings) } else { Err(missing) })
}

/// Keeps by what a load of the registers opens partners, before it does.
pub async fn opened_in(
    conn: &mut PgConnection,
    by: By<'_>,
    openings: &[Opening],
    load: i64,
) -> Result<(), sqlx::Error> {
    for opening in openings {
        partner_opening_insert(conn, opening, load, (by.actor, by.at)).await?;
        let action =
            if opening.run.is_some() { "partner.opened" } else { "partner.opened_uncertified" };
        let detail = serde_json::json!(opening);
        audit::record_in(conn, by, action, &opening.partner, &detail).await?;
    }
    Ok(())
}
