//! The caller's side: what `payclear request`, the demonstration and the tests sign with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use super::{Component, READ, WRITE, digest, is_read, keyed, write_base};

/// Our signatures' label; any other would do.
const LABEL: &str = "sig1";

/// A request that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole address as it will be sent: origin, path and query.
    pub target_uri: &'a str,
    /// The value of `Idempotency-Key`; a write has one.
    pub idempotency_key: Option<&'a str>,
    /// The body as it will be sent.
    pub body: &'a [u8],
}

/// A caller's key.
#[derive(Clone, Copy)]
pub struct SigningKey<'a> {
    /// Its public name.
    pub id: &'a str,
    /// The shared secret.
    pub secret: &'a [u8],
}

/// Tells the name only.
impl std::fmt::Debug for SigningKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What signing adds to a request.
#[derive(Debug, Clone)]
pub struct Signed {
    /// `content-digest` (on a write), `signature-input`, `signature`.
    pub headers: Vec<(&'static str, String)>,
    /// The text that was signed, for whoever looks for a difference.
    pub base: String,
}

/// The request cannot be signed in the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// A write without an idempotency key.
    #[error("a request that changes something needs an idempotency key")]
    NoIdempotencyKey,
    /// A write without a nonce.
    #[error("a request that changes something needs a nonce")]
    NoNonce,
    /// GET and HEAD do not sign a body.
    #[error("GET and HEAD carry no body")]
    Body,
    /// The key's name, the nonce, the address or the idempotency key holds what a header or the
    /// profile cannot.
    #[error("the {0} holds characters that cannot be signed")]
    Characters(&'static str),
}

/// Signs a request. `created` is in seconds since 1970; the nonce is a fresh one for each write.
pub fn sign(
    request: &Unsigned<'_>,
    key: SigningKey<'_>,
    created: i64,
    nonce: Option<&str>,
) -> Result<Signed, CannotSign> {
    let quotable = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    let visible = |b: u8| b.is_ascii_graphic();
    for (what, text, allowed) in [
        ("key id", key.id, &quotable as &dyn Fn(u8) -> bool),
        ("nonce", nonce.unwrap_or("-"), &quotable),
        ("address", request.target_uri, &visible),
        ("idempotency key", request.idempotency_key.unwrap_or("-"), &visible),
    ] {
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(CannotSign::Characters(what));
        }
    }
    let mut headers = Vec::with_capacity(3);
    let mut content_digest = String::new();
    let components: &[Component] = if is_read(request.method) {
        if !request.body.is_empty() {
            return Err(CannotSign::Body);
        }
        &READ
    } else {
        request.idempotency_key.ok_or(CannotSign::NoIdempotencyKey)?;
        nonce.ok_or(CannotSign::NoNonce)?;
        content_digest = digest::content_digest(request.body);
        headers.push(("content-digest", content_digest.clone()));
        &WRITE
    };

    let names: Vec<String> = components.iter().map(|c| format!("\"{}\"", c.name())).collect();
    let mut parameters = format!("({});created={created};keyid=\"{}\"", names.join(" "), key.id);
    parameters.push_str(";alg=\"hmac-sha256\"");
    if let Some(nonce) = nonce {
        parameters.extend([";nonce=\"", nonce, "\""]);
    }

    let lines = components.iter().map(|component| {
        let value = match component {
            Component::Method => request.method,
            Component::TargetUri => request.target_uri,
            Component::ContentDigest => &content_digest,
            Component::IdempotencyKey => request.idempotency_key.unwrap_or_default(),
        };
        (component.name(), [value.as_bytes(), b""])
    });
    let mut base = Vec::new();
    write_base(lines, &parameters, &mut |bytes| base.extend_from_slice(bytes));
    let mut mac = keyed(key.secret);
    mac.update(&base);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    headers.push(("signature-input", format!("{LABEL}={parameters}")));
    headers.push(("signature", format!("{LABEL}=:{signature}:")));
    Ok(Signed { headers, base: String::from_utf8_lossy(&base).into_owned() })
}
