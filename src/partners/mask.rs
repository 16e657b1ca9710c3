//! What is kept of a message for disputes: all of it but secrets, names and whole numbers of
//! accounts, cards, phones and identity papers. References, amounts, codes and times stay, and so
//! do signatures: who disputes a message wants to know what was signed.
//!
//! A message is masked before it is written, so nothing that must not be kept ever is. A signature
//! cannot be checked on a masked text; that is what the SHA-256 of the message as it came is kept
//! for. In a dispute the partner brings its copy: when the digest of that is the one kept, the copy is
//! what was said here, letter for letter, and the signature in it is checked with the key of the time.
//! When it is not, the copy is another message. (Whoever already knows all of a message but a few
//! digits could find them by trying; they are kept for two years, by the database alone.)

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Parts of fields' names whose values are not kept at all.
const SECRET: &[&str] =
    &["secret", "password", "apikey", "accesskey", "accesscode", "checksumkey", "token"];
/// Parts of fields' names of whose values the last four characters are kept.
const NUMBER: &[&str] = &[
    "account", "card", "phone", "mobile", "msisdn", "idnumber", "identity", "cccd", "cmnd",
    "passport", "taxcode",
];
/// Parts of fields' names that name people.
const PERSON: &[&str] = &[
    "accountname",
    "holder",
    "customername",
    "custname",
    "sendername",
    "receivername",
    "beneficiaryname",
    "payername",
    "buyername",
    "fullname",
    "email",
    "address",
];
/// Parts of fields' names that payers write in.
const WRITTEN: &[&str] =
    &["description", "content", "memo", "orderinfo", "addinfo", "message", "note"];
/// A number of so many digits may be an account or an identity paper.
const LONG: usize = 9;
/// What stands for what is not kept.
const GONE: &str = "…";
/// JSON within JSON, and no deeper.
const DEEPEST: usize = 8;

/// A message as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptMessage {
    /// The message, masked.
    pub text: Vec<u8>,
    /// The SHA-256 of what it really was.
    pub sha256: Vec<u8>,
}

impl KeptMessage {
    /// What is kept of a message.
    pub fn of(message: &[u8]) -> Self {
        Self { text: masked(message), sha256: Sha256::digest(message).to_vec() }
    }

    /// The same, with at most so many bytes of the text: masked first, for what is cut could not be
    /// read any more.
    pub fn of_at_most(message: &[u8], bytes: usize) -> Self {
        let mut kept = Self::of(message);
        kept.text.truncate(bytes);
        kept
    }
}

impl From<Vec<u8>> for KeptMessage {
    fn from(message: Vec<u8>) -> Self {
        Self::of(&message)
    }
}

/// A message without what is nobody's business.
pub fn masked(body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else {
        // Nobody can say what it holds: only how long it was, and how it began, digit by digit.
        return numbers_cut(&String::from_utf8_lossy(body)).into_bytes();
    };
    masked_text(text, 0).into_bytes()
}

fn masked_text(text: &str, depth: usize) -> String {
    let begins = text.trim_start();
    if depth < DEEPEST
        && begins.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return masked_value(value, depth).to_string();
    }
    if depth == 0 && is_form(text) {
        let pairs = text.split('&').map(|pair| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let plain = decoded(value);
            let kept = masked_field(name, Value::from(plain.as_str()), depth);
            match kept {
                // Letter for letter as it came, unless something was taken out.
                Value::String(kept) if kept == plain => pair.to_owned(),
                Value::String(kept) => format!("{name}={kept}"),
                other => format!("{name}={other}"),
            }
        });
        return pairs.collect::<Vec<_>>().join("&");
    }
    numbers_cut(text)
}

/// `name=value&name=value`, as queries and forms are written.
fn is_form(text: &str) -> bool {
    text.contains('=') && !text.contains(['{', '<', ' ', '\n', '"'])
}

fn decoded(text: &str) -> String {
    let pair = format!("v={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map_or_else(String::new, |(_, value)| value.into_owned())
}

fn masked_value(value: Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = masked_field(&name, value, depth);
                (name, value)
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| masked_value(item, depth)).collect())
        }
        Value::String(text) => Value::from(inner(&text, depth)),
        other => other,
    }
}

fn masked_field(name: &str, value: Value, depth: usize) -> Value {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match value {
        // A group of fields: each says by its own name what it is.
        value @ (Value::Object(_) | Value::Array(_)) if !is(SECRET) => masked_value(value, depth),
        Value::Null | Value::Bool(_) => value,
        _ if is(SECRET) || is(PERSON) => Value::from(GONE),
        Value::String(text) if is(NUMBER) => Value::from(last_four(&text)),
        Value::Number(number) if is(NUMBER) => Value::from(last_four(&number.to_string())),
        Value::String(text) if is(WRITTEN) => Value::from(numbers_cut(&text)),
        Value::String(text) => Value::from(inner(&text, depth)),
        other => other,
    }
}

/// Some partners put JSON into a text. Any other text of a field that is not known to hold numbers
/// of people stays: it is a reference, a code, a time.
fn inner(text: &str, depth: usize) -> String {
    if text.trim_start().starts_with(['{', '[']) {
        masked_text(text, depth + 1)
    } else {
        text.to_owned()
    }
}

fn last_four(text: &str) -> String {
    let length = text.chars().count();
    if length <= 4 {
        return text.to_owned();
    }
    let last: String = text.chars().skip(length - 4).collect();
    format!("{GONE}{last}")
}

/// Long numbers in running text, down to their last four digits. A number that letters stand
/// before, without a blank, is a code of ours.
fn numbers_cut(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let number = word.len() >= LONG && word.bytes().all(|b| b.is_ascii_digit());
        kept.push_str(&if number { last_four(&word) } else { std::mem::take(&mut word) });
        word.clear();
        if c != '\0' {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(value: &Value) -> Value {
        serde_json::from_slice(&masked(value.to_string().as_bytes())).expect("still JSON")
    }

    #[test]
    fn accounts_keep_four_digits_and_names_none() {
        let kept = kept(&json!({
            "data": { "accountNumber": "1200099887766", "counterAccountNumber": "0123456789",
                "counterAccountName": "NGUYEN VAN A", "amount": 150_000, "reference": "FT26015123456789",
                "description": "NGUYEN VAN A 001199012345 nop PG4H7K2M9QXRT7 tu 0987654321" },
            "signature": "abc",
        }));
        assert_eq!(kept["data"]["accountNumber"], "…7766");
        assert_eq!(kept["data"]["counterAccountNumber"], "…6789");
        assert_eq!(kept["data"]["counterAccountName"], "…");
        assert_eq!(kept["data"]["amount"], 150_000);
        assert_eq!(kept["data"]["reference"], "FT26015123456789");
        assert_eq!(kept["data"]["description"], "NGUYEN VAN A …2345 nop PG4H7K2M9QXRT7 tu …4321");
        assert_eq!(kept["signature"], "abc");
    }

    #[test]
    fn the_number_of_a_payers_telephone_keeps_four_digits_whatever_it_is_called() {
        for name in ["cust_msisdn", "MSISDN", "vpc_Customer_Phone", "mobileNumber"] {
            let text = kept(&json!({ name: "84987654321" }));
            assert_eq!(text[name], "…4321");
            let form = masked(format!("order_id=PG1&{name}=84987654321").as_bytes());
            assert_eq!(form, format!("order_id=PG1&{name}=…4321").into_bytes());
        }
    }

    #[test]
    fn secrets_are_not_kept_wherever_they_stand() {
        for message in [
            json!({ "api_key": "canary" }).to_string(),
            json!({ "data": json!({ "accessKey": "canary" }).to_string() }).to_string(),
            json!([{ "nested": { "X-Client-Secret": "canary" } }]).to_string(),
            json!({ "secret": { "of": "canary" } }).to_string(),
            "vnp_TxnRef=PG1&secret_key=canary".to_owned(),
        ] {
            let kept = String::from_utf8(masked(message.as_bytes())).expect("text");
            assert!(!kept.contains("canary"), "{kept}");
        }
    }

    #[test]
    fn a_query_stays_letter_for_letter_but_for_numbers_of_people() {
        let query = "vnp_TxnRef=PG4H7K2M9QXRT7AB&vnp_Amount=10000000&vnp_OrderInfo=Nop+phi&vnp_CardNumber=9704198526191432198&vnp_TransactionNo=14000001";
        let kept = String::from_utf8(masked(query.as_bytes())).expect("text");
        assert_eq!(kept, query.replace("9704198526191432198", "…2198"));
    }

    #[test]
    fn what_has_no_form_loses_its_long_numbers() {
        assert_eq!(
            masked(b"{\"account\": 0011009988776, broken"),
            "{\"account\": …8776, broken".as_bytes()
        );
        let kept = masked(b"\xff\xfe 001199012345");
        assert!(String::from_utf8(kept).expect("text").ends_with("…2345"));
        assert_eq!(masked(b""), b"");
    }
}
