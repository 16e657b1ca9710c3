//! Sessions: a token that its holder knows and the database knows the hash of.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::text_enum;
use crate::vocabulary::realm::Realm;

text_enum! {
    /// How a token comes with a request.
    pub enum CarriedBy ("way to carry a token") {
        /// A cookie, which browsers send of themselves.
        Cookie = "cookie",
        /// `Authorization: Bearer`.
        Bearer = "bearer",
    }
}

const TOKEN_BYTES: usize = 32;

/// A token as it is handed out.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Draws one of a realm.
    pub fn draw(realm: Realm) -> Self {
        let bytes = Zeroizing::new(rand::random::<[u8; TOKEN_BYTES]>());
        let drawn = Zeroizing::new(URL_SAFE_NO_PAD.encode(&bytes[..]));
        Self(Zeroizing::new(format!("{}{}", realm.prefix(), *drawn)))
    }

    /// The text, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database keeps.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The name of the cookie. Browsers take `__Host-` only with `Secure`, from the origin itself and
/// for all of it; over plain http, while developing, the name is a plain one.
pub fn cookie_name(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") { "__Host-payclear" } else { "payclear" }
}

/// The cookie to set; without a token, the one that takes it away.
pub fn cookie(public_url: &str, token: Option<&Token>) -> String {
    let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
    let name = cookie_name(public_url);
    match token {
        Some(token) => {
            format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{secure}", token.expose())
        }
        None => format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}"),
    }
}

/// The token of a request, hashed, and how it came. A header is meant before a cookie.
pub fn presented(headers: &HeaderMap, cookie_name: &str) -> Option<([u8; 32], CarriedBy)> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(given) = text("authorization") {
        let (scheme, token) = given.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| (hash(token.trim()), CarriedBy::Bearer));
    }
    headers.get_all("cookie").iter().filter_map(|v| v.to_str().ok()).find_map(|cookies| {
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.find(|(name, _)| *name == cookie_name)?.1;
        Some((hash(token), CarriedBy::Cookie))
    })
}

/// Was a write that carries a cookie made by a page of ours? Browsers name the origin of every
/// write, or say at least that it is the same.
pub fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match text("origin") {
        Some(origin) => origin == public_url,
        None => text("sec-fetch-site") == Some("same-origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = given.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_str(value).expect("text"))
        });
        pairs.collect()
    }

    #[test]
    fn a_token_comes_in_a_header_or_in_our_cookie() {
        let token = Token::draw(Realm::Live);
        let of = |given: &[(&'static str, &str)]| presented(&headers(given), "__Host-payclear");
        let cookie = format!("a=b; __Host-payclear={}; c=d", token.expose());
        assert_eq!(of(&[("cookie", &cookie)]), Some((token.hash(), CarriedBy::Cookie)));
        let bearer = format!("Bearer {}", token.expose());
        assert_eq!(
            of(&[("authorization", &bearer), ("cookie", &cookie)]),
            Some((token.hash(), CarriedBy::Bearer))
        );
        assert_eq!(of(&[("cookie", "payclear=x")]), None, "another name");
        assert_eq!(of(&[("authorization", "Basic eDp5"), ("cookie", &cookie)]), None);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn the_cookie_is_bound_to_the_host() {
        let token = Token::draw(Realm::Live);
        let set = cookie("https://pay.example.gov.vn", Some(&token));
        assert!(set.starts_with("__Host-payclear="));
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
        assert!(cookie("http://127.0.0.1:8080", Some(&token)).starts_with("payclear="));
        assert!(cookie("https://a.vn", None).contains("Max-Age=0"));
    }

    #[test]
    fn a_write_with_a_cookie_comes_from_our_own_page() {
        let same = |given: &[(&'static str, &str)]| is_same_origin(&headers(given), "https://a.vn");
        assert!(same(&[("origin", "https://a.vn")]));
        assert!(same(&[("sec-fetch-site", "same-origin")]));
        assert!(!same(&[("origin", "https://b.vn"), ("sec-fetch-site", "same-origin")]));
        assert!(!same(&[("origin", "null")]));
        assert!(!same(&[]));
        assert!(!same(&[("sec-fetch-site", "same-site")]));
    }
}
