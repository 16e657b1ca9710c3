//! Invoices (khoản phải thu): found by what a payer can name, and all that happened to one.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime};
use uuid::Uuid;

use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Happened, Page, TimeLine};
use crate::desk::reader::Reader;
use crate::desk::screens::{breaks, deliveries, refunds};
use crate::desk::store::deliveries::deliveries_of;
use crate::desk::store::invoices as store;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, Status};
use crate::invoices::store as invoices;
use crate::people::role::Scope;
use crate::platform::problem::{Problem, ProblemType};
use crate::refunds::store as refund_store;
use crate::vocabulary::day::{from_local, to_local};
use crate::vocabulary::ids::InvoiceId;

const PATH: &str = "/desk/invoices";
/// Without a filter the list goes back so far.
const USUAL_DAYS: u64 = 7;

/// How a state looks.
pub const fn tone(status: Status) -> Tone {
    match status {
        Status::Issued => Tone::Quiet,
        Status::Pending => Tone::Waits,
        Status::Paid => Tone::Good,
        Status::Expired | Status::Cancelled => Tone::Alarm,
    }
}

const fn attempt_tone(status: AttemptStatus) -> Tone {
    match status {
        AttemptStatus::Succeeded => Tone::Good,
        AttemptStatus::Failed | AttemptStatus::Expired => Tone::Quiet,
        AttemptStatus::Unknown => Tone::Alarm,
        _ => Tone::Waits,
    }
}

/// The smallest id that was made on a day of Việt Nam.
pub fn first_id_of(day: NaiveDate) -> Uuid {
    let begins = from_local(day.and_time(chrono::NaiveTime::MIN)).timestamp_millis();
    Uuid::from_u128(u128::from(u64::try_from(begins).unwrap_or(0)) << 80)
}

/// Does one of these scopes hold the agency?
pub fn covered(scopes: &[String], agency: &str) -> bool {
    scopes.iter().any(|scope| scope.parse::<Scope>().is_ok_and(|scope| scope.covers(agency)))
}

/// `GET /desk/invoices`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = found(&desk, &reader).await;
    reader.answer(page)
}

async fn found(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Invoices)?;
    let asked = &reader.asked;
    let today = to_local(desk.people.clock.now()).date();
    let text = asked.get("q");
    let usual = today.checked_sub_days(Days::new(USUAL_DAYS)).unwrap_or(today);
    let from = asked.day("from").unwrap_or(usual);
    let until = asked.day("until").unwrap_or(today);
    let mut conn = desk.pool().acquire().await?;
    let among = match text {
        Some(text) => {
            let codes: Vec<String> =
                desk.registers().partners().iter().map(|p| p.code.clone()).collect();
            Some(store::meant(&mut conn, text, &codes).await?)
        }
        None => None,
    };
    // What somebody names is found whenever it was.
    // So is what was paid in some days: it was issued before they ended, whenever that was.
    let begins = |day: NaiveDate| from_local(day.and_time(NaiveTime::MIN));
    let paid = asked.day("paid_from").zip(asked.day("paid_until"));
    let (least, most) = match &among {
        Some(_) => (Uuid::nil(), Uuid::max()),
        None if paid.is_some() => (Uuid::nil(), Uuid::max()),
        None => (first_id_of(from), first_id_of(until.succ_opt().unwrap_or(until))),
    };
    let wanted = store::Wanted {
        scopes: &scopes,
        among: among.as_deref(),
        agency: asked.get("agency"),
        portal: asked.get("portal"),
        procedure: asked.get("procedure"),
        status: asked.get("status"),
        paid_via: asked.get("partner"),
        item: asked.get("item"),
        paid: paid.map(|(from, until)| (begins(from), begins(until.succ_opt().unwrap_or(until)))),
        from: least,
        until: most,
        most: asked.most("invoices"),
    };
    let rows = store::invoices(&mut conn, &wanted).await?;
    let columns = vec![
        Column::text("code", reader.say("Mã thanh toán", "Code")),
        Column::text("issued_at", reader.say("Ngày lập", "Issued")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("dossier", reader.say("Hồ sơ", "Dossier")),
        Column::text("procedure", reader.say("Thủ tục", "Procedure")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("paid_at", reader.say("Nộp lúc", "Paid")),
        Column::text("paid_via", reader.say("Qua", "Through")),
    ];
    let cells = rows.iter().map(|row| {
        let amount = Cell::amount(row.amount, &row.currency);
        let tone = row.status.parse().map_or(Tone::Quiet, tone);
        vec![
            Cell::code(&*row.code).to(format!("{PATH}/{}", row.invoice_id)),
            Cell::time(row.issued_at),
            Cell::text(&*row.agency).note(&*row.portal),
            Cell::code(&*row.dossier),
            Cell::code(&*row.procedure),
            if row.refunded.is_zero() {
                amount
            } else {
                let back = Cell::amount(row.refunded, &row.currency).shown();
                amount.note(format!("{} {back}", reader.say("đã hoàn", "refunded")))
            },
            Cell::tag(tone, reader.name(Named::Invoice, &row.status)),
            Cell::time(row.paid_at),
            row.paid_via.as_deref().map_or(Cell::nothing(), Cell::text),
        ]
    });
    let caption = match (paid, text) {
        (Some((from, until)), _) => format!(
            "{} {} – {}",
            reader.say("Nộp trong thời gian", "Paid"),
            Cell::day(from).shown(),
            Cell::day(until).shown()
        ),
        (None, Some(text)) => format!("{} “{text}”", reader.say("Tìm thấy với", "Found by")),
        (None, None) => reader.say("Lập trong thời gian này", "Issued in this time").to_owned(),
    };
    let table =
        Table::new("invoices", caption, columns).rows(cells).or(NOTHING.to(reader.language));
    let all = (String::new(), reader.say("Tất cả", "All").to_owned());
    let states = std::iter::once(all).chain(
        Status::ALL.iter().map(|s| (s.to_string(), reader.name(Named::Invoice, s.as_str()))),
    );
    let filter = Form::filters(PATH, reader.say("Tìm", "Find"))
        .field(
            Field::line(
                "q",
                reader.say("Mã thanh toán, hồ sơ, số tham chiếu", "Code, dossier or reference"),
            )
            .value(text.unwrap_or_default()),
        )
        .field(Field::day("from", reader.say("Lập từ", "Issued from")).value(from.to_string()))
        .field(Field::day("until", reader.say("đến hết", "until")).value(until.to_string()))
        .field(
            Field::one("status", reader.say("Trạng thái", "State"), states)
                .value(asked.get("status").unwrap_or_default()),
        )
        .field(
            Field::line("agency", reader.say("Cơ quan", "Agency"))
                .value(asked.get("agency").unwrap_or_default()),
        );
    let page = Page::new(reader.say("Khoản phải thu", "Invoices"), Section::Invoices);
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

/// `GET /desk/invoices/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

/// An invoice in sight.
pub async fn read(desk: &Desk, scopes: &[String], id: &str) -> Result<Invoice, Problem> {
    let missing = || Problem::new(ProblemType::NotFound);
    let id = Uuid::try_parse(id).map(InvoiceId).map_err(|_| missing())?;
    let found = invoices::invoice_read(&mut *desk.pool().acquire().await?, id).await?;
    found.filter(|invoice| covered(scopes, &invoice.agency)).ok_or_else(missing)
}

/// The page of an invoice.
pub async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Invoices)?;
    let invoice = read(desk, &scopes, id).await?;
    let mut conn = desk.pool().acquire().await?;
    let mut page = Page::new(invoice.code.to_string(), Section::Invoices)
        .crumb(reader.say("Khoản phải thu", "Invoices"), PATH)
        .mark(tone(invoice.status), reader.name(Named::Invoice, invoice.status.as_str()))
        .with(Block::Facts(facts(desk, reader, &invoice)))
        .with(Block::Table(lines(reader, &invoice)));
    let attempts = invoices::attempts_of_invoice(&mut conn, invoice.id).await?;
    page.add(Block::Table(orders(reader, &attempts)));
    let settled = store::settlements(&mut conn, invoice.id.0).await?;
    page.add(Block::Table(settlements(reader, &settled)));
    let given = refund_store::refunds_of_invoice(&mut conn, invoice.id).await?;
    if !given.is_empty() {
        page.add(Block::Table(refunds::of_invoice(reader, &given)));
    }
    let cases = breaks::of_invoice(&mut conn, reader, &scopes, invoice.id.0).await?;
    if !cases.rows.is_empty() {
        page.add(Block::Table(cases));
    }
    let told = deliveries_of(&mut conn, invoice.id.0).await?;
    page.add(Block::Table(deliveries::table(reader, "notices", &told)));
    let steps = store::steps(&mut conn, invoice.id.0).await?;
    let happened = steps.into_iter().map(|step| Happened {
        at: Cell::time(step.made_at),
        what: Cell::text(reader.name(Named::Step, &step.kind)),
        more: vec![Cell::text(step.actor)],
    });
    page.add(Block::Line(TimeLine {
        title: reader.say("Diễn biến", "What happened").to_owned(),
        steps: happened.collect(),
    }));
    if invoice.status == Status::Paid {
        page.add(Block::Form(refunds::asking(reader, &invoice)));
    }
    Ok(page)
}

fn facts(desk: &Desk, reader: &Reader, invoice: &Invoice) -> Facts {
    let registers = desk.registers();
    let day = desk.refunds.refunding.accounts.day_of(invoice.issued_at);
    let agency = registers.agency(&invoice.agency, day).map(|agency| agency.name.clone());
    let procedure = registers.procedure(&invoice.procedure, day).map(|p| p.name.clone());
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let mut rows = vec![
        (label("Số tiền phải nộp", "Amount owed"), Cell::money(invoice.amount)),
        (
            label("Cơ quan thu", "Agency"),
            Cell::text(agency.unwrap_or_else(|| invoice.agency.clone())).note(&*invoice.agency),
        ),
        (
            label("Thủ tục", "Procedure"),
            Cell::text(procedure.unwrap_or_else(|| invoice.procedure.clone()))
                .note(&*invoice.procedure),
        ),
        (
            label("Hồ sơ", "Dossier"),
            Cell::code(&*invoice.dossier).to(link(PATH, &[("q", &invoice.dossier)])),
        ),
        (
            label("Người nộp", "Payer"),
            Cell::text(&*invoice.payer.name)
                .note(invoice.payer.id_number.clone().unwrap_or_default()),
        ),
        (label("Cổng", "Portal"), Cell::text(&*invoice.portal)),
        (label("Lập lúc", "Issued"), Cell::time(invoice.issued_at)),
        (label("Hạn nộp", "Expires"), Cell::time(invoice.expires_at)),
    ];
    if let Some(via) = &invoice.paid_via {
        rows.push((label("Nộp lúc", "Paid"), Cell::time(invoice.paid_at).note(&**via)));
    }
    if !invoice.held.is_zero() {
        rows.push((label("Đang giữ phần nộp thiếu", "Held in part"), Cell::money(invoice.held)));
    }
    if !invoice.refunded.is_zero() {
        rows.push((label("Đã hoàn", "Refunded"), Cell::money(invoice.refunded)));
    }
    Facts { title: None, rows }
}

fn lines(reader: &Reader, invoice: &Invoice) -> Table {
    let columns = vec![
        Column::figure("line", reader.say("Dòng", "Line")),
        Column::text("name", reader.say("Khoản thu", "Item")),
        Column::text("beneficiary", reader.say("Cơ quan hưởng", "Beneficiary")),
        Column::text("budget", reader.say("Chương – tiểu mục", "Chapter – sub-item")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
    ];
    let rows = invoice.lines.iter().zip(1..).map(|(line, place)| {
        vec![
            Cell::count(place),
            Cell::text(&*line.name),
            Cell::text(&*line.beneficiary),
            Cell::code(format!("{} – {}", line.chapter, line.sub_item)),
            Cell::money(line.amount),
        ]
    });
    let caption = reader.say("Các khoản phí, lệ phí", "Fees and charges");
    let foot = vec![
        Cell::nothing(),
        Cell::text(reader.say("Tổng cộng", "Total")),
        Cell::nothing(),
        Cell::nothing(),
        Cell::money(invoice.amount),
    ];
    Table::new("lines", caption, columns).rows(rows).foot(foot)
}

fn orders(reader: &Reader, attempts: &[Attempt]) -> Table {
    let columns = vec![
        Column::text("created_at", reader.say("Lúc", "When")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("reference", reader.say("Số tham chiếu", "Reference")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("last_code", reader.say("Mã trả lời", "Answer")),
    ];
    let rows = attempts.iter().map(|attempt| {
        let partner = Cell::text(&*attempt.partner);
        let said =
            link(&format!("/desk/partners/{}", attempt.partner), &[("order", &attempt.reference)]);
        vec![
            Cell::time(attempt.created_at),
            if Section::Partners.is_open_to(&reader.officer) { partner.to(said) } else { partner },
            Cell::code(&*attempt.reference),
            Cell::money(attempt.amount),
            Cell::tag(
                attempt_tone(attempt.status),
                reader.name(Named::Attempt, attempt.status.as_str()),
            ),
            Cell::code(attempt.last_code.clone().unwrap_or_default()),
        ]
    });
    Table::new("orders", reader.say("Các giao dịch", "Orders to partners"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

fn settlements(reader: &Reader, settled: &[store::SettledRow]) -> Table {
    let columns = vec![
        Column::text("received_at", reader.say("Nhận tin, thu lúc", "Told, collected")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("transaction_id", reader.say("Mã của đối tác, của ta", "Partner's id, ours")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("outcome", reader.say("Xử lý", "What was done")),
        Column::text("memo", reader.say("Nội dung", "Message")),
        Column::text("banked_at", reader.say("Về ngân hàng", "In the bank")),
        Column::text("entry", reader.say("Bút toán", "Entry")),
    ];
    let entry = |id: Option<i64>| {
        id.map_or(Cell::nothing(), |id| {
            let cell = Cell::code(id.to_string());
            let open = Section::Ledger.is_open_to(&reader.officer);
            if open { cell.to(format!("/desk/ledger/entries/{id}")) } else { cell }
        })
    };
    let rows = settled.iter().map(|row| {
        let tone = match row.outcome.as_str() {
            "applied" | "applied_late" | "overpaid" => Tone::Good,
            "suspense" | "suspected_duplicate" => Tone::Alarm,
            _ => Tone::Waits,
        };
        let outcome = Cell::tag(tone, reader.name(Named::Outcome, &row.outcome));
        vec![
            Cell::time(row.received_at).note(Cell::time(row.value_time).shown()),
            Cell::text(&*row.partner).note(format!(
                "{} – {}",
                reader.name(Named::Channel, &row.source),
                row.account
            )),
            Cell::code(&*row.transaction_id).note(row.settlement_id.to_string()),
            Cell::amount(row.amount, &row.currency),
            match row.reversed_at {
                Some(_) => outcome.note(reader.say("đã bị lấy lại", "taken back")),
                None => outcome,
            },
            Cell::text(&*row.memo),
            Cell::time(row.banked_at),
            entry(row.reversal_entry.or(row.entry_id)),
        ]
    });
    Table::new("settlements", reader.say("Tiền đã thu", "Money received"), columns)
        .rows(rows)
        .or(reader.say("Chưa nhận khoản tiền nào.", "No money was received yet."))
}
