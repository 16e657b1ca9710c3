//! The calls beside making and asking: naming the webhook, taking an order back, paying money out.

use serde::Serialize;

use super::Payos;
use super::signature::payout_text;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Call, Order, Subject};

impl Payos {
    /// Names the address of our webhook. payOS calls it at once with an example and wants a 2xx.
    pub fn ask_confirm_webhook(&self, webhook_url: &str) -> Call {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            webhook_url: &'a str,
        }
        self.post("/confirm-webhook", &Body { webhook_url })
    }

    /// Takes an order back; the answer reads like that of a query.
    pub(super) fn cancel_call(&self, order: &Order, reason: &str) -> Call {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            cancellation_reason: &'a str,
        }
        let path = format!("/v2/payment-requests/{}/cancel", order.reference);
        self.post(&path, &Body { cancellation_reason: reason }).cancels(order)
    }

    /// The header `x-signature` of a payout; none when the text is no JSON object.
    pub fn payout_signature(&self, payout_json: &str) -> Option<String> {
        let text = payout_text(&Object::read(payout_json)?)?;
        Some(self.settings.checksum_key.sha256(&text))
    }

    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> Call {
        let mut headers = self.headers();
        headers.push(("content-type", "application/json".to_owned()));
        Call {
            method: "POST",
            url: format!("{}{path}", self.settings.base_url),
            headers,
            body: serde_json::to_vec(body)
                .unwrap_or_else(|_| unreachable!("numbers and texts are JSON")),
            subject: Subject::default(),
        }
    }

    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("x-client-id", self.settings.client_id.expose().to_owned()),
            ("x-api-key", self.settings.api_key.expose().to_owned()),
        ]
    }
}
