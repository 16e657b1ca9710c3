//! A printed sheet.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::ExportError;
use crate::desk::figures;
use crate::desk::table::Table;
use crate::platform::pdf::{About, Align, Column, Sheet};

/// A sheet of more rows is a workbook.
pub(super) const MOST: usize = 1_000;

pub(super) fn write(
    table: &Table,
    places: &[usize],
    ((title, by, now), cut): ((&str, &str, DateTime<Utc>), Option<&str>),
) -> Result<Vec<u8>, ExportError> {
    let mut rows: Vec<Vec<String>> =
        super::rows(table, places).map(|row| row.iter().map(super::with_note).collect()).collect();
    // Below rows that are not all there sums would be taken for theirs.
    let foot = table.foot.as_ref().filter(|_| cut.is_none());
    let sums: Option<Vec<String>> = foot.map(|foot| foot.iter().map(super::with_note).collect());
    let has_sums = sums.is_some();
    rows.extend(sums);
    let mut hash = Sha256::new();
    hash.update(table.name);
    for cell in rows.iter().flatten() {
        hash.update(cell);
    }
    let about = About {
        title: format!("{title}: {}", table.caption),
        author: "payclear".to_owned(),
        made_at: now,
        id: hex::encode(hash.finalize()),
    };
    // A column is as wide as what stands in it, within reason.
    let share = |place: usize| {
        let cells = rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count());
        let longest = cells.max().unwrap_or(0).max(table.columns[place].label.chars().count());
        u16::try_from(longest.clamp(6, 30)).unwrap_or(30)
    };
    let columns: Vec<Column> = table
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            if column.figure {
                Column::number(column.label, share(place))
            } else {
                Column::text(column.label, share(place))
            }
        })
        .collect();
    let mut sheet = Sheet::new(about);
    sheet.title(title);
    sheet.heading(&table.caption);
    if has_sums {
        sheet.table_with_sum(&columns, &rows);
    } else {
        sheet.table(&columns, &rows);
    }
    if let Some(told) = cut {
        sheet.paragraph(told);
    }
    sheet.note(&format!("payclear – {by} – {} (UTC+7)", figures::time(now)), Align::Left);
    Ok(sheet.finish()?)
}
