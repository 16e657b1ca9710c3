//! Any table as a file: all rows of the question that the page answers, in the order it is sorted by.

mod csv;
mod json;
mod pdf;
mod xlsx;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::asked::{Format, MOST};
use super::drawing;
use super::page::{Block, Page};
use super::reader::Reader;
use super::table::{Cell, Column, Table, too_many};
use crate::platform::problem::{Problem, ProblemType};

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// The writer of comma-separated values.
    #[error(transparent)]
    Csv(#[from] ::csv::Error),
    /// The writer of workbooks.
    #[error(transparent)]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// The writer of sheets.
    #[error(transparent)]
    Pdf(#[from] crate::platform::pdf::PdfError),
    /// The writer of JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The rows of a table as they leave: in their order, the sums last.
fn rows(table: &Table, places: &[usize]) -> impl Iterator<Item = Vec<Cell>> {
    places.iter().map(|place| table.rows[*place].clone())
}

/// What stands below the value of a cell leaves with it.
fn with_note(cell: &Cell) -> String {
    match &cell.note {
        Some(note) => format!("{} ({note})", cell.shown()),
        None => cell.shown(),
    }
}

/// The table of a page that is asked for, as a file.
pub fn answer(reader: &Reader, page: &Page, format: Format) -> Response {
    let wanted = reader.asked.get("table");
    let mut tables = page.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    let found = tables.find(|table| wanted.is_none_or(|name| name == table.name));
    let Some(table) = found else {
        let problem = Problem::new(ProblemType::NotFound);
        return drawing::problem(reader.language, Some(reader), &problem);
    };
    let mut places = table.ordered(&reader.asked);
    let mut cut = (table.rows.len() > MOST).then_some(MOST);
    if format == Format::Pdf && places.len() > pdf::MOST {
        places.truncate(pdf::MOST);
        cut = Some(pdf::MOST);
    }
    // Whoever adds up the file must know that it is not all.
    let cut = cut.map(|rows| too_many(reader.language, rows));
    let cut = cut.as_deref();
    let (written, media) = match format {
        Format::Csv => (csv::write(table, &places, cut), "text/csv; charset=utf-8"),
        Format::Xlsx => (
            xlsx::write(table, &places, cut),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        Format::Pdf => {
            let about = (page.title.as_str(), reader.officer.email.as_str(), reader.now);
            (pdf::write(table, &places, (about, cut)), "application/pdf")
        }
        Format::Json => (json::write(table, &places, cut), "application/json"),
    };
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem = Problem::internal(&error);
            return drawing::problem(reader.language, Some(reader), &problem);
        }
    };
    let mut headers = HeaderMap::new();
    let name = format!("attachment; filename=\"payclear-{}.{format}\"", table.name);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    (headers, bytes).into_response()
}

/// The names of the columns.
fn labels(columns: &[Column]) -> impl Iterator<Item = &str> {
    columns.iter().map(|column| column.label)
}
