//! Comma-separated values that a spreadsheet opens as what they are: UTF-8 with its mark, figures
//! bare, and no text that it would run as a formula.

use super::ExportError;
use crate::desk::table::{Cell, Table, Value};

/// Spreadsheets take a text that begins so for a formula.
const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text that stays one.
fn safe(text: String) -> String {
    if text.trim_start().starts_with(FORMULAS) || text.starts_with(FORMULAS) {
        return format!("'{text}");
    }
    text
}

fn field(cell: &Cell) -> String {
    match &cell.value {
        Value::Nothing => String::new(),
        Value::Amount(amount, _) => amount.normalize().to_string(),
        Value::Count(count) => count.to_string(),
        Value::Time(at) => {
            crate::vocabulary::day::to_local(*at).format("%Y-%m-%d %H:%M:%S").to_string()
        }
        Value::Day(day) => day.to_string(),
        Value::Text(_) => safe(super::with_note(cell)),
    }
}

pub(super) fn write(
    table: &Table,
    places: &[usize],
    cut: Option<&str>,
) -> Result<Vec<u8>, ExportError> {
    let mut writer = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(super::labels(&table.columns).map(|label| safe(label.to_owned())))?;
    for row in super::rows(table, places) {
        writer.write_record(row.iter().map(field))?;
    }
    if let Some(told) = cut {
        let empty = std::iter::repeat_n(String::new(), table.columns.len().saturating_sub(1));
        writer.write_record(std::iter::once(safe(told.to_owned())).chain(empty))?;
    }
    writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::table::Column;
    use crate::vocabulary::money::Money;

    #[test]
    fn a_spreadsheet_runs_nothing_of_it() {
        let columns = vec![Column::text("name", "Tên"), Column::figure("sum", "Số tiền")];
        let row = |name: &str| vec![Cell::text(name), Cell::money(Money::vnd(1_234))];
        let evil = ["=1+1", "+a", "-a", "@a", "\ta", " =x", "tốt, \"đẹp\""];
        let table = Table::new("t", "T", columns).rows(evil.map(row));
        let places: Vec<usize> = (0..evil.len()).collect();
        let text =
            String::from_utf8(write(&table, &places, None).expect("written")).expect("UTF-8");
        assert_eq!(
            text,
            "\u{feff}Tên,Số tiền\r\n'=1+1,1234\r\n'+a,1234\r\n'-a,1234\r\n'@a,1234\r\n'\ta,1234\r\n' =x,1234\r\n\"tốt, \"\"đẹp\"\"\",1234\r\n"
        );
    }
}
