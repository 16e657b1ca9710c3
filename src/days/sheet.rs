//! The day sheet (bảng tổng hợp ngày): what is printed of a closed day and signed by hand where that
//! is asked for. Its rows are those of the snapshot: what is printed is what was sealed.

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::store;

/// A row with a name and figures, as they were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SheetRow {
    /// What the row is of.
    pub name: String,
    /// Its cells, one for each column after the name.
    pub cells: Vec<String>,
}

/// A table of the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SheetTable {
    /// Vietnamese title.
    pub title: &'static str,
    /// English title.
    pub title_en: &'static str,
    /// Names of the columns, the first being that of the row's name.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<SheetRow>,
}

/// What is printed of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sheet {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// Its revision.
    pub revision: i32,
    /// Who prepared it.
    pub prepared_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it closed: UTC.
    pub closed_at: String,
    /// SHA-256 of the content, in hex.
    pub content_sha256: String,
    /// SHA-256 of the seal, in hex: what the day is known by outside.
    pub seal_sha256: String,
    /// The Ed25519 signature over the seal, in hex.
    pub signature: String,
    /// The key that signed.
    pub key: String,
    /// What was booked, roll-forward, files, balances, positions.
    pub tables: Vec<SheetTable>,
}

fn text(of: &Value, name: &str) -> String {
    match &of[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn rows(of: &Value, name: impl Fn(&Value) -> String, cells: &[&str]) -> Vec<SheetRow> {
    let row = |one: &Value| SheetRow {
        name: name(one),
        cells: cells.iter().map(|cell| text(one, cell)).collect(),
    };
    of.as_array().into_iter().flatten().map(row).collect()
}

fn named(parts: &[&str]) -> impl Fn(&Value) -> String {
    move |of: &Value| {
        let parts: Vec<String> =
            parts.iter().map(|part| text(of, part)).filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

fn tables(content: &Value) -> Vec<SheetTable> {
    let ledger = &content["ledger"];
    let breaks = &content["breaks"];
    let forward = [
        ("before", "Đầu ngày / open before"),
        ("new", "Phát sinh / new"),
        ("cleared", "Đã xử lý / cleared"),
        ("open", "Cuối ngày / open now"),
    ];
    let forward = forward.iter().map(|(key, name)| SheetRow {
        name: (*name).to_owned(),
        cells: vec![text(&breaks[*key], "count"), text(&breaks[*key], "amount")],
    });
    let files = content["files"].as_array().into_iter().flatten().map(|file| {
        let received = &file["received"];
        let cells = ["reference", "lines", "total", "closing", "state"];
        SheetRow {
            name: named(&["partner", "account", "kind"])(file),
            cells: cells.iter().map(|cell| text(received, cell)).collect(),
        }
    });
    let banks = content["banks"].as_array().into_iter().flatten().map(|bank| {
        let reasons = bank["reasons"].as_array().into_iter().flatten();
        let reasons: Vec<String> =
            reasons.map(|of| format!("{} {}", text(of, "why"), text(of, "amount"))).collect();
        let cell = |name: &str| text(bank, name);
        SheetRow {
            name: named(&["partner", "account"])(bank),
            cells: vec![
                cell("reference"),
                cell("closing"),
                cell("ledger"),
                cell("difference"),
                reasons.join(", "),
                cell("unexplained"),
                cell("currency"),
            ],
        }
    });
    vec![
        SheetTable {
            title: "Bút toán trong ngày",
            title_en: "Booked on the day",
            columns: vec!["act", "entries", "amount", "currency"],
            rows: rows(&ledger["acts"], named(&["act"]), &["entries", "amount", "currency"]),
        },
        SheetTable {
            title: "Chênh lệch chuyển tiếp",
            title_en: "Breaks, rolled forward",
            columns: vec!["", "count", "amount"],
            rows: forward.collect(),
        },
        SheetTable {
            title: "Chênh lệch chưa xử lý cuối ngày",
            title_en: "Breaks open at the end of the day",
            columns: vec![
                "kind",
                "partner",
                "agency",
                "ages from",
                "amount",
                "currency",
                "state",
                "owner",
                "reason",
            ],
            rows: rows(
                &breaks["cases"],
                named(&["code"]),
                &[
                    "partner",
                    "agency",
                    "ages_from",
                    "amount",
                    "currency",
                    "state",
                    "owner",
                    "reason",
                ],
            ),
        },
        SheetTable {
            title: "Thu trong ngày theo đối tác và kênh",
            title_en: "Taken in by partner and channel",
            columns: vec!["partner, channel", "payments", "amount", "currency"],
            rows: rows(
                &content["channels"],
                named(&["partner", "channel"]),
                &["payments", "amount", "currency"],
            ),
        },
        SheetTable {
            title: "Tệp sao kê và bảng kê",
            title_en: "Statements and reports",
            columns: vec!["file", "reference", "lines", "total", "closing", "state"],
            rows: files.collect(),
        },
        SheetTable {
            title: "Số dư ngân hàng và sổ cái",
            title_en: "The banks' closings and the ledger",
            columns: vec![
                "account",
                "statement",
                "closing",
                "ledger",
                "difference",
                "reasons",
                "unexplained",
                "currency",
            ],
            rows: banks.collect(),
        },
        SheetTable {
            title: "Bảng cân đối tài khoản",
            title_en: "Trial balance",
            columns: vec!["account", "opening", "debit", "credit", "closing", "currency"],
            rows: rows(
                &ledger["balances"],
                named(&["kind", "owner", "detail"]),
                &["opening", "debit", "credit", "closing", "currency"],
            ),
        },
        SheetTable {
            title: "Vị thế theo đối tác và cơ quan",
            title_en: "Positions by partner and agency",
            columns: vec![
                "partner, agency",
                "collected",
                "refunded",
                "fees",
                "paid over",
                "net",
                "currency",
            ],
            rows: rows(
                &content["positions"],
                named(&["partner", "agency"]),
                &["collected", "refunded", "fees", "paid_over", "net", "currency"],
            ),
        },
    ]
}

/// The sheet of a closed day, of one revision or of its last.
pub async fn read(
    conn: &mut PgConnection,
    day: NaiveDate,
    revision: Option<i32>,
) -> Result<Option<Sheet>, sqlx::Error> {
    let Some(snapshot) = store::snapshot_read(conn, day, revision).await? else { return Ok(None) };
    let prepared = store::preparation_read(conn, snapshot.preparation).await?;
    let Some(prepared) = prepared else { return Ok(None) };
    let content: Value = serde_json::from_str(&prepared.content).unwrap_or_default();
    let seal: Value = serde_json::from_str(&snapshot.seal).unwrap_or_default();
    Ok(Some(Sheet {
        day,
        revision: snapshot.revision,
        prepared_by: prepared.prepared_by,
        approved_by: text(&seal, "approved_by"),
        closed_at: text(&seal, "closed_at"),
        content_sha256: hex::encode(prepared.content_hash),
        seal_sha256: hex::encode(snapshot.seal_hash),
        signature: hex::encode(snapshot.signature),
        key: snapshot.key_id,
        tables: tables(&content),
    }))
}
