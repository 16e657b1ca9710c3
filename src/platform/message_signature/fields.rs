//! The few structured fields (RFC 9651) that the profile needs, in their canonical form only:
//! what a careful sender writes is read, everything else is refused.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Component, Refused, TAG, WINDOW_SECONDS, WRITE};

/// The longest nonce, in bytes.
const NONCE_LONGEST: usize = 128;
/// The longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_LONGEST: usize = 255;
/// A structured integer has at most so many digits.
const DIGITS: usize = 15;

/// The request names no usable idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIdempotencyKey {
    /// There is none.
    #[error("the header Idempotency-Key is missing")]
    Missing,
    /// There is more than one, or it is too long, or holds blanks or letters outside ASCII.
    #[error("the header Idempotency-Key is not 1 to 255 visible ASCII characters")]
    Malformed,
}

/// The idempotency key of a request: the field's value as sent. Quoted or bare is the sender's
/// choice, but it is part of the key: a retry has to write it the same way.
pub fn idempotency_key(headers: &HeaderMap) -> Result<&str, BadIdempotencyKey> {
    let value = match only(headers, "idempotency-key") {
        Ok(value) => value,
        Err(Refused::Missing(_)) => return Err(BadIdempotencyKey::Missing),
        Err(_) => return Err(BadIdempotencyKey::Malformed),
    };
    if !(1..=IDEMPOTENCY_KEY_LONGEST).contains(&value.len())
        || !value.iter().all(u8::is_ascii_graphic)
    {
        return Err(BadIdempotencyKey::Malformed);
    }
    std::str::from_utf8(value).map_err(|_| BadIdempotencyKey::Malformed)
}

/// The value of a header that must come exactly once, without the blanks around it.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::Missing(name))?;
    if values.next().is_some() {
        return Err(Refused::Repeated(name));
    }
    Ok(value.as_bytes().trim_ascii())
}

/// The one member of `Signature-Input`.
pub(super) struct SignatureInput<'a> {
    pub label: &'a str,
    pub components: [Option<Component>; WRITE.len()],
    pub created: i64,
    pub key_id: &'a str,
    pub nonce: Option<&'a str>,
    /// From the bracket on, as received.
    pub parameters: &'a str,
    expires: Option<i64>,
}

impl<'a> SignatureInput<'a> {
    pub fn parse(field: &'a [u8]) -> Result<Self, Refused> {
        let mut text = Text::of(field, "signature-input")?;
        let label = text.label()?;
        let parameters = text.rest;
        let components = components(&mut text)?;

        let (mut created, mut expires) = (None, None);
        let (mut key_id, mut nonce, mut alg, mut tag) = (None, None, None, None);
        while text.take(';') {
            let name = text.until('=')?;
            let first_time = match name {
                "created" => created.replace(text.integer()?).is_none(),
                "expires" => expires.replace(text.integer()?).is_none(),
                "keyid" => key_id.replace(text.string()?).is_none(),
                "nonce" => nonce.replace(text.string()?).is_none(),
                "alg" => alg.replace(text.string()?).is_none(),
                "tag" => tag.replace(text.string()?).is_none(),
                _ => false,
            };
            if !first_time {
                return Err(Refused::Parameter);
            }
        }
        text.end()?;

        // The algorithm is the key's; a message may repeat it but not choose another.
        if alg.is_some_and(|alg| alg != "hmac-sha256") {
            return Err(Refused::Algorithm);
        }
        if tag.is_some_and(|tag| tag != TAG) {
            return Err(Refused::Tag);
        }
        let visible = |nonce: &str| nonce.bytes().all(|b| b.is_ascii_graphic());
        if nonce.is_some_and(|n: &str| !(1..=NONCE_LONGEST).contains(&n.len()) || !visible(n)) {
            return Err(Refused::Nonce);
        }
        let created = created.ok_or(Refused::Malformed("signature-input"))?;
        let key_id = key_id
            .filter(|id: &&str| !id.is_empty())
            .ok_or(Refused::Malformed("signature-input"))?;
        Ok(Self { label, components, created, key_id, nonce, parameters, expires })
    }

    /// Fresh by our clock. Fifteen digits at most, so that nothing overflows here.
    pub fn check_time(&self, now: i64) -> Result<(), Refused> {
        if self.created < now - WINDOW_SECONDS {
            Err(Refused::TooOld)
        } else if self.created > now + WINDOW_SECONDS {
            Err(Refused::TooNew)
        } else if self.expires.is_some_and(|expires| expires < now) {
            Err(Refused::Expired)
        } else {
            Ok(())
        }
    }
}

/// `("@method" "@target-uri" ...)`: components of the profile, each once, without parameters.
fn components(text: &mut Text<'_>) -> Result<[Option<Component>; WRITE.len()], Refused> {
    let mut components = [None; WRITE.len()];
    text.expect('(')?;
    for place in 0.. {
        if text.take(')') {
            break;
        }
        if place > 0 {
            text.expect(' ')?;
        }
        let component = Component::named(text.string()?);
        if component.is_none() || components.contains(&component) {
            return Err(Refused::Components);
        }
        *components.get_mut(place).ok_or(Refused::Components)? = component;
    }
    Ok(components)
}

/// The one member of `Signature`: its label and the 32 bytes.
pub(super) fn signature(field: &[u8]) -> Result<(&str, [u8; 32]), Refused> {
    let mut text = Text::of(field, "signature")?;
    let label = text.label()?;
    let bytes = text.bytes()?;
    text.end()?;
    Ok((label, bytes))
}

/// A structured field that is read from left to right.
pub(super) struct Text<'a> {
    pub rest: &'a str,
    header: &'static str,
}

impl<'a> Text<'a> {
    pub fn of(field: &'a [u8], header: &'static str) -> Result<Self, Refused> {
        let rest = std::str::from_utf8(field).map_err(|_| Refused::Malformed(header))?;
        if rest.is_ascii() { Ok(Self { rest, header }) } else { Err(Refused::Malformed(header)) }
    }

    pub fn take(&mut self, letter: char) -> bool {
        self.rest.strip_prefix(letter).inspect(|rest| self.rest = rest).is_some()
    }

    fn expect(&mut self, letter: char) -> Result<(), Refused> {
        if self.take(letter) { Ok(()) } else { Err(self.malformed()) }
    }

    pub fn until(&mut self, letter: char) -> Result<&'a str, Refused> {
        let (head, rest) = self.rest.split_once(letter).ok_or(self.malformed())?;
        self.rest = rest;
        Ok(head)
    }

    /// The key of a dictionary member and its `=`.
    fn label(&mut self) -> Result<&'a str, Refused> {
        let label = self.until('=')?;
        let first = |b: u8| b.is_ascii_lowercase() || b == b'*';
        let further = |b: u8| first(b) || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
        match label.as_bytes() {
            [head, tail @ ..] if first(*head) && tail.iter().all(|b| further(*b)) => Ok(label),
            _ => Err(self.malformed()),
        }
    }

    /// A string without escapes. Only what can be shown; a blank is allowed here.
    fn string(&mut self) -> Result<&'a str, Refused> {
        self.expect('"')?;
        let text = self.until('"')?;
        let plain = |b: u8| matches!(b, b' '..=b'~') && b != b'\\';
        if text.bytes().all(plain) { Ok(text) } else { Err(self.malformed()) }
    }

    fn integer(&mut self) -> Result<i64, Refused> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > DIGITS {
            return Err(self.malformed());
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().map_err(|_| self.malformed())
    }

    /// A byte sequence `:base64:` of exactly `N` bytes, padded, in canonical form.
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        self.expect(':')?;
        let coded = self.until(':')?;
        // One more than fits, so that a longer value is noticed; the decoder asks for room by
        // groups of three.
        let mut room = [0; 66];
        let length = STANDARD.decode_slice(coded, &mut room).map_err(|_| self.malformed())?;
        room[..length].try_into().map_err(|_| self.malformed())
    }

    pub fn end(&self) -> Result<(), Refused> {
        // A comma would begin another signature: told apart, for whoever reads the log.
        match self.rest.as_bytes() {
            [] => Ok(()),
            [b',', ..] => Err(Refused::NotOneSignature),
            _ => Err(self.malformed()),
        }
    }

    pub fn malformed(&self) -> Refused {
        Refused::Malformed(self.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn an_idempotency_key_is_visible_and_short() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("idempotency-key"),
                HeaderValue::from_str(value).expect("a value"),
            )]);
            idempotency_key(&headers).map(str::to_owned)
        };
        for good in ["k", "\"8e03978e-40d5\"", &"k".repeat(255)] {
            assert_eq!(read(good), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "khóa", &"k".repeat(256)] {
            assert_eq!(read(bad), Err(BadIdempotencyKey::Malformed), "{bad}");
        }
        assert_eq!(idempotency_key(&HeaderMap::new()), Err(BadIdempotencyKey::Missing));
    }
}
