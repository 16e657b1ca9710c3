//! How a partner did when it was put through its paces, on our screens and on its own.

use crate::desk::http::Desk;
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::partners::store::certifications::{KeptRun, certifications_of};
use crate::platform::problem::Problem;

/// So many runs are shown.
const MOST: i64 = 10;

/// The newest runs, each with what it failed at.
pub async fn table(desk: &Desk, reader: &Reader, partner: &str) -> Result<Table, Problem> {
    let runs = certifications_of(&mut *desk.pool().acquire().await?, partner, MOST).await?;
    let columns = vec![
        Column::text("run_at", reader.say("Lúc", "When")),
        Column::text("result", reader.say("Kết quả", "Result")),
        Column::text("dialect", reader.say("Giao thức", "Dialect")),
        Column::text("channel", reader.say("Cách nộp", "Channel")),
        Column::text("version", reader.say("Phiên bản", "Version")),
        Column::text("run_by", reader.say("Người chạy", "Run by")),
        Column::text("cases", reader.say("Phép thử", "Cases")),
    ];
    let rows = runs.iter().map(|run| {
        vec![
            Cell::time(run.run_at),
            result(reader, run),
            Cell::code(&*run.dialect),
            Cell::text(run.channel.clone().unwrap_or_default()),
            Cell::text(&*run.version),
            Cell::text(&*run.run_by),
            Cell::text(cases(reader, run)),
        ]
    });
    let title = reader.say("Kiểm tra trước khi mở", "Certification");
    let none = reader.say("Chưa kiểm tra lần nào.", "It was never certified.");
    Ok(Table::new("certifications", title, columns).rows(rows).or(none))
}

fn result(reader: &Reader, run: &KeptRun) -> Cell {
    match (run.passed, run.in_force) {
        (true, true) => Cell::tag(Tone::Good, reader.say("Đạt", "Passed")),
        (true, false) => {
            Cell::tag(Tone::Quiet, reader.say("Đạt, cấu hình khác", "Passed, other settings"))
        }
        (false, _) => Cell::tag(Tone::Alarm, reader.say("Không đạt", "Failed")),
    }
}

/// How many there were, and those that failed with what was seen.
fn cases(reader: &Reader, run: &KeptRun) -> String {
    let cases = run.cases.as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = cases.iter().filter(|case| case["result"] == "fail");
    let failed: Vec<String> = failed
        .map(|case| {
            let of = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", of("check"), of("seen"))
        })
        .collect();
    let count = format!("{} {}", cases.len(), reader.say("phép thử", "cases"));
    if failed.is_empty() { count } else { format!("{count} · {}", failed.join(" · ")) }
}
