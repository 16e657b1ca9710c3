//! The day sheet on paper (bảng tổng hợp ngày): A4, Vietnamese with English beside, drawn from the
//! sealed content and its seal alone, the same bytes each time. Both are carried inside, so that the
//! sheet can be checked without us.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;

use super::store::{self, Preparation, Snapshot};
use super::words::{account, act, channel, file_kind, file_state, reason, text};
use crate::breaks::BreakCode;
use crate::breaks::ageing::Bucket;
use crate::platform::pdf::{About, Align, Attached, Column, PdfError, Sheet, Weight};
use crate::vocabulary::day::to_local;
use crate::vocabulary::money::grouped;

/// What is drawn: what was signed of a day, and the seal on it.
#[derive(Debug)]
pub struct Paper {
    snapshot: Snapshot,
    prepared: Preparation,
    content: Value,
    seal: Value,
}

impl Paper {
    /// The name of its file.
    pub fn name(&self) -> String {
        format!("payclear-{}-{}.pdf", self.snapshot.day, self.snapshot.revision)
    }
}

/// What was sealed of a day, of one revision or of its last.
pub async fn read(
    conn: &mut PgConnection,
    day: NaiveDate,
    revision: Option<i32>,
) -> Result<Option<Paper>, sqlx::Error> {
    let Some(snapshot) = store::snapshot_read(conn, day, revision).await? else { return Ok(None) };
    let prepared = store::preparation_read(conn, snapshot.preparation).await?;
    let Some(prepared) = prepared else { return Ok(None) };
    let parsed = |text: &str| serde_json::from_str(text).map_err(|e| super::defect(&e));
    let (content, seal) = (parsed(&prepared.content)?, parsed(&snapshot.seal)?);
    Ok(Some(Paper { snapshot, prepared, content, seal }))
}

fn list<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    of[name].as_array().into_iter().flatten()
}

fn decimal(of: &Value) -> Decimal {
    of.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// An amount in the form of its country; nothing as a dash, so that a page of figures can be read.
fn amount(of: &Value) -> String {
    figure(decimal(of))
}

fn figure(amount: Decimal) -> String {
    if amount.is_zero() { "–".to_owned() } else { grouped(amount) }
}

fn count(of: &Value) -> String {
    grouped(Decimal::from(of.as_i64().unwrap_or(0)))
}

fn local(at: DateTime<Utc>) -> String {
    to_local(at).format("%H:%M:%S %d/%m/%Y").to_string()
}

fn instant(of: &Value) -> String {
    of.as_str().and_then(|text| text.parse().ok()).map_or_else(String::new, local)
}

fn date(day: NaiveDate) -> String {
    day.format("%d/%m/%Y").to_string()
}

fn unless_vnd(amount: String, currency: &str) -> String {
    if currency == "VND" || amount == "–" { amount } else { format!("{amount} {currency}") }
}

/// The PDF.
pub fn draw(paper: &Paper) -> Result<Vec<u8>, PdfError> {
    let Paper { snapshot, content, .. } = paper;
    let day = date(snapshot.day);
    let mut sheet = Sheet::new(About {
        title: format!("Bảng tổng hợp ngày {day}, lần {}", snapshot.revision),
        author: "payclear".to_owned(),
        made_at: snapshot.closed_at,
        id: hex::encode(&snapshot.seal_hash),
    });
    sheet.title(&format!("BẢNG TỔNG HỢP NGÀY {day}"));
    sheet.note(
        &format!(
            "Daily settlement sheet · lần ký (revision) {} · từ (from) {} đến (to) {}, giờ Việt Nam \
             (UTC+7) · đơn vị: đồng (amounts in VND)",
            snapshot.revision,
            instant(&content["from"]),
            instant(&content["to"])
        ),
        Align::Centre,
    );
    partners(&mut sheet, content);
    channels(&mut sheet, content);
    agencies(&mut sheet, content);
    positions(&mut sheet, content);
    rolled(&mut sheet, content);
    open_cases(&mut sheet, paper);
    files(&mut sheet, content);
    banks(&mut sheet, content);
    acts(&mut sheet, content);
    balances(&mut sheet, content);
    signatures(&mut sheet, paper);
    attach(&mut sheet, paper);
    sheet.finish()
}

/// What an account kind's owners began with, what came and went, and what they ended with.
fn owners(sheet: &mut Sheet, content: &Value, kind: &str, owner: &str, grows: [&str; 2]) {
    let mut of: Vec<(String, String, [Decimal; 4])> = Vec::new();
    for row in list(&content["ledger"], "balances").filter(|row| row["kind"] == kind) {
        let figures = ["opening", "debit", "credit", "closing"].map(|name| decimal(&row[name]));
        let (name, currency) = (text(row, "owner"), text(row, "currency"));
        match of.last_mut().filter(|last| last.0 == name && last.1 == currency) {
            Some(last) => last.2.iter_mut().zip(figures).for_each(|(sum, more)| *sum += more),
            None => of.push((name.to_owned(), currency.to_owned(), figures)),
        }
    }
    let mut sums = [Decimal::ZERO; 4];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, currency, figures) in of {
        if currency == "VND" {
            sums.iter_mut().zip(figures).for_each(|(sum, more)| *sum += more);
        }
        let mut row = vec![name];
        row.extend(figures.map(|amount| unless_vnd(figure(amount), &currency)));
        rows.push(row);
    }
    let mut sum = vec!["Tổng cộng (Total)".to_owned()];
    sum.extend(sums.map(figure));
    rows.push(sum);
    let columns = [
        Column::text(owner, 28),
        Column::number("Đầu ngày (Opening)", 18),
        Column::number(grows[0], 18),
        Column::number(grows[1], 18),
        Column::number("Cuối ngày (Closing)", 18),
    ];
    sheet.table_with_sum(&columns, &rows);
}

fn partners(sheet: &mut Sheet, content: &Value) {
    sheet.heading("1. Theo đối tác (By partner): phải thu");
    let moves = ["Thu trong ngày (Collected)", "Đã về, đã trả (Received, returned)"];
    owners(sheet, content, "partner_receivable", "Đối tác (Partner)", moves);
}

fn channels(sheet: &mut Sheet, content: &Value) {
    sheet.heading("2. Theo kênh báo có (By channel)");
    let mut rows = Vec::new();
    let (mut payments, mut sum) = (0, Decimal::ZERO);
    for row in list(content, "channels") {
        let currency = text(row, "currency");
        payments += row["payments"].as_i64().unwrap_or(0);
        if currency == "VND" {
            sum += decimal(&row["amount"]);
        }
        rows.push(vec![
            text(row, "partner").to_owned(),
            channel(text(row, "channel")),
            count(&row["payments"]),
            unless_vnd(amount(&row["amount"]), currency),
        ]);
    }
    let total = ["Tổng cộng (Total)", ""].map(str::to_owned);
    rows.push([&total[..], &[grouped(Decimal::from(payments)), figure(sum)]].concat());
    let columns = [
        Column::text("Đối tác (Partner)", 30),
        Column::text("Kênh (Channel)", 30),
        Column::number("Số khoản thu (Payments)", 20),
        Column::number("Số tiền (Amount)", 20),
    ];
    sheet.table_with_sum(&columns, &rows);
}

fn agencies(sheet: &mut Sheet, content: &Value) {
    sheet.heading("3. Theo cơ quan (By agency): phải trả");
    sheet.note("Số dư có mang dấu trừ (credit balances are negative).", Align::Left);
    let moves = ["Nợ: đã nộp, đã hoàn (Debits)", "Có: thu trong ngày (Credits)"];
    owners(sheet, content, "agency_payable", "Cơ quan (Agency)", moves);
}

fn positions(sheet: &mut Sheet, content: &Value) {
    sheet.heading("4. Vị thế luỹ kế theo đối tác và cơ quan (Positions)");
    let figures = ["collected", "refunded", "fees", "paid_over", "net"];
    let rows: Vec<Vec<String>> = list(content, "positions")
        .map(|row| {
            let mut cells = vec![text(row, "partner").to_owned(), text(row, "agency").to_owned()];
            let currency = text(row, "currency");
            cells.extend(figures.map(|name| unless_vnd(amount(&row[name]), currency)));
            cells
        })
        .collect();
    let columns = [
        Column::text("Đối tác (Partner)", 17),
        Column::text("Cơ quan (Agency)", 13),
        Column::number("Đã thu (Collected)", 14),
        Column::number("Đã hoàn (Refunded)", 14),
        Column::number("Phí (Fees)", 13),
        Column::number("Đã nộp (Paid over)", 14),
        Column::number("Còn lại (Net)", 15),
    ];
    table_or_none(sheet, &columns, &rows);
}

fn table_or_none(sheet: &mut Sheet, columns: &[Column], rows: &[Vec<String>]) {
    if rows.is_empty() {
        sheet.paragraph("Không có (none).");
    } else {
        sheet.table(columns, rows);
    }
}

fn rolled(sheet: &mut Sheet, content: &Value) {
    sheet.heading("5. Chênh lệch chuyển tiếp (Breaks, rolled forward)");
    let breaks = &content["breaks"];
    let steps = ["before", "new", "cleared", "open"];
    let cells = |row: &Value, currency: &str| {
        steps.map(|step| {
            let of = &row[step];
            let sum = unless_vnd(amount(&of["amount"]), currency);
            format!("{} / {sum}", count(&of["count"]))
        })
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in list(breaks, "by_code") {
        let mut line = vec![named(text(row, "code"))];
        line.extend(cells(row, text(row, "currency")));
        rows.push(line);
    }
    let mut sum = vec!["Tổng cộng (Total)".to_owned()];
    sum.extend(cells(breaks, "VND"));
    rows.push(sum);
    let columns = [
        Column::text("Loại: số vụ / số tiền (Kind: count / amount)", 32),
        Column::number("Đầu ngày (Before)", 17),
        Column::number("+ Phát sinh (New)", 17),
        Column::number("– Đã xử lý (Cleared)", 17),
        Column::number("= Cuối ngày (Open)", 17),
    ];
    sheet.table_with_sum(&columns, &rows);
}

/// A code of a case, in both languages.
fn named(code: &str) -> String {
    match code.parse::<BreakCode>() {
        Ok(known) => format!("{code} {} ({})", known.name_vi(), known.name_en()),
        Err(_) => code.to_owned(),
    }
}

/// An age at the end of a day: in days, and as officers count it.
fn age(day: NaiveDate, from: &Value) -> String {
    let from: Option<NaiveDate> = from.as_str().and_then(|text| text.parse().ok());
    let days = from.map_or(0, |from| (day - from).num_days().max(0));
    let bucket = match Bucket::of(days) {
        Bucket::Today => "hôm nay",
        Bucket::Day1 => "T+1",
        Bucket::Days3 => "T+2–3",
        Bucket::Days7 => "T+4–7",
        Bucket::Days30 => "8–30",
        Bucket::Older => "> 30",
    };
    format!("{days} ({bucket})")
}

fn open_cases(sheet: &mut Sheet, paper: &Paper) {
    sheet.heading("6. Chênh lệch chưa xử lý cuối ngày (Breaks open at the end of the day)");
    let rows: Vec<Vec<String>> = list(&paper.content["breaks"], "cases")
        .map(|case| {
            let (owner, reason) = (text(case, "owner"), text(case, "reason"));
            let answered = match text(case, "state") {
                "resolved" | "auto_closed" => "đã xử lý sau cuối ngày (closed since)".to_owned(),
                _ => format!("{owner}: {reason}"),
            };
            let whose = [text(case, "partner"), text(case, "agency")];
            let whose: Vec<&str> = whose.into_iter().filter(|name| !name.is_empty()).collect();
            vec![
                named(text(case, "code")),
                whose.join(", "),
                age(paper.snapshot.day, &case["ages_from"]),
                unless_vnd(amount(&case["amount"]), text(case, "currency")),
                answered,
            ]
        })
        .collect();
    let columns = [
        Column::text("Loại (Kind)", 25),
        Column::text("Đối tác, cơ quan (Partner, agency)", 17),
        Column::text("Tuổi, ngày (Age, days)", 12),
        Column::number("Số tiền (Amount)", 15),
        Column::text("Người xử lý và lý do (Owner and reason)", 31),
    ];
    table_or_none(sheet, &columns, &rows);
}

fn files(sheet: &mut Sheet, content: &Value) {
    sheet.heading("7. Tệp sao kê và bảng kê (Statements and reports)");
    let rows: Vec<Vec<String>> = list(content, "files")
        .map(|file| {
            let received = &file["received"];
            let verdict = if received.is_null() {
                let case = &file["case"];
                let who = [text(case, "owner"), text(case, "reason")].join(": ");
                format!("thiếu, {} (missing) {who}", text(case, "code"))
            } else {
                let hash: String = text(received, "sha256").chars().take(16).collect();
                let state = file_state(text(received, "state"));
                format!("{} · {state} · SHA-256 {hash}…", text(received, "reference"))
            };
            let currency = text(received, "currency");
            vec![
                format!("{} {}", text(file, "partner"), text(file, "account")),
                file_kind(text(file, "kind")).to_owned(),
                count(&received["lines"]),
                unless_vnd(amount(&received["total"]), currency),
                unless_vnd(amount(&received["closing"]), currency),
                verdict,
            ]
        })
        .collect();
    let columns = [
        Column::text("Đối tác, tài khoản (Partner, account)", 22),
        Column::text("Loại (Kind)", 13),
        Column::number("Dòng (Lines)", 8),
        Column::number("Tổng (Total)", 14),
        Column::number("Số dư cuối (Closing)", 14),
        Column::text("Kết quả (Verdict)", 29),
    ];
    table_or_none(sheet, &columns, &rows);
}

fn banks(sheet: &mut Sheet, content: &Value) {
    sheet.heading("8. Số dư ngân hàng và sổ cái (The banks' closings and the ledger)");
    let rows: Vec<Vec<String>> = list(content, "banks")
        .map(|bank| {
            let currency = text(bank, "currency");
            let of = |name: &str| unless_vnd(amount(&bank[name]), currency);
            let reasons: Vec<String> = list(bank, "reasons")
                .map(|of| format!("{}: {}", reason(text(of, "why")), amount(&of["amount"])))
                .collect();
            vec![
                format!("{} {}", text(bank, "partner"), text(bank, "account")),
                of("closing"),
                of("ledger"),
                of("difference"),
                reasons.join("; "),
            ]
        })
        .collect();
    let columns = [
        Column::text("Đối tác, tài khoản (Partner, account)", 24),
        Column::number("Sao kê (Bank closing)", 16),
        Column::number("Sổ cái (Ledger)", 16),
        Column::number("Chênh lệch (Difference)", 14),
        Column::text("Lý do (Reasons)", 30),
    ];
    table_or_none(sheet, &columns, &rows);
}

fn acts(sheet: &mut Sheet, content: &Value) {
    let ledger = &content["ledger"];
    sheet.heading("9. Bút toán trong ngày (Booked on the day)");
    sheet.note(
        &format!(
            "{} bút toán, {} dòng (entries, lines) · SHA-256 {}",
            count(&ledger["entries"]),
            count(&ledger["lines"]),
            text(ledger, "digest")
        ),
        Align::Left,
    );
    let rows: Vec<Vec<String>> = list(ledger, "acts")
        .map(|row| {
            let sum = unless_vnd(amount(&row["amount"]), text(row, "currency"));
            vec![act(text(row, "act")), count(&row["entries"]), sum]
        })
        .collect();
    let columns = [
        Column::text("Nghiệp vụ (Act)", 56),
        Column::number("Bút toán (Entries)", 20),
        Column::number("Số tiền (Amount)", 24),
    ];
    table_or_none(sheet, &columns, &rows);
}

fn balances(sheet: &mut Sheet, content: &Value) {
    sheet.heading("10. Bảng cân đối tài khoản (Trial balance)");
    let mut sums = [Decimal::ZERO; 4];
    let mut rows = Vec::new();
    for row in list(&content["ledger"], "balances") {
        let currency = text(row, "currency");
        let figures = ["opening", "debit", "credit", "closing"].map(|name| decimal(&row[name]));
        if currency == "VND" {
            sums.iter_mut().zip(figures).for_each(|(sum, more)| *sum += more);
        }
        let of = [text(row, "owner"), text(row, "detail")].join(" ");
        let mut cells = vec![account(text(row, "kind")), of.trim().to_owned()];
        cells.extend(figures.map(|sum| unless_vnd(figure(sum), currency)));
        rows.push(cells);
    }
    let mut sum = vec!["Tổng cộng (Total)".to_owned(), String::new()];
    sum.extend(sums.map(figure));
    rows.push(sum);
    let columns = [
        Column::text("Tài khoản (Account)", 24),
        Column::text("Của (Of)", 20),
        Column::number("Đầu ngày (Opening)", 14),
        Column::number("Nợ (Debit)", 14),
        Column::number("Có (Credit)", 14),
        Column::number("Cuối ngày (Closing)", 14),
    ];
    sheet.table_with_sum(&columns, &rows);
}

fn signatures(sheet: &mut Sheet, paper: &Paper) {
    let Paper { snapshot, prepared, seal, .. } = paper;
    sheet.heading("11. Ký số và niêm phong (Signatures and seal)");
    let events = &seal["events"];
    let chain = format!(
        "đến sự kiện số {} của lô {} (up to event, of batch): {}",
        count(&events["number"]),
        count(&events["batch"]),
        text(events, "digest")
    );
    let previous = match text(seal, "previous") {
        "" => "không có: ngày đầu tiên (none: the first day)",
        hash => hash,
    };
    let (at, closed) = (local(prepared.prepared_at), local(snapshot.closed_at));
    let made = format!("{}, {at}", prepared.prepared_by);
    let approved = format!("{}, {closed}", text(seal, "approved_by"));
    let content = hex::encode(&prepared.content_hash);
    let sealed = hex::encode(&snapshot.seal_hash);
    let signature = hex::encode(&snapshot.signature);
    sheet.facts(&[
        ("Người lập (Prepared by)", &made),
        ("Người duyệt (Approved by)", &approved),
        ("Nội dung (Content), SHA-256", &content),
        ("Niêm phong (Seal), SHA-256", &sealed),
        ("Niêm phong trước (Seal before)", previous),
        ("Chuỗi sự kiện (Event chain)", &chain),
        ("Khoá ký (Key)", &snapshot.key_id),
        ("Chữ ký (Signature), Ed25519", &signature),
    ]);
    sheet.note(
        "Kiểm tra: payclear verify --day; khoá công khai tại /.well-known/payclear-signing-keys. \
         Nội dung và niêm phong nằm trong tệp PDF này (the signed content and the seal are attached \
         to this file).",
        Align::Left,
    );
    sheet.space(8);
    let columns =
        [Column::text("Người lập (Prepared by)", 1), Column::text("Người duyệt (Approved by)", 1)];
    let names = [prepared.prepared_by.clone(), text(seal, "approved_by").to_owned()];
    sheet.table(&columns, &[names.to_vec()]);
    sheet.line(
        "Ký, ghi rõ họ tên, nơi cần bản giấy (signed by hand where paper is asked for)",
        Weight::Regular,
        Align::Left,
    );
}

fn attach(sheet: &mut Sheet, paper: &Paper) {
    let Paper { snapshot, prepared, .. } = paper;
    let stem = format!("{}-{}", snapshot.day, snapshot.revision);
    for (name, description, bytes) in [
        ("content.json", "Nội dung đã ký (the signed content)", prepared.content.as_bytes()),
        ("seal.json", "Niêm phong (the seal)", snapshot.seal.as_bytes()),
        ("seal.sig", "Chữ ký Ed25519 trên niêm phong (the signature)", &snapshot.signature),
    ] {
        let mime_type =
            if name == "seal.sig" { "application/octet-stream" } else { "application/json" };
        sheet.attach(Attached {
            name: format!("{stem}.{name}"),
            mime_type,
            description: description.to_owned(),
            bytes: bytes.to_vec(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn paper(cases: usize) -> Paper {
        let at: DateTime<Utc> = "2026-01-16T03:00:00Z".parse().expect("an instant");
        let day: NaiveDate = "2026-01-15".parse().expect("a date");
        let case = json!({
            "code": "B07", "partner": "bank", "agency": "", "amount": "7000", "currency": "VND",
            "ages_from": "2026-01-05", "state": "assigned", "owner": "an@example.vn",
            "reason": "đang hỏi ngân hàng",
        });
        let content = json!({
            "from": "2026-01-14T17:00:00.000000Z", "to": "2026-01-15T17:00:00.000000Z",
            "breaks": { "cases": vec![case; cases] },
        });
        Paper {
            snapshot: Snapshot {
                day,
                revision: 1,
                preparation: Uuid::nil(),
                seal: "{}".to_owned(),
                seal_hash: vec![1; 32],
                signature: vec![2; 64],
                key_id: "k".to_owned(),
                closed_at: at,
            },
            prepared: Preparation {
                id: Uuid::nil(),
                day,
                revision: 1,
                content: content.to_string(),
                content_hash: vec![3; 32],
                prepared_by: "an@example.vn".to_owned(),
                prepared_at: at,
            },
            content,
            seal: json!({}),
        }
    }

    #[test]
    fn any_day_can_be_printed_and_is_the_same_again() {
        for cases in [0, 1, 200] {
            let first = draw(&paper(cases)).expect("it is PDF/A-3b");
            assert!(first == draw(&paper(cases)).expect("again"), "{cases}");
        }
    }

    #[test]
    fn figures_are_told_as_people_write_them() {
        assert_eq!(amount(&json!("-1234567")), "-1.234.567");
        assert_eq!((amount(&json!("0")), amount(&Value::Null)), ("–".to_owned(), "–".to_owned()));
        let day = "2026-01-15".parse().expect("a date");
        assert_eq!(age(day, &json!("2026-01-05")), "10 (8–30)");
        assert_eq!(age(day, &json!("2026-01-16")), "0 (hôm nay)");
        assert_eq!(named("B07"), "B07 Khoản thu không rõ (Unknown credit)");
    }
}
