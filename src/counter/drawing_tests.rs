//! Every state of the page, in both languages.

use super::*;
use crate::counter::forms::{AccountForm, LookupFault, LookupForm};
use crate::counter::lookup::Answer;
use crate::counter::lookup_page::LookupPage;
use crate::counter::page::{
    ChannelChoice, MaskedName, PastOrder, PayLine, PaymentBack, RefundShown, Returned, Transfer,
    UnfitChannel,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn waiting(language: Language) -> PayPage {
    PayPage {
        language,
        code: "PG7K2M9QX4D1HB3R".to_owned(),
        agency_name: "Phòng Quản lý xuất nhập cảnh, Công an thành phố Mẫu".to_owned(),
        procedure_name: "Cấp hộ chiếu phổ thông ở trong nước".to_owned(),
        dossier: "G01.A01-261118-000123".to_owned(),
        payer_name: MaskedName::of("Nguyễn Thị Minh Anh"),
        lines: vec![
            PayLine {
                name: "Lệ phí cấp hộ chiếu phổ thông".to_owned(),
                kind: LineKind::LePhi,
                amount: Money::vnd(160_000),
            },
            PayLine {
                name: "Phí xác nhận thông tin nhân thân".to_owned(),
                kind: LineKind::Phi,
                amount: Money::vnd(40_000),
            },
        ],
        total: Money::vnd(200_000),
        held: Money::vnd(0),
        status: Status::Waiting,
        issued_at: at("2026-11-18T02:12:00Z"),
        expires_at: at("2026-11-20T09:30:00Z"),
        now: at("2026-11-18T04:12:00Z"),
        paid_at: None,
        paid_via: None,
        channels: vec![
            ChannelChoice {
                partner: "samplebank".to_owned(),
                name: "Ngân hàng Mẫu".to_owned(),
                kind: Channel::BankTransfer,
                needs: Needs::BankApp,
                limits: None,
            },
            ChannelChoice {
                partner: "vnpay".to_owned(),
                name: "VNPAY".to_owned(),
                kind: Channel::Redirect,
                needs: Needs::Vnpay,
                limits: Some((Money::vnd(1), Money::vnd(9_999_999_999))),
            },
        ],
        unfit: Vec::new(),
        orders: Vec::new(),
        refunds: Vec::new(),
        account: AccountAsked::No,
        mail: MailAsked::Off,
        transfer: None,
        live_attempt: None,
        returned: None,
        still: false,
        return_url: Some("https://dichvucong.mau.example/ho-so?ma=1&tab=2".to_owned()),
        token_path: "/pay/8uQx2v".to_owned(),
        receipt_path: None,
        flash: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it fills an optional field")]
fn transfer(amount: Money) -> Option<Transfer> {
    Some(Transfer {
        bank_name: "Ngân hàng Mẫu".to_owned(),
        bin: "970418".to_owned(),
        account: "1200099887766".to_owned(),
        holder: "KHO BAC NHA NUOC MAU".to_owned(),
        amount,
        memo: "PG7K2M9QX4D1HB3R".to_owned(),
        qr_payload: "00020101021238570010A00000072701270006970418011312000998877660208QRIBFTTA\
                     530370454062000005802VN62200816PG7K2M9QX4D1HB3R63041A2B"
            .to_owned(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "it fills an optional field")]
fn attempt(state: AttemptState, pay_url: Option<&str>) -> Option<LiveAttempt> {
    let pay_url = pay_url.map(str::to_owned);
    let until = at("2026-11-18T04:27:00Z");
    Some(LiveAttempt { partner_name: "VNPAY".to_owned(), pay_url, state, until })
}

#[expect(clippy::unnecessary_wraps, reason = "it fills an optional field")]
fn returned() -> Option<Returned> {
    Some(Returned { partner: "vnpay".to_owned(), partner_name: "VNPAY".to_owned() })
}

fn unfit() -> Vec<UnfitChannel> {
    let channel = |name: &str, why| UnfitChannel { name: name.to_owned(), why };
    vec![
        channel("MoMo", Unfit::Above(Money::vnd(50_000_000))),
        channel("Zalopay", Unfit::Below(Money::vnd(1_000))),
    ]
}

fn orders() -> Vec<PastOrder> {
    let ends =
        [OrderEnd::Open, OrderEnd::Unknown, OrderEnd::Failed, OrderEnd::RanOut, OrderEnd::Paid];
    ends.map(|end| PastOrder {
        partner_name: "MoMo".to_owned(),
        at: at("2026-11-18T04:00:00Z"),
        end,
    })
    .into()
}

fn refunds() -> Vec<RefundShown> {
    use RefundState::{Agreed, Checked, Done, NotArrived, Sent};
    [Checked, Agreed, Sent, Done, NotArrived]
        .map(|state| RefundShown {
            amount: Money::vnd(40_000),
            state,
            since: at("2026-11-19T01:00:00Z"),
        })
        .into()
}

fn account(faults: &[AccountFault]) -> AccountAsked {
    AccountAsked::Yes {
        amount: Money::vnd(40_000),
        payments: ["a", "b"]
            .map(|id| PaymentBack {
                id: id.to_owned(),
                partner_name: "SePay <i>".to_owned(),
                at: at("2026-11-18T04:00:00Z"),
                amount: Money::vnd(20_000),
            })
            .into(),
        again: true,
        form: AccountForm {
            payment: "b".to_owned(),
            bank: "970436".to_owned(),
            number: "1\"><b>".to_owned(),
            holder: String::new(),
        },
        faults: faults.to_vec(),
    }
}

/// Every state under its name.
fn states(language: Language) -> Vec<(&'static str, PayPage)> {
    let base = || waiting(language);
    let held = Money::vnd(120_000);
    let paid = || PayPage {
        status: Status::Paid,
        paid_at: Some(at("2026-11-18T04:15:00Z")),
        paid_via: Some("VNPAY".to_owned()),
        receipt_path: Some("/receipts/PG7K2M9QX4D1HB3R".to_owned()),
        ..base()
    };
    let failed = Flash::AttemptFailed { partner_name: "VNPAY".to_owned() };
    let url =
        Some("https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?vnp_Amount=1&vnp_Command=pay");
    let unknown = attempt(AttemptState::Unknown, None);
    let ran_out = Flash::AttemptRanOut { partner_name: "MoMo".to_owned() };
    let not_an_address = MailAsked::NotAnAddress { typed: "an@\"><b>".to_owned() };
    let all =
        &[AccountFault::Payment, AccountFault::Bank, AccountFault::Number, AccountFault::Holder];
    vec![
        ("choose", base()),
        ("choose-nothing-chosen", PayPage { flash: Some(Flash::ChooseAWay), ..base() }),
        ("choose-way-gone", PayPage { flash: Some(Flash::WayGone), ..base() }),
        ("choose-try-later", PayPage { flash: Some(Flash::TryLater), ..base() }),
        ("choose-attempt-failed", PayPage { flash: Some(failed), ..base() }),
        ("choose-no-way", PayPage { channels: Vec::new(), ..base() }),
        ("transfer", PayPage { transfer: transfer(Money::vnd(200_000)), ..base() }),
        (
            "part-paid",
            PayPage {
                status: Status::PartPaid,
                held,
                transfer: transfer(Money::vnd(80_000)),
                ..base()
            },
        ),
        ("part-paid-choose", PayPage { status: Status::PartPaid, held, ..base() }),
        (
            "attempt-preparing",
            PayPage { live_attempt: attempt(AttemptState::Preparing, None), ..base() },
        ),
        (
            "attempt-ready",
            PayPage { live_attempt: attempt(AttemptState::AwaitingPayer, url), ..base() },
        ),
        ("attempt-unknown", PayPage { live_attempt: unknown, ..base() }),
        ("returned", PayPage { returned: returned(), ..base() }),
        ("returned-still", PayPage { returned: returned(), still: true, ..base() }),
        ("paid", paid()),
        ("paid-already", PayPage { flash: Some(Flash::AlreadyPaid), ..paid() }),
        ("expired", PayPage { status: Status::Expired, now: at("2026-11-21T04:00:00Z"), ..base() }),
        ("expired-held", PayPage { status: Status::Expired, held, ..base() }),
        ("cancelled", PayPage { status: Status::Cancelled, ..base() }),
        ("choose-unfit", PayPage { unfit: unfit(), orders: orders(), ..base() }),
        ("choose-ran-out", PayPage { flash: Some(ran_out), orders: orders(), ..base() }),
        ("paid-mail", PayPage { mail: MailAsked::Offered { named: true }, ..paid() }),
        ("paid-mail-fault", PayPage { mail: not_an_address, ..paid() }),
        ("paid-mail-asked", PayPage { mail: MailAsked::Asked, ..paid() }),
        ("paid-mail-enough", PayPage { mail: MailAsked::Enough, ..paid() }),
        ("refund-account", PayPage { account: account(&[]), refunds: refunds(), ..paid() }),
        ("refund-account-faults", PayPage { account: account(all), refunds: refunds(), ..paid() }),
        (
            "refund-account-kept",
            PayPage {
                account: AccountAsked::Waiting,
                refunds: refunds(),
                flash: Some(Flash::AccountKept),
                ..paid()
            },
        ),
        (
            "refund-account-too-many",
            PayPage { account: AccountAsked::TooMany, refunds: refunds(), ..paid() },
        ),
    ]
}

fn lookups(language: Language) -> Vec<(&'static str, LookupPage)> {
    let today = at("2026-11-22T00:00:00Z").date_naive();
    let form = || LookupForm {
        code: "PG7K2M9QX4D1HB3R".to_owned(),
        reference: "FT26326123456789".to_owned(),
        amount: "200.000".to_owned(),
        day: "2026-11-22".to_owned(),
    };
    let page = |answer, faults: &[LookupFault]| LookupPage {
        language,
        form: form(),
        faults: faults.to_vec(),
        answer,
        today,
        realm: Realm::Live,
    };
    vec![
        ("form", LookupPage { form: LookupForm::default(), ..page(None, &[]) }),
        (
            "faults",
            page(
                None,
                &[LookupFault::Code, LookupFault::Reference, LookupFault::Amount, LookupFault::Day],
            ),
        ),
        ("nothing-asked", page(None, &[LookupFault::Nothing])),
        ("paid", page(Some(Answer::Paid), &[])),
        ("rest", page(Some(Answer::WaitsForRest), &[])),
        ("looked", page(Some(Answer::LookedInto), &[])),
        ("back", page(Some(Answer::DueBack), &[])),
        ("not-yet", page(Some(Answer::NotYet { by: today }), &[])),
        ("nothing", page(Some(Answer::Nothing), &[])),
    ]
}

fn page_of(name: &str, language: Language) -> PayPage {
    states(language).into_iter().find(|(n, _)| *n == name).expect("a state").1
}

fn drawn(name: &str) -> String {
    page_of(name, Language::En).render().expect("drawn")
}

/// Every document there is, under a file name.
fn documents() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for &language in Language::ALL {
        for (name, page) in states(language) {
            all.push((format!("{name}.{language}.html"), page.render().expect("drawn")));
        }
        let lost = not_found(language).expect("drawn");
        all.push((format!("not-found.{language}.html"), lost));
        let often = too_many(language).expect("drawn");
        all.push((format!("too-many.{language}.html"), often));
        for (name, page) in lookups(language) {
            all.push((format!("lookup-{name}.{language}.html"), page.render().expect("drawn")));
        }
        let broken = error(language, Some("b1946ac92492d234")).expect("drawn");
        all.push((format!("error.{language}.html"), broken));
    }
    all
}

#[test]
fn every_state_is_a_whole_document_in_its_language() {
    for (name, html) in documents() {
        let language = if name.ends_with(".vi.html") { "vi" } else { "en" };
        assert!(html.starts_with("<!DOCTYPE html>"), "{name}: {html:.80}");
        assert!(html.contains(&format!("<html lang=\"{language}\"")), "{name}");
        assert!(html.trim_end().ends_with("</html>"), "{name}");
        for part in ["<title>", "<h1", "<main", "href=\"#main\""] {
            assert_eq!(html.matches(part).count(), 1, "{name}: {part}");
        }
        for hole in ["{}", "{{", "{%", "<p class=\"govuk-body\"></p>"] {
            assert!(!html.contains(hole), "{name} holds {hole}");
        }
        for (id, of) in ids(&html) {
            assert_eq!(of, 1, "{name}: id {id} is there {of} times");
        }
        for kind in ["aria-labelledby", "aria-describedby", "for"] {
            for reference in values(&html, kind).into_iter().flat_map(str::split_whitespace) {
                assert!(
                    html.contains(&format!("id=\"{reference}\"")),
                    "{name}: {kind} {reference}"
                );
            }
        }
    }
}

fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn ids(html: &str) -> std::collections::BTreeMap<&str, usize> {
    values(html, "id").into_iter().fold(std::collections::BTreeMap::new(), |mut seen, id| {
        *seen.entry(id).or_default() += 1;
        seen
    })
}

#[test]
fn nothing_stands_inline_and_nothing_is_loaded_from_elsewhere() {
    for (name, html) in documents() {
        for inline in [" style=", "<style", " onclick", " onload", "javascript:"] {
            assert!(!html.contains(inline), "{name} holds {inline}");
        }
        let scripts = html.matches("<script").count();
        assert_eq!(scripts, html.matches("<script src=\"/assets/").count(), "{name}");
        for source in values(&html, "src") {
            assert!(source.starts_with("/assets/"), "{name} loads {source}");
        }
        for link in html.split("<link ").skip(1) {
            assert!(link.contains("href=\"/assets/"), "{name}: {link:.80}");
        }
    }
}

#[test]
fn hostile_names_are_text() {
    let hostile = "\"><script>alert(1)</script><img src=x onerror='x'>";
    for (name, page) in states(Language::En) {
        let mut page = PayPage {
            agency_name: hostile.to_owned(),
            procedure_name: hostile.to_owned(),
            dossier: hostile.to_owned(),
            payer_name: MaskedName::of(&format!("{hostile} <b>")),
            return_url: Some("javascript:alert(1)".to_owned()),
            paid_via: Some(hostile.to_owned()),
            ..page
        };
        page.lines[0].name = hostile.to_owned();
        if let Some(way) = page.channels.first_mut() {
            (way.name, way.partner) = (hostile.to_owned(), hostile.to_owned());
        }
        if let Some(transfer) = &mut page.transfer {
            (transfer.holder, transfer.memo) = (hostile.to_owned(), hostile.to_owned());
        }
        if let Some(attempt) = &mut page.live_attempt {
            attempt.partner_name = hostile.to_owned();
            attempt.pay_url = Some("javascript:alert(1)".to_owned());
        }
        if let Some(returned) = &mut page.returned {
            (returned.partner, returned.partner_name) = (hostile.to_owned(), hostile.to_owned());
        }
        let html = page.render().expect("drawn");
        for alive in ["<script>", "<img", "<b>", "javascript:"] {
            assert!(!html.contains(alive), "{name} holds {alive}");
        }
    }
}

#[test]
fn only_a_page_that_waits_looks_again_and_without_scripts_it_can_be_stopped() {
    let refresh = "<noscript><meta http-equiv=\"refresh\"";
    for (name, _) in states(Language::En) {
        let html = drawn(name);
        let redraws = matches!(name, "returned" | "attempt-preparing");
        assert_eq!(html.contains(refresh), redraws, "{name}");
        assert_eq!(html.contains("still=1\">Stop refreshing"), redraws, "{name}");
        let looks = redraws
            || matches!(name, "transfer" | "part-paid" | "attempt-ready" | "attempt-unknown");
        assert_eq!(html.contains("data-look-again="), looks, "{name}");
    }
}

#[test]
fn a_page_that_is_paid_or_closed_asks_for_no_money() {
    for name in ["paid", "paid-already", "expired", "expired-held", "cancelled"] {
        let html = drawn(name);
        assert!(!html.contains("<form") && !html.contains("pc-qr"), "{name}");
        assert!(html.contains("ho-so?ma=1&#38;tab=2"), "{name} leads back to the portal");
    }
    let late = PayPage { returned: returned(), ..page_of("paid", Language::En) };
    assert!(late.render().expect("drawn").contains("Payment complete"), "the return page too");
}

#[test]
fn part_paid_asks_for_the_rest_only() {
    let html = drawn("part-paid");
    assert!(html.contains("80.000\u{a0}₫") && html.contains("120.000\u{a0}₫ received so far"));
    assert!(html.contains("data-copy=\"80000\""), "{html}");
}

#[test]
fn while_the_result_is_unknown_no_other_way_is_offered() {
    assert!(!drawn("attempt-unknown").contains("<form"));
    assert!(drawn("attempt-ready").contains("<form"));
}

#[test]
fn forms_and_links_keep_the_language() {
    assert!(drawn("choose").contains("action=\"/pay/8uQx2v?lang=en\""));
    let vietnamese = page_of("returned", Language::Vi).render().expect("drawn");
    assert!(vietnamese.contains("href=\"/pay/8uQx2v?lang=en&#38;returned=vnpay\""), "{vietnamese}");
    assert!(vietnamese.contains("href=\"/pay/8uQx2v?returned=vnpay&#38;still=1\""));
}

/// Leaves every state in `target/pages` for people to look at in a browser.
#[test]
fn every_state_can_be_written_as_a_page_with_its_assets() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(root.join("assets")).expect("a folder");
    for (name, html) in documents() {
        std::fs::write(root.join(name), html).expect("written");
    }
    for asset in ASSETS.all() {
        std::fs::write(root.join("assets").join(&asset.file), asset.bytes).expect("written");
    }
}
