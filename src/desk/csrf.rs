//! The token in every form: besides the origin of a post, which browsers name, a form proves that we
//! have drawn it for this very session.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The field of the token.
pub const FIELD: &str = "csrf";

/// The token of a session: made of its secret, so that nothing has to be kept.
pub fn token(session: &[u8; 32]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(session).expect("a key of any length");
    mac.update(b"payclear desk form");
    hex::encode(mac.finalize().into_bytes())
}

/// Is it the token of the session?
pub fn fits(session: &[u8; 32], given: &str) -> bool {
    same(&token(session), given)
}

/// Are two tokens the same, and tokens at all?
pub fn same(one: &str, other: &str) -> bool {
    one.len() == 64 && bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_session_alone() {
        let (one, other) = ([1; 32], [2; 32]);
        assert!(fits(&one, &token(&one)));
        assert!(!fits(&other, &token(&one)));
        assert!(!fits(&one, "") && !same("", ""));
    }
}
