//! Who is signed in: their roles, their password.

use axum::extract::State;
use axum::response::Response;

use crate::desk::http::Desk;
use crate::desk::page::{Block, Facts, Field, Form, Page, Takes};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::Cell;
use crate::desk::words::Named;
use crate::people::change_password::{ChangeError, change_password};
use crate::people::password::Password;
use crate::people::role::EVERYTHING;
use crate::platform::problem::Problem;

const PATH: &str = "/desk/me";

/// `GET /desk/me`.
pub async fn show(reader: Reader) -> Response {
    let page = page(&reader);
    reader.answer(Ok(page))
}

/// A role with its scope, in words.
pub fn grant(reader: &Reader, role: &str, scope: &str) -> String {
    let role = reader.name(Named::Role, role);
    match scope {
        EVERYTHING => format!("{role} – {}", reader.say("mọi cơ quan", "all agencies")),
        // An agency's code, or of the role partner the partner's.
        agency => format!("{role} – {agency}"),
    }
}

fn page(reader: &Reader) -> Page {
    let officer = &reader.officer;
    let roles: Vec<String> = officer
        .grants
        .iter()
        .map(|held| grant(reader, held.role.as_str(), held.scope.as_str()))
        .collect();
    let facts = Facts {
        title: None,
        rows: vec![
            (reader.say("Địa chỉ e-mail", "E-mail").to_owned(), Cell::text(&*officer.email)),
            (reader.say("Quyền", "Roles").to_owned(), Cell::text(roles.join("; "))),
            (
                reader.say("Phiên hết hạn lúc", "The session ends at").to_owned(),
                Cell::time(officer.expires_at),
            ),
        ],
    };
    let form = Form::post("password", "/desk/me/password", reader.say("Đổi mật khẩu", "Change it"))
        .title(reader.say("Đổi mật khẩu", "Change your password"))
        .field(Field::new(
            "old",
            reader.say("Mật khẩu hiện tại", "The password of now"),
            Takes::Password,
        ))
        .field(
            Field::new("new", reader.say("Mật khẩu mới", "The new one"), Takes::Password)
                .hint(reader.say("Từ 12 ký tự trở lên.", "12 characters or more.")),
        );
    Page::new(officer.name.clone(), None).with(Block::Facts(facts)).with(Block::Form(form))
}

/// `POST /desk/me/password`.
pub async fn password(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = change(&desk, &posted).await;
    let back = async |reader: Reader| {
        let page = page(&reader);
        (reader, Ok(page))
    };
    posted.end("password", done, (PATH, back)).await
}

async fn change(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let reader = &posted.reader;
    desk.people.limits.sign_in(&reader.officer.email)?;
    let given = |field| Password::new(posted.fields.raw(field).unwrap_or_default().to_owned());
    match change_password(&desk.people, &reader.officer, (given("old"), given("new"))).await {
        Ok(()) => Ok(format!("{PATH}?told=password")),
        Err(ChangeError::OtherPassword) => {
            let mut check = Check::default();
            check.fault(
                "old",
                reader.say("Mật khẩu hiện tại không đúng.", "This is not your password."),
            );
            check.done().map(|()| String::new())
        }
        Err(ChangeError::Weak(_)) => {
            let mut check = Check::default();
            check.fault(
                "new",
                reader.say(
                    "Mật khẩu có từ 12 ký tự trở lên.",
                    "A password has 12 characters or more.",
                ),
            );
            check.done().map(|()| String::new())
        }
        Err(error) => Err(Problem::from(error).into()),
    }
}
