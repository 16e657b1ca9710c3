//! People (người dùng): who may do what, and roles that are lent for an absence.

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::me::grant;
use crate::approvals::delegations::lend;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::people::delegate::{self, Wanted};
use crate::people::role::{EVERYTHING, Grant, Role};
use crate::people::store::delegations::{Listed, delegation_list};
use crate::people::store::{PersonRow, person_list};
use crate::platform::audit::By;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::day::to_local;
use crate::vocabulary::ids::DelegationId;

const PATH: &str = "/desk/people";

/// `GET /desk/people`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

/// Those who see everybody.
fn sees_all(reader: &Reader) -> bool {
    let officer = &reader.officer;
    officer.may(Role::Admin, EVERYTHING) || officer.may(Role::Auditor, EVERYTHING)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::People)?;
    let mut conn = desk.pool().acquire().await?;
    let all = sees_all(reader);
    let of = (!all).then_some(reader.officer.id);
    let most = reader.asked.most("delegations");
    let lent = delegation_list(&mut conn, of, most).await?;
    let today = to_local(desk.people.clock.now()).date();
    let mut page = Page::new(reader.say("Người dùng", "People"), Section::People);
    if all {
        let people = person_list(&mut conn).await?;
        page.add(Block::Table(everybody(reader, &people)));
    }
    page.add(Block::Table(delegations(reader, &lent, today)));
    page.add(Block::Form(lending(reader)));
    let ends = lent.iter().filter(|row| {
        row.ended_at.is_none()
            && row.last_day >= today
            && (all || row.giver == reader.officer.email || row.receiver == reader.officer.email)
    });
    let ends: Vec<(String, String)> = ends
        .map(|row| {
            let role = grant(reader, &row.role, &row.scope);
            (row.delegation_id.to_string(), format!("{} → {}: {role}", row.giver, row.receiver))
        })
        .collect();
    if !ends.is_empty() {
        let form =
            Form::post("end", format!("{PATH}/delegations/end"), reader.say("Chấm dứt", "End it"))
                .title(reader.say("Chấm dứt uỷ quyền", "End a delegation"))
                .intro(reader.say(
                    "Có hiệu lực ngay, không cần người duyệt.",
                    "At once; nobody has to approve it.",
                ))
                .field(Field::one("id", reader.say("Uỷ quyền", "Delegation"), ends))
                .weight(Weight::Grave);
        page.add(Block::Form(form));
    }
    Ok(page)
}

fn everybody(reader: &Reader, people: &[PersonRow]) -> Table {
    let columns = vec![
        Column::text("email", reader.say("E-mail", "E-mail")),
        Column::text("name", reader.say("Họ tên", "Name")),
        Column::text("roles", reader.say("Quyền", "Roles")),
        Column::text("state", reader.say("Tình trạng", "State")),
        Column::text("approved_at", reader.say("Từ lúc", "Since")),
        Column::text("made_by", reader.say("Người lập", "Entered by")),
    ];
    let rows = people.iter().map(|person| {
        let roles: Vec<String> = person
            .roles
            .iter()
            .filter_map(|text| text.parse::<Grant>().ok())
            .map(|held| grant(reader, held.role.as_str(), held.scope.as_str()))
            .collect();
        let state = match (person.approved_at, person.disabled_at) {
            (_, Some(_)) => Cell::tag(Tone::Quiet, reader.say("Đã khoá", "Disabled")),
            (None, _) => Cell::tag(Tone::Waits, reader.say("Chờ duyệt", "Waiting")),
            _ => Cell::tag(Tone::Good, reader.say("Hoạt động", "Active")),
        };
        vec![
            Cell::text(&*person.email),
            Cell::text(&*person.name),
            Cell::text(roles.join("; ")),
            state,
            Cell::time(person.approved_at),
            Cell::text(&*person.made_by),
        ]
    });
    Table::new("people", reader.say("Mọi người", "Everybody"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

fn delegations(reader: &Reader, lent: &[Listed], today: chrono::NaiveDate) -> Table {
    let columns = vec![
        Column::text("giver", reader.say("Người uỷ quyền", "Who lends")),
        Column::text("receiver", reader.say("Người nhận", "To whom")),
        Column::text("role", reader.say("Quyền", "Role")),
        Column::text("from", reader.say("Từ ngày", "From")),
        Column::text("until", reader.say("Đến hết", "Until")),
        Column::text("state", reader.say("Tình trạng", "State")),
        Column::text("reason", reader.say("Lý do", "Reason")),
    ];
    let rows = lent.iter().map(|row| {
        let state = match (row.approved_at, row.ended_at) {
            (_, Some(_)) => Cell::tag(Tone::Quiet, reader.say("Đã chấm dứt", "Ended")),
            (None, _) => Cell::tag(Tone::Waits, reader.say("Chờ duyệt", "Waiting")),
            _ if row.last_day < today => Cell::tag(Tone::Quiet, reader.say("Hết hạn", "Over")),
            _ if row.first_day > today => Cell::tag(Tone::Waits, reader.say("Sắp tới", "To come")),
            _ => Cell::tag(Tone::Good, reader.say("Đang hiệu lực", "In force")),
        };
        vec![
            Cell::text(&*row.giver),
            Cell::text(&*row.receiver),
            Cell::text(grant(reader, &row.role, &row.scope)),
            Cell::day(row.first_day),
            Cell::day(row.last_day),
            state,
            Cell::text(&*row.reason),
        ]
    });
    Table::new(
        "delegations",
        reader.say("Uỷ quyền khi vắng mặt", "Delegations for absence"),
        columns,
    )
    .rows(rows)
    .or(reader.say("Chưa có uỷ quyền nào.", "There are no delegations."))
}

fn lending(reader: &Reader) -> Form {
    let held: Vec<(String, String)> = reader
        .officer
        .grants
        .iter()
        .map(|held| (held.to_string(), grant(reader, held.role.as_str(), held.scope.as_str())))
        .collect();
    Form::post("lend", format!("{PATH}/delegations"), reader.say("Trình duyệt", "Put it forward"))
        .title(reader.say("Uỷ quyền khi bạn vắng mặt", "Lend a role while you are away"))
        .intro(reader.say(
            "Người thứ ba phải duyệt. Hết hạn tự chấm dứt, nhiều nhất 92 ngày.",
            "A third person has to approve it. It ends by itself, after 92 days at most.",
        ))
        .field(Field::one("grant", reader.say("Quyền của bạn", "Your role"), held))
        .field(
            Field::line("scope", reader.say("Chỉ cho cơ quan", "Only for the agency")).hint(
                reader.say("Để trống: cả phạm vi của quyền.", "Empty: all that the role holds."),
            ),
        )
        .field(Field::line(
            "receiver",
            reader.say("E-mail người nhận", "E-mail of who receives it"),
        ))
        .field(Field::day("from", reader.say("Từ ngày", "From")))
        .field(Field::day("until", reader.say("Đến hết ngày", "Until the end of")))
        .field(Field::line("reason", reader.say("Lý do", "Reason")))
        .weight(Weight::Side)
}

/// `POST /desk/people/delegations`.
pub async fn propose(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = proposed(&desk, &posted).await;
    let back = async |reader: Reader| {
        let page = page(&desk, &reader).await;
        (reader, page)
    };
    posted.end("lend", done, (PATH, back)).await
}

async fn proposed(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let (reader, fields) = (&posted.reader, &posted.fields);
    let mut check = Check::default();
    let held = fields.parse::<Grant>("grant");
    let grant = match (held, fields.get("scope")) {
        (Some(held), None) => Some(held),
        (Some(held), Some(scope)) => {
            let scope = scope.parse().ok();
            if scope.is_none() {
                check.fault(
                    "scope",
                    reader.say("Không phải mã cơ quan.", "This is no agency's code."),
                );
            }
            scope.map(|scope| Grant { role: held.role, scope })
        }
        (None, _) => {
            check.fault("grant", reader.say("Hãy chọn một quyền.", "Choose a role."));
            None
        }
    };
    let receiver = check.text(posted, "receiver", 200);
    let (first_day, last_day) = (check.day(posted, "from"), check.day(posted, "until"));
    let reason = check.text(posted, "reason", 200);
    check.done()?;
    let Some(grant) = grant else { return Err(Problem::new(ProblemType::InvalidRequest).into()) };
    let wanted = Wanted { receiver: &receiver, grant, first_day, last_day, reason: &reason };
    let by = By { actor: &reader.officer.email, at: desk.people.clock.now() };
    match lend(desk.pool(), by, &reader.officer, &wanted).await {
        Ok(_) => Ok(format!("{PATH}?told=waits")),
        Err(error) => Err(explained(reader, error.into())),
    }
}

/// What the room finds wrong, under the field and in the reader's language.
fn explained(reader: &Reader, problem: Problem) -> Stop {
    let told = |pointer: &str| match pointer {
        "/receiver" => Some((
            "receiver",
            reader.say(
                "Hãy nêu một người dùng khác đang hoạt động.",
                "Name somebody else who may sign in.",
            ),
        )),
        "/role" => Some((
            "grant",
            reader.say(
                "Chỉ uỷ quyền được quyền của chính bạn.",
                "Only a role that was given to you can be lent.",
            ),
        )),
        "/until" => Some((
            "until",
            reader.say(
                "Từ hôm nay trở đi, đúng thứ tự, nhiều nhất 92 ngày.",
                "From today on, in order, 92 days at most.",
            ),
        )),
        _ => None,
    };
    let faults: Vec<_> = problem
        .errors()
        .iter()
        .filter_map(|error| told(&error.pointer))
        .map(|(field, text)| (field.to_owned(), text.to_owned()))
        .collect();
    if faults.is_empty() { problem.into() } else { Stop::Faults(faults) }
}

/// `POST /desk/people/delegations/end`.
pub async fn end(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = ended(&desk, &posted).await;
    let back = async |reader: Reader| {
        let page = page(&desk, &reader).await;
        (reader, page)
    };
    posted.end("end", done, (PATH, back)).await
}

async fn ended(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let officer = &posted.reader.officer;
    let id = posted.fields.parse::<Uuid>("id").map(DelegationId);
    let id = id.ok_or(Problem::new(ProblemType::NotFound))?;
    let by = By { actor: &officer.email, at: desk.people.clock.now() };
    delegate::end(desk.pool(), by, officer, id).await.map_err(Problem::from)?;
    Ok(format!("{PATH}?told=ended"))
}
