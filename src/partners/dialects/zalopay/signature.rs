//! What ZaloPay signs: values joined by `|`, with HMAC-SHA256. Our calls with key1, a callback's
//! data, one text as it came, with key2.

use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;

/// The fields of a call in the order they are signed in.
#[derive(Debug, Clone, Copy)]
pub struct Signed {
    fields: &'static [&'static str],
    /// A question about an order has key1 in its text as well.
    ends_with_key: bool,
}

const fn of(fields: &'static [&'static str]) -> Signed {
    Signed { fields, ends_with_key: false }
}

/// A new order.
pub const CREATE: Signed =
    of(&["app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"]);

/// A question about an order.
pub const QUERY: Signed = Signed { fields: &["app_id", "app_trans_id"], ends_with_key: true };

/// A refund.
pub const REFUND: Signed = of(&["app_id", "zp_trans_id", "amount", "description", "timestamp"]);

/// A refund that the payer pays a fee for.
pub const REFUND_WITH_FEE: Signed =
    of(&["app_id", "zp_trans_id", "amount", "refund_fee_amount", "description", "timestamp"]);

/// A question about a refund.
pub const REFUND_QUERY: Signed = of(&["app_id", "m_refund_id", "timestamp"]);

impl Signed {
    /// The signed text of a body: numbers as they are written, what is missing is empty.
    pub fn text(self, body: &Object<'_>, key1: &Key) -> String {
        let mut values: Vec<String> =
            self.fields.iter().map(|name| body.text(name).unwrap_or_default()).collect();
        if self.ends_with_key {
            values.push(key1.expose().to_owned());
        }
        values.join("|")
    }

    /// Is the body's own mac right?
    pub fn is_genuine(self, body: &Object<'_>, key1: &Key) -> bool {
        body.text("mac").is_some_and(|mac| key1.is_sha256(&self.text(body, key1), &mac))
    }
}
