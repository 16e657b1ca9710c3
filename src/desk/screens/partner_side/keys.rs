//! A partner's keys: two may live, so that one can be changed without a pause. A new key is shown once,
//! and is good for nothing before one of our people has approved it.

use axum::extract::State;
use axum::response::Response;

use super::enter;
use crate::approvals::propose::{Maker, ProposeError};
use crate::callers::keys::{self, KeyError, NewKey};
use crate::callers::revoke::revoke;
use crate::callers::store::KeyRow;
use crate::desk::drawing;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Takes, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::platform::audit::By;
use crate::platform::problem::{Problem, ProblemType};
use crate::registers::caller::{Caller, CallerKind, KeyPurpose};

const PATH: &str = "/desk/partner/keys";
/// So many keys live at once.
const PLACES: usize = 2;

/// What goes wrong with keys, as a problem.
pub fn told(error: &KeyError) -> Problem {
    match error {
        KeyError::Store(error) | KeyError::Propose(ProposeError::Store(error)) => {
            Problem::internal(error)
        }
        KeyError::NotFound { .. } | KeyError::UnknownCaller { .. } => {
            Problem::new(ProblemType::NotFound)
        }
        other => Problem::new(ProblemType::WrongState).detail(other.to_string()),
    }
}

fn caller(code: &str) -> Caller {
    Caller { kind: CallerKind::Partner, code: code.to_owned() }
}

fn lives(key: &KeyRow) -> bool {
    key.revoked_at.is_none()
}

/// `GET /desk/partner/keys`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader, None).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader, new: Option<&NewKey>) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerKeys)?;
    let found = keys::list(desk.pool(), &caller(code)).await.map_err(|error| told(&error))?;
    let mut page = Page::new(reader.say("Khoá", "Keys"), Section::PartnerKeys).lead(reader.say(
        "Khoá ký lời gọi của hệ thống bạn. Hai khoá có thể cùng dùng để đổi khoá không gián đoạn.",
        "What your systems sign their calls with. Two may live at once, so that one can be changed without a pause.",
    ));
    if let Some(new) = new {
        page.add(Block::Notice(
            Tone::Waits,
            reader
                .say(
                    "Hãy lưu bí mật này ngay: nó chỉ hiện một lần. Khoá dùng được sau khi cơ quan thu duyệt.",
                    "Keep this secret now: it is shown this once. The key is good once the collecting side has approved it.",
                )
                .to_owned(),
        ));
        let rows = vec![
            (reader.say("Mã khoá", "Key").to_owned(), Cell::code(&*new.key_id)),
            (
                reader.say("Bí mật (base64)", "Secret (base64)").to_owned(),
                Cell::code(new.secret.to_base64().as_str()),
            ),
        ];
        let title = Some(reader.say("Khoá mới", "The new key").to_owned());
        page.add(Block::Facts(Facts { title, rows }));
    }
    page.add(Block::Table(table(reader, &found)));
    let living: Vec<&KeyRow> = found.iter().filter(|key| lives(key)).collect();
    let full = (living.len() >= PLACES).then(|| {
        reader
            .say("Đã có hai khoá: hãy thu hồi một khoá trước.", "Two keys live: revoke one first.")
            .to_owned()
    });
    page.add(Block::Form(
        Form::post("make", format!("{PATH}/make"), reader.say("Tạo khoá", "Make a key"))
            .title(reader.say("Khoá mới", "A new key"))
            .intro(reader.say(
                "Bí mật hiện một lần trên màn hình này.",
                "Its secret is shown once, on this screen.",
            ))
            .shut(full),
    ));
    if !living.is_empty() {
        let of = living.iter().map(|key| (key.key_id.clone(), key.key_id.clone()));
        let form = Form::post("revoke", format!("{PATH}/revoke"), reader.say("Thu hồi", "Revoke"))
            .title(reader.say("Thu hồi một khoá", "Revoke a key"))
            .intro(reader.say(
                "Có hiệu lực trong một giây và không lấy lại được.",
                "It takes a second, and cannot be undone.",
            ))
            .field(Field::one("key", reader.say("Khoá", "Key"), of))
            .field(Field::new(
                "sure",
                reader.say(
                    "Hệ thống của chúng tôi không còn dùng khoá này",
                    "Our systems do not use this key any more",
                ),
                Takes::Tick,
            ))
            .weight(Weight::Grave);
        page.add(Block::Form(form));
    }
    Ok(page)
}

fn table(reader: &Reader, keys: &[KeyRow]) -> Table {
    let columns = vec![
        Column::text("key", reader.say("Mã khoá", "Key")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::text("made_at", reader.say("Tạo lúc", "Made")),
        Column::text("usable_since", reader.say("Dùng được từ", "Good since")),
        Column::text("revoked_at", reader.say("Thu hồi lúc", "Revoked")),
    ];
    let rows = keys.iter().rev().map(|key| {
        let (tone, state) = match (key.usable_since, key.revoked_at) {
            (_, Some(_)) => (Tone::Quiet, reader.say("Đã thu hồi", "Revoked")),
            (None, None) => (Tone::Waits, reader.say("Chờ duyệt", "Waits for approval")),
            (Some(_), None) => (Tone::Good, reader.say("Đang dùng", "In use")),
        };
        vec![
            Cell::code(&*key.key_id),
            Cell::tag(tone, state),
            Cell::time(key.made_at),
            Cell::time(key.usable_since),
            Cell::time(key.revoked_at),
        ]
    });
    Table::new("keys", reader.say("Các khoá", "Keys"), columns)
        .rows(rows)
        .or(reader.say("Chưa có khoá nào.", "No keys yet."))
}

/// `POST /desk/partner/keys/make`: the answer itself shows the secret, which is nowhere else.
pub async fn make(State(desk): State<Desk>, posted: Posted) -> Response {
    let made = async {
        let code = enter(&posted.reader, Section::PartnerKeys)?;
        let by = By { actor: &posted.reader.officer.email, at: posted.reader.now };
        let maker = Maker::pending(by);
        let master = &desk.people.keys;
        let made = keys::make(desk.pool(), master, maker, &caller(code), KeyPurpose::Sign).await;
        made.map_err(|error| told(&error))
    };
    let made = made.await;
    match made {
        Ok(new) => {
            let reader = posted.reader.at(PATH);
            match page(&desk, &reader, Some(&new)).await {
                // Not kept by anybody between: every page of the desk is `no-store`.
                Ok(page) => reader.sign(drawing::page(&reader, &page)),
                Err(problem) => reader.answer(Err(problem)),
            }
        }
        Err(problem) => ended(&desk, posted, "make", Err(problem.into())).await,
    }
}

/// `POST /desk/partner/keys/revoke`.
pub async fn end(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = revoked(&desk, &posted).await;
    ended(&desk, posted, "revoke", done).await
}

async fn revoked(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let reader = &posted.reader;
    let code = enter(reader, Section::PartnerKeys)?;
    let mut check = Check::default();
    let key = check.text(posted, "key", 100);
    if posted.fields.get("sure") != Some("yes") {
        check.fault("sure", reader.say("Hãy xác nhận.", "Confirm it."));
    }
    check.done()?;
    let by = By { actor: &reader.officer.email, at: reader.now };
    revoke(desk.pool(), by, &caller(code), &key).await.map_err(|error| told(&error))?;
    Ok(format!("{PATH}?told=done"))
}

async fn ended(
    desk: &Desk,
    posted: Posted,
    form: &'static str,
    done: Result<String, Stop>,
) -> Response {
    let back = async |reader: Reader| {
        let page = page(desk, &reader, None).await;
        (reader, page)
    };
    posted.end(form, done, (PATH, back)).await
}
