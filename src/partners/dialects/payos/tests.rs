use super::*;
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Cancelled, CounterAccount, Created, Dialect, Order, Outcome,
    Report, Standing, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use rand::SeedableRng;

const KEY: &str = "checksum";

fn payos() -> Payos {
    Payos::open(
        br#"{"base_url":"http://bank.test/","client_id":"c","api_key":"a","checksum_key":"checksum"}"#,
    )
    .expect("settings")
}

fn order() -> Order {
    Order {
        reference: "1001".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/payos/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/payos/webhook".to_owned(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    }
}

fn signed(data: &str) -> Vec<u8> {
    let object = super::super::json::Object::read(data).expect("an object");
    let text = signature::data_text(&object).expect("a text");
    let signature = Key::new(KEY).sha256(&text);
    format!(r#"{{"code":"00","desc":"success","data":{data},"signature":"{signature}"}}"#)
        .into_bytes()
}

fn hear(body: &[u8]) -> Result<Report, Unheard> {
    payos().hear_callback(&Callback { query: "", headers: &[], body })
}

fn webhook(order: &str, amount: &str, currency: &str, code: &str) -> Vec<u8> {
    signed(&format!(
        r#"{{"orderCode":{order},"amount":{amount},"description":"CT DEN PG1","accountNumber":
        "12345678","reference":"FT1","transactionDateTime":"2026-11-22 09:03:12","currency":
        {currency},"paymentLinkId":"","code":"{code}","counterAccountNumber":"0011",
        "counterAccountBankId":"970436","counterAccountName":null}}"#
    ))
}

#[test]
fn money_is_reported_with_everything_that_was_signed() {
    let report = hear(&webhook("1001", "10000", "\"VND\"", "00")).expect("signed");
    assert_eq!(
        report,
        Report {
            transaction_id: "FT1".to_owned(),
            reference: Some("1001".to_owned()),
            account: Some("12345678".to_owned()),
            amount: Money::vnd(10_000),
            memo: "CT DEN PG1".to_owned(),
            value_time: "2026-11-22T02:03:12Z".parse().ok(),
            outcome: Outcome::Collected,
            counter_account: Some(CounterAccount {
                bank: "970436".to_owned(),
                number: "0011".to_owned(),
                name: String::new(),
            }),
        }
    );
}

#[test]
fn a_plain_transfer_has_no_order() {
    let report = hear(&webhook("0", "10000", "\"VND\"", "00")).expect("signed");
    assert_eq!((report.reference, report.memo.as_str()), (None, "CT DEN PG1"));
}

#[test]
fn a_webhook_that_does_not_say_00_is_neither_paid_nor_failed() {
    let report = hear(&webhook("1001", "10000", "null", "02")).expect("signed");
    assert_eq!(report.outcome, Outcome::Unknown { code: "02".to_owned() });
    assert_ne!(report.transaction_id, "FT1", "the money, when it comes, still has its own key");
}

#[test]
fn signed_nonsense_is_malformed_and_unsigned_sense_is_refused() {
    for (amount, currency) in [
        ("0", "\"VND\""),
        ("-1", "\"VND\""),
        ("1.5", "\"VND\""),
        ("1e4", "\"VND\""),
        ("null", "\"VND\""),
        ("10000", "\"XXX\""),
        ("99999999999999999999999999", "\"VND\""),
    ] {
        let heard = hear(&webhook("1", amount, currency, "00"));
        assert!(matches!(heard, Err(Unheard::Malformed { .. })), "{amount} {currency}: {heard:?}");
    }
    let good = String::from_utf8(webhook("1001", "10000", "\"VND\"", "00")).expect("text");
    assert!(hear(good.as_bytes()).is_ok());
    assert_eq!(hear(good.replace("10000", "10001").as_bytes()), Err(Unheard::Signature));
    assert_eq!(hear(good.replace("signature", "signatur").as_bytes()), Err(Unheard::Signature));
    for broken in ["", "null", "[]", "{}x", "\u{fffe}", r#"{"signature":"00"}"#] {
        assert!(hear(broken.as_bytes()).is_err(), "{broken}");
    }
    assert!(matches!(hear(b"\xff"), Err(Unheard::Malformed { .. })));
}

#[test]
fn a_memo_of_the_word_null_is_still_money() {
    let data = r#"{"orderCode":0,"amount":5,"description":"null","reference":"FT2","code":"00"}"#;
    let report = hear(&signed(data)).expect("signed");
    assert_eq!((report.memo.as_str(), report.value_time), ("null", None));
}

#[test]
fn a_new_order_is_signed_and_names_the_invoice() {
    let Ask::Call(call) = payos().ask_create(&order()) else { panic!("a call") };
    assert_eq!((call.method, call.url.as_str()), ("POST", "http://bank.test/v2/payment-requests"));
    assert!(call.headers.contains(&("x-api-key", "a".to_owned())));
    let body: serde_json::Value = serde_json::from_slice(&call.body).expect("json");
    let order = order();
    assert_eq!(body["orderCode"], 1001);
    assert_eq!(body["amount"], 10_000);
    assert_eq!(body["description"], order.code.as_str());
    assert_eq!(body["expiredAt"], 1_795_313_700);
    let url = &order.page_url;
    let text = signature::create_text("10000", url, order.code.as_str(), "1001", url);
    assert_eq!(body["signature"], Key::new(KEY).sha256(&text));
}

fn created(status: u16, body: &[u8]) -> Created {
    payos().hear_create(&order(), Answer { status, body })
}

#[test]
fn only_a_signed_answer_about_this_order_makes_it_ready() {
    let data = r#"{"orderCode":1001,"amount":10000,"bin":"970418","accountNumber":"VQ1",
        "accountName":"KHO BAC","checkoutUrl":"http://bank.test/web/l1","qrCode":"0002",
        "paymentLinkId":"l1","status":"PENDING"}"#;
    let Created::Ready(instruction) = created(200, &signed(data)) else { panic!("ready") };
    assert_eq!(instruction.qr.as_deref(), Some("0002"));
    assert_eq!(instruction.partner_order.as_deref(), Some("l1"));
    assert_eq!(
        instruction.account.map(|a| (a.bin, a.number)),
        Some(("970418".into(), "VQ1".into()))
    );
    for (status, body) in [
        (500, signed(data)),
        (429, br#"{"code":"429"}"#.to_vec()),
        (200, Vec::new()),
        (502, b"<html>".to_vec()),
        (403, b"<html>".to_vec()),
        (200, signed(&data.replace("1001", "1002"))),
        (200, signed(&data.replace("10000", "20000"))),
        (200, String::from_utf8(signed(data)).expect("text").replace("VQ1", "VQ2").into_bytes()),
        (200, br#"{"code":"231","desc":"order code taken"}"#.to_vec()),
    ] {
        let heard = created(status, &body);
        assert!(matches!(heard, Created::Unknown { .. }), "{status}: {heard:?}");
    }
    let refused = created(400, br#"{"code":"20","desc":"bad description"}"#);
    assert_eq!(refused, Created::Refused { code: "20".to_owned() });
}

fn standing(status: u16, body: &[u8]) -> Standing {
    payos().hear_query(&order(), Answer { status, body })
}

#[test]
fn every_transaction_of_an_order_is_a_report_of_its_own() {
    let data = r#"{"id":"l1","orderCode":1001,"amount":10000,"amountPaid":10000,"status":"PAID",
        "transactions":[
        {"reference":"FT1","amount":4000,"accountNumber":"12345678","description":"PG",
         "transactionDateTime":"2026-11-22T09:03:12+07:00"},
        {"reference":"FT2","amount":6000,"accountNumber":"12345678","description":"PG",
         "transactionDateTime":"2026-11-22 09:04:12"}]}"#;
    let Standing::Collected(reports) = standing(200, &signed(data)) else { panic!("collected") };
    let told: Vec<_> = reports.iter().map(|r| (r.transaction_id.as_str(), r.amount)).collect();
    assert_eq!(told, [("FT1", Money::vnd(4_000)), ("FT2", Money::vnd(6_000))]);
    assert!(reports.iter().all(|r| r.reference.as_deref() == Some("1001")));
    let cancelled = data.replace("PAID", "CANCELLED");
    assert!(matches!(standing(200, &signed(&cancelled)), Standing::Collected(_)));
}

#[test]
fn an_order_without_money_waits_fails_or_is_not_there() {
    let data = |status: &str, paid: u32| {
        signed(&format!(
            r#"{{"id":"l1","orderCode":1001,"amountPaid":{paid},"status":"{status}","transactions":[]}}"#
        ))
    };
    assert!(matches!(standing(200, &data("PENDING", 0)), Standing::Waiting(_)));
    for code in ["CANCELLED", "EXPIRED", "FAILED"] {
        assert_eq!(standing(200, &data(code, 0)), Standing::Failed { code: code.to_owned() });
    }
    for unknown in [data("PAID", 10_000), data("PAID", 0), data("CANCELLED", 1), data("NEW", 0)] {
        assert!(matches!(standing(200, &unknown), Standing::Unknown { .. }));
    }
    assert_eq!(standing(404, br#"{"code":"404"}"#), Standing::NotFound);
    assert_eq!(standing(200, br#"{"code":"101"}"#), Standing::NotFound);
    assert!(matches!(standing(404, b"<html>"), Standing::Unknown { .. }));
}

#[test]
fn an_order_is_cancelled_too_late_or_nobody_knows() {
    let hear = |status: u16, body: &[u8]| payos().hear_cancel(&order(), Answer { status, body });
    let data = |status: &str, order: u32| {
        signed(&format!(r#"{{"id":"l1","orderCode":{order},"status":"{status}"}}"#))
    };
    assert_eq!(hear(200, &data("CANCELLED", 1001)), Cancelled::Done);
    for status in ["PAID", "UNDERPAID", "PROCESSING", "EXPIRED"] {
        assert_eq!(hear(200, &data(status, 1001)), Cancelled::TooLate, "{status}");
    }
    assert_eq!(hear(200, br#"{"code":"20","desc":"paid"}"#), Cancelled::TooLate);
    let forged = String::from_utf8(data("PAID", 1001)).expect("text").replace("PAID", "CANCELLED");
    for (status, body) in [
        (200, data("CANCELLED", 1002)),
        (200, data("PENDING", 1001)),
        (200, forged.into_bytes()),
        (200, br#"{"code":"101"}"#.to_vec()),
        (404, br#"{"code":"404"}"#.to_vec()),
        (401, br#"{"code":"401"}"#.to_vec()),
        (500, data("CANCELLED", 1001)),
        (200, Vec::new()),
    ] {
        let heard = hear(status, &body);
        assert!(matches!(heard, Cancelled::Unknown { .. }), "{status}: {heard:?}");
    }
}

#[test]
fn each_verdict_has_its_answer() {
    for (verdict, status) in [
        (Verdict::Recorded, 200),
        (Verdict::Repeat, 200),
        (Verdict::Test, 200),
        (Verdict::UnknownOrder, 200),
        (Verdict::WrongAmount, 200),
        (Verdict::BadSignature, 401),
        (Verdict::WrongMerchant, 401),
        (Verdict::Malformed, 400),
        (Verdict::OtherContent, 409),
        (Verdict::TryLater, 503),
    ] {
        let said = payos().say(verdict);
        let body: serde_json::Value = serde_json::from_str(&said.body).expect("json");
        assert_eq!(said.status, status, "{verdict}");
        assert_eq!(body["success"], status == 200, "{verdict}");
        assert_eq!(body["desc"].is_string(), status != 200, "{verdict}");
    }
}

#[test]
fn references_are_order_codes_that_a_javascript_client_can_hold() {
    let code = order().code;
    let payos = payos();
    for (random, reference) in [(0, "1"), ((1 << 53) - 2, "9007199254740991"), ((1 << 53) - 1, "1")]
    {
        assert_eq!(payos.reference(&code, random), reference);
    }
}

#[test]
fn the_other_calls_go_to_their_addresses() {
    let payos = payos();
    let url = |call: Call| call.url;
    assert_eq!(
        url(payos.ask_confirm_webhook("https://x.test/w")),
        "http://bank.test/confirm-webhook"
    );
    assert_eq!(
        payos.ask_cancel(&order()).map(url).as_deref(),
        Some("http://bank.test/v2/payment-requests/1001/cancel")
    );
    assert!(payos.payout_signature("[]").is_none());
}

#[test]
fn settings_are_whole_or_refused_and_never_shown() {
    let shown = format!("{:?}", payos());
    assert!(!shown.contains("checksum\"") && shown.contains("hidden"), "{shown}");
    let good =
        r#"{"base_url":"http://b.test","client_id":"c","api_key":"k-secret","checksum_key":"s"}"#;
    assert!(Payos::open(good.as_bytes()).is_ok());
    for bad in [
        good.replace("\"s\"", "\"\""),
        good.replace("http://b.test", "b.test"),
        good.replace("http://b.test", "ftp://b.test"),
        good.replace("http://b.test", "http://b.test/?x=1"),
        good.replace("client_id", "clientId"),
        good.replace("\"s\"}", "\"s\",\"more\":\"1\"}"),
        good.replace("\"c\"", "12345"),
        String::new(),
    ] {
        let error = Payos::open(bad.as_bytes()).expect_err(&bad).to_string();
        assert!(!error.contains("secret") && !error.contains("12345"), "{error}");
    }
}
