//! A closed day, computed anew: everything that was signed is made once more from the ledger, the
//! cases, the files and the chain, and every difference is named. Nothing that is kept is believed,
//! but for the public key: give the one that was kept outside.

use chrono::NaiveDate;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::banks;
use super::content;
use super::keys;
use super::seal::Anchor;
use super::status::DayStatus;
use super::store::{self, Preparation, Snapshot, files};
use crate::approvals::approval::canonical;
use crate::payover::positions;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What.
    pub what: &'static str,
    /// Is it as it was signed?
    pub holds: bool,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DayReport {
    /// The day.
    pub day: NaiveDate,
    /// Its revision.
    pub revision: i32,
    /// The hash of its seal, in hex: what the day is known by outside.
    pub seal: String,
    /// With which key it was signed.
    pub key: String,
    /// The number of the last event that it vouches for, and its batch.
    pub events_to: (i64, i64),
    /// Everything that was looked at.
    pub checks: Vec<Check>,
    /// Does everything hold?
    pub holds: bool,
}

fn check(what: &'static str, differs: Vec<String>) -> Check {
    Check { what, holds: differs.is_empty(), differs }
}

/// Where two JSON values differ, by pointer; the first few.
fn differences(at: &str, signed: &Value, now: &Value, found: &mut Vec<String>) {
    const MOST: usize = 20;
    if signed == now || found.len() >= MOST {
        return;
    }
    match (signed, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let none = Value::Null;
                let (one, other) = (a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none));
                differences(&format!("{at}/{name}"), one, other, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (one, other)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}/{place}"), one, other, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            found.push(format!("{at}: {} signed, {} now", a.len(), b.len()));
        }
        _ => found.push(format!("{at}: {signed} signed, {now} now")),
    }
}

/// Verifies a day, its last revision unless told. `trusted` is a public key that was kept outside.
/// None when the day was never closed. `conn` should be in a REPEATABLE READ transaction.
pub async fn verify(
    conn: &mut PgConnection,
    (day, revision): (NaiveDate, Option<i32>),
    trusted: Option<&[u8]>,
) -> Result<Option<DayReport>, sqlx::Error> {
    let known = store::day_read(conn, day).await?;
    let Some(snapshot) = store::snapshot_read(conn, day, revision).await? else {
        let says_closed = known.is_some_and(|day| day.status == DayStatus::Closed);
        return Ok(says_closed.then(|| gone(day)));
    };
    let prepared = store::preparation_read(conn, snapshot.preparation).await?;
    let seal: Value = serde_json::from_str(&snapshot.seal).unwrap_or_default();
    let mut checks = vec![sealed(&snapshot, prepared.as_ref(), &seal)];
    checks.push(signed(conn, &snapshot, trusted).await?);
    checks.push(chained(conn, &snapshot, &seal).await?);
    checks.push(anchored(conn, &seal).await?);
    let content = prepared.as_ref().map(|p| serde_json::from_str::<Value>(&p.content));
    if let Some(Ok(content)) = content {
        checks.push(booked(conn, day, &content).await?);
        checks.push(paid_over(conn, day, &content).await?);
        checks.push(cases(conn, &content).await?);
        checks.push(filed(conn, &content).await?);
        checks.push(banked(conn, day, &content).await?);
    }
    let events_to = Anchor::of(&seal).map_or((0, 0), |anchor| (anchor.number, anchor.batch));
    Ok(Some(DayReport {
        day,
        revision: snapshot.revision,
        seal: hex::encode(Sha256::digest(snapshot.seal.as_bytes())),
        key: snapshot.key_id,
        events_to,
        holds: checks.iter().all(|check| check.holds),
        checks,
    }))
}

/// A day that says it is closed and has no snapshot.
fn gone(day: NaiveDate) -> DayReport {
    let differs = vec!["the day is closed and its snapshot is gone".to_owned()];
    DayReport {
        day,
        revision: 0,
        seal: String::new(),
        key: String::new(),
        events_to: (0, 0),
        checks: vec![check("seal", differs)],
        holds: false,
    }
}

/// Content and seal have the hashes that they are known by, and say the same of themselves.
fn sealed(snapshot: &Snapshot, prepared: Option<&Preparation>, seal: &Value) -> Check {
    let mut differs = Vec::new();
    if Sha256::digest(snapshot.seal.as_bytes())[..] != snapshot.seal_hash[..] {
        differs.push("the hash kept with the seal is not the seal's".to_owned());
    }
    if canonical(seal) != snapshot.seal {
        differs.push("the seal is not canonical JSON".to_owned());
    }
    let text = |name: &str| seal[name].as_str().unwrap_or_default().to_owned();
    match prepared {
        None => differs.push("the content is gone".to_owned()),
        Some(prepared) => {
            let hash = hex::encode(Sha256::digest(prepared.content.as_bytes()));
            if hash != text("content") {
                let told = format!("the content hashes to {hash}, sealed is {}", text("content"));
                differs.push(told);
            }
            if prepared.prepared_by != text("prepared_by") {
                differs.push("who prepared it is another than sealed".to_owned());
            }
        }
    }
    if text("day") != snapshot.day.to_string()
        || seal["revision"].as_i64() != Some(i64::from(snapshot.revision))
        || text("key") != snapshot.key_id
    {
        differs.push("the seal is of another day, revision or key".to_owned());
    }
    if text("prepared_by") == text("approved_by") {
        differs.push("one person prepared and approved it".to_owned());
    }
    check("seal", differs)
}

async fn signed(
    conn: &mut PgConnection,
    snapshot: &Snapshot,
    trusted: Option<&[u8]>,
) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    let row = store::keys::key_read(conn, &snapshot.key_id).await?;
    let kept = row.map(|row| row.public_key).unwrap_or_default();
    let public = trusted.unwrap_or(&kept);
    if trusted.is_some_and(|trusted| trusted != &kept[..]) {
        differs.push(format!("the key {} kept here is not the one given", snapshot.key_id));
    }
    if !keys::holds(public, snapshot.seal.as_bytes(), &snapshot.signature) {
        differs.push("the signature does not hold".to_owned());
    }
    Ok(check("signature", differs))
}

/// The seal before it is that of the last closed day before it.
async fn chained(
    conn: &mut PgConnection,
    snapshot: &Snapshot,
    seal: &Value,
) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    let before = store::snapshot_before(conn, snapshot.day).await?;
    let in_force = store::snapshot_read(conn, snapshot.day, None).await?;
    let is_in_force = in_force.is_some_and(|of| of.revision == snapshot.revision);
    match (seal["previous"].as_str(), before) {
        (None, None) => {}
        (None, Some(before)) => {
            differs.push(format!("it is sealed as the first, but {} is before it", before.day));
        }
        (Some(hash), before) => {
            let bytes = hex::decode(hash).unwrap_or_default();
            match (store::snapshot_by_seal(conn, &bytes).await?, before) {
                (None, _) => differs.push(format!("the seal before it, {hash}, is gone")),
                (Some(named), Some(before)) if named.day != before.day => {
                    differs.push(format!("it follows {}, not {}", named.day, before.day));
                }
                // The day before was reopened since: then this one was as well, and is out of force.
                (Some(named), Some(before)) if is_in_force && named.revision != before.revision => {
                    let (old, new) = (named.revision, before.revision);
                    differs.push(format!("it follows revision {old} of {}, not {new}", named.day));
                }
                (Some(_), _) => {}
            }
        }
    }
    Ok(check("chain", differs))
}

/// The chain of events still has the head that was sealed.
async fn anchored(conn: &mut PgConnection, seal: &Value) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    match Anchor::of(seal) {
        None => differs.push("the seal names no head of the event chain".to_owned()),
        Some(anchor) if anchor.batch == 0 => {}
        Some(anchor) => match store::batch_digest(conn, anchor.batch).await? {
            Some(digest) if digest == anchor.digest => {}
            Some(_) => {
                differs.push(format!("batch {} of the event chain was rewritten", anchor.batch));
            }
            None => differs.push(format!("batch {} of the event chain is gone", anchor.batch)),
        },
    }
    Ok(check("events", differs))
}

async fn booked(
    conn: &mut PgConnection,
    day: NaiveDate,
    content: &Value,
) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    let now = content::ledger_recomputed(conn, day).await?;
    differences("/ledger", &content["ledger"], &now, &mut differs);
    let now = content::channels(conn, day).await?;
    differences("/channels", &content["channels"], &now, &mut differs);
    Ok(check("ledger", differs))
}

async fn paid_over(
    conn: &mut PgConnection,
    day: NaiveDate,
    content: &Value,
) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    let now = positions::recomputed(conn, day).await?;
    let now: Value = now.iter().map(content::position).collect();
    differences("/positions", &content["positions"], &now, &mut differs);
    Ok(check("positions", differs))
}

async fn cases(conn: &mut PgConnection, content: &Value) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    let instant = |name: &str| content[name].as_str().and_then(|text| text.parse().ok());
    let prepared = content["prepared"]["at"].as_str().and_then(|text| text.parse().ok());
    match (instant("from"), instant("to"), prepared) {
        (Some(from), Some(to), Some(prepared)) => {
            let roll = crate::breaks::store::days::roll_forward(conn, (from, to)).await?;
            let open = crate::breaks::store::days::open_at(conn, (to, prepared)).await?;
            let now = content::breaks(&roll, &open);
            differences("/breaks", &content["breaks"], &now, &mut differs);
        }
        _ => differs.push("the content has no bounds".to_owned()),
    }
    Ok(check("cases", differs))
}

/// What was signed of the bank accounts is what their statements and the ledger say.
async fn banked(
    conn: &mut PgConnection,
    day: NaiveDate,
    content: &Value,
) -> Result<Check, sqlx::Error> {
    Ok(check("banks", banks::differing(conn, day, &content["banks"]).await?))
}

/// The files are the bytes that were signed.
async fn filed(conn: &mut PgConnection, content: &Value) -> Result<Check, sqlx::Error> {
    let mut differs = Vec::new();
    for file in content["files"].as_array().into_iter().flatten() {
        let received = &file["received"];
        let Some(id) = received["statement"].as_str().and_then(|text| text.parse().ok()) else {
            continue;
        };
        let signed = received["sha256"].as_str().unwrap_or_default();
        let now = files::bytes_sha256(conn, id).await?.map(hex::encode);
        if now.as_deref() != Some(signed) {
            let of = &received["reference"];
            differs.push(format!("the file of statement {of} is not the one that was signed"));
        }
    }
    Ok(check("files", differs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_is_named_by_where_it_is() {
        let mut found = Vec::new();
        let signed = json!({ "a": [1, { "b": "x" }], "c": [1], "same": true });
        let now = json!({ "a": [1, { "b": "y" }], "c": [1, 2], "same": true, "d": null });
        differences("", &signed, &now, &mut found);
        assert_eq!(found, ["/a/1/b: \"x\" signed, \"y\" now", "/c: 1 signed, 2 now"]);
    }
}
