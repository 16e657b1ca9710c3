//! What a notice says: thin, so that little travels; the portal reads the rest with its own
//! authority.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::notice_id::StepKey;
use crate::text_enum;
use crate::vocabulary::money::Money;

text_enum! {
    /// The steps that portals are told of.
    pub enum NoticeKind ("notice kind") {
        /// The fee is paid.
        Paid = "invoice.paid",
        /// Nobody paid in time.
        Expired = "invoice.expired",
        /// The portal, or an officer, took it back.
        Cancelled = "invoice.cancelled",
        /// The partner took its word back: the fee is owed again.
        Reversed = "payment.reversed",
        /// The payer has the money back.
        RefundConfirmed = "refund.confirmed",
        /// The refund did not reach the payer.
        RefundFailed = "refund.failed",
    }
}

impl NoticeKind {
    /// The names of all, for a query.
    pub fn names() -> Vec<String> {
        Self::ALL.iter().map(|kind| kind.as_str().to_owned()).collect()
    }

    /// The field that holds the time of this step.
    const fn time_field(self) -> &'static str {
        match self {
            Self::Paid => "paid_at",
            Self::Expired => "expired_at",
            Self::Cancelled => "cancelled_at",
            Self::Reversed => "reversed_at",
            Self::RefundConfirmed => "confirmed_at",
            Self::RefundFailed => "failed_at",
        }
    }
}

/// A step of an invoice, as its event tells it.
#[derive(Debug, Clone)]
pub struct InvoiceStep {
    /// Which.
    pub key: StepKey,
    /// What happened; another kind than those of [`NoticeKind`] is told to nobody.
    pub kind: String,
    /// Whose invoice it is.
    pub portal: String,
    /// The agency.
    pub agency: Option<String>,
    /// When.
    pub made_at: DateTime<Utc>,
    /// The event's own JSON.
    pub body: String,
}

/// The fields of an event, or of its `detail`, that go on to the portal as they are, besides code,
/// dossier and fee.
/// A list of what is allowed, never "all but": the payer must not travel.
const TEXTS: [&str; 6] =
    ["agency", "procedure", "paid_via", "expires_at", "refund_id", "settlement_id"];
const AMOUNTS: [&str; 3] = ["amount", "refunded", "refund_amount"];

/// The bytes of a notice. They are made of the event alone, which never changes, in a fixed order:
/// every try of every replica sends the same.
pub fn body(kind: NoticeKind, step: &InvoiceStep) -> Vec<u8> {
    let told: Value = serde_json::from_str(&step.body).unwrap_or(Value::Null);
    let detail = told.get("detail").unwrap_or(&Value::Null);
    let value = |field: &str| told.get(field).or_else(|| detail.get(field));
    let text = |field: &str| value(field).and_then(Value::as_str);
    let occurred_at = step.made_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut fields: Vec<(&str, Value)> = vec![
        ("type", kind.as_str().into()),
        ("sequence", step.key.sequence.into()),
        ("invoice_id", step.key.invoice.to_string().into()),
    ];
    for field in ["code", "dossier", "fee"] {
        if let Some(text) = text(field) {
            fields.push((field, text.into()));
        }
    }
    fields.push(("portal", step.portal.as_str().into()));
    for field in TEXTS {
        let agency = if field == "agency" { step.agency.as_deref() } else { None };
        if let Some(text) = text(field).or(agency) {
            fields.push((field, text.into()));
        }
    }
    for field in AMOUNTS {
        let money = value(field).and_then(|value| Money::deserialize(value).ok());
        if let Some(value) = money.and_then(|money| serde_json::to_value(money).ok()) {
            fields.push((field, value));
        }
    }
    fields.push(("occurred_at", occurred_at.as_str().into()));
    let field = kind.time_field();
    fields.push((field, text(field).unwrap_or(&occurred_at).into()));
    serde_json::to_vec(&Ordered(&fields)).unwrap_or_default()
}

/// A JSON object whose fields stay in the order in which they were given.
struct Ordered<'a>(&'a [(&'a str, Value)]);

impl Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, value)| (field, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(body: &str) -> InvoiceStep {
        InvoiceStep {
            key: StepKey { invoice: uuid::Uuid::from_u128(5), sequence: 3 },
            kind: "invoice.paid".to_owned(),
            portal: "dvc-mau".to_owned(),
            agency: Some("G01.A".to_owned()),
            made_at: "2026-11-20T02:03:04.5Z".parse().expect("an instant"),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_notice_is_thin_and_names_no_payer() {
        let told = r#"{"code":"PG01","dossier":"HS/2026 \"1\"","fee":"le-phi","procedure":"1.001",
            "amount":{"amount":"150000","currency":"VND"},
            "detail":{"paid_at":"2026-11-20T02:03:04Z","paid_via":"samplebank","memo":"A"},"payer":{"name":"Nguyễn Văn A","id_number":"0123"},
            "counter_account":"1200099887766"}"#;
        let sent = String::from_utf8(body(NoticeKind::Paid, &step(told))).expect("utf-8");
        assert_eq!(
            sent,
            concat!(
                r#"{"type":"invoice.paid","sequence":3,"#,
                r#""invoice_id":"00000000-0000-0000-0000-000000000005","code":"PG01","#,
                r#""dossier":"HS/2026 \"1\"","fee":"le-phi","portal":"dvc-mau","agency":"G01.A","#,
                r#""procedure":"1.001","paid_via":"samplebank","#,
                r#""amount":{"amount":"150000","currency":"VND"},"#,
                r#""occurred_at":"2026-11-20T02:03:04.500000Z","paid_at":"2026-11-20T02:03:04Z"}"#
            )
        );
    }

    #[test]
    fn an_event_that_tells_little_still_makes_a_notice() {
        for told in ["{}", "", "[]", r#"{"amount":5,"code":7}"#] {
            let sent: Value =
                serde_json::from_slice(&body(NoticeKind::Expired, &step(told))).expect("json");
            assert_eq!(sent["type"], "invoice.expired");
            assert_eq!(sent["expired_at"], "2026-11-20T02:03:04.500000Z");
            assert_eq!(sent.get("amount"), None);
        }
    }
}
