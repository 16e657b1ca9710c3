//! A partner answers: what it says and shows is kept with the case, which waits no more.

use sqlx::{PgConnection, PgPool};

use super::view::SharedBreak;
use crate::breaks::care::{CareError, keep_in, set_in};
use crate::breaks::case::Case;
use crate::breaks::evidence;
use crate::breaks::status::BreakStep;
use crate::breaks::store::reads::{break_lock, break_read};
use crate::breaks::store::said::{self, Change, Comment};
use crate::platform::admission::{self, Admission, StoredAnswer};
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{BreakId, uuid_v7};

/// A file that a partner hands in.
#[derive(Debug)]
pub struct Proof {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What partners do with cases.
#[derive(Debug, Clone)]
pub struct Answering {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
}

fn not_there() -> Problem {
    Problem::new(ProblemType::NotFound)
}

fn is_shared_with(case: &Case, partner: &str) -> bool {
    case.partner == partner && case.shared_since.is_some()
}

impl Answering {
    /// A case of a partner's; another's, and one that is not shared, is not there.
    pub async fn read(&self, partner: &str, id: BreakId) -> Result<SharedBreak, Problem> {
        let mut conn = self.pool.acquire().await?;
        let case = break_read(&mut conn, id).await?;
        let case = case.filter(|case| is_shared_with(case, partner)).ok_or_else(not_there)?;
        SharedBreak::read(&mut conn, case, self.clock.now()).await
    }

    /// Takes an answer in; it is stored with the answer that the partner gets.
    pub async fn answer(
        &self,
        partner: &str,
        id: BreakId,
        (text, proof): (&str, Option<Proof>),
        admission: &Admission,
    ) -> Result<StoredAnswer, Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        if let Some(answer) = admission::admit_one_in(&mut tx, admission).await? {
            tx.commit().await?;
            return Ok(answer);
        }
        let by = format!("partner/{partner}");
        answer_in(&mut tx, (partner, id), (text, proof), (&by, now)).await?;
        let case = break_read(&mut tx, id).await?.ok_or_else(not_there)?;
        let told = SharedBreak::read(&mut tx, case, now).await?;
        let answer = StoredAnswer { status: 201, body: told.to_json() };
        admission::store_in(&mut tx, &[(admission, &answer)], now).await?;
        tx.commit().await?;
        metrics::counter!("payclear_breaks_answered_total", "partner" => partner.to_owned())
            .increment(1);
        Ok(answer)
    }

    /// The same of a person who works for the partner.
    pub async fn answer_of_person(
        &self,
        (partner, email): (&str, &str),
        id: BreakId,
        (text, proof): (&str, Option<Proof>),
    ) -> Result<(), Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let by = format!("partner/{partner} {email}");
        let mut tx = self.pool.begin().await?;
        answer_in(&mut tx, (partner, id), (text, proof), (&by, now)).await?;
        tx.commit().await?;
        metrics::counter!("payclear_breaks_answered_total", "partner" => partner.to_owned())
            .increment(1);
        Ok(())
    }
}

async fn answer_in(
    conn: &mut PgConnection,
    (partner, id): (&str, BreakId),
    (text, proof): (&str, Option<Proof>),
    (by, now): (&str, chrono::DateTime<chrono::Utc>),
) -> Result<(), Problem> {
    let case = break_lock(conn, id).await?;
    let case = case.filter(|case| is_shared_with(case, partner)).ok_or_else(not_there)?;
    if !case.state.is_open() {
        return Err(CareError::Closed.into());
    }
    hear_in(conn, &case, (text, by), now).await?;
    if let Some(proof) = proof {
        let kept = evidence::take(&proof.name, proof.bytes, (by, true), now);
        keep_in(conn, &case, kept.map_err(CareError::from)?).await?;
    }
    Ok(())
}

/// Keeps what a partner said. Whoever has the case has it to work on again; when nobody has, it is
/// open.
async fn hear_in(
    conn: &mut PgConnection,
    case: &Case,
    (text, by): (&str, &str),
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Problem> {
    let comment = Comment {
        id: uuid_v7(now),
        made_at: now,
        made_by: by.to_owned(),
        shared: true,
        said: text.to_owned(),
    };
    said::comment_insert(conn, case.id, &comment).await?;
    let step = if case.owner.is_empty() { BreakStep::Hear } else { BreakStep::Assign };
    // One that waits for nothing goes on as it is.
    if case.state == crate::breaks::BreakState::Waiting
        && let Ok(to) = case.state.after(step)
    {
        let mut care = case.care();
        care.state = to;
        care.waits_until = None;
        let change = Change { by, at: now, why: "the partner has answered" };
        set_in(conn, case, &care, change).await?;
    }
    Ok(())
}
