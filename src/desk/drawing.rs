//! How pages become HTML (`web/templates/desk/`), and the guards that go with them.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::asked::{Asked, Format, MOST};
use super::menu::Section;
use super::page::{Block, Page, Sending, Takes, Weight};
use super::reader::Reader;
use super::table::{Table, too_many};
use super::words::Say;
use crate::counter::assets::ASSETS;
use crate::counter::headers;
use crate::counter::words::Language;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::realm::Realm;

/// What is told once, after a deed; the address names it.
const TOLD: &[(&str, Say)] = &[
    ("done", Say("Đã thực hiện.", "Done.")),
    ("approved", Say("Đã duyệt và thực hiện.", "Approved and done.")),
    ("rejected", Say("Đã từ chối.", "Rejected.")),
    (
        "waits",
        Say(
            "Đã ghi nhận. Một người khác cần duyệt.",
            "Recorded. Another person has to approve it.",
        ),
    ),
    ("hastened", Say("Đang chạy.", "It runs now.")),
    ("again", Say("Sẽ được gửi lại ngay.", "It will be sent again soon.")),
    ("ended", Say("Đã chấm dứt.", "Ended.")),
    ("password", Say("Đã đổi mật khẩu.", "The password was changed.")),
    ("received", Say("Đã nhận tệp.", "The file was received.")),
    ("signed-out", Say("Bạn đã đăng xuất.", "You are signed out.")),
];

struct Frame<'a> {
    language: Language,
    title: String,
    switch: String,
    reader: Option<&'a Reader>,
    csrf: String,
    told: Option<&'static str>,
    realm: Realm,
    section: Option<Section>,
}

impl Frame<'_> {
    const fn say(&self, vietnamese: &'static str, english: &'static str) -> &'static str {
        Say(vietnamese, english).to(self.language)
    }

    /// The navigation: what this person finds, in groups.
    fn groups(&self) -> Vec<(&'static str, Vec<Section>)> {
        let Some(reader) = self.reader else { return Vec::new() };
        let open = |sections: &[Section]| -> Vec<Section> {
            sections.iter().copied().filter(|s| s.is_open_to(&reader.officer)).collect()
        };
        Section::GROUPS
            .iter()
            .map(|(name, sections)| (name.to(self.language), open(sections)))
            .filter(|(_, sections)| !sections.is_empty())
            .collect()
    }

    /// Is it read by somebody who works for a partner?
    fn is_partners(&self) -> bool {
        self.reader.is_some_and(|reader| reader.officer.partner().is_some())
    }

    fn is_here(&self, section: Section) -> bool {
        self.section == Some(section)
    }

    fn name(&self, section: Section) -> &'static str {
        section.name().to(self.language)
    }
}

#[derive(Template)]
#[template(path = "desk/page.html")]
struct PageTemplate<'a> {
    frame: Frame<'a>,
    page: &'a Page,
    asked: &'a Asked,
    faults: Vec<(String, String)>,
}

impl PageTemplate<'_> {
    fn cut(&self) -> String {
        too_many(self.frame.language, MOST)
    }

    /// A table as files: names and addresses.
    fn exports(&self, table: &Table) -> Vec<(String, String)> {
        let one = |format: &Format| {
            let name = format.as_str();
            let href = self.asked.with(&[("format", name), ("table", table.name)]);
            (name.to_uppercase(), href)
        };
        Format::ALL.iter().map(one).collect()
    }

    /// Is it the one that stands in a field of choices?
    #[expect(clippy::unused_self, reason = "templates call methods")]
    fn is(&self, value: &str, chosen: &str) -> bool {
        value == chosen
    }
}

#[derive(Template)]
#[template(path = "desk/problem.html")]
struct ProblemTemplate<'a> {
    frame: Frame<'a>,
    heading: &'static str,
    body: String,
}

/// A page as an answer.
pub fn page(reader: &Reader, page: &Page) -> Response {
    let faults = page.faults();
    let error = if faults.is_empty() { "" } else { reader.say("Lỗi: ", "Error: ") };
    let told = reader.asked.get("told");
    let frame = Frame {
        language: reader.language,
        title: format!("{error}{}", page.title),
        switch: reader.asked.with(&[("lang", reader.language.other().as_str())]),
        reader: Some(reader),
        csrf: reader.csrf(),
        told: told.and_then(|told| {
            TOLD.iter().find(|(known, _)| *known == told).map(|(_, say)| say.to(reader.language))
        }),
        realm: reader.realm,
        section: page.section,
    };
    let template = PageTemplate { frame, page, asked: &reader.asked, faults };
    html(page.status, template.render())
}

/// A page for who is not signed in.
pub fn outside(
    (language, realm): (Language, Realm),
    (page, asked): (&Page, &Asked),
    csrf: String,
) -> Response {
    let faults = page.faults();
    let error = if faults.is_empty() { "" } else { Say("Lỗi: ", "Error: ").to(language) };
    let told = asked.get("told");
    let frame = Frame {
        language,
        title: format!("{error}{}", page.title),
        switch: asked.with(&[("lang", language.other().as_str())]),
        reader: None,
        csrf,
        told: told.and_then(|told| {
            TOLD.iter().find(|(known, _)| *known == told).map(|(_, say)| say.to(language))
        }),
        realm,
        section: None,
    };
    html(page.status, PageTemplate { frame, page, asked, faults }.render())
}

/// What went wrong, as a page.
pub fn problem(language: Language, reader: Option<&Reader>, problem: &Problem) -> Response {
    let frame = Frame {
        language,
        title: heading(problem).to(language).to_owned(),
        switch: reader.map_or_else(String::new, |reader| {
            reader.asked.with(&[("lang", language.other().as_str())])
        }),
        reader,
        csrf: reader.map_or_else(String::new, Reader::csrf),
        told: None,
        realm: reader.map_or(Realm::Live, |reader| reader.realm),
        section: None,
    };
    let body = told(language, problem);
    let heading = heading(problem).to(language);
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::CONFLICT);
    html(status, ProblemTemplate { frame, heading, body }.render())
}

const fn heading(problem: &Problem) -> Say {
    match problem.kind() {
        ProblemType::NotFound => Say("Không tìm thấy", "Not found"),
        ProblemType::Forbidden => Say("Bạn không có quyền", "You may not do this"),
        ProblemType::CrossSite => Say("Biểu mẫu đã cũ", "The form is out of date"),
        ProblemType::TooManyRequests => Say("Quá nhiều yêu cầu", "Too many requests"),
        ProblemType::Unavailable => Say("Hiện chưa dùng được", "Not available now"),
        _ => Say("Có lỗi xảy ra", "Something went wrong"),
    }
}

/// What a room says, for people.
pub fn told(language: Language, problem: &Problem) -> String {
    let say = match problem.kind() {
        ProblemType::NotFound => Say(
            "Không có mục này, hoặc nó thuộc cơ quan ngoài phạm vi của bạn.",
            "There is no such thing, or it is of an agency outside your scope.",
        ),
        ProblemType::Forbidden => {
            Say("Quyền của bạn không cho phép việc này.", "Your roles do not allow this.")
        }
        ProblemType::FourEyes => Say(
            "Không ai tự duyệt việc do chính mình lập: hãy nhờ người khác.",
            "Nobody decides on what they made themselves: ask somebody else.",
        ),
        ProblemType::ContentChanged => Say(
            "Nội dung đã thay đổi sau khi bạn xem. Hãy xem lại rồi quyết định.",
            "This is not what you looked at. Look again, then decide.",
        ),
        ProblemType::AlreadyDecided => Say(
            "Việc này đã được quyết định hoặc không còn thực hiện được.",
            "This is decided already, or cannot be done any more.",
        ),
        ProblemType::WrongState => Say(
            "Việc này không làm được ở trạng thái hiện tại.",
            "This cannot be done as things stand.",
        ),
        ProblemType::NotReleased => Say(
            "Chưa duyệt được: còn việc phải làm trước.",
            "It cannot be approved yet: something must come first.",
        ),
        ProblemType::RefundableChanged => Say(
            "Số tiền còn hoàn được đã thay đổi. Hãy xem lại.",
            "What can be refunded has changed. Look again.",
        ),
        ProblemType::CrossSite => Say(
            "Biểu mẫu này không còn hiệu lực. Hãy tải lại trang rồi gửi lại; chưa có gì được ghi.",
            "This form is no longer good. Load the page again and send it once more; nothing was written.",
        ),
        ProblemType::TooManyRequests => {
            Say("Hãy đợi vài giây rồi thử lại.", "Wait a few seconds and try again.")
        }
        ProblemType::Unavailable => Say(
            "Hệ thống tạm thời chưa ghi được. Hãy thử lại sau ít phút.",
            "The service cannot write now. Try again in a few minutes.",
        ),
        ProblemType::SignInRefused => Say(
            "Đăng nhập không thành công. Hãy kiểm tra địa chỉ, mật khẩu và mã (mỗi mã chỉ dùng một lần). Sau vài lần sai, hãy đợi rồi thử lại.",
            "The sign-in was refused. Check address, password and code (a code is good once). After some failures wait before the next try.",
        ),
        ProblemType::InvalidRequest => Say("Có ô chưa đúng.", "Something is not filled in right."),
        _ => Say(
            "Có lỗi ở phía hệ thống; chưa có gì được ghi.",
            "Something went wrong here; nothing was written.",
        ),
    };
    match problem.happened() {
        Some(detail) => format!("{} ({detail})", say.to(language)),
        None => say.to(language).to_owned(),
    }
}

fn html(status: StatusCode, drawn: Result<String, askama::Error>) -> Response {
    match drawn {
        Ok(body) => {
            let mut answer = headers::html(status, body, &[]);
            // With `no-referrer` browsers would hide the origin of our own forms.
            let policy = HeaderValue::from_static("same-origin");
            answer.headers_mut().insert(header::REFERRER_POLICY, policy);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
