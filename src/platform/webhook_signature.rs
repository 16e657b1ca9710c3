//! Notices to portals are signed as Standard Webhooks 1.0.0 says (`v1`, HMAC-SHA256).
//!
//! While an endpoint's secret rotates a notice carries two signatures, so that the portal may
//! change over at any moment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::platform::seal::Secret;

/// How a secret's text begins.
pub const PREFIX: &str = "whsec_";
/// What the standard allows, in bytes.
const SHORTEST: usize = 24;
const LONGEST: usize = 64;
/// What we draw.
const DRAWN: usize = 32;

/// The text is no webhook secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and 24 to 64 bytes in base64")]
pub struct BadWebhookSecret;

/// The secret that one endpoint shares with us.
#[derive(Debug, Clone)]
pub struct WebhookSecret(Secret);

/// Draws a new secret.
pub fn new_secret(random: &mut impl CryptoRng) -> WebhookSecret {
    WebhookSecret(Secret::draw(DRAWN, random))
}

impl WebhookSecret {
    /// Reads `whsec_...`.
    pub fn parse(text: &str) -> Result<Self, BadWebhookSecret> {
        let coded = text.trim().strip_prefix(PREFIX).ok_or(BadWebhookSecret)?;
        Self::from_secret(Secret::from_base64(coded).map_err(|_| BadWebhookSecret)?)
    }

    /// Takes the bytes, as they come out of the database.
    pub fn from_secret(secret: Secret) -> Result<Self, BadWebhookSecret> {
        if (SHORTEST..=LONGEST).contains(&secret.expose().len()) {
            Ok(Self(secret))
        } else {
            Err(BadWebhookSecret)
        }
    }

    /// The bytes, to be sealed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// `whsec_...`, for the one time that it is shown to its owner.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", self.0.to_base64().as_str()))
    }
}

/// The three headers of a notice. `id` stays the same over all its retries and holds no full
/// stop; `timestamp` is that of this try, in seconds since 1970; the body goes out byte for byte
/// as given. One signature per secret, the current one first.
pub fn headers(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let signatures: Vec<String> =
        secrets.iter().map(|secret| signature(secret, id, timestamp, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn signature(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose())
        .expect("HMAC takes a key of any length")
        .chain_update(id)
        .chain_update(".")
        .chain_update(timestamp.to_string())
        .chain_update(".")
        .chain_update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::clock::{Clock, SystemClock};
    use axum::http::HeaderMap;
    use rand::SeedableRng;
    use standardwebhooks::Webhook;

    const BODY: &[u8] = r#"{"type":"invoice.paid","dossier":"Hồ sơ 01"}"#.as_bytes();

    fn secret(seed: u64) -> WebhookSecret {
        new_secret(&mut rand::rngs::StdRng::seed_from_u64(seed))
    }

    fn sent(secrets: &[WebhookSecret]) -> HeaderMap {
        let now = SystemClock.now().timestamp();
        let headers = headers(secrets, "msg_0190", now, BODY);
        headers
            .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
            .into_iter()
            .collect()
    }

    fn accepted(secret: &WebhookSecret, body: &[u8], headers: &HeaderMap) -> bool {
        let theirs = Webhook::new(&secret.to_text()).expect("they read our secrets");
        theirs.verify(body, headers).is_ok()
    }

    #[test]
    fn the_example_of_the_standard_is_reproduced() {
        let secret = WebhookSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("24");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let [_, _, (_, signature)] =
            headers(&[secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn a_library_that_we_did_not_write_accepts_our_notices_and_no_others() {
        let headers = sent(&[secret(1)]);
        assert!(accepted(&secret(1), BODY, &headers));
        assert!(!accepted(&secret(2), BODY, &headers));
        assert!(!accepted(&secret(1), b"{}", &headers));
    }

    #[test]
    fn while_a_secret_rotates_the_old_and_the_new_both_accept() {
        let headers = sent(&[secret(2), secret(1)]);
        assert!(accepted(&secret(1), BODY, &headers) && accepted(&secret(2), BODY, &headers));
        assert!(!accepted(&secret(3), BODY, &headers));
    }

    #[test]
    fn a_secret_has_the_length_of_the_standard() {
        let text = |length| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for (length, good) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(WebhookSecret::parse(&text(length)).is_ok(), good, "{length}");
        }
        assert!(WebhookSecret::parse(&text(32)[6..]).is_err(), "the prefix is part of it");
        assert_eq!(*WebhookSecret::parse(&text(40)).expect("40").to_text(), text(40));
        assert_eq!(format!("{:?}", secret(1)), "WebhookSecret(Secret(..))");
    }
}
