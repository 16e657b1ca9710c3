//! `Content-Digest` (RFC 9530).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::Refused;
use super::fields::Text;

/// The field for a body.
pub(super) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Every digest that we can compute must be that of the body, and there must be one. Those of
/// other algorithms are passed over: they are signed, but say nothing to us.
pub(super) fn check(field: &[u8], body: &[u8]) -> Result<(), Refused> {
    let sha_512 = || Sha512::digest(body).into();
    check_hashed(field, &Sha256::digest(body).into(), sha_512)
}

/// The same of a body that went by: its hashes, the second one only if it is asked for.
pub(super) fn check_hashed(
    field: &[u8],
    body_256: &[u8; 32],
    body_512: impl Fn() -> [u8; 64],
) -> Result<(), Refused> {
    let mut text = Text::of(field, "content-digest")?;
    let (mut sha_256, mut sha_512) = (None, None);
    loop {
        let first_time = match text.until('=')? {
            "sha-256" => sha_256.replace(text.bytes()?).is_none(),
            "sha-512" => sha_512.replace(text.bytes()?).is_none(),
            _ => {
                // The opening colon has nothing before it; what follows runs to the closing one.
                let empty = text.until(':')?.is_empty();
                text.until(':')?;
                empty
            }
        };
        if !first_time {
            return Err(text.malformed());
        }
        if text.rest.is_empty() {
            break;
        }
        text.rest = text.rest.trim_start_matches([' ', '\t']);
        if !text.take(',') {
            return Err(text.malformed());
        }
        text.rest = text.rest.trim_start_matches([' ', '\t']);
    }
    let same_256 = sha_256.map(|said: [u8; 32]| bool::from(body_256.ct_eq(&said)));
    let same_512 = sha_512.map(|said: [u8; 64]| bool::from(body_512().ct_eq(&said)));
    match (same_256, same_512) {
        (Some(true), None | Some(true)) | (None, Some(true)) => Ok(()),
        _ => Err(Refused::Digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{}";

    #[test]
    fn every_digest_that_we_know_must_be_right() {
        let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let right = b64(&Sha256::digest(BODY));
        let right_512 = b64(&Sha512::digest(BODY));
        let (wrong, wrong_512) = (b64(&[1; 32]), b64(&[1; 64]));
        for field in [
            format!("sha-256=:{right}:"),
            format!("sha-512=:{right_512}:"),
            format!("sha-256=:{right}:, sha-512=:{right_512}:"),
            format!("md5=:AAAA:,\tsha-256=:{right}:"),
        ] {
            assert_eq!(check(field.as_bytes(), BODY), Ok(()), "{field}");
        }
        for field in [
            format!("sha-256=:{wrong}:"),
            format!("sha-512=:{wrong_512}:"),
            format!("sha-256=:{right}:, sha-512=:{wrong_512}:"),
            format!("sha-256=:{wrong}:, sha-512=:{right_512}:"),
            "md5=:AAAA:".to_owned(),
        ] {
            assert_eq!(check(field.as_bytes(), BODY), Err(Refused::Digest), "{field}");
        }
        for field in [
            String::new(),
            format!("sha-256={right}"),
            format!("sha-256=\"{right}\""),
            format!("sha-256=:{}:", right.trim_end_matches('=')),
            format!("sha-256=:{right_512}:"),
            format!("sha-256=:{}:", b64(&[1; 200])),
            format!("sha-256=:{right}:, sha-256=:{right}:"),
            format!("sha-256=:{right}:,"),
            format!("sha-256=:{right}: sha-512=:{right_512}:"),
            format!("sha-256=:{right}:;q=1"),
        ] {
            let malformed = Err(Refused::Malformed("content-digest"));
            assert_eq!(check(field.as_bytes(), BODY), malformed, "{field}");
        }
    }
}
