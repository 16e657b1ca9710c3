//! A workbook: figures and days are such, the head stays in sight, everything else is text.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, XlsxError};

use super::ExportError;
use crate::desk::table::{Cell, Table, Value};
use crate::vocabulary::day::to_local;

struct Formats {
    head: Format,
    money: Format,
    time: Format,
    day: Format,
}

fn cell_write(
    sheet: &mut rust_xlsxwriter::Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    formats: &Formats,
) -> Result<(), XlsxError> {
    match &cell.value {
        Value::Nothing => {}
        // A workbook has no other numbers than floats: what does not fit exactly stays a text.
        Value::Amount(amount, _) => match amount.normalize().to_i64() {
            Some(whole) if amount.fract().is_zero() && whole.unsigned_abs() < 1 << 53 => {
                sheet.write_with_format(row, column, *amount, &formats.money)?;
            }
            _ => drop(sheet.write_string(row, column, amount.normalize().to_string())?),
        },
        Value::Count(count) => {
            sheet.write_with_format(row, column, Decimal::from(*count), &formats.money)?;
        }
        Value::Time(at) => {
            let text = to_local(*at).format("%Y-%m-%dT%H:%M:%S").to_string();
            let at = ExcelDateTime::parse_from_str(&text)?;
            sheet.write_datetime_with_format(row, column, &at, &formats.time)?;
        }
        Value::Day(day) => {
            let at = ExcelDateTime::parse_from_str(&day.to_string())?;
            sheet.write_datetime_with_format(row, column, &at, &formats.day)?;
        }
        // Written as a string it is never a formula.
        Value::Text(_) => drop(sheet.write_string(row, column, super::with_note(cell))?),
    }
    Ok(())
}

pub(super) fn write(
    table: &Table,
    places: &[usize],
    cut: Option<&str>,
) -> Result<Vec<u8>, ExportError> {
    let formats = Formats {
        head: Format::new().set_bold(),
        money: Format::new().set_num_format("#,##0"),
        time: Format::new().set_num_format("dd/mm/yyyy hh:mm"),
        day: Format::new().set_num_format("dd/mm/yyyy"),
    };
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(table.name)?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, label) in (0..).zip(super::labels(&table.columns)) {
        sheet.set_column_width(column, 20)?;
        sheet.write_string_with_format(0, column, label, &formats.head)?;
    }
    for (row, cells) in (1..).zip(super::rows(table, places)) {
        for (column, cell) in (0..).zip(&cells) {
            cell_write(sheet, (row, column), cell, &formats)?;
        }
    }
    if let Some(told) = cut {
        let below = u32::try_from(places.len() + 1).unwrap_or(u32::MAX);
        sheet.write_string_with_format(below, 0, told, &formats.head)?;
    }
    Ok(book.save_to_buffer()?)
}
