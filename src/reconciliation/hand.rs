//! Matches by hand: one officer proposes, another decides, on exactly that.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::batches;
use super::chunk::{receivable, told_before};
use super::confirm::fund_in;
use super::rules::VERSION;
use super::run::{Matching, MatchingError, defect};
use super::store::matches::{self, NewMatch, NewSide};
use super::store::{reads, work};
use super::undo::{OfficerError, told};
use super::words;
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind as ApprovalKind};
use crate::approvals::propose::{Proposal, propose_in};
use crate::breaks;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::platform::audit::{self, By};
use crate::settlements::store as settlements;
use crate::statements::read::{self, Kind};
use crate::vocabulary::ids::{ApprovalId, uuid_v7};
use crate::vocabulary::money::{Currency, Money};

/// The name of the approval.
pub const BY_HAND: &str = "match.by_hand";

/// What a line is to be matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Settlements; their sum is the line's, to the đồng.
    Settlements(Vec<Uuid>),
    /// A batch; what is off is part of what is decided.
    Batch(Uuid, String),
}

/// A match to be made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The line, which is open.
    pub line: i64,
    /// With what.
    pub target: Target,
    /// Why.
    pub reason: String,
}

/// What is decided on, and how it would be written.
struct Planned {
    content: Value,
    new: NewMatch,
    agency: String,
    /// The accounts that its settlements were collected on, with their amounts.
    of_accounts: Vec<(String, Decimal)>,
}

impl ByHand {
    fn of(content: &Value) -> Option<Self> {
        let ids = content["settlements"].as_array();
        let target = match ids {
            Some(ids) => {
                Target::Settlements(ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect())
            }
            None => Target::Batch(
                content["report"].as_str()?.parse().ok()?,
                content["batch"].as_str()?.to_owned(),
            ),
        };
        let reason = content["reason"].as_str()?.to_owned();
        Some(Self { line: content["line"].as_i64()?, target, reason })
    }

    async fn plan(
        &self,
        conn: &mut PgConnection,
        matching: &Matching,
    ) -> Result<Planned, OfficerError> {
        let open = work::open_lines_of(conn, &[self.line]).await?.pop();
        let open = open.filter(|open| matches!(open.standing.as_str(), "waiting" | "open"));
        let open = open.ok_or(OfficerError::NotFound)?;
        let line = read::store::lines_read(conn, &[self.line]).await?.pop();
        let line = line.ok_or(OfficerError::NotFound)?;
        let statement = read::store::statement_read(conn, open.statement).await?;
        let scene = matching.scene(conn, statement.ok_or(OfficerError::NotFound)?).await?;
        let report = scene.statement.kind == Kind::Report;
        let layer = if report { "line" } else { "funds" };
        let of_line = NewSide { line: Some((line.id, line.amount)), ..NewSide::default() };
        let mut difference = Decimal::ZERO;
        let mut of_accounts = Vec::new();
        let (sides, what) = match &self.target {
            Target::Settlements(ids) => {
                let mut sides = vec![of_line];
                let mut sum = Decimal::ZERO;
                for id in ids {
                    let row = reads::settlement_by_hand(conn, *id, layer).await?;
                    let row = row.filter(|row| row.partner == scene.statement.partner);
                    let row = row.ok_or(OfficerError::NotFound)?;
                    if row.taken || !row.stands {
                        let why = format!("settlement {id} is matched, or not booked");
                        return Err(OfficerError::WrongState(why));
                    }
                    sum += row.amount;
                    of_accounts.push((row.account, row.amount));
                    let settlement = Some((*id, row.amount));
                    match (ids.len(), sides.first_mut()) {
                        (1, Some(side)) => side.settlement = settlement,
                        _ => sides.push(NewSide { settlement, ..NewSide::default() }),
                    }
                }
                if sum != line.amount {
                    let why = format!(
                        "{} there, {} here: a line is never off",
                        told(line.amount),
                        told(sum)
                    );
                    return Err(OfficerError::WrongState(why));
                }
                (sides, json!({ "settlements": ids }))
            }
            Target::Batch(report, name) => {
                let batch = work::batch_lock(conn, *report, name).await?;
                let batch = batch.ok_or(OfficerError::NotFound)?;
                if batch.state != "open" || layer != "funds" {
                    let why = "the batch is not open, or the line is no credit of a bank account";
                    return Err(OfficerError::WrongState(why.to_owned()));
                }
                difference = line.amount - batch.net;
                let batch = Some((*report, name.clone(), batch.net));
                let what = json!({ "report": report, "batch": name });
                (vec![NewSide { batch, ..of_line }], what)
            }
        };
        let mut content = json!({
            "line": self.line, "partner": scene.statement.partner,
            "account": scene.statement.account, "statement": scene.statement.reference,
            "amount": told(line.amount), "difference": told(difference), "reason": self.reason,
        });
        for (key, value) in what.as_object().into_iter().flatten() {
            content[key] = value.clone();
        }
        let new = NewMatch {
            id: uuid_v7(matching.now()),
            layer,
            rule: "hand",
            state: "confirmed",
            partner: scene.statement.partner.clone(),
            account: scene.statement.account.clone(),
            agency: scene.agency.clone(),
            fee: Decimal::ZERO,
            difference,
            reason: self.reason.clone(),
            sides,
        };
        Ok(Planned { content, new, agency: scene.agency, of_accounts })
    }
}

impl Matching {
    /// Proposes a match by hand.
    pub async fn propose(
        &self,
        officer: &Officer,
        wanted: &ByHand,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.pool.begin().await?;
        let plan = wanted.plan(&mut tx, self).await?;
        if !officer.may(Role::Officer, &plan.agency) {
            return Err(OfficerError::NotFound);
        }
        let subject = format!("line/{}", wanted.line);
        let by = By { actor: &officer.email, at: self.now() };
        let agency = plan.agency.as_str();
        let proposal =
            Proposal { kind: BY_HAND, subject: &subject, agency, content: &plan.content };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        tx.commit().await?;
        Ok(approval)
    }

    async fn by_hand_in(
        &self,
        conn: &mut PgConnection,
        approval: &Approval,
        by: By<'_>,
    ) -> Result<(), OfficerError> {
        let wanted = ByHand::of(&approval.value()).ok_or(OfficerError::NotFound)?;
        let plan = wanted.plan(conn, self).await?;
        if canonical(&plan.content) != approval.content {
            return Err(OfficerError::NotFound);
        }
        let id = plan.new.id;
        let made_by = approval.made_by.as_str();
        matches::matches_insert(conn, std::slice::from_ref(&plan.new), VERSION, (made_by, by.at))
            .await?;
        let detail = json!({ "line": wanted.line, "approval": approval.id });
        audit::record_in(conn, by, "match.by_hand", &id.to_string(), &detail).await?;
        if let Target::Batch(report, batch) = &wanted.target {
            let row = reads::matches_read(conn, &[id]).await?.pop();
            let side = reads::sides_of(conn, &[id]).await?.into_iter().next();
            let (Some(row), Some(side)) = (row, side) else { return Err(OfficerError::NotFound) };
            return fund_in(conn, self, (&row, &side), (*report, batch), made_by).await;
        }
        let open = work::open_lines_of(conn, &[wanted.line]).await?.pop();
        let open = open.ok_or(MatchingError::Overtaken)?;
        if let Some(entry) = open.entry {
            let seen: Vec<settlements::Seen> = plan
                .new
                .sides
                .iter()
                .filter_map(|side| side.settlement)
                .map(|(settlement, _)| settlements::Seen {
                    settlement,
                    by: format!("match/{id}"),
                    entry,
                })
                .collect();
            let new = settlements::settlements_banked_insert(conn, &seen, by.at).await?;
            let told = told_before(&seen, &new, |seen| seen.by.clone());
            words::give_way_in(conn, self, open.statement, &told).await?;
            self.moves_in(conn, (&plan.new, open.statement), &plan.of_accounts).await?;
        } else if let Some(line) = read::store::lines_read(conn, &[wanted.line]).await?.pop() {
            let of = (line.statement, line.batch.as_str());
            batches::bank_one_in(conn, self, of, line.place).await?;
        }
        let cases: Vec<Uuid> = open.case.into_iter().collect();
        breaks::store::breaks_close(conn, &cases, by.at).await?;
        work::open_lines_delete(conn, &[wanted.line]).await?;
        Ok(())
    }
}

impl Matching {
    /// Money on one account of a partner that pays what another of its accounts has collected.
    async fn moves_in(
        &self,
        conn: &mut PgConnection,
        (new, statement): (&NewMatch, Uuid),
        of_accounts: &[(String, Decimal)],
    ) -> Result<(), OfficerError> {
        let today = self.accounts.day_of(self.now());
        for (account, amount) in of_accounts.iter().filter(|(of, _)| *of != new.account) {
            let money = Money::new(*amount, Currency::Vnd).map_err(defect)?;
            let occasion = Occasion {
                act: "receivable_moves",
                business_day: today,
                value_date: today.0,
                source: format!("match/{}", new.id),
                reverses: None,
                actor: "payclear".to_owned(),
                reason: format!("match/{}", new.id),
            };
            let from = receivable(&new.partner, &new.account, Currency::Vnd);
            let to = receivable(&new.partner, account, Currency::Vnd);
            let entry = acts::receivable_moves(occasion, from, to, money).map_err(defect)?;
            batches::write_in(conn, self, statement, entry).await?;
        }
        Ok(())
    }
}

/// The kind of approval of matches by hand.
#[derive(Debug)]
pub struct ByHandKind(pub Arc<Matching>);

impl ApprovalKind for ByHandKind {
    fn name(&self) -> &'static str {
        BY_HAND
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
        Box::pin(async move {
            match self.0.by_hand_in(conn, approval, by).await {
                Ok(()) => Ok(()),
                Err(OfficerError::NotFound) => Err(ApplyError::Changed),
                Err(
                    OfficerError::Store(error)
                    | OfficerError::Matching(MatchingError::Store(error)),
                ) => Err(error.into()),
                Err(error) => Err(ApplyError::Impossible(error.to_string())),
            }
        })
    }

    /// Nothing waits but the approval itself.
    fn drop_in<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: &'a Approval,
        _: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async { Ok(()) })
    }
}
