//! Cells of what a room tells in JSON.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::table::Cell;

/// A text, or none.
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The members of a list.
pub fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A decimal, written as a text or as a number.
pub fn decimal(value: &Value) -> Decimal {
    match value {
        Value::String(text) => text.parse().unwrap_or_default(),
        Value::Number(number) => number.to_string().parse().unwrap_or_default(),
        _ => Decimal::ZERO,
    }
}

/// đồng, or what its own currency says.
pub fn money(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::nothing(),
        Value::Object(_) => {
            Cell::amount(decimal(&value["amount"]), value["currency"].as_str().unwrap_or("VND"))
        }
        other => Cell::amount(decimal(other), "VND"),
    }
}

/// A moment.
pub fn time(value: &Value) -> Cell {
    Cell::time(value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()))
}

/// A day.
pub fn day(value: &Value) -> Cell {
    Cell::day(value.as_str().and_then(|text| text.parse::<NaiveDate>().ok()))
}

/// So many.
pub fn count(value: &Value) -> Cell {
    value.as_i64().map_or(Cell::nothing(), Cell::count)
}

/// A text.
pub fn plain(value: &Value) -> Cell {
    Cell::text(value.as_str().unwrap_or_default())
}

/// A code.
pub fn code(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::code(text.as_str()),
        Value::Number(number) => Cell::code(number.to_string()),
        _ => Cell::nothing(),
    }
}
