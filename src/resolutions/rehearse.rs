//! What a way out would book, found by doing it in a transaction that is rolled back.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use utoipa::ToSchema;

use super::Resolving;
use super::acts::{ActError, Done, Taker, lock_in};
use super::quiet::quietly;
use super::wish::Wish;
use crate::approvals::approval::{canonical, hash_of};
use crate::breaks::care::CareError;
use crate::breaks::case::Case;
use crate::breaks::view::{AmountView, EntryLineView, line_of, shown};
use crate::ledger::store::{BookedEntry, entries_of_this_transaction};
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{FieldError, Problem, ProblemType};
use crate::vocabulary::ids::BreakId;

/// Why nothing was shown or proposed.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The case.
    #[error(transparent)]
    Case(#[from] CareError),
    /// The way out.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        let told = error.to_string();
        match error {
            ActError::NoWay { .. } | ActError::NotYet(_) | ActError::Settlement(_) => match error {
                ActError::Settlement(crate::settlements::officers::OfficersError::Store(error)) => {
                    error.into()
                }
                _ => Self::new(ProblemType::WrongState).detail(told),
            },
            ActError::Unfit { pointer, .. } => Self::invalid(vec![FieldError::new(pointer, told)]),
            ActError::Store(error) => error.into(),
        }
    }
}

impl From<RehearseError> for Problem {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Case(error) => error.into(),
            RehearseError::Act(error) => error.into(),
            RehearseError::Store(error) => error.into(),
        }
    }
}

/// An entry as it would be booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewEntry {
    /// The business act.
    act: String,
    /// Its lines.
    lines: Vec<EntryLineView>,
}

/// What a way out would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The way out.
    #[schema(example = "place")]
    way: &'static str,
    /// How much it is about.
    amount: AmountView,
    /// The entries, exactly as they would be booked.
    entries: Vec<PreviewEntry>,
    /// The case would be closed by it.
    closes: bool,
    /// What else would come of it.
    #[schema(value_type = Object)]
    outcome: Value,
    /// Whose business it is: somebody with the role approver for it decides.
    agency: String,
    /// SHA-256 of the content that would be proposed, in hex: give it to the proposal as
    /// `content_hash`, so that nothing else is proposed than what was shown.
    content_hash: String,
}

/// A rehearsal: the content that is decided on, and what it says.
#[derive(Debug)]
pub struct Rehearsal {
    /// The case as it stands.
    pub case: Case,
    /// All that is decided on.
    pub content: Value,
    /// Whose business it is.
    pub agency: String,
    done: Done,
    entries: Vec<BookedEntry>,
}

fn lines(entry: &BookedEntry) -> Vec<EntryLineView> {
    entry
        .lines
        .iter()
        .map(|line| {
            let key = &line.account;
            let of = (key.kind.to_string(), key.owner.clone(), key.detail.clone());
            line_of(of, line.signed())
        })
        .collect()
}

/// All that is decided on: the case, the way out, and every line that it books.
pub(super) fn content(case: &Case, wish: &Wish, done: &Done, booked: &[BookedEntry]) -> Value {
    let entries: Vec<Value> =
        booked.iter().map(|entry| json!({ "act": entry.act, "lines": lines(entry) })).collect();
    json!({
        "break": case.id, "code": case.code, "partner": case.partner, "case_amount": case.amount,
        "wish": wish, "amount": done.amount, "closes": done.closes, "outcome": done.outcome,
        "entries": entries,
    })
}

impl Rehearsal {
    /// The hash of the content, in hex.
    pub fn hash(&self) -> String {
        hex::encode(hash_of(&canonical(&self.content)))
    }

    /// As it is shown.
    pub fn view(&self, wish: &Wish) -> Preview {
        Preview {
            way: wish.way.as_str(),
            amount: shown(self.done.amount.amount(), self.done.amount.currency()),
            entries: self
                .entries
                .iter()
                .map(|entry| PreviewEntry { act: entry.act.clone(), lines: lines(entry) })
                .collect(),
            closes: self.done.closes,
            outcome: self.done.outcome.clone(),
            agency: self.agency.clone(),
            content_hash: self.hash(),
        }
    }
}

/// Whose business a way out is: the case's agency's, unless it reaches another.
fn agency_of(case: &Case, wish: &Wish) -> String {
    let touched = [
        wish.agency.as_deref(),
        wish.from.as_ref().map(|purse| purse.agency.as_str()),
        wish.to.as_ref().map(|purse| purse.agency.as_str()),
    ];
    let others = |agency: &str| agency != case.scope();
    let reaches = touched.into_iter().flatten().any(others);
    if reaches { EVERYTHING.to_owned() } else { case.scope().to_owned() }
}

impl Resolving {
    /// What a way out would do, for an officer who may propose it. Nothing of it stays.
    pub async fn preview(
        &self,
        officer: &Officer,
        id: BreakId,
        wish: &Wish,
    ) -> Result<Rehearsal, RehearseError> {
        let mut tx = self.pool.begin().await?;
        let rehearsal = self.rehearse_in(&mut tx, officer, id, wish).await;
        tx.rollback().await?;
        rehearsal
    }

    /// The same within a transaction that goes on: the case stays locked, nothing else stays.
    pub(super) async fn rehearse_in(
        &self,
        conn: &mut PgConnection,
        officer: &Officer,
        id: BreakId,
        wish: &Wish,
    ) -> Result<Rehearsal, RehearseError> {
        let case = lock_in(conn, id, wish).await?;
        let case = case.filter(|case| officer.sees(case.scope())).ok_or(CareError::NotFound)?;
        let agency = agency_of(&case, wish);
        if !officer.may(Role::Officer, &agency) {
            return Err(CareError::NotAllowed { needed: "officer", agency }.into());
        }
        let taker = Taker { author: &officer.email, now: self.clock.now() };
        let mut stage = conn.begin().await?;
        let acted = quietly(async {
            let done = self.act_in(&mut stage, &case, wish, taker).await?;
            let entries = entries_of_this_transaction(&mut stage).await?;
            Ok::<_, ActError>((done, entries))
        })
        .await;
        stage.rollback().await?;
        let (done, entries) = acted?;
        let content = content(&case, wish, &done, &entries);
        Ok(Rehearsal { case, content, agency, done, entries })
    }
}
