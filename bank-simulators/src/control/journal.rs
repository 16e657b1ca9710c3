//! Reads a journal back: durable lines only, as a JSON array or as lines.

use std::collections::HashMap;

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::wrong;
use crate::{app::Shared, journal::Journal};

/// What to read. `since` and `limit` count lines, `format=lines` asks for JSON lines, and any
/// other parameter keeps only the entries whose field has this text.
pub struct Window {
    since: usize,
    limit: usize,
    as_lines: bool,
    fields: HashMap<String, String>,
}

const LINES_AT_MOST: usize = 200_000;

impl Window {
    /// Reads the parameters; none if a count is no number.
    pub fn read(mut given: HashMap<String, String>) -> Option<Self> {
        let mut count = |name: &str, default: usize| {
            given.remove(name).map_or(Some(default), |text| text.parse().ok())
        };
        let (since, limit) = (count("since", 0)?, count("limit", LINES_AT_MOST)?);
        let as_lines = given.remove("format").as_deref() == Some("lines");
        Some(Self { since, limit, as_lines, fields: given })
    }
}

/// `GET /control/journal?since=N&limit=N&format=lines&kind=movement`
pub(crate) async fn read(
    State(world): State<Shared>,
    Query(given): Query<HashMap<String, String>>,
) -> Response {
    answer(&world.journal, given)
}

/// Answers from any journal.
pub(crate) fn answer(journal: &Journal, given: HashMap<String, String>) -> Response {
    let Some(window) = Window::read(given) else {
        return wrong(StatusCode::UNPROCESSABLE_ENTITY, "since and limit are numbers");
    };
    let Ok(bytes) = journal.lines_after(window.since, window.limit) else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "the journal cannot be read");
    };
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.retain(|line| !line.is_empty() && fits(line, &window.fields));
    if window.as_lines {
        let mut body = lines.join(&b'\n');
        if !body.is_empty() {
            body.push(b'\n');
        }
        return ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response();
    }
    let mut body = vec![b'['];
    body.extend(lines.join(&b','));
    body.push(b']');
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn fits(line: &[u8], fields: &HashMap<String, String>) -> bool {
    if fields.is_empty() {
        return true;
    }
    let Ok(entry) = serde_json::from_slice::<Value>(line) else { return false };
    fields.iter().all(|(name, wanted)| match &entry[name] {
        Value::String(text) => text == wanted,
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        Value::Number(number) => *wanted == format!("{number}"),
        _ => false,
    })
}
