//! Endpoints and deliveries as portals see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::listing::DeliveryRow;
use super::notice::NoticeKind;
use super::status::DeliveryState;
use crate::platform::admission::StoredAnswer;
use crate::portals::endpoint::{Endpoint, EndpointState};
use crate::portals::store::EndpointRow;
use crate::vocabulary::ids::{ApprovalId, EndpointId};

/// An address where the portal is told of results.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndpointView {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub id: EndpointId,
    /// The address.
    #[schema(example = "https://dichvucong.example.gov.vn/payclear")]
    pub url: String,
    /// `pending` (told nothing until an officer of the service has approved it), `open`, `disabled` (by the portal, or because it answered 410), or `gone`.
    #[schema(value_type = String, example = "open")]
    pub state: EndpointState,
    /// Why it is disabled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state_reason: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Until then notices carry a second signature, made with the secret before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// The secret that signs notices (Standard Webhooks), shown only when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub secret: Option<String>,
    /// The approval that it waits for, told when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub approval: Option<ApprovalId>,
}

impl EndpointView {
    /// Without its secret.
    pub fn of(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.clone(),
            state: endpoint.state,
            state_reason: endpoint.state_reason.clone(),
            made_at: endpoint.made_at,
            previous_secret_until: endpoint.previous.as_ref().map(|(_, until)| *until),
            secret: None,
            approval: None,
        }
    }

    /// With the secret, for the one answer that shows it.
    #[must_use]
    pub fn with_secret(mut self, secret: String) -> Self {
        self.secret = Some(secret);
        self
    }
}

impl From<EndpointRow> for EndpointView {
    fn from(row: EndpointRow) -> Self {
        Self {
            id: row.endpoint_id,
            url: row.url,
            state: row.state.parse().unwrap_or(EndpointState::Disabled),
            state_reason: row.state_reason,
            made_at: row.made_at,
            previous_secret_until: row.previous_until,
            secret: None,
            approval: None,
        }
    }
}

/// The endpoints of a portal.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointList {
    /// All of them, oldest first.
    pub endpoints: Vec<EndpointView>,
}

/// One notice to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id: the `webhook-id` of the notice.
    #[schema(example = "ntc_AZNAuIE6cACAAAAAAAAAAQAAAAIBk0C4gTpwAIAAAAAAAAAC")]
    pub id: String,
    /// The endpoint.
    #[schema(value_type = Uuid)]
    pub endpoint: EndpointId,
    /// The invoice.
    pub invoice_id: Uuid,
    /// The step in the life of the invoice.
    pub sequence: i32,
    /// What was told.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "invoice.paid")]
    pub kind: NoticeKind,
    /// `due`, `delivered` or `parked`.
    #[schema(value_type = String, example = "parked")]
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: i32,
    /// When it began.
    pub first_at: DateTime<Utc>,
    /// When it was last tried, or asked for.
    pub last_at: DateTime<Utc>,
    /// When it is tried next, while it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime<Utc>>,
    /// The endpoint's last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<i16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.key.notice_id(),
            endpoint: row.key.endpoint,
            invoice_id: row.key.step.invoice,
            sequence: row.key.step.sequence,
            kind: row.kind,
            state: row.state,
            tries: row.tries,
            first_at: row.first_at,
            last_at: row.last_at,
            next_at: row.next_at,
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}

/// A page of deliveries; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries. A page may hold fewer than `limit` and still have a next one.
    pub deliveries: Vec<DeliveryView>,
}

/// What an endpoint is told again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Redelivered {
    /// So many deliveries are due now.
    pub scheduled: u64,
    /// There is more: ask again, with a new key, from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_since: Option<DateTime<Utc>>,
}

/// An answer as it is stored and sent.
pub fn answer(status: u16, view: &impl Serialize) -> StoredAnswer {
    StoredAnswer { status, body: serde_json::to_vec(view).unwrap_or_default() }
}
