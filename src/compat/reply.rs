//! What we answer: a code, a sentence for people, and what was asked for.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::peer::Peer;
use super::signature;
use crate::text_enum;
use crate::vocabulary::day;

text_enum! {
    /// MaLoi. 00 and 99 are the platform's; the others are ours.
    pub enum Code ("MaLoi") {
        /// Done.
        Ok = "00",
        /// MaDoiTac is not known, or MaXacThuc does not fit: which of both is told to nobody.
        Signature = "01",
        /// A field is missing or wrong.
        Malformed = "02",
        /// A message, version or kind of payment that is not taken here.
        Unsupported = "03",
        /// The beneficiary account is not one of the registers.
        Beneficiary = "04",
        /// The same MaThamChieu with other content.
        OtherContent = "05",
        /// No payment of that MaThamChieu.
        NotFound = "06",
        /// There is no receipt yet.
        NoReceipt = "07",
        /// We cannot say now.
        TryLater = "99",
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// MaLoi.
    pub code: Code,
    /// MoTaLoi.
    pub sentence: String,
    /// What was asked for.
    pub more: Vec<(&'static str, Value)>,
}

impl Reply {
    /// Done, with what was asked for.
    pub fn ok(more: Vec<(&'static str, Value)>) -> Self {
        Self { code: Code::Ok, sentence: "Thành công".to_owned(), more }
    }

    /// Refused.
    pub fn no(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), more: Vec::new() }
    }

    /// The body; signed when it is known whose secret signs.
    pub fn body(&self, peer: Option<&Peer>, reference: &str, now: DateTime<Utc>) -> String {
        let partner = peer.map_or("", |peer| peer.partner_code.as_str());
        let at = time(now);
        let mut fields = Map::new();
        fields.insert("MaLoi".to_owned(), json!(self.code.as_str()));
        fields.insert("MoTaLoi".to_owned(), json!(self.sentence));
        fields.insert("MaDoiTac".to_owned(), json!(partner));
        fields.insert("MaThamChieu".to_owned(), json!(reference));
        fields.insert("ThoiGianGD".to_owned(), json!(at));
        if let Some(peer) = peer {
            let secret = peer.secret.expose();
            let text = format!("{}|{partner}|{reference}|{at}|{secret}", self.code);
            fields.insert(signature::HASH.to_owned(), json!(signature::hash(&text)));
        }
        for (name, value) in &self.more {
            fields.insert((*name).to_owned(), value.clone());
        }
        let body = Value::Object(fields).to_string();
        if peer.is_some_and(|peer| peer.wrapped) {
            return json!({ "error_code": "0", "message": body }).to_string();
        }
        body
    }
}

/// `yyyyMMddHHmmss` in Việt Nam, the hour of 24.
pub fn time(at: DateTime<Utc>) -> String {
    day::to_local(at).format("%Y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_signed_and_wrapped_as_agreed() {
        let settings = |answers: &str| {
            let json = format!(
                r#"{{"partner_code":"A","secret":"12345678","result_url":"u","answers":"{answers}"}}"#
            );
            Peer::read("p", json.as_bytes()).expect("settings")
        };
        let at = "2026-11-22T14:03:12Z".parse().expect("a time");
        let reply = Reply::ok(vec![("UrlThanhToan", json!("https://x"))]);
        let plain: Value =
            serde_json::from_str(&reply.body(Some(&settings("plain")), "R", at)).expect("json");
        assert_eq!(
            (&plain["MaLoi"], &plain["ThoiGianGD"]),
            (&json!("00"), &json!("20261122210312"))
        );
        assert_eq!(plain["MaXacThuc"], signature::hash("00|A|R|20261122210312|12345678"));
        let wrapped: Value =
            serde_json::from_str(&reply.body(Some(&settings("lgsp")), "R", at)).expect("json");
        let inner: Value =
            serde_json::from_str(wrapped["message"].as_str().expect("text")).expect("json");
        assert_eq!((wrapped["error_code"].as_str(), inner), (Some("0"), plain));
        let unknown: Value =
            serde_json::from_str(&Reply::no(Code::Signature, "x").body(None, "R", at))
                .expect("json");
        assert_eq!(unknown.get("MaXacThuc"), None);
    }
}
