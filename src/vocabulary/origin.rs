//! Web origins: where a payer may be sent back to, and under which name a caller sees us.

use std::fmt;

use url::{Host, Url};

/// The text is no origin that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is https://host or https://host:port and nothing after it \
     (http only for localhost, 127.0.0.1 and [::1])"
)]
pub struct NotAnOrigin;

/// Scheme, host and port, in the one form in which origins are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// The origin as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is the address below this origin?
    pub fn holds(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == self.0
    }

    /// For text that was checked when it was written down.
    pub fn from_register(text: String) -> Self {
        Self(text)
    }
}

impl std::str::FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && !text.contains(['?', '#', '@', '\\', ' ', '*']);
        let allowed = match url.scheme() {
            "https" => url.host().is_some(),
            "http" => is_loopback(&url),
            _ => false,
        };
        if bare && allowed {
            Ok(Self(url.origin().ascii_serialization()))
        } else {
            Err(NotAnOrigin)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Does the address name this very machine?
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_nothing_after_its_host_and_port() {
        for (text, kept) in [
            ("https://dichvucong.mau.gov.vn", "https://dichvucong.mau.gov.vn"),
            ("https://Dichvucong.Mau.gov.vn:443/", "https://dichvucong.mau.gov.vn"),
            ("https://a.vn:8443", "https://a.vn:8443"),
            ("http://localhost:8088", "http://localhost:8088"),
            ("http://[::1]:9", "http://[::1]:9"),
        ] {
            assert_eq!(text.parse::<Origin>().map(|o| o.to_string()), Ok(kept.to_owned()));
        }
        for text in [
            "",
            "a.vn",
            "http://a.vn",
            "https://a.vn/x",
            "https://a.vn?x",
            "https://a.vn/#",
            "https://u@a.vn",
            "https://@a.vn",
            "ftp://a.vn",
            "http://127.0.0.1.a.vn",
            "https://*.a.vn",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn only_addresses_of_the_same_origin_are_below_it() {
        let origin: Origin = "https://a.vn".parse().expect("an origin");
        let holds = |text: &str| origin.holds(&Url::parse(text).expect("an address"));
        assert!(holds("https://a.vn/x?y"));
        assert!(!holds("https://a.vn.evil.example/x"));
        assert!(!holds("http://a.vn/x"));
        assert!(!holds("https://a.vn:8443/"));
    }
}
