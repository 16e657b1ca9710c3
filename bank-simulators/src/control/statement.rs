//! `GET /control/statement?partner=&day=&format=camt053|mt940|csv&defect=`: what a partner says of a
//! day.

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use serde::Deserialize;

use super::wrong;
use crate::{
    app::Shared,
    statements::{Defect, Format, day_of, spoil, write},
};

/// Whose, which Vietnamese day, how, and what is wrong with it.
#[derive(Deserialize)]
pub struct Asked {
    partner: String,
    day: NaiveDate,
    format: Format,
    defect: Option<Defect>,
}

/// The file.
pub async fn read(State(world): State<Shared>, Query(asked): Query<Asked>) -> Response {
    let Ok(journal) = world.journal.lines_after(0, usize::MAX) else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "the journal cannot be read");
    };
    let Some(mut day) = day_of(&world, &journal, &asked.partner, asked.day) else {
        return wrong(StatusCode::NOT_FOUND, "no partner here has this code");
    };
    if let Some(defect) = asked.defect {
        spoil(&mut day, defect);
    }
    let Some(mut file) = write(&world, &day, asked.format) else {
        let error = "banks write camt053 and mt940, wallets and the gateway csv";
        return wrong(StatusCode::UNPROCESSABLE_ENTITY, error);
    };
    if asked.defect == Some(Defect::Truncated) {
        let mut end = file.len() * 2 / 3;
        while !file.is_char_boundary(end) {
            end -= 1;
        }
        file.truncate(end);
    }
    let kind = match asked.format {
        Format::Camt053 => "application/xml; charset=utf-8",
        Format::Mt940 => "text/plain; charset=us-ascii",
        Format::Csv => "text/csv; charset=utf-8",
    };
    ([(header::CONTENT_TYPE, kind)], file).into_response()
}
