//! The terms of partners: proposed by one, approved by another, in force from a day on. Terms that
//! have begun are never rewritten: later ones take their place from their own day.

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::fee::Terms;
use super::run::Matching;
use super::store::reads;
use super::undo::OfficerError;
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, propose_in};
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

/// The name of the approval.
pub const TERMS: &str = "partner.terms";

fn content(partner: &str, terms: &Terms) -> Value {
    json!({
        "partner": partner, "valid_from": terms.valid_from,
        "fixed": terms.fixed.normalize().to_string(),
        "percent": terms.percent.normalize().to_string(), "window_days": terms.window_days,
        "tolerance": terms.tolerance.normalize().to_string(),
    })
}

fn read(content: &Value) -> Option<(String, Terms)> {
    let number = |name: &str| content[name].as_str()?.parse::<Decimal>().ok();
    let terms = Terms {
        valid_from: content["valid_from"].as_str()?.parse::<NaiveDate>().ok()?,
        fixed: number("fixed")?,
        percent: number("percent")?,
        window_days: content["window_days"].as_u64()?.try_into().ok()?,
        tolerance: number("tolerance")?,
    };
    Some((content["partner"].as_str()?.to_owned(), terms))
}

impl Matching {
    /// Proposes terms.
    pub async fn propose_terms(
        &self,
        officer: &Officer,
        partner: &str,
        terms: &Terms,
    ) -> Result<ApprovalId, OfficerError> {
        if self.directory.current().partner(partner).is_none() {
            return Err(OfficerError::NotFound);
        }
        let mut tx = self.pool.begin().await?;
        let known = reads::terms_of(&mut tx, partner, NaiveDate::MAX).await?;
        if known.is_some_and(|known| known.valid_from >= terms.valid_from) {
            let why = "terms of that day or later are there already".to_owned();
            return Err(OfficerError::WrongState(why));
        }
        let content = content(partner, terms);
        let by = By { actor: &officer.email, at: self.now() };
        let agency = EVERYTHING;
        let proposal = Proposal { kind: TERMS, subject: partner, agency, content: &content };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// The kind of approval of terms.
#[derive(Debug, Clone, Copy)]
pub struct TermsKind;

impl Kind for TermsKind {
    fn name(&self) -> &'static str {
        TERMS
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
            let (partner, terms) = read(&approval.value()).ok_or(ApplyError::Changed)?;
            if canonical(&content(&partner, &terms)) != approval.content {
                return Err(ApplyError::Changed);
            }
            let known = reads::terms_of(conn, &partner, NaiveDate::MAX).await?;
            let later = known.is_some_and(|known| known.valid_from >= terms.valid_from);
            let by_whom = (approval.made_by.as_str(), by.at);
            if later || !reads::terms_insert(conn, &partner, &terms, by_whom).await? {
                let why = "terms of that day or later are there already".to_owned();
                return Err(ApplyError::Impossible(why));
            }
            audit::record_in(conn, by, "partner.terms", &partner, &approval.value()).await?;
            Ok(())
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
