//! SQL on `certification` and `partner_opening`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::partners::certification::{Opening, Run};

/// Keeps a run.
pub async fn certification_insert(conn: &mut PgConnection, run: &Run) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into certification (certification_id, partner, dialect, channel, version, run_by,
                                    run_at, settings_sha256, cases, passed)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        run.id,
        run.partner,
        run.dialect,
        run.channel,
        run.version,
        run.run_by,
        run.run_at,
        run.settings_sha256,
        run.cases,
        run.passed
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A run as it is kept.
#[derive(Debug)]
pub struct KeptRun {
    /// Its id.
    pub id: Uuid,
    /// The dialect that was driven.
    pub dialect: String,
    /// How payers pay there; none when its settings could not be read.
    pub channel: Option<String>,
    /// The version of the program that ran.
    pub version: String,
    /// Who ran it.
    pub run_by: String,
    /// When.
    pub run_at: DateTime<Utc>,
    /// A list of `check`, `result` (`pass`, `fail`, `skip`), `seen` and `mend`.
    pub cases: Value,
    /// Did none fail?
    pub passed: bool,
    /// Was what runs now driven?
    pub in_force: bool,
}

/// The runs of a partner, newest first, at most so many.
pub async fn certifications_of(
    conn: &mut PgConnection,
    partner: &str,
    most: i64,
) -> Result<Vec<KeptRun>, sqlx::Error> {
    sqlx::query_as!(
        KeptRun,
        r#"select c.certification_id as id, c.dialect, c.channel, c.version, c.run_by, c.run_at,
                  c.cases, c.passed,
                  coalesce(c.settings_sha256 = sha256(coalesce(p.settings, ''))
                           and c.dialect = p.dialect, false) as "in_force!"
             from certification c join partner p on p.code = c.partner
            where c.partner = $1 order by c.certification_id desc limit $2"#,
        partner,
        most
    )
    .fetch_all(conn)
    .await
}

/// The newest run of what runs at a partner now, when it was passed: its id, when, and by which
/// version.
pub async fn certification_in_force(
    conn: &mut PgConnection,
    partner: &str,
) -> Result<Option<(Uuid, DateTime<Utc>, String)>, sqlx::Error> {
    let newest = sqlx::query!(
        "select c.certification_id, c.run_at, c.version, c.passed
           from certification c join partner p on p.code = c.partner and p.dialect = c.dialect
          where c.partner = $1 and c.settings_sha256 = sha256(coalesce(p.settings, ''))
          order by c.certification_id desc limit 1",
        partner
    )
    .fetch_optional(conn)
    .await?;
    let passed = newest.filter(|run| run.passed);
    Ok(passed.map(|run| (run.certification_id, run.run_at, run.version)))
}

/// Says by which run, or why without one, a load of the registers opens a partner.
pub async fn partner_opening_insert(
    conn: &mut PgConnection,
    opening: &Opening,
    load: i64,
    (by, at): (&str, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into partner_opening
             (partner, load_id, certification_id, uncertified, opened_by, opened_at)
         values ($1, $2, $3, $4, $5, $6)",
        opening.partner,
        load,
        opening.run,
        opening.uncertified,
        by,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}
