//! Reads a payment address as the gateway's page does: hash, terminal, fields, reference.

use std::collections::BTreeMap;

use super::{
    codec::{self, BadQuery},
    orders::{Key, Order},
};
use crate::{app::World, clock, deeds::Refusal};

/// The page's own codes are known from merchants' reports only (70, 72, 15, 03); 01 for a used
/// reference is an assumption.
fn no(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::Page { code, message: message.into() }
}

/// Verifies the query of a payment address and keeps its order.
pub fn register(world: &World, query: &str) -> Result<Key, Refusal> {
    let params = match codec::verified(world.settings.vnpay_hash_secret.expose(), query) {
        Ok(params) => params,
        Err(error @ BadQuery::Hash) => return Err(no("70", error.to_string())),
        Err(error) => return Err(no("03", error.to_string())),
    };
    let order = read(world, &params, query)?;
    let mut book = world.vnpay.book();
    book.register(order).ok_or_else(|| no("01", "vnp_TxnRef was used today"))
}

fn read(world: &World, params: &BTreeMap<String, String>, query: &str) -> Result<Order, Refusal> {
    let field = |name: &str, least: usize, most: usize| {
        let value = params.get(name).map_or("", String::as_str);
        let length = value.chars().count();
        if (least..=most).contains(&length) {
            Ok(value.to_owned())
        } else {
            Err(no("03", format!("{name} must have {least} to {most} characters")))
        }
    };
    let exact = |name: &str, allowed: &[&str]| {
        if allowed.contains(&params.get(name).map_or("", String::as_str)) {
            Ok(())
        } else {
            Err(no("03", format!("{name} must be one of {allowed:?}")))
        }
    };
    if field("vnp_TmnCode", 8, 8)? != world.settings.vnpay_tmn_code {
        return Err(no("72", "vnp_TmnCode is unknown"));
    }
    exact("vnp_Version", &["2.1.0"])?;
    exact("vnp_Command", &["pay"])?;
    exact("vnp_CurrCode", &["VND"])?;
    exact("vnp_Locale", &["vn", "en"])?;
    field("vnp_IpAddr", 7, 45)?;
    field("vnp_OrderType", 1, 100)?;
    let order_info = field("vnp_OrderInfo", 1, 255)?;
    let return_url = field("vnp_ReturnUrl", 10, 255)?;
    let web = url::Url::parse(&return_url).is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
    if !web {
        return Err(no("03", "vnp_ReturnUrl must be a web address"));
    }
    let txn_ref = field("vnp_TxnRef", 1, 100)?;
    let bank_code = match params.get("vnp_BankCode").filter(|code| !code.is_empty()) {
        Some(_) => Some(field("vnp_BankCode", 3, 20)?),
        None => None,
    };
    let amount = field("vnp_Amount", 1, 12)?;
    let amount: i64 = Some(amount)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|amount| *amount > 0 && amount % 100 == 0)
        .ok_or_else(|| no("03", "vnp_Amount must be đồng × 100"))?;
    let create_date = field("vnp_CreateDate", 14, 14)?;
    let created = clock::read_compact(&create_date);
    let expires = clock::read_compact(&field("vnp_ExpireDate", 14, 14)?);
    let (Some(created), Some(expires_at)) = (created, expires) else {
        return Err(no("03", "vnp_CreateDate and vnp_ExpireDate must be yyyyMMddHHmmss"));
    };
    if expires_at <= created {
        return Err(no("03", "vnp_ExpireDate must be after vnp_CreateDate"));
    }
    Ok(Order {
        day: create_date[..8].to_owned(),
        txn_ref,
        query: query.to_owned(),
        amount,
        order_info,
        create_date,
        expires_at,
        return_url,
        bank_code,
        transactions: Vec::new(),
    })
}
