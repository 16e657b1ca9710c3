//! The three texts that payOS signs, and HMAC-SHA256 over them.

use std::fmt::Write as _;

use crate::partners::dialects::json::{ALL_LEVELS, Object, sorted};

/// What is signed of a new order: five fields, always these.
pub fn create_text(
    amount: &str,
    cancel_url: &str,
    description: &str,
    order_code: &str,
    return_url: &str,
) -> String {
    format!(
        "amount={amount}&cancelUrl={cancel_url}&description={description}\
         &orderCode={order_code}&returnUrl={return_url}"
    )
}

/// What is signed of a `data` object: all keys sorted, `key=value` joined by `&`, nothing encoded.
///
/// Null is empty, and so are the words `null` and `undefined`: the official clients cannot tell
/// them apart, and a payer may well write such a memo. Arrays are compact JSON with the keys of
/// their elements sorted. None when a value cannot be read.
pub fn data_text(data: &Object<'_>) -> Option<String> {
    let mut text = String::new();
    for (name, raw) in data.iter() {
        let separator = if text.is_empty() { "" } else { "&" };
        let value = match raw.get().as_bytes().first()? {
            b'[' | b'{' => sorted(raw.get(), 1)?,
            b'n' => String::new(),
            b'"' => serde_json::from_str(raw.get()).ok()?,
            _ => raw.get().to_owned(),
        };
        let value = if matches!(value.as_str(), "null" | "undefined") { "" } else { &value };
        let _ = write!(text, "{separator}{name}={value}");
    }
    Some(text)
}

/// What is signed of a payout, for the header `x-signature`: sorted on every level, key and value
/// percent-encoded as `encodeURIComponent` does.
pub fn payout_text(payout: &Object<'_>) -> Option<String> {
    let mut text = String::new();
    for (name, raw) in payout.iter() {
        let separator = if text.is_empty() { "" } else { "&" };
        let value = match raw.get().as_bytes().first()? {
            b'[' | b'{' => sorted(raw.get(), ALL_LEVELS)?,
            b'n' => String::new(),
            b'"' => serde_json::from_str(raw.get()).ok()?,
            _ => raw.get().to_owned(),
        };
        let _ = write!(text, "{separator}{}={}", percent(name), percent(&value));
    }
    Some(text)
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Option<String> {
        data_text(&Object::read(json).expect("an object"))
    }

    #[test]
    fn a_number_is_signed_as_it_was_written() {
        assert_eq!(data(r#"{"b":10000.0,"a":1e3}"#).as_deref(), Some("a=1e3&b=10000.0"));
        assert_eq!(
            data(r#"{"n":123456789012345678901234567890}"#).as_deref(),
            Some("n=123456789012345678901234567890")
        );
    }

    #[test]
    fn nothing_has_four_spellings() {
        let text = r#"{"a":null,"b":"null","c":"undefined","d":"","e":"nullable"}"#;
        assert_eq!(data(text).as_deref(), Some("a=&b=&c=&d=&e=nullable"));
    }

    #[test]
    fn arrays_are_compact_and_their_elements_sorted() {
        let text = r#"{ "a": [ {"z": 1, "y": [ 2 ]}, {} ], "b": [], "c": ["x"] }"#;
        assert_eq!(data(text).as_deref(), Some(r#"a=[{"y":[2],"z":1},{}]&b=[]&c=["x"]"#));
    }

    #[test]
    fn a_broken_string_or_bottomless_nesting_has_no_text() {
        assert_eq!(data(r#"{"a":"\ud800"}"#), None);
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(9_999), "]".repeat(9_999));
        assert_eq!(data(&deep), None);
    }

    #[test]
    fn a_payout_is_encoded_and_sorted_to_the_bottom() {
        let payout = r#"{"b":{"z":[{"d":1,"c":2}],"y":null},"a":"hoàn tiền (1)"}"#;
        let text = payout_text(&Object::read(payout).expect("an object"));
        assert_eq!(
            text.as_deref(),
            Some(
                "a=ho%C3%A0n%20ti%E1%BB%81n%20(1)\
                 &b=%7B%22y%22%3Anull%2C%22z%22%3A%5B%7B%22c%22%3A2%2C%22d%22%3A1%7D%5D%7D"
            )
        );
    }
}
