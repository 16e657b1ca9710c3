//! Taking matches back: one by an officer with a reason, or all of a statement whose place another
//! issue takes. Nothing is deleted of what was decided; what followed from it is booked back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::batches::{Ground, reason_of, write_in};
use super::chunk::receivable;
use super::run::{Matching, MatchingError, defect};
use super::store::matches;
use super::store::reads::{self, MatchRow, SideRow};
use super::store::words;
use super::store::work::{self, OpenLine};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::platform::audit::{self, By};
use crate::settlements::store as settlements;
use crate::statements::read::{self, Kind, Line};
use crate::vocabulary::ids::BreakId;
use crate::vocabulary::money::{Currency, Money};

/// Why a match is not taken back, confirmed or made.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// Not there, or of none of this person's agencies.
    #[error("there is no such thing in this person's scope")]
    NotFound,
    /// It does not stand so that this can be done.
    #[error("{0}")]
    WrongState(String),
    /// The same question is open.
    #[error(transparent)]
    Propose(#[from] crate::approvals::propose::ProposeError),
    /// Matching.
    #[error(transparent)]
    Matching(#[from] MatchingError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// A match with its sides, locked against others.
pub(super) async fn match_in(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(MatchRow, Vec<SideRow>)>, sqlx::Error> {
    matches::match_lock(conn, id).await?;
    let Some(row) = reads::matches_read(conn, &[id]).await?.pop() else { return Ok(None) };
    let sides = reads::sides_of(conn, &[id]).await?;
    Ok(Some((row, sides)))
}

impl Matching {
    /// Takes a match back; its lines are open again.
    pub async fn undo(&self, id: Uuid, reason: &str, by: &str) -> Result<MatchRow, OfficerError> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        work::plan_by_keys(&mut tx).await?;
        let (row, sides) = match_in(&mut tx, id).await?.ok_or(OfficerError::NotFound)?;
        if row.state() == "undone" {
            return Err(OfficerError::WrongState("the match was taken back before".to_owned()));
        }
        let of: Vec<Uuid> = sides.iter().filter_map(|side| side.settlement).collect();
        if reads::any_given_back(&mut tx, &of).await? {
            let why = "what is due back of its settlement was released by it".to_owned();
            return Err(OfficerError::WrongState(why));
        }
        undo_in(&mut tx, self, (&row, &sides), reason, (by, now)).await?;
        let detail = json!({ "reason": reason, "rule": row.rule, "layer": row.layer });
        let by = By { actor: by, at: now };
        audit::record_in(&mut tx, by, "match.undone", &id.to_string(), &detail).await?;
        let row = reads::matches_read(&mut tx, &[id]).await?.pop();
        tx.commit().await?;
        row.ok_or(OfficerError::NotFound)
    }
}

/// Takes a match back with all that followed from it.
async fn undo_in(
    conn: &mut PgConnection,
    matching: &Matching,
    (row, sides): (&MatchRow, &[SideRow]),
    reason: &str,
    by: (&str, DateTime<Utc>),
) -> Result<(), MatchingError> {
    let lines: Vec<i64> = sides.iter().filter_map(|side| side.line).collect();
    let lines = read::store::lines_read(conn, &lines).await?;
    // Whoever banks the batch of a report's line right now is waited for.
    for line in lines.iter().filter(|_| row.layer == "line") {
        work::batch_lock(conn, line.statement, &line.batch).await?;
    }
    if matches::unmatch_insert(conn, &[row.id], reason, by).await?.is_empty() {
        return Err(MatchingError::Overtaken);
    }
    let stood = row.state() == "confirmed";
    if sides.iter().any(|side| side.suggests.is_some()) {
        return Ok(());
    }
    let settlements: Vec<Uuid> = sides.iter().filter_map(|side| side.settlement).collect();
    let banked = settlements::settlements_banked_delete(conn, &settlements).await?;
    let mut entry = banked.first().map(|banked| banked.1);
    let Some(first) = lines.first() else { return Ok(()) };
    // What the match has booked beside its line.
    let because = format!("match/{}", row.id);
    let beside = words::entries_because(conn, first.statement, &because).await?;
    take_back(conn, matching, &beside, reason).await?;
    let statement = read::store::statement_read(conn, first.statement).await?;
    let scene = matching.scene(conn, statement.ok_or(MatchingError::NotFound)?).await?;
    let account = scene.statement.kind == Kind::Account;
    for side in sides {
        if let (Some(report), Some(name), true) = (side.report, &side.batch, stood) {
            let funded = unfund(conn, matching, (report, name), "open").await?;
            let Some((of, money_entry)) = funded else { continue };
            entry = money_entry;
            if let Some(money) = scene.currency.and_then(|c| Money::new(first.amount, c).ok()) {
                let from = receivable(&of.0, &of.1, money.currency());
                let to = receivable(&row.partner, &row.account, money.currency());
                if from != to {
                    let occasion = occasion(matching, &scene.statement, by.0, reason);
                    let entry = acts::receivable_moves(occasion, from, to, money);
                    write_in(conn, matching, first.statement, entry.map_err(defect)?).await?;
                }
            }
        }
    }
    if !account && !banked.is_empty() {
        fees_back(conn, matching, &scene, (first, &settlements), reason).await?;
    }
    if row.layer == "payout" {
        return Ok(());
    }
    // The line of a transfer of ours was never booked: the end of the refund has booked the bank.
    let backs: Vec<Uuid> = sides.iter().filter_map(|side| side.back).collect();
    if account && entry.is_none() && !words::any_by_transfer(conn, &backs).await? {
        entry = words::entry_of_day(conn, first.statement, first.value_date).await?;
    }
    open_again(conn, &lines, account, (entry, reason), by.1, &scene.statement).await
}

fn occasion(
    matching: &Matching,
    statement: &read::Statement,
    actor: &str,
    reason: &str,
) -> Occasion {
    let today = matching.accounts.day_of(matching.now());
    Occasion {
        act: "match_undone",
        business_day: today,
        value_date: today.0,
        source: format!("statement/{}", statement.id),
        reverses: None,
        actor: actor.to_owned(),
        reason: reason.to_owned(),
    }
}

type Funded = ((String, String), Option<i64>);

/// The money of a batch was not seen after all: nor was that of its settlements.
async fn unfund(
    conn: &mut PgConnection,
    matching: &Matching,
    (report, name): (Uuid, &str),
    to: &str,
) -> Result<Option<Funded>, MatchingError> {
    let Some(batch) = work::batch_lock(conn, report, name).await? else { return Ok(None) };
    let mut after = batch.first_place - 1;
    while after < batch.banked_upto {
        let upto = after.saturating_add(5_000).min(batch.banked_upto);
        let pairs = work::pairs_of_batch(conn, (report, name), (after, upto), false).await?;
        let ids: Vec<Uuid> = pairs.iter().map(|pair| pair.settlement).collect();
        settlements::settlements_banked_delete(conn, &ids).await?;
        after = upto;
    }
    let beside = words::entries_because(conn, report, &reason_of(name)).await?;
    take_back(conn, matching, &beside, "the batch was not seen in the bank").await?;
    work::batch_unfunded(conn, (report, name), to).await?;
    Ok(Some(((batch.partner, batch.account), batch.entry)))
}

/// A line of a banked batch belongs to another: what its agency owed for it, it owes no more. It is the
/// fee that was booked for the pair, by the same reckoning.
async fn fees_back(
    conn: &mut PgConnection,
    matching: &Matching,
    scene: &super::chunk::Scene,
    (line, settlements): (&Line, &[Uuid]),
    reason: &str,
) -> Result<(), MatchingError> {
    let batch = work::batch_lock(conn, line.statement, &line.batch).await?;
    let (Some(currency), Some(batch), [settlement]) = (scene.currency, batch, settlements) else {
        return Ok(());
    };
    let fee = Ground::of(conn, matching, &batch).await?.fee_of(line.amount, line.fee);
    let agency = words::agency_of(conn, *settlement).await?;
    let (Some(agency), false) = (agency, fee.is_zero()) else { return Ok(()) };
    let money = Money::new(fee, currency).map_err(defect)?;
    let from = receivable(&batch.partner, &batch.account, currency);
    let fees = acts::partner_fees(
        occasion(matching, &scene.statement, "payclear", reason),
        &from,
        &[(agency, money)],
    )
    .map_err(defect)?;
    let back = acts::mirror(fees.occasion().clone(), fees.lines().to_vec()).map_err(defect)?;
    write_in(conn, matching, line.statement, back).await?;
    Ok(())
}

/// Lines without a match are cases again.
async fn open_again(
    conn: &mut PgConnection,
    lines: &[Line],
    account: bool,
    (entry, reason): (Option<i64>, &str),
    now: DateTime<Utc>,
    statement: &read::Statement,
) -> Result<(), MatchingError> {
    let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
    let there = work::open_lines_of(conn, &ids).await?;
    let there: Vec<i64> = there.into_iter().map(|open| open.line).collect();
    let (mut cases, mut open) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| !there.contains(&line.id)) {
        let code = match (line.amount.is_sign_negative(), account) {
            (true, _) => BreakCode::RefundUnmatched,
            (false, true) => BreakCode::Unknown,
            (false, false) => BreakCode::MissingHere,
        };
        let currency: Currency = statement.currency.parse().map_err(defect)?;
        let case = Break {
            id: BreakId::new(now),
            code,
            state: BreakState::Open,
            opened_at: now,
            partner: statement.partner.clone(),
            agency: String::new(),
            invoice: None,
            settlement: None,
            amount: Money::new(line.amount.abs(), currency).map_err(defect)?,
            detail: format!(
                "its match was taken back: {reason}; line {} of {}",
                line.place, statement.reference
            ),
        };
        open.push(OpenLine {
            line: line.id,
            statement: line.statement,
            standing: "open".to_owned(),
            code: Some(code.as_str().to_owned()),
            case: Some(case.id.0),
            why: format!("its match was taken back: {reason}"),
            look_after: line.value_date,
            booked_to: (account && entry.is_some()).then(|| "receivable".to_owned()),
            entry,
        });
        cases.push(case);
    }
    breaks::store::breaks_insert(conn, &cases).await?;
    Ok(work::open_lines_put(conn, &open).await?)
}

/// Books entries back into the first open day.
async fn take_back(
    conn: &mut PgConnection,
    matching: &Matching,
    entries: &[i64],
    reason: &str,
) -> Result<(), MatchingError> {
    let today = matching.accounts.day_of(matching.now());
    for entry in entries {
        let lines = ledger::entry_lines(conn, *entry).await?;
        let occasion = Occasion {
            act: "statement_undone",
            business_day: today,
            value_date: today.0,
            source: format!("entry/{entry}"),
            reverses: Some(*entry),
            actor: "payclear".to_owned(),
            reason: reason.to_owned(),
        };
        let mirror = acts::mirror(occasion, lines).map_err(defect)?;
        let numbers = matching.accounts.numbers(&matching.pool, mirror.accounts()).await?;
        let number = ledger::entry_numbers(conn, 1).await?.pop().ok_or(MatchingError::Overtaken)?;
        ledger::entries_insert(conn, &[(number, &mirror)], &numbers).await?;
    }
    Ok(())
}

/// Takes back a piece of a statement whose place another takes: matches of the next lines, then what
/// was booked. How far it came; none when nothing is left.
///
/// What its lines brought about stays: settlements, refunds and reversals are found again by the lines
/// of the new issue. What the new issue does not tell of is open, as anything that nobody tells of.
pub(super) async fn statement_piece_in(
    conn: &mut PgConnection,
    matching: &Matching,
    (new, old): (Uuid, Uuid),
    after: i32,
) -> Result<Option<i32>, MatchingError> {
    let by = ("payclear", matching.now());
    let reason = format!("another issue of the statement came: {new}");
    let lines = read::store::lines_of(conn, old, after, matching.chunk).await?;
    if let Some(last) = lines.last().map(|line| line.place) {
        let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
        let of = reads::matches_of_lines(conn, &ids).await?;
        let sides = reads::sides_of(conn, &of).await?;
        matches::unmatch_insert(conn, &of, &reason, by).await?;
        let settlements: Vec<Uuid> = sides.iter().filter_map(|side| side.settlement).collect();
        settlements::settlements_banked_delete(conn, &settlements).await?;
        for side in &sides {
            if let (Some(report), Some(name)) = (side.report, &side.batch) {
                unfund(conn, matching, (report, name), "open").await?;
            }
        }
        let open = work::open_lines_of(conn, &ids).await?;
        let cases: Vec<Uuid> = open.iter().filter_map(|open| open.case).collect();
        breaks::store::breaks_close(conn, &cases, by.1).await?;
        work::open_lines_delete(conn, &ids).await?;
        return Ok(Some(last));
    }
    // Batches of an old report: the credits that paid them wait for those of the new one.
    for batch in work::batches_of(conn, old).await? {
        if let Some(id) = batch.by_match
            && let Some((row, sides)) = match_in(conn, id).await?
            && row.state() != "undone"
        {
            undo_in(conn, matching, (&row, &sides), &reason, by).await?;
        }
        breaks::store::breaks_close(conn, batch.case.as_slice(), by.1).await?;
        if batch.state != "undone" {
            work::batch_unfunded(conn, (old, &batch.batch), "undone").await?;
        }
    }
    let entries = work::matching_entries_standing(conn, old, 200).await?;
    if entries.is_empty() {
        work::matching_phase(conn, old, "undone", Some(by.1)).await?;
        return Ok(None);
    }
    take_back(conn, matching, &entries, &reason).await?;
    Ok(Some(after))
}

/// A difference in đồng, for people.
pub(super) fn told(amount: Decimal) -> String {
    amount.normalize().to_string()
}
