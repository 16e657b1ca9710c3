//! The same rows for programs: members are named as the columns in addresses, amounts are strings.

use serde_json::{Map, Value as Json, json};

use super::ExportError;
use crate::desk::table::{Cell, Table, Value};

fn value(cell: &Cell) -> Json {
    match &cell.value {
        Value::Nothing => Json::Null,
        Value::Text(text) => Json::from(text.as_str()),
        Value::Amount(amount, currency) => {
            json!({ "amount": amount.normalize().to_string(), "currency": currency })
        }
        Value::Count(count) => Json::from(*count),
        Value::Time(at) => json!(at),
        Value::Day(day) => json!(day),
    }
}

pub(super) fn write(
    table: &Table,
    places: &[usize],
    cut: Option<&str>,
) -> Result<Vec<u8>, ExportError> {
    let rows: Vec<Json> = super::rows(table, places)
        .map(|row| {
            let named = table.columns.iter().zip(&row);
            let members = named.map(|(column, cell)| (column.key.to_owned(), value(cell)));
            Json::Object(members.collect::<Map<_, _>>())
        })
        .collect();
    let mut told = json!({ table.name: rows });
    if let Some(cut) = cut {
        told["cut"] = Json::from(cut);
    }
    Ok(serde_json::to_vec(&told)?)
}
