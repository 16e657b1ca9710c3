//! Refunds (khoản phải hoàn): asked for by one, approved by another, followed to their end.

use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use super::invoices::read as invoice_read;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Takes, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::invoices::invoice::Invoice;
use crate::partners::dialects::CounterAccount;
use crate::people::role::Role;
use crate::platform::problem::{Problem, ProblemType};
use crate::refunds::finish::End;
use crate::refunds::officers::list::{Filter, Seen};
use crate::refunds::refund::{Refund, RefundKind, RefundMethod};
use crate::refunds::request::{Wanted, What};
use crate::refunds::status::RefundStatus;
use crate::vocabulary::ids::RefundId;
use crate::vocabulary::money::Money;

const PATH: &str = "/desk/refunds";

const fn tone(status: RefundStatus) -> Tone {
    match status {
        RefundStatus::Requested | RefundStatus::Approved | RefundStatus::Sent => Tone::Waits,
        RefundStatus::Confirmed => Tone::Good,
        RefundStatus::Failed => Tone::Alarm,
        RefundStatus::Refused => Tone::Quiet,
    }
}

fn state(reader: &Reader, status: RefundStatus) -> Cell {
    Cell::tag(tone(status), reader.name(Named::Refund, status.as_str()))
}

/// `GET /desk/refunds`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = queue(&desk, &reader).await;
    reader.answer(page)
}

async fn queue(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Refunds)?;
    let asked = &reader.asked;
    let filter = Filter {
        status: asked.read("status"),
        agency: asked.get("agency"),
        before: None,
        limit: asked.most("refunds"),
    };
    let found = desk.refunds.list_of(&scopes, &filter).await?;
    let columns = vec![
        Column::text("requested_at", reader.say("Đề nghị lúc", "Asked for")),
        Column::text("invoice", reader.say("Khoản thu", "Invoice")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("kind", reader.say("Loại", "Kind")),
        Column::text("method", reader.say("Cách hoàn", "Method")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("requested_by", reader.say("Người đề nghị", "Asked by")),
    ];
    let rows = found.iter().map(|seen| {
        let refund = &seen.refund;
        let status = state(reader, refund.status);
        vec![
            Cell::time(refund.requested_at).to(format!("{PATH}/{}", refund.id)),
            Cell::code(&*seen.invoice).to(format!("/desk/invoices/{}", refund.invoice)),
            Cell::text(&*seen.agency),
            Cell::money(refund.amount),
            Cell::text(reader.name(Named::RefundKind, refund.kind.as_str())),
            Cell::text(method(reader, refund)),
            match waits_for(reader, seen) {
                Some(why) => status.note(why),
                None => status,
            },
            Cell::text(&*refund.requested_by),
        ]
    });
    let table = Table::new("refunds", reader.say("Các khoản hoàn", "Refunds"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let all = (String::new(), reader.say("Tất cả", "All").to_owned());
    let states = std::iter::once(all).chain(
        RefundStatus::ALL.iter().map(|s| (s.to_string(), reader.name(Named::Refund, s.as_str()))),
    );
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(
            Field::one("status", reader.say("Trạng thái", "State"), states)
                .value(asked.get("status").unwrap_or_default()),
        )
        .field(
            Field::line("agency", reader.say("Cơ quan", "Agency"))
                .value(asked.get("agency").unwrap_or_default()),
        );
    let page = Page::new(reader.say("Khoản phải hoàn", "Refunds"), Section::Refunds)
        .lead(reader.say(
        "Một người đề nghị, người khác duyệt; đề nghị mới được lập ở trang của khoản thu đã nộp.",
        "One asks, another approves; ask for a new one on the page of a paid invoice.",
    ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

fn method(reader: &Reader, refund: &Refund) -> String {
    match refund.method {
        RefundMethod::Treasury => reader.say("Kho bạc trả", "By the Treasury").to_owned(),
        other => reader.name(Named::RefundKind, other.as_str()),
    }
}

/// What must come before it can be approved.
fn waits_for(reader: &Reader, seen: &Seen) -> Option<&'static str> {
    let refund = &seen.refund;
    if refund.status != RefundStatus::Requested {
        None
    } else if refund.kind == RefundKind::Surplus && !seen.released.banked {
        Some(reader.say("chờ tiền về ngân hàng", "waits until the money is seen in the bank"))
    } else if refund.method == RefundMethod::Transfer && !seen.released.account {
        Some(reader.say("cần bổ sung tài khoản nhận", "an account to transfer to is needed"))
    } else {
        None
    }
}

/// The refunds of one invoice.
pub fn of_invoice(reader: &Reader, refunds: &[Refund]) -> Table {
    let columns = vec![
        Column::text("requested_at", reader.say("Đề nghị lúc", "Asked for")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("kind", reader.say("Loại", "Kind")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("reason", reader.say("Lý do", "Reason")),
    ];
    let rows = refunds.iter().map(|refund| {
        vec![
            Cell::time(refund.requested_at).to(format!("{PATH}/{}", refund.id)),
            Cell::money(refund.amount),
            Cell::text(reader.name(Named::RefundKind, refund.kind.as_str())),
            state(reader, refund.status),
            Cell::text(&*refund.reason),
        ]
    });
    Table::new("refunds", reader.say("Hoàn trả", "Refunds"), columns).rows(rows)
}

/// The form by which an officer asks for one.
pub fn asking(reader: &Reader, invoice: &Invoice) -> Form {
    let left = invoice.refundable();
    let shut =
        if !reader.officer.may(Role::Officer, &invoice.agency) {
            Some(reader.say(
                "Cần quyền cán bộ của cơ quan này.",
                "Needs the role officer for this agency.",
            ))
        } else if left.is_zero() {
            Some(reader.say("Không còn gì để hoàn.", "Nothing is left to be refunded."))
        } else {
            None
        };
    Form::post(
        "ask",
        format!("/desk/invoices/{}/refunds", invoice.id),
        reader.say("Đề nghị hoàn", "Ask for the refund"),
    )
    .title(reader.say("Đề nghị hoàn tiền", "Ask for a refund"))
    .intro(format!("{} {}", reader.say("Còn hoàn được:", "Can be refunded:"), left.for_people()))
    .hidden("refundable", left.to_string())
    .field(Field::digits("amount", reader.say("Số tiền (₫)", "Amount (₫)")))
    .field(Field::line("reason", reader.say("Lý do", "Reason")).hint(
        reader.say("Người duyệt và người nộp sẽ đọc.", "Read by who approves, and by the payer."),
    ))
    .weight(Weight::Side)
    .shut(shut.map(str::to_owned))
}

/// An amount as people write it: `40.000`.
pub fn amount_of(text: &str, like: Money) -> Option<Money> {
    let digits: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | ',' | '₫')).collect();
    Money::parse(&digits, like.currency()).ok().filter(|amount| !amount.is_zero())
}

/// `POST /desk/invoices/{id}/refunds`.
pub async fn ask(State(desk): State<Desk>, Path(id): Path<String>, posted: Posted) -> Response {
    let done = asked(&desk, &posted, &id).await;
    let path = format!("/desk/invoices/{id}");
    let back = async |reader: Reader| {
        let page = super::invoices::page(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end("ask", done, (&path, back)).await
}

async fn asked(desk: &Desk, posted: &Posted, id: &str) -> Result<String, Stop> {
    let scopes = posted.reader.enter(Section::Refunds)?;
    let invoice = invoice_read(desk, &scopes, id).await?;
    let mut check = Check::default();
    let amount = amount_of(posted.fields.get("amount").unwrap_or_default(), invoice.amount);
    if amount.is_none() {
        check.fault(
            "amount",
            posted.reader.say("Hãy nhập số tiền, ví dụ 40.000.", "Give an amount, such as 40.000."),
        );
    }
    let reason = check.text(posted, "reason", 200);
    check.done()?;
    let believed = posted.fields.get("refundable").unwrap_or_default();
    let refundable = Money::parse(believed, invoice.amount.currency());
    let refundable = refundable.map_err(|_| Problem::new(ProblemType::RefundableChanged))?;
    let wanted = Wanted {
        invoice: invoice.id,
        portal: None,
        what: What::Amount(amount.unwrap_or(Money::zero(invoice.amount.currency()))),
        reason,
        refundable,
        settlement: None,
    };
    let (refund, _) =
        desk.refunds.ask(&posted.reader.officer, &wanted).await.map_err(Problem::from)?;
    Ok(format!("{PATH}/{}?told=waits", refund.id))
}

/// `GET /desk/refunds/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn read(desk: &Desk, reader: &Reader, id: &str) -> Result<Seen, Problem> {
    let scopes = reader.enter(Section::Refunds)?;
    let missing = || Problem::new(ProblemType::NotFound);
    let id = Uuid::try_parse(id).map(RefundId).map_err(|_| missing())?;
    desk.refunds.one(&scopes, id).await.map_err(Problem::from)?.ok_or_else(missing)
}

async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let seen = read(desk, reader, id).await?;
    let refund = &seen.refund;
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let mut rows = vec![
        (label("Số tiền", "Amount"), Cell::money(refund.amount)),
        (
            label("Khoản thu", "Invoice"),
            Cell::code(&*seen.invoice).to(format!("/desk/invoices/{}", refund.invoice)),
        ),
        (label("Cơ quan", "Agency"), Cell::text(&*seen.agency)),
        (label("Loại", "Kind"), Cell::text(reader.name(Named::RefundKind, refund.kind.as_str()))),
        (label("Cách hoàn", "Method"), Cell::text(method(reader, refund))),
        (label("Đối tác", "Partner"), Cell::text(&*refund.partner)),
        (label("Số tham chiếu", "Reference"), Cell::code(&*refund.reference)),
        (label("Lý do", "Reason"), Cell::text(&*refund.reason)),
        (
            label("Người đề nghị", "Asked by"),
            Cell::text(&*refund.requested_by).note(Cell::time(refund.requested_at).shown()),
        ),
        (label("Trạng thái từ", "In this state since"), Cell::time(refund.status_since)),
    ];
    if let Some(by) = &refund.approved_by {
        rows.push((label("Người duyệt", "Approved by"), Cell::text(&**by)));
    }
    if let Some(entry) = refund.approval_entry {
        let cell = Cell::code(entry.to_string()).to(format!("/desk/ledger/entries/{entry}"));
        rows.push((label("Bút toán duyệt", "Entry of the approval"), cell));
    }
    if let Some(id) = &refund.partner_refund {
        rows.push((label("Mã hoàn của đối tác", "Partner's id"), Cell::code(&**id)));
    }
    if let Some(code) = &refund.last_code {
        rows.push((label("Trả lời gần nhất", "Last answer"), Cell::code(&**code)));
    }
    let mut page = Page::new(
        format!("{} {}", reader.say("Hoàn", "Refund of"), refund.amount.for_people()),
        Section::Refunds,
    )
    .crumb(reader.say("Khoản phải hoàn", "Refunds"), PATH)
    .mark(tone(refund.status), reader.name(Named::Refund, refund.status.as_str()))
    .with(Block::Facts(Facts { title: None, rows }));
    if let Some(why) = waits_for(reader, &seen) {
        page.add(Block::Notice(Tone::Waits, why.to_owned()));
    }
    for form in forms(reader, &seen) {
        page.add(Block::Form(form));
    }
    Ok(page)
}

/// What can be done, each by its own form.
fn forms(reader: &Reader, seen: &Seen) -> Vec<Form> {
    let refund = &seen.refund;
    let shut = (!reader.officer.may(Role::Officer, &seen.agency)).then(|| {
        reader
            .say("Cần quyền cán bộ của cơ quan này.", "Needs the role officer for this agency.")
            .to_owned()
    });
    let action = |verb: &str| format!("{PATH}/{}/{verb}", refund.id);
    let mut forms = Vec::new();
    if refund.status == RefundStatus::Requested {
        forms.push(
            Form::post("proposal", action("proposal"), reader.say("Trình duyệt", "Put it forward"))
                .title(reader.say("Trình người khác duyệt", "Have another approve it"))
                .shut(shut.clone()),
        );
        if refund.kind == RefundKind::Surplus && !seen.released.banked {
            forms.push(
                Form::post("banked", action("banked"), reader.say("Xác nhận", "Say so"))
                    .title(
                        reader.say(
                            "Tiền đã về tài khoản ngân hàng",
                            "The money was seen in the bank",
                        ),
                    )
                    .field(
                        Field::line(
                            "bank_account",
                            reader.say("Tài khoản ngân hàng", "Bank account"),
                        )
                        .hint(reader.say(
                            "Để trống nếu là chính tài khoản thu.",
                            "Empty: the collecting account itself.",
                        )),
                    )
                    .weight(Weight::Side)
                    .shut(shut.clone()),
            );
        }
        if refund.method == RefundMethod::Transfer {
            forms.push(
                Form::post(
                    "account",
                    action("account"),
                    reader.say("Ghi tài khoản", "Take it down"),
                )
                .title(reader.say("Tài khoản nhận tiền hoàn", "The account to transfer to"))
                .field(Field::digits(
                    "bank",
                    reader.say("Mã ngân hàng (6 số NAPAS)", "Bank (six digits at NAPAS)"),
                ))
                .field(Field::line("number", reader.say("Số tài khoản", "Account number")))
                .field(Field::line("name", reader.say("Tên chủ tài khoản", "Account holder")))
                .weight(Weight::Side)
                .shut(shut.clone()),
            );
        }
    }
    if refund.status == RefundStatus::Sent {
        let ends = vec![
            (
                "confirmed".to_owned(),
                reader.say("Người nộp đã nhận tiền", "The payer has the money").to_owned(),
            ),
            (
                "failed".to_owned(),
                reader
                    .say("Không chuyển được, tiền không đi", "No money moved, and none will")
                    .to_owned(),
            ),
        ];
        forms.push(
            Form::post("end", action("end"), reader.say("Ghi kết quả", "Say how it ended"))
                .title(reader.say("Kết quả của khoản hoàn", "How it ended"))
                .intro(
                    reader
                        .say("Người khác sẽ duyệt lời này.", "Another person approves this word."),
                )
                .field(Field::new("as", reader.say("Kết quả", "It ended as"), Takes::Radio(ends)))
                .field(Field::line(
                    "said",
                    reader.say(
                        "Mã giao dịch, hoặc lý do không được",
                        "The bank's id, or why it failed",
                    ),
                ))
                .weight(Weight::Side)
                .shut(shut),
        );
    }
    forms
}

/// `POST /desk/refunds/{id}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "proposal" => "proposal",
        "banked" => "banked",
        "account" => "account",
        "end" => "end",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    let done = acted(&desk, &posted, (&id, form)).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = page(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (id, verb): (&str, &str)) -> Result<String, Stop> {
    let Posted { reader, fields } = posted;
    let refund = read(desk, reader, id).await?.refund;
    let officer = &reader.officer;
    let mut check = Check::default();
    let proposed = match verb {
        "proposal" => desk.refunds.put_forward(officer, refund.id).await,
        "banked" => {
            let account = fields.get("bank_account");
            if account.is_some_and(|account| account.chars().count() > 40) {
                check.fault(
                    "bank_account",
                    reader.say("Tối đa 40 ký tự.", "At most 40 characters."),
                );
            }
            check.done()?;
            desk.refunds.banked(officer, refund.settlement, account).await
        }
        "account" => {
            let bank = check.text(posted, "bank", 6);
            if bank.len() != 6 || !bank.bytes().all(|b| b.is_ascii_digit()) {
                check.fault("bank", reader.say("Mã ngân hàng gồm 6 chữ số.", "Six digits."));
            }
            let number = check.text(posted, "number", 34);
            if number.len() < 4 || !number.bytes().all(|b| b.is_ascii_alphanumeric()) {
                check.fault(
                    "number",
                    reader.say("Từ 4 đến 34 chữ số hoặc chữ cái.", "4 to 34 letters and digits."),
                );
            }
            let name = check.text(posted, "name", 140);
            check.done()?;
            desk.refunds
                .name_account(officer, refund.id, &CounterAccount { bank, number, name })
                .await
        }
        _ => {
            let said = fields.get("said").map(str::to_owned);
            let end = match fields.get("as") {
                Some("confirmed") => End::Confirmed { partner_refund: said },
                Some("failed") => End::Failed { code: check.text(posted, "said", 200) },
                _ => {
                    check.fault("as", reader.say("Hãy chọn kết quả.", "Choose how it ended."));
                    End::Failed { code: String::new() }
                }
            };
            check.done()?;
            desk.refunds.finish(officer, refund.id, &end).await
        }
    };
    proposed.map_err(Problem::from)?;
    Ok(format!("{PATH}/{id}?told=waits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_people_write_it() {
        let read = |text| amount_of(text, Money::vnd(1));
        assert_eq!(read("40.000"), Some(Money::vnd(40_000)));
        assert_eq!(read(" 1 234 567 ₫"), Some(Money::vnd(1_234_567)));
        for bad in ["", "0", "-5", "x", "1e3"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
