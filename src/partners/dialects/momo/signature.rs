//! The text that MoMo signs, and HMAC-SHA256 over it: `key=value` joined by `&`, the keys in
//! alphabetical order and different for each call, the values as they are.

use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;

const ACCESS_KEY: &str = "accessKey";
const SIGNATURE: &str = "signature";

/// The fields of a message in the order they are signed in.
#[derive(Debug, Clone, Copy)]
pub struct Signed(&'static [&'static str]);

/// A new order.
pub const CREATE: Signed = Signed(&[
    ACCESS_KEY,
    "amount",
    "extraData",
    "ipnUrl",
    "orderId",
    "orderInfo",
    "partnerCode",
    "redirectUrl",
    "requestId",
    "requestType",
]);

/// A question about an order.
pub const QUERY: Signed = Signed(&[ACCESS_KEY, "orderId", "partnerCode", "requestId"]);

/// A refund.
pub const REFUND: Signed = Signed(&[
    ACCESS_KEY,
    "amount",
    "description",
    "orderId",
    "partnerCode",
    "requestId",
    "transId",
]);

/// Taking or leaving what was only authorised.
pub const CONFIRM: Signed = Signed(&[
    ACCESS_KEY,
    "amount",
    "description",
    "orderId",
    "partnerCode",
    "requestId",
    "requestType",
]);

/// A result, to our server and through the payer's browser.
pub const RESULT: Signed = Signed(&[
    ACCESS_KEY,
    "amount",
    "extraData",
    "message",
    "orderId",
    "orderInfo",
    "orderType",
    "partnerCode",
    "payType",
    "requestId",
    "responseTime",
    "resultCode",
    "transId",
]);

impl Signed {
    /// The signed text; a field that is missing is empty.
    pub fn text(self, access_key: &Key, value: impl Fn(&str) -> Option<String>) -> String {
        self.text_with(access_key.expose(), value)
    }

    fn text_with(self, access_key: &str, value: impl Fn(&str) -> Option<String>) -> String {
        let pair = |name: &&str| {
            let value = match *name {
                ACCESS_KEY => access_key.to_owned(),
                name => value(name).unwrap_or_default(),
            };
            format!("{name}={value}")
        };
        self.0.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// Does the message's own signature fit?
    pub fn is_genuine(
        self,
        access_key: &Key,
        secret_key: &Key,
        value: impl Fn(&str) -> Option<String>,
    ) -> bool {
        value(SIGNATURE).is_some_and(|signature| {
            access_key
                .alive()
                .any(|access| secret_key.is_sha256(&self.text_with(access, &value), &signature))
        })
    }
}

/// A field of a JSON object, numbers as they are written.
pub fn of<'a>(body: &'a Object<'_>) -> impl Fn(&str) -> Option<String> + 'a {
    |name| body.text(name)
}
