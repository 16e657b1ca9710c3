//! The two texts that VNPAY signs, and HMAC-SHA512 over them.
//!
//! A query: parameters with a value sorted by name, `name=value` joined by `&`, values
//! form-encoded; so the signed text is the query itself. Encoders differ in what they do to
//! `! ' ( ) * ~`, so what came in is first taken as it came, only sorted, and only then encoded
//! again in the WHATWG form. A call: values joined by `|`, raw.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::partners::dialects::Unheard;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;

const HASH: &str = "vnp_SecureHash";
const HASH_TYPE: &str = "vnp_SecureHashType";

/// The signed text of parameters, which is also the query.
pub fn query_text<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let sorted: BTreeMap<&str, &str> =
        params.into_iter().filter(|(name, value)| is_signed(name) && !value.is_empty()).collect();
    form_urlencoded::Serializer::new(String::new()).extend_pairs(sorted).finish()
}

/// The query with its signature at the end.
pub fn signed_query<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>, key: &Key) -> String {
    let text = query_text(params);
    let hash = key.sha512(&text);
    format!("{text}&{HASH}={hash}")
}

fn is_signed(name: &str) -> bool {
    name.starts_with("vnp_") && name != HASH && name != HASH_TYPE
}

/// A query as it came in: the parameters that a signature covers, and the signature.
#[derive(Debug)]
pub struct Received {
    /// Name to the value as it was meant and the pair as it came.
    params: BTreeMap<String, (String, String)>,
    hash: Option<String>,
}

impl Received {
    /// Takes a query apart. A name given twice is refused: which of the two would be meant?
    pub fn read(query: &str) -> Result<Self, Unheard> {
        let mut received = Self { params: BTreeMap::new(), hash: None };
        for pair in query.split('&') {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else {
                continue;
            };
            let twice = if name == HASH {
                received.hash.replace(value.into_owned()).is_some()
            } else if is_signed(&name) && !value.is_empty() {
                let both = (value.into_owned(), pair.to_owned());
                received.params.insert(name.into_owned(), both).is_some()
            } else {
                false
            };
            if twice {
                return Err(Unheard::Malformed { why: "a parameter is there twice".to_owned() });
            }
        }
        if received.params.is_empty() {
            return Err(Unheard::Malformed { why: "no vnp_ parameter".to_owned() });
        }
        Ok(received)
    }

    /// Is its signature right, for one of the two texts?
    pub fn is_genuine(&self, key: &Key) -> bool {
        let Some(hash) = &self.hash else { return false };
        let as_received: Vec<&str> = self.params.values().map(|(_, pair)| pair.as_str()).collect();
        key.is_sha512(&as_received.join("&"), hash) || {
            let meant =
                self.params.iter().map(|(name, (value, _))| (name.as_str(), value.as_str()));
            key.is_sha512(&query_text(meant), hash)
        }
    }

    /// A parameter that the signature covers.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(|(value, _)| value.as_str())
    }
}

/// The fields of a call or its answer in the order they are signed in.
#[derive(Debug, Clone, Copy)]
pub struct Signed {
    fields: &'static [&'static str],
    /// What stands for a missing `vnp_TransactionNo`; anything else missing is empty.
    no_transaction: &'static str,
}

impl Signed {
    const fn of(fields: &'static [&'static str]) -> Self {
        Self { fields, no_transaction: "" }
    }
}

/// What is signed of a querydr call.
pub const QUERY_CALL: Signed = Signed::of(&[
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
]);

/// What is signed of its answer.
pub const QUERY_ANSWER: Signed = Signed::of(&[
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
    "vnp_PromotionCode",
    "vnp_PromotionAmount",
]);

/// What is signed of a refund call. Without a transaction number the body has none, but the text
/// has `0`.
pub const REFUND_CALL: Signed = Signed {
    no_transaction: "0",
    fields: &[
        "vnp_RequestId",
        "vnp_Version",
        "vnp_Command",
        "vnp_TmnCode",
        "vnp_TransactionType",
        "vnp_TxnRef",
        "vnp_Amount",
        "vnp_TransactionNo",
        "vnp_TransactionDate",
        "vnp_CreateBy",
        "vnp_CreateDate",
        "vnp_IpAddr",
        "vnp_OrderInfo",
    ],
};

/// What is signed of its answer.
pub const REFUND_ANSWER: Signed = Signed::of(QUERY_ANSWER.fields.split_at(13).0);

impl Signed {
    /// The signed text of a body: numbers as they are written, what is missing is empty.
    pub fn text(self, body: &Object<'_>) -> String {
        let value = |name: &&str| {
            let missing = if *name == "vnp_TransactionNo" { self.no_transaction } else { "" };
            body.text(name).unwrap_or_else(|| missing.to_owned())
        };
        self.fields.iter().map(value).collect::<Vec<_>>().join("|")
    }

    /// Is the body's own signature right?
    pub fn is_genuine(self, body: &Object<'_>, key: &Key) -> bool {
        body.text(HASH).is_some_and(|hash| key.is_sha512(&self.text(body), &hash))
    }

    /// The fields as a JSON body with the signature in it; empty ones are left out.
    pub fn body(self, fields: &[(&'static str, &str)], key: &Key) -> Vec<u8> {
        let mut body: BTreeMap<&str, &str> =
            fields.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        let json = serde_json::to_string(&body).unwrap_or_default();
        let hash = Object::read(&json).map(|object| key.sha512(&self.text(&object)));
        let hash = hash.unwrap_or_default();
        body.insert(HASH, &hash);
        serde_json::to_vec(&body).unwrap_or_default()
    }
}
