//! Approvals (phê duyệt): what one proposed and another decides, with its content in words and the
//! hash that a decision is bound to.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::approvals::approval::Approval;
use crate::approvals::decide::{self, DecideError, Decision, Verdict};
use crate::approvals::sight::Sight;
use crate::approvals::status::ApprovalStatus;
use crate::approvals::store::{Wanted, approval_list, approval_read};
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Takes};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::ids::ApprovalId;
use crate::vocabulary::money::Money;

const PATH: &str = "/desk/approvals";
const LONGEST_REASON: usize = 1_000;

const fn tone(status: ApprovalStatus) -> Tone {
    match status {
        ApprovalStatus::Pending | ApprovalStatus::Approved => Tone::Waits,
        ApprovalStatus::Rejected => Tone::Alarm,
        ApprovalStatus::Expired => Tone::Quiet,
        ApprovalStatus::Applied => Tone::Good,
    }
}

/// `GET /desk/approvals`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = inbox(&desk, &reader).await;
    reader.answer(page)
}

async fn inbox(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Approvals)?;
    let asked = &reader.asked;
    let status = asked.get("status").unwrap_or("pending");
    let wanted = Wanted {
        sight: &Sight::of(&reader.officer, &desk.kinds),
        status: status.parse().ok(),
        kind: asked.get("kind"),
        before: None,
        limit: asked.most("approvals"),
    };
    let found = approval_list(&mut *desk.pool().acquire().await?, &wanted).await?;
    let columns = vec![
        Column::text("made_at", reader.say("Lúc", "When")),
        Column::text("kind", reader.say("Việc", "What")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("made_by", reader.say("Người lập", "Made by")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("expires_at", reader.say("Hạn duyệt", "Decide by")),
    ];
    let rows = found.iter().map(|approval| {
        let amount = serde_json::from_value::<Money>(approval.value()["amount"].clone()).ok();
        vec![
            Cell::time(approval.made_at),
            Cell::text(reader.name(Named::ApprovalKind, &approval.kind))
                .to(format!("{PATH}/{}", approval.id)),
            agency(reader, &approval.agency),
            amount.map_or(Cell::nothing(), Cell::money),
            Cell::text(&*approval.made_by),
            state(reader, approval.status),
            Cell::time(approval.expires_at),
        ]
    });
    let table = Table::new("approvals", reader.say("Đề nghị", "Proposals"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let states = ApprovalStatus::ALL
        .iter()
        .filter(|status| **status != ApprovalStatus::Approved)
        .map(|status| (status.to_string(), reader.name(Named::Approval, status.as_str())))
        .chain([("any".to_owned(), reader.say("Tất cả", "All").to_owned())]);
    let kinds = std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned())).chain(
        desk.kinds.names().map(|kind| (kind.to_owned(), reader.name(Named::ApprovalKind, kind))),
    );
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::one("status", reader.say("Trạng thái", "State"), states).value(status))
        .field(
            Field::one("kind", reader.say("Việc", "What"), kinds)
                .value(asked.get("kind").unwrap_or_default()),
        );
    let page =
        Page::new(reader.say("Phê duyệt", "Approvals"), Section::Approvals).lead(reader.say(
            "Việc một người lập phải do người khác duyệt.",
            "What one person makes another decides on.",
        ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

fn state(reader: &Reader, status: ApprovalStatus) -> Cell {
    Cell::tag(tone(status), reader.name(Named::Approval, status.as_str()))
}

/// `GET /desk/approvals/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn read(desk: &Desk, reader: &Reader, id: &str) -> Result<Approval, Problem> {
    reader.enter(Section::Approvals)?;
    let missing = || Problem::new(ProblemType::NotFound);
    let id = Uuid::try_parse(id).map(ApprovalId).map_err(|_| missing())?;
    let found = approval_read(&mut *desk.pool().acquire().await?, id).await?;
    let sight = Sight::of(&reader.officer, &desk.kinds);
    found.filter(|approval| sight.holds(approval)).ok_or_else(missing)
}

async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let approval = read(desk, reader, id).await?;
    let content = approval.value();
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let mut about = vec![
        (label("Cơ quan", "Agency"), agency(reader, &approval.agency)),
        (label("Người lập", "Made by"), Cell::text(&*approval.made_by)),
        (label("Lúc", "When"), Cell::time(approval.made_at)),
        (label("Hạn duyệt", "Decide by"), Cell::time(approval.expires_at)),
    ];
    if let Some(by) = &approval.decided_by {
        about.push((label("Người quyết định", "Decided by"), Cell::text(&**by)));
    }
    if approval.decided_at.is_some() {
        about.push((label("Quyết định lúc", "Decided at"), Cell::time(approval.decided_at)));
    }
    if let Some(reason) = &approval.reason {
        about.push((label("Lý do", "Reason"), Cell::text(&**reason)));
    }
    let hash = hex::encode(approval.content_hash);
    about
        .push((label("Dấu vân tay nội dung (SHA-256)", "Hash of the content"), Cell::code(&*hash)));
    let title = reader.name(Named::ApprovalKind, &approval.kind);
    let mut page = Page::new(title, Section::Approvals)
        .crumb(reader.say("Phê duyệt", "Approvals"), PATH)
        .mark(tone(approval.status), reader.name(Named::Approval, approval.status.as_str()))
        .with(Block::Facts(Facts {
            title: Some(label("Nội dung đề nghị", "What is proposed")),
            rows: words(reader, &content),
        }))
        .with(Block::Facts(Facts {
            title: Some(label("Đề nghị", "The proposal")), rows: about
        }));
    if approval.status == ApprovalStatus::Pending {
        page.add(Block::Form(form(desk, reader, &approval, hash)));
    }
    let json = serde_json::to_string_pretty(&content).unwrap_or_default();
    page.add(Block::Verbatim(label("Nội dung gốc", "The content itself"), json));
    Ok(page)
}

/// The form of a decision, on the page of what it is about.
pub async fn form_of(desk: &Desk, reader: &Reader, id: &str) -> Result<Form, Problem> {
    let approval = read(desk, reader, id).await?;
    let hash = hex::encode(approval.content_hash);
    Ok(form(desk, reader, &approval, hash))
}

fn form(desk: &Desk, reader: &Reader, approval: &Approval, hash: String) -> Form {
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let shut = match desk.kinds.get(&approval.kind) {
        None => Some(label(
            "Không có phần nào thực hiện việc này.",
            "Nothing here knows how to do this.",
        )),
        Some(_) if approval.expires_at <= desk.people.clock.now() => {
            Some(label("Đã quá hạn duyệt.", "It is too late."))
        }
        Some(kind) => match decide::may_decide(&reader.officer, approval, kind) {
            Ok(()) => None,
            Err(DecideError::OwnMaking) => Some(label(
                "Bạn đã lập đề nghị này, hoặc nó nói về chính bạn: người khác phải quyết định.",
                "You made this, or it is about you: somebody else has to decide.",
            )),
            Err(_) => Some(label(
                "Quyền của bạn không cho phép quyết định việc này.",
                "Your roles do not let you decide on this.",
            )),
        },
    };
    let verdicts = vec![
        ("approve".to_owned(), label("Duyệt và thực hiện ngay", "Approve, and have it done now")),
        ("reject".to_owned(), label("Từ chối", "Reject")),
    ];
    Form::post("decide", format!("{PATH}/{}", approval.id), label("Quyết định", "Decide"))
        .title(label("Quyết định của bạn", "Your decision"))
        .hidden("content_hash", hash)
        .field(Field::new(
            "verdict",
            label("Bạn quyết định thế nào?", "What do you decide?"),
            Takes::Radio(verdicts),
        ))
        .field(
            Field::lines("reason", label("Lý do", "Reason"))
                .hint(label("Bắt buộc khi từ chối.", "Needed when you reject.")),
        )
        .shut(shut)
}

/// Whose business it is.
fn agency(reader: &Reader, agency: &str) -> Cell {
    if agency == crate::people::role::EVERYTHING {
        Cell::text(reader.say("mọi cơ quan", "all agencies"))
    } else {
        Cell::text(agency)
    }
}

/// The content, member by member.
fn words(reader: &Reader, content: &Json) -> Vec<(String, Cell)> {
    let Json::Object(members) = content else {
        return vec![(String::new(), Cell::text(content.to_string()))];
    };
    // Money first, then what it is about.
    let rank = |name: &str| match name {
        "amount" => 0,
        "invoice" | "refund" | "settlement" | "person" | "name" | "email" | "partner" => 1,
        "credentials_sha256" | "settings_sha256" => 3,
        _ => 2,
    };
    let mut members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
    members.sort_by_key(|(name, _)| rank(name));
    members
        .into_iter()
        .map(|(name, value)| (reader.name(Named::Field, name), cell(reader, name, value)))
        .collect()
}

fn cell(reader: &Reader, name: &str, value: &Json) -> Cell {
    if let Ok(money) = serde_json::from_value::<Money>(value.clone()) {
        return Cell::money(money);
    }
    match value {
        Json::String(text) => {
            let named = match name {
                "kind" | "method" => Some(Named::RefundKind),
                "as" => Some(Named::Refund),
                "role" => Some(Named::Role),
                "act" => Some(Named::Act),
                "way" => Some(Named::Way),
                _ => None,
            };
            let shown = named.map_or_else(|| text.clone(), |named| reader.name(named, text));
            let is_id = Uuid::try_parse(text).is_ok();
            let cell = if is_id || name.ends_with("sha256") || name == "reference" {
                Cell::code(shown)
            } else if let Ok(at) = text.parse::<DateTime<Utc>>() {
                Cell::time(at)
            } else if let Ok(day) = text.parse::<chrono::NaiveDate>() {
                Cell::day(day)
            } else {
                Cell::text(shown)
            };
            match name {
                "refund" if is_id => cell.to(format!("/desk/refunds/{text}")),
                "invoice" if is_id => cell.to(format!("/desk/invoices/{text}")),
                "invoice" => cell.to(link("/desk/invoices", &[("q", text)])),
                "partner" => cell.to(format!("/desk/partners/{text}")),
                _ => cell,
            }
        }
        Json::Array(items) => {
            Cell::text(items.iter().map(|i| short(reader, i)).collect::<Vec<_>>().join("; "))
        }
        other => Cell::text(short(reader, other)),
    }
}

/// A member of a list on one line.
fn short(reader: &Reader, value: &Json) -> String {
    if let Ok(money) = serde_json::from_value::<Money>(value.clone()) {
        return money.for_people();
    }
    match value {
        Json::String(text) => text.clone(),
        Json::Object(members) => members
            .iter()
            // The currency stands with its amount.
            .filter(|(name, value)| {
                !(value.is_null() || *name == "currency" && members.contains_key("amount"))
            })
            .map(|(name, value)| {
                let said = match (name.as_str(), value) {
                    ("amount", Json::String(_)) => {
                        let currency = members.get("currency").and_then(Json::as_str);
                        Cell::amount(json::decimal(value), currency.unwrap_or("VND")).shown()
                    }
                    ("act", Json::String(act)) => reader.name(Named::Act, act),
                    ("way", Json::String(way)) => reader.name(Named::Way, way),
                    _ => short(reader, value),
                };
                // What is itself a list of members stands apart from the others.
                let inner = value.is_object() && !value["currency"].is_string();
                let (open, close) = if inner { (" (", ")") } else { (": ", "") };
                format!("{}{open}{said}{close}", reader.name(Named::Field, name))
            })
            .collect::<Vec<_>>()
            .join(", "),
        Json::Array(items) => {
            items.iter().map(|item| short(reader, item)).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// `POST /desk/approvals/{id}`.
pub async fn decide(State(desk): State<Desk>, Path(id): Path<String>, posted: Posted) -> Response {
    let done = decided(&desk, &posted, &id).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = page(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end("decide", done, (&path, back)).await
}

async fn decided(desk: &Desk, posted: &Posted, id: &str) -> Result<String, Stop> {
    let (reader, fields) = (&posted.reader, &posted.fields);
    let approval = read(desk, reader, id).await?;
    let mut check = Check::default();
    let verdict = match fields.get("verdict") {
        Some("approve") => Verdict::Approve,
        Some("reject") => Verdict::Reject,
        _ => {
            check.fault(
                "verdict",
                reader.say("Hãy chọn duyệt hoặc từ chối.", "Choose to approve or to reject."),
            );
            Verdict::Reject
        }
    };
    let reason = fields.get("reason").map(str::to_owned);
    if reason.is_none() && fields.get("verdict") == Some("reject") {
        check.fault("reason", reader.say("Hãy nêu lý do từ chối.", "Say why you reject it."));
    }
    if reason.as_deref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        check.fault("reason", reader.say("Tối đa 1000 ký tự.", "At most 1000 characters."));
    }
    check.done()?;
    let hash = fields.get("content_hash").and_then(|hash| hex::decode(hash).ok());
    let content_hash = hash.and_then(|hash| hash.try_into().ok());
    let content_hash = content_hash.ok_or(Problem::new(ProblemType::ContentChanged))?;
    let decision = Decision { id: approval.id, verdict, content_hash, reason };
    let with = (&desk.kinds, &desk.people.clock);
    decide::decide(desk.pool(), with, &reader.officer, &decision).await.map_err(Problem::from)?;
    let told = if verdict == Verdict::Approve { "approved" } else { "rejected" };
    Ok(format!("{PATH}/{}?told={told}", approval.id))
}
