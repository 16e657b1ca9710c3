//! A case as its partner sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::breaks::case::Case;
use crate::breaks::store::{said, timeline};
use crate::breaks::view::{AmountView, CommentView, EvidenceView};
use crate::platform::problem::Problem;

/// A case that is shared with its partner.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedBreak {
    /// UUID v7.
    id: uuid::Uuid,
    /// `F01` to `F05`, `B01` to `B18`.
    #[schema(example = "B01")]
    code: String,
    /// What the code means.
    name: &'static str,
    /// `open`: an answer is welcome; `closed`: it is settled.
    state: &'static str,
    /// When it was shared.
    shared_since: DateTime<Utc>,
    /// Until when an answer is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<DateTime<Utc>>,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
    /// How much does not match.
    amount: AmountView,
    /// The partner's own id of the transaction it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    /// The code of the invoice it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
    /// What was asked and answered, the oldest first.
    comments: Vec<CommentView>,
    /// The files of both sides.
    evidence: Vec<EvidenceView>,
}

/// The path of a case for its partner.
pub fn path_of(case: &Case) -> String {
    format!("/v1/partner/breaks/{}", case.id)
}

impl SharedBreak {
    /// A case with what its partner may see.
    pub async fn read(
        conn: &mut PgConnection,
        case: Case,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let below = path_of(&case);
        let settlements = timeline::settlements(conn, &case).await?;
        let of_case = |id: uuid::Uuid| case.settlement.is_some_and(|settlement| settlement.0 == id);
        let own = settlements.into_iter().find(|row| of_case(row.settlement_id));
        let mut transaction_id = own.map(|row| row.transaction_id);
        if transaction_id.is_none() {
            let line = timeline::file_line(conn, &case).await?;
            transaction_id = line.map(|line| line.transaction_id).filter(|id| !id.is_empty());
        }
        let invoice = timeline::invoice(conn, &case).await?;
        let comments = said::comments(conn, case.id, true).await?;
        // Who among the officers asks is not the partner's to know.
        let by_whom = |mut comment: said::Comment| {
            if !comment.made_by.starts_with("partner/") {
                "payclear".clone_into(&mut comment.made_by);
            }
            CommentView::from(comment)
        };
        let evidence = said::evidence_list(conn, case.id, true).await?;
        Ok(Self {
            id: case.id.0,
            code: case.code.to_string(),
            name: case.code.name_en(),
            state: if case.state.is_open() { "open" } else { "closed" },
            shared_since: case.shared_since.unwrap_or(now),
            waits_until: case.waits_until.filter(|_| case.state.is_open()),
            closed_at: case.closed_at,
            amount: AmountView::of(case.amount.amount(), case.amount.currency().as_str()),
            transaction_id,
            invoice: invoice.map(|invoice| invoice.code),
            comments: comments.into_iter().map(by_whom).collect(),
            evidence: evidence
                .into_iter()
                .map(|mut shown| {
                    if !shown.made_by.starts_with("partner/") {
                        "payclear".clone_into(&mut shown.made_by);
                    }
                    EvidenceView::of(shown, &below)
                })
                .collect(),
        })
    }

    /// As bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
