//! Who is calling: HTTP message signatures (RFC 9421) over digests of the body (RFC 9530).
//!
//! One narrow profile: one signature, `hmac-sha256`, strings without escapes, no blanks but those
//! that the canonical form has. Every method but GET and HEAD signs `@method`, `@target-uri`,
//! `content-digest` and `idempotency-key`, in any order, with a nonce; GET and HEAD sign the first
//! two and carry no body. Nothing here reads or writes anything.
//!
//! A caller of this module does three things in this order: [`Presented::read`] (everything that
//! needs no secret), then [`Presented::verify`] with each living secret of the key or
//! [`Presented::verify_unknown`] when there is none, and only then remembers the nonce. Whatever
//! fails, the answer to the outside is the same; [`Refused`] is for the log.

mod digest;
mod fields;
mod sign;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

pub use fields::{BadIdempotencyKey, idempotency_key};
pub use sign::{CannotSign, Signed, SigningKey, Unsigned, sign};

/// How far the caller's clock may be from ours, either way.
pub const WINDOW_SECONDS: i64 = 300;

/// The tag that a signature may carry; one made for another application is not for us.
pub const TAG: &str = "payclear";

/// Covered components of a request without effect.
const READ: [Component; 2] = [Component::Method, Component::TargetUri];
/// Covered components of every other request.
const WRITE: [Component; 4] =
    [Component::Method, Component::TargetUri, Component::ContentDigest, Component::IdempotencyKey];

/// As many origins as are always tried, so that a key's number of origins cannot be timed.
const ORIGINS_TRIED: usize = 4;

/// Why a request is not taken as its caller's. For the log; the caller only learns "401".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header of the profile is not there.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header of the profile comes twice.
    #[error("the header {0} is repeated")]
    Repeated(&'static str),
    /// A header cannot be read in the profile's strict form.
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    /// The two headers name different signatures, or more than one.
    #[error("there is not exactly one signature")]
    NotOneSignature,
    /// Other components are covered than the method asks for.
    #[error("the covered components are not those of the method")]
    Components,
    /// A parameter that the profile does not know, or twice the same.
    #[error("a signature parameter is unknown or repeated")]
    Parameter,
    /// `alg` names something else than `hmac-sha256`.
    #[error("the algorithm is not hmac-sha256")]
    Algorithm,
    /// `tag` is another application's.
    #[error("the signature is tagged for another application")]
    Tag,
    /// A write without a nonce, or a nonce out of its grammar.
    #[error("the nonce is missing or malformed")]
    Nonce,
    /// `created` is too far in the past.
    #[error("the signature is too old")]
    TooOld,
    /// `created` is too far in the future.
    #[error("the signature is from the future")]
    TooNew,
    /// `expires` has passed.
    #[error("the signature has expired")]
    Expired,
    /// The body is not the one that was digested.
    #[error("the content digest is not that of the body")]
    Digest,
    /// GET and HEAD do not sign a body, so they have none.
    #[error("a request without effect carries a body")]
    UnsignedBody,
}

/// A request as it came over the wire.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method, letter for letter.
    pub method: &'a str,
    /// Path and query as received, before any router took a prefix away.
    pub path_and_query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// Names the request; a header may hold what no log should.
impl std::fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path_and_query)
    }
}

/// One of the four parts of a request that the profile covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Component {
    Method,
    TargetUri,
    ContentDigest,
    IdempotencyKey,
}

impl Component {
    const fn name(self) -> &'static str {
        match self {
            Self::Method => "@method",
            Self::TargetUri => "@target-uri",
            Self::ContentDigest => "content-digest",
            Self::IdempotencyKey => "idempotency-key",
        }
    }

    fn named(name: &str) -> Option<Self> {
        WRITE.into_iter().find(|component| component.name() == name)
    }
}

/// Whether a method signs no body and no key.
fn is_read(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// A signature as presented: well formed, fresh and over the right components, but not yet known to
/// be genuine. Until [`Presented::verify`] said yes, everything in it is a claim; the body, which
/// comes later and can be large, is what was signed once [`Presented::covers`] said yes too.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The key that the caller claims to hold.
    pub key_id: &'a str,
    /// When the caller signed, in seconds since 1970.
    pub created: i64,
    /// Never the same again for this key; always there on a write.
    pub nonce: Option<&'a str>,
    request: SignedRequest<'a>,
    /// The components in the order of the caller; `None` beyond those of a read.
    components: [Option<Component>; WRITE.len()],
    content_digest: &'a [u8],
    idempotency_key: &'a [u8],
    /// `@signature-params`: the text as received, from the bracket on.
    parameters: &'a str,
    signature: [u8; 32],
}

/// What was signed of a body that is read later, in pieces.
#[derive(Debug, Clone)]
pub struct BodyDigest(Vec<u8>);

impl BodyDigest {
    /// Is SHA-512 among the digests, so that it must be computed?
    pub fn asks_for_sha_512(&self) -> bool {
        self.0.windows(7).any(|part| part == b"sha-512")
    }

    /// Whether the body with these hashes is what was signed.
    pub fn covers(&self, sha_256: &[u8; 32], sha_512: &[u8; 64]) -> Result<(), Refused> {
        digest::check_hashed(&self.0, sha_256, || *sha_512)
    }
}

impl<'a> Presented<'a> {
    /// Reads the signature of a request and checks all that needs neither secret nor body: form,
    /// components, time, nonce.
    pub fn read(request: SignedRequest<'a>, now: DateTime<Utc>) -> Result<Self, Refused> {
        let input = fields::only(request.headers, "signature-input")?;
        let signature = fields::only(request.headers, "signature")?;
        let input = fields::SignatureInput::parse(input)?;
        let (label, signature) = fields::signature(signature)?;
        if label != input.label {
            return Err(Refused::NotOneSignature);
        }
        input.check_time(now.timestamp())?;

        let read = is_read(request.method);
        // The parser refuses a repeated component, so equal counts mean equal sets.
        let wanted = if read { READ.len() } else { WRITE.len() };
        let covered = input.components.iter().flatten().count();
        if covered != wanted || !READ.iter().all(|c| input.components.contains(&Some(*c))) {
            return Err(Refused::Components);
        }
        let (mut content_digest, mut idempotency_key) = (&b""[..], &b""[..]);
        if !read {
            if input.nonce.is_none() {
                return Err(Refused::Nonce);
            }
            content_digest = fields::only(request.headers, "content-digest")?;
            idempotency_key = fields::only(request.headers, "idempotency-key")?;
        }
        Ok(Self {
            key_id: input.key_id,
            created: input.created,
            nonce: input.nonce,
            request,
            components: input.components,
            content_digest,
            idempotency_key,
            parameters: input.parameters,
            signature,
        })
    }

    /// Checks that the digest is that of the body; a request without effect has no body.
    pub fn covers(&self, body: &[u8]) -> Result<(), Refused> {
        if !is_read(self.request.method) {
            return digest::check(self.content_digest, body);
        }
        if body.is_empty() { Ok(()) } else { Err(Refused::UnsignedBody) }
    }

    /// What the caller signed of the body, for one that is too large to be held.
    pub fn digest(&self) -> BodyDigest {
        BodyDigest(self.content_digest.to_vec())
    }

    /// Whether the holder of `secret` signed this request for one of `origins`
    /// (`https://host[:port]`). Takes as long whichever origin it is, and whether or not it is.
    pub fn verify<S: AsRef<str>>(&self, secret: &[u8], origins: &[S]) -> bool {
        let start = keyed(secret);
        let rounds = origins.len().max(ORIGINS_TRIED);
        let mut genuine = Choice::from(0);
        for origin in origins.iter().cycle().take(rounds) {
            let mut mac = start.clone();
            self.base(origin.as_ref(), &mut |bytes| mac.update(bytes));
            genuine |= mac.finalize().into_bytes().ct_eq(&self.signature);
        }
        genuine.into()
    }

    /// Does the work of [`Self::verify`] for a key that nobody has, so that the time of the
    /// answer does not tell which keys exist. Always false.
    pub fn verify_unknown<S: AsRef<str>>(&self, origins: &[S]) -> bool {
        const NOBODYS: [u8; 32] = [0x5a; 32];
        std::hint::black_box(self.verify(std::hint::black_box(&NOBODYS), origins));
        false
    }

    /// The signature base (RFC 9421 §2.5), piece by piece.
    fn base(&self, origin: &str, sink: &mut impl FnMut(&[u8])) {
        let origin = origin.strip_suffix('/').unwrap_or(origin).as_bytes();
        let lines = self.components.iter().flatten().map(|component| {
            let value: [&[u8]; 2] = match component {
                Component::Method => [self.request.method.as_bytes(), b""],
                Component::TargetUri => [origin, self.request.path_and_query.as_bytes()],
                Component::ContentDigest => [self.content_digest, b""],
                Component::IdempotencyKey => [self.idempotency_key, b""],
            };
            (component.name(), value)
        });
        write_base(lines, self.parameters, sink);
    }
}

/// HMAC-SHA256 with its key schedule done; cloned for each candidate.
fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    // A key of any length is a key of HMAC: the error of this constructor cannot happen.
    Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length")
}

/// Writes a signature base: a line for each component, then the parameters without a line end.
/// A value comes in two pieces so that an origin and a path need not be joined first.
fn write_base<'a>(
    lines: impl Iterator<Item = (&'a str, [&'a [u8]; 2])>,
    parameters: &str,
    sink: &mut impl FnMut(&[u8]),
) {
    for (name, value) in lines {
        sink(b"\"");
        sink(name.as_bytes());
        sink(b"\": ");
        sink(value[0]);
        sink(value[1]);
        sink(b"\n");
    }
    sink(b"\"@signature-params\": ");
    sink(parameters.as_bytes());
}
