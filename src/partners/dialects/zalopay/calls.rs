//! The bodies of our calls.

use serde::Serialize;

use super::Zalopay;
use super::codes::ReturnCode;
use super::signature::Signed;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Answer, Call, Subject};

#[derive(Serialize)]
pub(super) struct NewOrder<'a> {
    pub app_id: u64,
    pub app_user: &'a str,
    pub app_trans_id: &'a str,
    pub app_time: i64,
    pub amount: u64,
    pub item: &'a str,
    pub embed_data: &'a str,
    pub description: &'a str,
    pub callback_url: &'a str,
    pub bank_code: &'a str,
    pub expire_duration_seconds: i64,
}

#[derive(Serialize)]
pub(super) struct Question<'a> {
    pub app_id: u64,
    pub app_trans_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct NewRefund<'a> {
    pub app_id: u64,
    pub m_refund_id: &'a str,
    pub zp_trans_id: u64,
    pub amount: u64,
    pub timestamp: i64,
    pub description: &'a str,
}

#[derive(Serialize)]
pub(super) struct RefundQuestion<'a> {
    pub app_id: u64,
    pub m_refund_id: &'a str,
    pub timestamp: i64,
}

#[derive(Serialize)]
struct WithMac<T> {
    #[serde(flatten)]
    body: T,
    mac: String,
}

impl Zalopay {
    pub(super) fn call(&self, path: &str, signed: Signed, body: impl Serialize) -> Call {
        let key = &self.settings.key1;
        let plain = serde_json::to_string(&body).unwrap_or_default();
        let text = Object::read(&plain).map(|object| signed.text(&object, key));
        let body = WithMac { body, mac: key.sha256(&text.unwrap_or_default()) };
        Call {
            method: "POST",
            url: format!("{}/v2/{path}", self.settings.base_url),
            headers: vec![("content-type", "application/json".to_owned())],
            body: serde_json::to_vec(&body)
                .unwrap_or_else(|_| unreachable!("numbers and texts are JSON")),
            subject: Subject::default(),
        }
    }
}

/// An answer with its code, or why there is none.
pub(super) fn hear(answer: Answer<'_>) -> Result<(Object<'_>, ReturnCode), String> {
    let status = answer.status;
    if !(200..300).contains(&status) {
        return Err(format!("HTTP {status}"));
    }
    let read = std::str::from_utf8(answer.body).ok().and_then(Object::read);
    let body = read.ok_or_else(|| "no JSON object".to_owned())?;
    let code = body.text("return_code").unwrap_or_default();
    let code = code.parse().map_err(|_| format!("return code {code:?}"))?;
    Ok((body, code))
}

/// The code that says why not; the return code itself when there is no better one.
pub(super) fn sub_code(body: &Object<'_>) -> String {
    body.filled("sub_return_code").filter(|code| code != "0").unwrap_or_else(|| "2".to_owned())
}
