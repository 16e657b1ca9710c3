//! `GET /control/settlement-export`: what one partner collected and gave back on one day.
//!
//! No file format of these channels is public: this one is the simulators' own.

use std::fmt::Write;

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use serde_json::Value;

use super::wrong;
use crate::{app::Shared, clock};

const HEADER: &str = "transaction_id,time,direction,account,amount,currency,reference,memo\n";

/// Whose, and which Vietnamese day.
#[derive(Deserialize)]
pub struct Day {
    partner: String,
    day: NaiveDate,
}

/// CSV, in the order of the journal.
pub async fn read(State(world): State<Shared>, Query(asked): Query<Day>) -> Response {
    let Ok(bytes) = world.journal.lines_after(0, usize::MAX) else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "the journal cannot be read");
    };
    let mut file = HEADER.to_owned();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else { continue };
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let at = DateTime::parse_from_rfc3339(text("time"));
        let that_day = at.is_ok_and(|at| clock::wall(at.to_utc()).date() == asked.day);
        if text("kind") != "movement" || text("partner") != asked.partner || !that_day {
            continue;
        }
        let names = ["transaction_id", "time", "direction", "account", "amount"];
        for name in names {
            let _ = write!(file, "{},", quoted(text(name)));
        }
        let _ = writeln!(file, "VND,{},{}", quoted(text("reference")), quoted(text("memo")));
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], file).into_response()
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
