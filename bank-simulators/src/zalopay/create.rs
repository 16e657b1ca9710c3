//! A new order.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    api::{EXISTS, INVALID, Told},
    codec::Fields,
    orders::Order,
};
use crate::{app::World, clock};

/// A merchant's clock may be so far off.
const SKEW_MILLISECONDS: u64 = 15 * 60 * 1_000;

/// Keeps an order whose mac was right.
pub fn create(world: &World, fields: &Fields) -> Told {
    let order = match read(fields) {
        Ok(order) => order,
        Err(message) => return Told::no(INVALID, message),
    };
    let page = format!("{}/zalopay/web/{}", world.public_url, order.app_trans_id);
    let token = hex::encode(rand::random::<[u8; 12]>());
    let told = json!({
        "order_url": page, "zp_trans_token": token, "order_token": token,
        "qr_code": format!("zalopay:{token}"),
    });
    if !world.zalopay.book().keep(order) {
        return Told::no(EXISTS, "app_trans_id exists");
    }
    Told::yes(1, "success", &told)
}

fn read(fields: &Fields) -> Result<Order, &'static str> {
    let length = |name: &str| fields.get(name).chars().count();
    let now = clock::now();
    let app_trans_id = fields.get("app_trans_id");
    let today = clock::wall(now).format("%y%m%d").to_string();
    if length("app_trans_id") > 40 || !app_trans_id.starts_with(&today) {
        return Err("app_trans_id must begin with today's yymmdd and have at most 40 characters");
    }
    if !app_trans_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err("app_trans_id must be of letters, digits, _ and -");
    }
    let app_time = fields.number("app_time").ok_or("app_time must be milliseconds")?;
    if app_time.abs_diff(now.timestamp_millis()) > SKEW_MILLISECONDS {
        return Err("app_time is more than 15 minutes from now");
    }
    if !(1..=50).contains(&length("app_user")) {
        return Err("app_user must have 1 to 50 characters");
    }
    let amount = fields.number("amount").filter(|it| *it > 0).ok_or("amount must be đồng")?;
    let is = |name: &str, most: usize, right: fn(&Value) -> bool| {
        let text = fields.get(name);
        text.chars().count() <= most
            && serde_json::from_str::<Value>(text).is_ok_and(|it| right(&it))
    };
    if !is("item", 2048, Value::is_array) {
        return Err("item must be a JSON array of at most 2048 characters");
    }
    if !is("embed_data", 1024, Value::is_object) {
        return Err("embed_data must be a JSON object of at most 1024 characters");
    }
    if !(1..=256).contains(&length("description")) {
        return Err("description must have 1 to 256 characters");
    }
    let callback_url = fields.get("callback_url");
    let is_web =
        url::Url::parse(callback_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web {
        return Err("callback_url must be a web address: none is registered here");
    }
    let lives = match fields.get("expire_duration_seconds") {
        "" => 900,
        _ => fields
            .number("expire_duration_seconds")
            .filter(|it| (300..=2_592_000).contains(it))
            .ok_or("expire_duration_seconds must be 300 to 2592000")?,
    };
    Ok(Order {
        app_trans_id: app_trans_id.to_owned(),
        app_time,
        app_user: fields.get("app_user").to_owned(),
        amount,
        item: fields.get("item").to_owned(),
        embed_data: fields.get("embed_data").to_owned(),
        description: fields.get("description").to_owned(),
        callback_url: callback_url.to_owned(),
        created_at: now,
        expires_at: now + TimeDelta::seconds(lives),
        payments: Vec::new(),
    })
}
