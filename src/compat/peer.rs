//! A portal that speaks the platform's messages, with what was agreed with it.

use serde::Deserialize;

use crate::partners::dialects::key::Key;
use crate::platform::seal::{MasterKeys, OpenError};

/// The file that an operator writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    partner_code: String,
    secret: Key,
    result_url: String,
    result_bearer: Option<Key>,
    result_kind: Option<String>,
    waiting_status: Option<String>,
    paid_status: Option<String>,
    le_phi_kinds: Option<String>,
    sub_item: Option<String>,
    procedure: Option<String>,
    answers: Option<String>,
}

/// What was agreed with a portal.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The portal's code in the registers.
    pub portal: String,
    /// MaDoiTac.
    pub partner_code: String,
    /// Signs both ways.
    pub secret: Key,
    /// Where results go.
    pub result_url: String,
    /// The token that the way there (an LGSP) wants, when it wants one.
    pub result_bearer: Option<Key>,
    /// LoaiBanTin of the result.
    pub result_kind: String,
    /// TrangThaiGD while it can still be paid.
    pub waiting_status: String,
    /// TrangThaiGD once it is paid.
    pub paid_status: String,
    /// LoaiPhiLePhi of a lệ phí; any other is a phí.
    pub le_phi_kinds: Vec<String>,
    /// Budget sub-item of lines that name none and that no tariff prices.
    pub sub_item: Option<String>,
    /// The procedure of messages that name none.
    pub procedure: Option<String>,
    /// Answers come wrapped as an LGSP wraps them.
    pub wrapped: bool,
}

/// Why settings are refused. No error tells a value: a value may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not a JSON object with these fields.
    #[error(
        "line {line}, column {column}: expected a JSON object with partner_code, secret, result_url \
         and perhaps result_bearer, result_kind, waiting_status, paid_status, le_phi_kinds, sub_item, \
         procedure and answers, all of them text"
    )]
    Unreadable {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// A field says what is not taken.
    #[error("{field}: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is taken.
        why: &'static str,
    },
}

impl Peer {
    /// Reads what an operator wrote for a portal.
    pub fn read(portal: &str, json: &[u8]) -> Result<Self, PeerError> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|e| PeerError::Unreadable { line: e.line(), column: e.column() })?;
        let wrong = |field, why| Err(PeerError::Field { field, why });
        let plain = |text: &str, most| {
            (1..=most).contains(&text.chars().count())
                && !text.contains(['|', '"'])
                && !text.chars().any(char::is_control)
        };
        if !plain(&written.partner_code, 50) {
            return wrong("partner_code", "1 to 50 characters without | expected");
        }
        if written.secret.alive().any(|secret| secret.len() < 8) {
            return wrong("secret", "at least 8 characters expected");
        }
        let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
        let peer = Self {
            portal: portal.to_owned(),
            partner_code: written.partner_code,
            secret: written.secret,
            result_url: written.result_url,
            result_bearer: written.result_bearer,
            result_kind: or(written.result_kind, "CONFIRM"),
            waiting_status: or(written.waiting_status, "0"),
            paid_status: or(written.paid_status, "1"),
            le_phi_kinds: or(written.le_phi_kinds, "2")
                .split(',')
                .map(|kind| kind.trim().to_owned())
                .filter(|kind| !kind.is_empty())
                .collect(),
            sub_item: written.sub_item,
            procedure: written.procedure,
            wrapped: match written.answers.as_deref() {
                None | Some("plain") => false,
                Some("lgsp") => true,
                Some(_) => return wrong("answers", "plain or lgsp expected"),
            },
        };
        if !plain(&peer.result_kind, 50) {
            return wrong("result_kind", "1 to 50 characters without | expected");
        }
        let [waiting, paid] = [&peer.waiting_status, &peer.paid_status];
        if waiting == paid || [waiting, paid].into_iter().any(|s| !plain(s, 20) || s == FAILED) {
            return wrong("paid_status", "it, waiting_status and 4 (failed) must be three values");
        }
        let four = |text: &String| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        if peer.sub_item.as_ref().is_some_and(|sub_item| !four(sub_item)) {
            return wrong("sub_item", "4 digits expected");
        }
        Ok(peer)
    }

    /// Opens what was sealed for a portal. None when it was sealed by a version that took what this
    /// one does not.
    pub fn open(portal: &str, sealed: &[u8], keys: &MasterKeys) -> Result<Option<Self>, OpenError> {
        let opened = keys.open(&context(portal), sealed)?;
        Ok(Self::read(portal, opened.expose()).ok())
    }
}

/// TrangThaiGD of what will not be paid: the one value that is known.
pub const FAILED: &str = "4";

/// What is sealed is bound to its portal.
pub fn context(portal: &str) -> String {
    format!("compat/{portal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"partner_code":"SIMDT01","secret":"SIMDVCQGSECRET0001",
        "result_url":"https://motcua.example.gov.vn/ketqua"}"#;

    #[test]
    fn what_is_not_told_has_the_usual_value() {
        let peer = Peer::read("botp", GOOD.as_bytes()).expect("settings");
        assert_eq!((peer.result_kind.as_str(), peer.paid_status.as_str()), ("CONFIRM", "1"));
        assert_eq!((peer.waiting_status.as_str(), peer.wrapped), ("0", false));
        assert_eq!(peer.le_phi_kinds, ["2"]);
    }

    #[test]
    fn wrong_settings_are_refused_without_telling_them() {
        let with =
            |more: &str| GOOD.replace("\"partner_code\"", &format!("{more},\"partner_code\""));
        for bad in [
            "{}".to_owned(),
            GOOD.replace("SIMDVCQGSECRET0001", "SIMDVCQ"),
            GOOD.replace("SIMDT01", "SIM|01"),
            with(r#""answers":"x""#),
            with(r#""paid_status":"4""#),
            with(r#""paid_status":"0""#),
            with(r#""sub_item":"27""#),
            with(r#""result_kind":"""#),
            with(r#""more":"x""#),
        ] {
            let error = Peer::read("botp", bad.as_bytes()).expect_err(&bad).to_string();
            assert!(!error.contains("SIMDVCQ"), "{error}");
        }
        let shown = format!("{:?}", Peer::read("botp", GOOD.as_bytes()));
        assert!(!shown.contains("SIMDVCQGSECRET0001"), "{shown}");
    }
}
