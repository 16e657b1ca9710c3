//! The bodies of our calls.

use serde::Serialize;

use super::Momo;
use super::signature::{Signed, of};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Answer, Call, Subject};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewOrder<'a> {
    pub partner_code: &'a str,
    pub request_id: &'a str,
    pub amount: u64,
    pub order_id: &'a str,
    pub order_info: &'a str,
    pub redirect_url: &'a str,
    pub ipn_url: &'a str,
    pub request_type: &'a str,
    pub extra_data: &'a str,
    pub auto_capture: bool,
    pub lang: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question<'a> {
    pub partner_code: &'a str,
    pub request_id: &'a str,
    pub order_id: &'a str,
    pub lang: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRefund<'a> {
    pub partner_code: &'a str,
    pub request_id: &'a str,
    pub order_id: &'a str,
    pub amount: u64,
    pub trans_id: u64,
    pub description: &'a str,
    pub lang: &'a str,
}

#[derive(Serialize)]
struct WithSignature<T> {
    #[serde(flatten)]
    body: T,
    signature: String,
}

impl Momo {
    pub(super) fn call(&self, path: &str, signed: Signed, body: impl Serialize) -> Call {
        let plain = serde_json::to_string(&body).unwrap_or_default();
        let text = Object::read(&plain)
            .map(|object| signed.text(&self.settings.access_key, of(&object)))
            .unwrap_or_default();
        let body = WithSignature { body, signature: self.settings.secret_key.sha256(&text) };
        Call {
            method: "POST",
            url: format!("{}/v2/gateway/api/{path}", self.settings.base_url),
            headers: vec![("content-type", "application/json; charset=UTF-8".to_owned())],
            body: serde_json::to_vec(&body)
                .unwrap_or_else(|_| unreachable!("numbers and texts are JSON")),
            subject: Subject::default(),
        }
    }

    /// The answer to a call about this order or refund with its result code, or why there is none.
    /// It is not signed, so it must at least speak of our merchant and of what was asked.
    pub(super) fn hear<'a>(
        &self,
        reference: &str,
        answer: Answer<'a>,
    ) -> Result<(Object<'a>, String), String> {
        let status = answer.status;
        let read = std::str::from_utf8(answer.body).ok().and_then(Object::read);
        let body = read.ok_or_else(|| format!("HTTP {status}: no JSON object"))?;
        let code = body.filled("resultCode").ok_or_else(|| format!("HTTP {status}: no code"))?;
        if matches!(status, 408 | 422 | 429 | 500..) {
            return Err(format!("HTTP {status}, code {code}"));
        }
        // A refusal may leave out what it could not read; a success names what it is about.
        let ours = [("partnerCode", self.settings.partner_code.as_str()), ("orderId", reference)];
        for (name, expected) in ours {
            match body.filled(name) {
                Some(named) if named == expected => {}
                None if code != "0" => {}
                _ => return Err(format!("the answer has another {name}")),
            }
        }
        Ok((body, code))
    }
}
