//! A new order.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    api::{Told, long},
    codec::value_of,
    orders::Order,
};
use crate::{app::World, clock};

/// The documented life of a payUrl in the token flow, taken for all (unverified).
const LIVES_MINUTES: i64 = 15;
const TYPES: [&str; 5] =
    ["captureWallet", "payWithMethod", "payWithATM", "payWithCC", "linkWallet"];

/// Keeps an order whose signature was right.
pub fn create(world: &World, body: &Value) -> Told {
    let order = match read(body) {
        Ok(order) => order,
        Err(no) => return no,
    };
    let id = order.order_id.clone();
    let mut book = world.momo.book();
    if book.is_used(&id) {
        return Told::no(41, "Duplicated orderId.");
    }
    let page = format!("{}/momo/web/{id}", world.public_url);
    let fields = json!({
        "amount": order.amount, "payUrl": page, "shortLink": page,
        "deeplink": format!("momo://app?action=payWithApp&orderId={id}"),
        "qrCodeUrl": format!("momo://qr?orderId={id}"),
    });
    book.keep(order);
    let fields = fields.as_object().cloned().unwrap_or_default();
    Told { code: 0, message: "Successful.", fields }
}

fn read(body: &Value) -> Result<Order, Told> {
    let bad = || Told::no(20, "Bad format request.");
    let order_id = value_of(body, "orderId");
    if !is_order_id(&order_id) {
        return Err(Told::no(42, "OrderId is invalid."));
    }
    let amount = long(body, "amount").ok_or(Told::no(21, "Invalid amount."))?;
    if !(1_000..=50_000_000).contains(&amount) {
        return Err(Told::no(22, "Amount is out of range."));
    }
    let request_type = value_of(body, "requestType");
    let order_info = value_of(body, "orderInfo");
    let (redirect_url, ipn_url) = (value_of(body, "redirectUrl"), value_of(body, "ipnUrl"));
    let is_web = |text: &str| {
        url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    };
    let extra_data = value_of(body, "extraData");
    let well_formed = TYPES.contains(&request_type.as_str())
        && (1..=255).contains(&order_info.chars().count())
        && is_web(&redirect_url)
        && is_web(&ipn_url)
        && body["extraData"].is_string()
        && is_extra_data(&extra_data);
    if !well_formed {
        return Err(bad());
    }
    // Authorising first and capturing later is not offered here.
    match &body["autoCapture"] {
        Value::Null | Value::Bool(true) => {}
        Value::Bool(false) => return Err(Told::no(47, "Inapplicable data.")),
        _ => return Err(bad()),
    }
    let created_at = clock::now();
    Ok(Order {
        order_id,
        request_id: value_of(body, "requestId"),
        amount,
        order_info,
        request_type,
        redirect_url,
        ipn_url,
        extra_data,
        created_at,
        expires_at: created_at + TimeDelta::minutes(LIVES_MINUTES),
        payments: Vec::new(),
        refunds: Vec::new(),
    })
}

/// `^[0-9a-zA-Z]([-_.]*[0-9a-zA-Z]+)*$`, at most 200.
pub fn is_order_id(id: &str) -> bool {
    let plain = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    id.len() <= 200
        && plain(id.bytes().next())
        && plain(id.bytes().next_back())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Empty, or base64 of JSON.
fn is_extra_data(text: &str) -> bool {
    let is_json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).is_ok();
    text.is_empty() || STANDARD.decode(text).is_ok_and(is_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_begins_and_ends_with_a_letter_or_digit() {
        for good in ["1", "HS202611220001", "INV_5.a-b", "a--b"] {
            assert!(is_order_id(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "lệ", &"a".repeat(201)] {
            assert!(!is_order_id(bad), "{bad}");
        }
    }

    #[test]
    fn extra_data_is_empty_or_base64_of_json() {
        assert!(is_extra_data("") && is_extra_data("eyJpbnYiOiAiMiJ9"));
        assert!(!is_extra_data("{}") && !is_extra_data("!"));
    }
}
