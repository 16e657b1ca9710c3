//! Sweeps (tác vụ nền): how much waits for each, and having it looked at now.

use axum::extract::State;
use axum::response::Response;

use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page, Weight};
use crate::desk::posted::{Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::operations::sweeps::Sweep;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::Problem;

const PATH: &str = "/desk/sweeps";

/// `GET /desk/sweeps`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

fn does(reader: &Reader, sweep: Sweep) -> &'static str {
    let vietnamese = match sweep {
        Sweep::AttemptQuery => "hỏi đối tác về các giao dịch chưa rõ",
        Sweep::AttemptCancel => "thu hồi các giao dịch không còn phải nộp",
        Sweep::AttemptResend => "gửi lại các giao dịch chưa báo được cho đối tác",
        Sweep::RefundQuery => "hỏi đối tác về các khoản hoàn",
        Sweep::RefundResend => "gửi lại các khoản hoàn chưa gửi được",
        Sweep::RefundOpen => "mở khoản hoàn cho số tiền phải trả lại",
        Sweep::RefundReversed => "xem lại khoản hoàn của tiền đã bị đối tác lấy lại",
        Sweep::RefundWaits => "mở chênh lệch cho khoản hoàn chờ quyết định quá lâu",
        Sweep::InvoiceExpire => "kết thúc các khoản thu quá hạn",
        Sweep::InvoiceBanked => "báo cho cổng khi tiền đã về ngân hàng",
        Sweep::CompatResult => "báo kết quả cho hệ thống hồ sơ theo thông điệp của nền tảng",
        Sweep::CompatReversed => {
            "xem lại khoản đã báo cho hệ thống hồ sơ là đã nộp mà đối tác lấy lại"
        }
        Sweep::Mail => "gửi lại thư xác nhận mà máy chủ thư chưa nhận",
        Sweep::Delivery => "gửi lại thông báo mà cổng chưa nhận",
        Sweep::Approval => "kết thúc các đề nghị không ai quyết định kịp",
        Sweep::Day => "tìm tệp của các ngày đã qua và đưa ngày sang bước sau",
        Sweep::Payover => "tìm các lệnh nộp Kho bạc trong sao kê, mở chênh lệch cho lệnh quá hạn",
    };
    reader.say(vietnamese, sweep.does())
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Sweeps)?;
    let waiting = desk.sweeping.waiting().await?;
    let columns = vec![
        Column::text("kind", reader.say("Tác vụ", "Sweep")),
        Column::text("does", reader.say("Việc làm", "What it does")),
        Column::figure("waiting", reader.say("Đang chờ", "Waiting")),
        Column::figure("overdue_seconds", reader.say("Trễ nhất (giây)", "Most overdue (seconds)")),
    ];
    let rows = waiting.iter().map(|of| {
        let late = Cell::count(of.overdue);
        vec![
            Cell::code(of.sweep.as_str()),
            Cell::text(does(reader, of.sweep)),
            Cell::count(of.waiting),
            if of.overdue > 600 { Cell { tone: Some(Tone::Alarm), ..late } } else { late },
        ]
    });
    let table = Table::new("sweeps", reader.say("Tác vụ nền", "Sweeps"), columns).rows(rows);
    let may = reader.officer.may(Role::Operator, EVERYTHING);
    let choices =
        Sweep::ALL.iter().map(|sweep| (sweep.to_string(), does(reader, *sweep).to_owned()));
    let form = Form::post("run", format!("{PATH}/run"), reader.say("Chạy ngay", "Run it now"))
        .title(reader.say("Chạy một tác vụ ngay", "Run a sweep now"))
        .field(Field::one("kind", reader.say("Tác vụ", "Sweep"), choices))
        .weight(Weight::Side)
        .shut((!may).then(|| {
            reader
                .say(
                    "Cần quyền vận hành trên mọi cơ quan.",
                    "Needs the role operator for all agencies.",
                )
                .to_owned()
        }));
    let page = Page::new(reader.say("Tác vụ nền", "Sweeps"), Section::Sweeps).lead(reader.say(
        "Những việc hệ thống tự làm lại cho đến khi xong.",
        "What the service looks at again by itself until it is final.",
    ));
    Ok(page.with(Block::Table(table)).with(Block::Form(form)))
}

/// `POST /desk/sweeps/run`.
pub async fn run(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = run_now(&desk, &posted).await;
    let back = async |reader: Reader| {
        let page = page(&desk, &reader).await;
        (reader, page)
    };
    posted.end("run", done, (PATH, back)).await
}

async fn run_now(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let officer = &posted.reader.officer;
    officer.require(Role::Operator, EVERYTHING)?;
    let Some(kind) = posted.fields.parse::<Sweep>("kind") else {
        let text = posted.reader.say("Hãy chọn một tác vụ.", "Choose a sweep.");
        return Err(Stop::Faults(vec![("kind".to_owned(), text.to_owned())]));
    };
    desk.sweeping.run_now(kind, &officer.email).await?;
    Ok(format!("{PATH}?told=hastened"))
}
