use super::signature::{RESULT, of};
use super::*;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Ask, Callback, Created, Dialect, Order, Outcome, RefundOrder, Refunding, Report,
    Standing, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;
use rand::SeedableRng;
use serde_json::{Value, json};

const ACCESS: &str = "access";
const SECRET: &str = "secret";

fn momo_with(more: &Value) -> Momo {
    let mut settings = json!({
        "base_url": "https://momo.test/", "partner_code": "MOMOSIM", "access_key": ACCESS,
        "secret_key": SECRET,
    });
    for (name, value) in more.as_object().expect("an object") {
        settings[name] = value.clone();
    }
    Momo::open(settings.to_string().as_bytes()).expect("settings")
}

fn momo() -> Momo {
    momo_with(&json!({}))
}

fn order() -> Order {
    Order {
        reference: "HS1".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/momo/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/momo/webhook".to_owned(),
        payer_ip: "113.160.92.202".to_owned(),
        language: "vi",
    }
}

fn refund() -> RefundOrder {
    RefundOrder {
        reference: "RF0000000000000001".to_owned(),
        order: order(),
        transaction_id: "4088878653".to_owned(),
        amount: Money::vnd(2_500),
        whole: false,
        created_at: "2026-11-23T02:00:00Z".parse().expect("a time"),
        requested_by: "ketoan01".to_owned(),
    }
}

/// A result with these changes, signed after them.
fn result(changes: &Value) -> String {
    let mut body = json!({
        "partnerCode": "MOMOSIM", "orderId": "HS1", "requestId": "HS1", "amount": 10_000,
        "orderInfo": "Nop phi PG1", "orderType": "momo_wallet", "transId": 4_088_878_653_u64,
        "resultCode": 0, "message": "Successful.", "payType": "qr",
        "responseTime": 1_795_312_830_000_u64, "extraData": "",
    });
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let text = body.to_string();
    let object = Object::read(&text).expect("an object");
    let signature = Key::new(SECRET).sha256(&RESULT.text(&Key::new(ACCESS), of(&object)));
    body["signature"] = json!(signature);
    body.to_string()
}

fn hear(body: &str) -> Result<Report, Unheard> {
    momo().hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
}

#[test]
fn a_paid_order_is_reported_with_its_transaction() {
    assert_eq!(
        hear(&result(&json!({}))),
        Ok(Report {
            transaction_id: "4088878653".to_owned(),
            reference: Some("HS1".to_owned()),
            account: None,
            amount: Money::vnd(10_000),
            memo: "Nop phi PG1".to_owned(),
            value_time: "2026-11-22T02:00:30Z".parse().ok(),
            outcome: Outcome::Collected,
            counter_account: None,
        })
    );
    // Authorised and captured at once is money too, under the same number.
    let authorised = hear(&result(&json!({ "resultCode": 9000 }))).expect("signed");
    assert_eq!(
        (authorised.outcome, authorised.transaction_id.as_str()),
        (Outcome::Collected, "4088878653")
    );
    let upper = result(&json!({}));
    let signature = serde_json::from_str::<Value>(&upper).expect("json")["signature"].clone();
    let signature = signature.as_str().expect("a text");
    assert!(hear(&upper.replace(signature, &signature.to_uppercase())).is_ok());
}

#[test]
fn of_all_codes_two_collect_and_only_the_flagged_ones_fail() {
    for (code, said) in codes::TABLE {
        let code_number: u32 = code.parse().expect("a number");
        // What an unpaid order has for a number is no number of money.
        let body = result(&json!({ "resultCode": code_number, "transId": 1_795_312_832_000_u64 }));
        let report = hear(&body).expect("signed");
        let code = (*code).to_owned();
        let (id, expected) = match (code.as_str(), said) {
            ("0" | "9000", _) => ("1795312832000".to_owned(), Outcome::Collected),
            (_, Finality::Final) => (format!("HS1:failed:{code}"), Outcome::Failed { code }),
            _ => (format!("HS1:unknown:{code}"), Outcome::Unknown { code }),
        };
        assert_eq!((report.transaction_id, report.outcome), (id, expected));
    }
    let unheard_of = hear(&result(&json!({ "resultCode": 123_456 }))).expect("signed");
    assert_eq!(unheard_of.outcome, Outcome::Unknown { code: "123456".to_owned() });
}

#[test]
fn what_the_table_leaves_open_is_a_setting() {
    let momo = momo_with(&json!({ "also_final": "4001, 4100,1000", "also_pending": "99" }));
    for (code, said) in [
        ("4001", Finality::Final),
        ("4100", Finality::Final),
        ("4002", Finality::NotSaid),
        // The table said so: it is not overruled towards "final".
        ("1000", Finality::Pending),
        ("99", Finality::Pending),
        ("1006", Finality::Final),
    ] {
        assert_eq!(momo.finality(code), said, "{code}");
    }
}

#[test]
fn money_without_a_number_is_asked_about() {
    for number in [json!(0), json!(null), json!("x"), json!(-1), json!([1])] {
        let report = hear(&result(&json!({ "transId": number }))).expect("signed");
        assert_eq!(report.outcome, Outcome::Unknown { code: "0".to_owned() }, "{number}");
        assert_eq!(report.transaction_id, "HS1:unknown:0");
    }
}

#[test]
fn signed_nonsense_is_malformed_and_unsigned_sense_is_refused() {
    for changes in [
        json!({ "amount": 0 }),
        json!({ "amount": -5 }),
        json!({ "amount": 10_000.5 }),
        json!({ "amount": "1e4" }),
        json!({ "amount": null }),
        json!({ "amount": 1_000_000_000_000_000_u64 }),
        json!({ "orderId": "" }),
        json!({ "orderId": "a\nb" }),
        json!({ "resultCode": null }),
    ] {
        let heard = hear(&result(&changes));
        assert!(matches!(heard, Err(Unheard::Malformed { .. })), "{changes}: {heard:?}");
    }
    assert_eq!(hear(&result(&json!({ "partnerCode": "OTHER" }))), Err(Unheard::Merchant));
    let denied = result(&json!({ "resultCode": 1006, "transId": 1_795_312_832_000_u64 }));
    for (part, with) in [
        ("\"resultCode\":1006", "\"resultCode\":0"),
        ("\"amount\":10000", "\"amount\":10001"),
        ("\"orderId\":\"HS1\"", "\"orderId\":\"HS2\""),
        ("\"transId\":1795312832000", "\"transId\":1795312832001"),
        ("\"signature\"", "\"signatur\""),
        ("\"message\":\"Successful.\"", "\"message\":\"Successful!\""),
    ] {
        let forged = denied.replace(part, with);
        assert_ne!(forged, denied, "{part}");
        assert_eq!(hear(&forged), Err(Unheard::Signature), "{part}");
    }
    // What is not signed may be anything.
    let more = denied.replacen('{', "{\"paymentOption\":{\"a\":[1]},", 1);
    assert!(hear(&more).is_ok());
    for broken in ["", "null", "[]", "{}x", "\u{fffe}"] {
        assert!(matches!(hear(broken), Err(Unheard::Malformed { .. })), "{broken}");
    }
    assert_eq!(hear("{}"), Err(Unheard::Signature));
}

#[test]
fn the_largest_amount_of_the_format_is_read() {
    let report = hear(&result(&json!({ "amount": 999_999_999_999_999_u64 }))).expect("signed");
    assert_eq!(report.amount, Money::vnd(999_999_999_999_999));
}

#[test]
fn an_order_is_signed_and_made_again_is_the_same_call() {
    let Ask::Call(call) = momo().ask_create(&order()) else { panic!("a call") };
    let Ask::Call(again) = momo().ask_create(&order()) else { panic!("a call") };
    assert_eq!(call.body, again.body);
    assert_eq!(call.url, "https://momo.test/v2/gateway/api/create");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    let keys = (Key::new(ACCESS), Key::new(SECRET));
    assert!(signature::CREATE.is_genuine(&keys.0, &keys.1, of(&body)));
    let code = order().code;
    assert_eq!(
        signature::CREATE.text(&keys.0, of(&body)),
        format!(
            "accessKey=access&amount=10000&extraData=&ipnUrl=https://pay.example.gov.vn/partners/\
             momo/webhook&orderId=HS1&orderInfo=Nop phi {code}&partnerCode=MOMOSIM&redirectUrl=\
             https://pay.example.gov.vn/partners/momo/return&requestId=HS1&requestType=captureWallet"
        )
    );
    let told: Value = serde_json::from_str(&text).expect("json");
    assert_eq!((&told["autoCapture"], &told["lang"]), (&json!(true), &json!("vi")));
    assert_eq!(told["amount"], json!(10_000), "an amount is a number");
    let reference = momo().reference(&code, order().created_at, u64::MAX);
    assert_eq!(reference, format!("{code}YYYY"), "at most 50 letters and digits");
    assert_eq!(momo().limits(), Some((Money::vnd(1_000), Money::vnd(50_000_000))));
}

fn created(status: u16, changes: &Value) -> Created {
    let mut body = json!({
        "partnerCode": "MOMOSIM", "requestId": "HS1", "orderId": "HS1", "amount": 10_000,
        "responseTime": 1_795_312_830_000_u64, "message": "ok", "resultCode": 0,
        "payUrl": "https://momo.test/pay?t=1",
    });
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    momo().hear_create(&order(), Answer { status, body: body.to_string().as_bytes() })
}

#[test]
fn an_answer_to_a_new_order_is_ready_refused_or_unknown() {
    let Created::Ready(instruction) = created(200, &json!({})) else { panic!("ready") };
    assert_eq!(instruction.pay_url.as_deref(), Some("https://momo.test/pay?t=1"));
    for code in [20, 21, 22, 42, 45, 47, 98, 99, 1017, 2019] {
        let refused = created(400, &json!({ "resultCode": code }));
        assert_eq!(refused, Created::Refused { code: code.to_string() });
    }
    for code in [9, 10, 11, 12, 13, 40, 41, 43, 1000, 7000, 7002, 8000, 9000, 4001, 5] {
        let unknown = created(200, &json!({ "resultCode": code }));
        assert!(matches!(unknown, Created::Unknown { .. }), "{code}: {unknown:?}");
    }
    for (status, changes) in [
        (422, json!({ "resultCode": 7000 })),
        (422, json!({})),
        (500, json!({})),
        (200, json!({ "orderId": "HS2" })),
        (200, json!({ "orderId": null })),
        (200, json!({ "partnerCode": "OTHER" })),
        (200, json!({ "amount": 10_001 })),
        (200, json!({ "payUrl": "" })),
        (200, json!({ "resultCode": null })),
    ] {
        let unknown = created(status, &changes);
        assert!(matches!(unknown, Created::Unknown { .. }), "{changes}: {unknown:?}");
    }
    for body in [&b""[..], b"{}", b"<html>", b"\xff", b"[]"] {
        let told = momo().hear_create(&order(), Answer { status: 200, body });
        assert!(matches!(told, Created::Unknown { .. }));
    }
}

fn standing(status: u16, changes: &Value) -> Standing {
    momo().hear_query(&order(), Answer { status, body: result(changes).as_bytes() })
}

#[test]
fn a_question_has_its_own_request_id_and_its_answer_says_what_the_code_says() {
    let now = order().created_at;
    let ask = |request| momo().ask_query(&order(), now, request).expect("a call").body;
    assert_ne!(ask(1), ask(2));
    let body: Value = serde_json::from_slice(&ask(255)).expect("json");
    assert_eq!(
        (&body["requestId"], &body["orderId"]),
        (&json!("Q00000000000000ff"), &json!("HS1"))
    );
    let Standing::Collected(reports) = standing(200, &json!({})) else { panic!("collected") };
    // The same word as the IPN's, which alone tells the time; the memo is the order's own.
    let told = hear(&result(&json!({}))).expect("an IPN");
    let memo = format!("Nop phi {}", order().code);
    assert_eq!(reports[0], Report { memo, value_time: None, ..told });
    for (code, said) in codes::TABLE {
        let number: u32 = code.parse().expect("a number");
        let told = standing(200, &json!({ "resultCode": number }));
        let right = match (*code, said) {
            ("0" | "9000", _) => matches!(told, Standing::Collected(_)),
            ("1000", _) => matches!(told, Standing::Waiting(_)),
            ("42", _) => told == Standing::NotFound,
            (code, Finality::Final) => told == Standing::Failed { code: code.to_owned() },
            _ => matches!(told, Standing::Unknown { .. }),
        };
        assert!(right, "{code}: {told:?}");
    }
    for (status, changes) in [
        (422, json!({ "resultCode": 7000 })),
        (503, json!({})),
        (200, json!({ "orderId": "HS2" })),
        (200, json!({ "transId": 0 })),
        (200, json!({ "amount": "x" })),
    ] {
        assert!(matches!(standing(status, &changes), Standing::Unknown { .. }), "{changes}");
    }
}

#[test]
fn a_refund_is_the_same_call_each_time_and_within_the_limits() {
    let call = momo().ask_refund(&refund()).expect("a call");
    assert_eq!(call.body, momo().ask_refund(&refund()).expect("a call").body);
    assert_eq!(call.url, "https://momo.test/v2/gateway/api/refund");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    let keys = (Key::new(ACCESS), Key::new(SECRET));
    assert!(signature::REFUND.is_genuine(&keys.0, &keys.1, of(&body)));
    assert_eq!(
        signature::REFUND.text(&keys.0, of(&body)),
        format!(
            "accessKey=access&amount=2500&description=Hoan tien {}&orderId=RF0000000000000001\
             &partnerCode=MOMOSIM&requestId=RF0000000000000001&transId=4088878653",
            order().code
        )
    );
    for amount in [999, 50_000_001] {
        let out = RefundOrder { amount: Money::vnd(amount), ..refund() };
        assert!(momo().ask_refund(&out).is_none(), "{amount}");
    }
    let foreign = RefundOrder { transaction_id: "FT1".to_owned(), ..refund() };
    assert!(momo().ask_refund(&foreign).is_none());
}

#[test]
fn a_refund_is_confirmed_refused_or_followed() {
    let hear = |status: u16, changes: Value| {
        let mut body = json!({
            "partnerCode": "MOMOSIM", "orderId": "RF0000000000000001", "amount": 2_500,
            "requestId": "RF0000000000000001", "transId": 4_088_879_000_u64, "resultCode": 0,
        });
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        momo().hear_refund(&refund(), Answer { status, body: body.to_string().as_bytes() })
    };
    let confirmed = Refunding::Confirmed { partner_refund: Some("4088879000".to_owned()) };
    assert_eq!(hear(200, json!({})), confirmed);
    for code in [1081, 1088, 20, 22, 1004] {
        let refused = Refunding::Refused { code: code.to_string() };
        assert_eq!(hear(200, json!({ "resultCode": code })), refused);
    }
    for code in [9, 40, 43, 7000, 7002] {
        assert_eq!(hear(200, json!({ "resultCode": code })), Refunding::Processing, "{code}");
    }
    assert_eq!(hear(422, json!({ "resultCode": 7000 })), Refunding::Processing);
    for (status, changes) in [
        (200, json!({ "resultCode": 1080 })),
        (200, json!({ "resultCode": 99 })),
        (200, json!({ "resultCode": 13 })),
        (200, json!({ "resultCode": 41 })),
        (200, json!({ "amount": 2_501 })),
        (200, json!({ "orderId": "RF2" })),
        (500, json!({})),
    ] {
        let told = hear(status, changes.clone());
        assert!(matches!(told, Refunding::Unknown { .. }), "{changes}: {told:?}");
    }
}

#[test]
fn what_became_of_a_refund_stands_beside_the_order() {
    let now = refund().created_at;
    let asked = momo().ask_refund_query(&refund(), now, 7).expect("a call");
    let asked: Value = serde_json::from_slice(&asked.body).expect("json");
    assert_eq!(asked["orderId"], "HS1", "the order that was paid");
    let hear = |refunds: Value| {
        let body = result(&json!({ "refundTrans": refunds }));
        momo().hear_refund_query(&refund(), Answer { status: 200, body: body.as_bytes() })
    };
    let one = |id: &str, code: u32| json!({ "orderId": id, "amount": 2_500, "resultCode": code, "transId": 9 });
    assert_eq!(
        hear(json!([one("RF9", 1081), one("RF0000000000000001", 0)])),
        Refunding::Confirmed { partner_refund: Some("9".to_owned()) }
    );
    assert_eq!(hear(json!([one("RF0000000000000001", 7002)])), Refunding::Processing);
    assert_eq!(
        hear(json!([one("RF0000000000000001", 1081)])),
        Refunding::Refused { code: "1081".to_owned() }
    );
    assert_eq!(hear(json!([])), Refunding::NotFound);
    assert!(matches!(hear(json!(null)), Refunding::Unknown { .. }));
    assert!(matches!(
        hear(json!([{ "orderId": "RF0000000000000001" }])),
        Refunding::Unknown { .. }
    ));
}

#[test]
fn a_return_is_read_and_its_signature_told_but_no_more() {
    let body: Value = serde_json::from_str(&result(&json!({ "resultCode": 1006 }))).expect("json");
    let pairs = body.as_object().expect("an object").iter().map(|(name, value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let told = momo().hear_return(&query).expect("a return");
    assert_eq!((told.reference.as_str(), told.code.as_str(), told.genuine), ("HS1", "1006", true));
    let forged = momo().hear_return(&query.replace("=1006", "=0")).expect("a return");
    assert_eq!((forged.code.as_str(), forged.genuine), ("0", false));
    assert_eq!(momo().hear_return(&format!("{query}&resultCode=0")), None, "said twice");
    assert_eq!(momo().hear_return("x=1"), None);
}

#[test]
fn each_verdict_has_its_row_in_the_table_and_no_answer_has_a_body() {
    for (verdict, status) in [
        (Verdict::Recorded, 204),
        (Verdict::Repeat, 204),
        (Verdict::WrongAmount, 204),
        (Verdict::Test, 204),
        (Verdict::BadSignature, 400),
        (Verdict::WrongMerchant, 400),
        (Verdict::Malformed, 400),
        (Verdict::UnknownOrder, 404),
        (Verdict::OtherContent, 409),
        (Verdict::TryLater, 503),
    ] {
        let said = momo().say(verdict);
        assert_eq!((said.status, said.body.as_str()), (status, ""), "{verdict}");
    }
}

#[test]
fn settings_are_whole_and_the_page_is_by_default_where_the_calls_go() {
    assert_eq!(momo().payer_page(), Some("https://momo.test"));
    let elsewhere = momo_with(&json!({ "page_url": "https://pay.momo.test/x" }));
    assert_eq!(elsewhere.payer_page(), Some("https://pay.momo.test/x"));
    for (field, value) in [
        ("base_url", "momo.test"),
        ("partner_code", " "),
        ("access_key", ""),
        ("secret_key", ""),
        ("page_url", "x"),
        ("request_type", ""),
    ] {
        let mut settings = json!({
            "base_url": "https://momo.test", "partner_code": "M", "access_key": "a",
            "secret_key": "s",
        });
        settings[field] = json!(value);
        assert!(Momo::open(settings.to_string().as_bytes()).is_err(), "{field}");
    }
}
