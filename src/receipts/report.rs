//! The same-day table of data of receipts, form 01/TH-BLĐT (Decree 254/2026, article 29.3b): one
//! collecting body, one day; a row for each kind of charge, and one for each receipt that was
//! cancelled or replaced on that day.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_xlsxwriter::{Format, FormatAlign, Workbook, XlsxError};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::receipt::Receipt;
use super::store::reads;
use crate::invoices::view::MoneySchema;
use crate::registers::entries::FeeKind;
use crate::vocabulary::money::Money;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportRow {
    /// Its number in the table.
    pub no: usize,
    /// Form symbol.
    pub form: String,
    /// Receipt symbol.
    pub symbol: String,
    /// Number.
    pub number: u32,
    /// The day that the receipt bears.
    pub day: NaiveDate,
    /// `phi` or `le_phi`.
    #[schema(value_type = String)]
    pub kind: FeeKind,
    /// The fee or charge.
    pub name: String,
    /// How much.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The rate; fees that are sums have none.
    pub rate: String,
    /// `Mới`, `Thay thế`, `Huỷ` or `Bị thay thế`.
    pub status: String,
    /// The day that is put right, when it is another one.
    pub adjusted_period: Option<NaiveDate>,
    /// The receipt that it stands in place of, or that stands in its.
    pub related: String,
    /// Why.
    pub explanation: String,
    /// Anything else.
    pub note: String,
}

/// The table of one body and day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// Form `01/TH-BLĐT`.
    pub form: &'static str,
    /// Who collects: national code.
    pub agency: String,
    /// The day.
    pub day: NaiveDate,
    /// Receipts that bear the day.
    pub receipts: usize,
    /// The sum of those, without what was cancelled.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// The rows.
    pub rows: Vec<ReportRow>,
}

const FORM: &str = "01/TH-BLĐT";

/// The headings, in the order of the form.
const HEADINGS: [&str; 13] = [
    "STT",
    "Ký hiệu mẫu biên lai",
    "Ký hiệu biên lai",
    "Số biên lai",
    "Ngày lập",
    "Tên loại phí, lệ phí",
    "Số tiền",
    "Mức thu",
    "Trạng thái",
    "Kỳ dữ liệu điều chỉnh",
    "Thông tin biên lai liên quan",
    "Giải trình",
    "Ghi chú",
];

fn name_of(receipt: &Receipt) -> String {
    let number = &receipt.content.number;
    format!("{} {} {}", number.form, number.symbol, number.padded())
}

/// Puts the table together.
pub async fn report(
    conn: &mut PgConnection,
    agency: &str,
    day: NaiveDate,
) -> Result<Report, sqlx::Error> {
    let told = reads::reported_on(conn, agency, day).await?;
    let ids: Vec<_> = told.iter().map(|(id, ..)| *id).collect();
    let receipts: HashMap<_, _> =
        reads::receipts_read(conn, &ids).await?.into_iter().map(|r| (r.id.0, r)).collect();
    let mut rows = Vec::new();
    let mut sum = Money::vnd(0);
    let mut count = 0;
    for (id, kind, reason) in told {
        let Some(receipt) = receipts.get(&id) else { continue };
        let other_day = (receipt.day() != day).then(|| receipt.day());
        let (status, related) = match kind.as_str() {
            "issued" => {
                count += 1;
                let replaced = receipt.content.replaces.as_ref();
                let related = replaced.map(|r| {
                    format!("{} {} {}", r.number.form, r.number.symbol, r.number.padded())
                });
                sum = sum.checked_add(receipt.amount()).map_err(defect)?;
                (if related.is_some() { "Thay thế" } else { "Mới" }, related.unwrap_or_default())
            }
            "replaced" => {
                let by = reads::receipt_in_place_of(conn, receipt.id).await?;
                ("Bị thay thế", by.as_ref().map(name_of).unwrap_or_default())
            }
            _ => ("Huỷ", String::new()),
        };
        if kind != "issued" && other_day.is_none() {
            sum = sum.checked_sub(receipt.amount()).map_err(defect)?;
        }
        for charge in &receipt.content.charges {
            let number = &receipt.content.number;
            rows.push(ReportRow {
                no: rows.len() + 1,
                form: number.form.clone(),
                symbol: number.symbol.clone(),
                number: number.number,
                day: number.day,
                kind: charge.kind,
                name: charge.name.clone(),
                amount: charge.amount,
                rate: String::new(),
                status: status.to_owned(),
                adjusted_period: other_day,
                related: related.clone(),
                explanation: match &receipt.content.replaces {
                    Some(replaced) if kind == "issued" => replaced.reason.clone(),
                    _ => reason.clone(),
                },
                note: receipt.content.invoice.clone(),
            });
        }
    }
    Ok(Report { form: FORM, agency: agency.to_owned(), day, receipts: count, amount: sum, rows })
}

fn defect(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// What a spreadsheet would take for a formula is made text.
fn safe(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn date(day: NaiveDate) -> String {
    day.format("%d/%m/%Y").to_string()
}

impl ReportRow {
    fn cells(&self) -> [String; 13] {
        [
            self.no.to_string(),
            self.form.clone(),
            self.symbol.clone(),
            self.number.to_string(),
            date(self.day),
            safe(&self.name),
            self.amount.minor_units().to_string(),
            safe(&self.rate),
            self.status.clone(),
            self.adjusted_period.map(date).unwrap_or_default(),
            self.related.clone(),
            safe(&self.explanation),
            safe(&self.note),
        ]
    }
}

impl Report {
    /// As CSV, UTF-8 with a byte order mark, so that spreadsheets read the accents.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = b"\xef\xbb\xbf".to_vec();
        {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(HEADINGS)?;
            for row in &self.rows {
                writer.write_record(row.cells())?;
            }
            writer.flush()?;
        }
        Ok(out)
    }

    /// As a workbook; sums are numbers.
    pub fn to_xlsx(&self) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let bold = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Center);
        let title = Format::new().set_bold().set_font_size(14);
        let dong = Format::new().set_num_format("#,##0");
        let sheet = book.add_worksheet_with_constant_memory()?;
        sheet.set_name("01-TH-BLDT")?;
        for (place, width) in [6, 12, 12, 12, 12, 44, 16, 10, 14, 14, 26, 36, 20].iter().enumerate()
        {
            sheet.set_column_width(column(place), *width)?;
        }
        sheet.write_with_format(0, 0, "BẢNG TỔNG HỢP DỮ LIỆU BIÊN LAI ĐIỆN TỬ", &title)?;
        sheet.write(1, 0, format!("Mẫu số: {FORM}"))?;
        sheet.write(2, 0, format!("Đơn vị thu: {}; ngày {}", self.agency, date(self.day)))?;
        for (place, heading) in HEADINGS.iter().enumerate() {
            sheet.write_with_format(4, column(place), *heading, &bold)?;
        }
        for (place, row) in self.rows.iter().enumerate() {
            let at = 5 + u32::try_from(place).unwrap_or(u32::MAX - 5);
            for (place, cell) in row.cells().iter().enumerate() {
                match place {
                    0 => sheet.write(at, 0, u32::try_from(row.no).unwrap_or(u32::MAX))?,
                    3 => sheet.write(at, 3, row.number)?,
                    6 => sheet.write_with_format(at, 6, row.amount.amount(), &dong)?,
                    _ => sheet.write_string(at, column(place), cell)?,
                };
            }
        }
        book.save_to_buffer()
    }
}

fn column(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
