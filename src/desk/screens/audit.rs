//! The audit log (nhật ký): who did what, by actor and action. Only grows.

use axum::extract::State;
use axum::response::Response;

use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::store::audit as store;
use crate::desk::table::{Cell, Column, NOTHING, Table};
use crate::platform::problem::Problem;
use crate::vocabulary::day::from_local;

const PATH: &str = "/desk/audit";

/// `GET /desk/audit`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Audit)?;
    let asked = &reader.asked;
    let begins = |day: chrono::NaiveDate| from_local(day.and_time(chrono::NaiveTime::MIN));
    let wanted = store::Wanted {
        actor: asked.get("actor"),
        action: asked.get("action"),
        subject: asked.get("subject"),
        from: asked.day("from").map(begins),
        until: asked.day("until").and_then(|day| day.succ_opt()).map(begins),
        most: asked.most("audit"),
    };
    let deeds = store::deeds(&mut *desk.pool().acquire().await?, &wanted).await?;
    let columns = vec![
        Column::figure("number", reader.say("Số", "No.")),
        Column::text("made_at", reader.say("Lúc", "When")),
        Column::text("actor", reader.say("Ai", "Who")),
        Column::text("action", reader.say("Việc", "What")),
        Column::text("subject", reader.say("Đối tượng", "To what")),
        Column::text("detail", reader.say("Chi tiết", "Detail")),
    ];
    let rows = deeds.iter().map(|deed| {
        vec![
            Cell::count(deed.audit_id),
            Cell::time(deed.made_at),
            Cell::text(&*deed.actor).to(link(PATH, &[("actor", &deed.actor)])),
            Cell::code(&*deed.action).to(link(PATH, &[("action", &deed.action)])),
            Cell::code(&*deed.subject).to(link(PATH, &[("subject", &deed.subject)])),
            Cell::code(detail(&deed.detail)).note(deed.reason.clone().unwrap_or_default()),
        ]
    });
    let table = Table::new("audit", reader.say("Việc đã làm", "Deeds"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let value = |name| asked.get(name).unwrap_or_default().to_owned();
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::line("actor", reader.say("Ai", "Who")).value(value("actor")))
        .field(Field::line("action", reader.say("Việc", "What")).value(value("action")))
        .field(Field::line("subject", reader.say("Đối tượng", "To what")).value(value("subject")))
        .field(Field::day("from", reader.say("Từ ngày", "From")).value(value("from")))
        .field(Field::day("until", reader.say("đến hết", "until")).value(value("until")));
    let page = Page::new(reader.say("Nhật ký", "Audit log"), Section::Audit).lead(reader.say(
        "Chỉ ghi thêm, không sửa, không xoá.",
        "It only grows: nothing is changed or removed.",
    ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

/// The members of a deed's detail that say something, as they were noted.
fn detail(noted: &str) -> String {
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(noted) else {
        return noted.to_owned();
    };
    members.retain(|_, value| !value.is_null());
    if members.is_empty() {
        return String::new();
    }
    serde_json::Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use super::detail;

    #[test]
    fn what_is_not_there_is_not_told() {
        assert_eq!(detail("{}"), "");
        assert_eq!(detail(r#"{"b":null}"#), "");
        assert_eq!(detail(r#"{"a":1,"b":null}"#), r#"{"a":1}"#);
        assert_eq!(detail("cut of"), "cut of");
    }
}
