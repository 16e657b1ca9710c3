use super::*;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Ask, Callback, Created, Dialect, Order, Outcome, RefundOrder, Refunding, Report,
    Standing, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use rand::SeedableRng;
use serde_json::{Value, json};

const KEY1: &str = "key-one";
const KEY2: &str = "key-two";

fn settings() -> Value {
    json!({
        "base_url": "https://zalo.test/", "page_url": "https://page.zalo.test", "app_id": "2999",
        "key1": KEY1, "key2": KEY2,
    })
}

fn zalopay() -> Zalopay {
    Zalopay::open(settings().to_string().as_bytes()).expect("settings")
}

fn order() -> Order {
    Order {
        reference: "261122_HS1".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/zalopay/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/zalopay/webhook".to_owned(),
        payer_ip: "113.160.92.202".to_owned(),
        language: "vi",
    }
}

fn refund() -> RefundOrder {
    RefundOrder {
        reference: "261123_2999_000000000000000001".to_owned(),
        order: order(),
        transaction_id: "261122000000389".to_owned(),
        amount: Money::vnd(2_500),
        whole: false,
        created_at: "2026-11-23T02:00:00Z".parse().expect("a time"),
        requested_by: "ketoan01".to_owned(),
    }
}

fn data(changes: &Value) -> String {
    let mut data = json!({
        "app_id": 2999, "app_trans_id": "261122_HS1", "app_time": 1_795_312_800_000_u64,
        "app_user": "nguoi-nop", "amount": 10_000, "embed_data": "{}", "item": "[]",
        "zp_trans_id": 261_122_000_000_389_u64, "server_time": 1_795_312_830_000_u64,
        "channel": 38, "merchant_user_id": "u", "user_fee_amount": 0, "discount_amount": 0,
    });
    for (name, value) in changes.as_object().expect("an object") {
        data[name] = value.clone();
    }
    data.to_string()
}

fn envelope(data: &str, key: &str) -> Value {
    json!({ "data": data, "mac": Key::new(key).sha256(data), "type": 1 })
}

fn hear(body: &Value) -> Result<Report, Unheard> {
    hear_text(&body.to_string())
}

fn hear_text(body: &str) -> Result<Report, Unheard> {
    zalopay().hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
}

#[test]
fn a_paid_order_is_reported_with_its_transaction() {
    assert_eq!(
        hear(&envelope(&data(&json!({})), KEY2)),
        Ok(Report {
            transaction_id: "261122000000389".to_owned(),
            reference: Some("261122_HS1".to_owned()),
            account: None,
            amount: Money::vnd(10_000),
            memo: "261122_HS1".to_owned(),
            value_time: "2026-11-22T02:00:30Z".parse().ok(),
            outcome: Outcome::Collected,
            counter_account: None,
        })
    );
}

#[test]
fn a_fee_on_top_or_a_discount_does_not_change_what_was_paid_for() {
    let changes = json!({ "user_fee_amount": 700, "discount_amount": 2_000 });
    let report = hear(&envelope(&data(&changes), KEY2)).expect("signed");
    assert_eq!(report.amount, Money::vnd(10_000));
    let large = json!({ "amount": 999_999_999_999_999_u64 });
    let report = hear(&envelope(&data(&large), KEY2)).expect("signed");
    assert_eq!(report.amount, Money::vnd(999_999_999_999_999));
}

#[test]
fn the_text_is_verified_as_it_came_blanks_and_all() {
    let spaced = data(&json!({})).replace("\":", "\" : ");
    assert!(hear(&envelope(&spaced, KEY2)).is_ok());
    let mut body = envelope(&spaced, KEY2);
    body["data"] = json!(data(&json!({})));
    assert_eq!(hear(&body), Err(Unheard::Signature), "the same values are not the same text");
    // Written with escapes in the envelope it is still the same text.
    let accents = data(&json!({ "app_user": "Lệ phí" }));
    let escaped = envelope(&accents, KEY2).to_string().replace('ệ', "\\u1ec7");
    assert!(hear_text(&escaped).is_ok());
    // An object instead of a text has no text that was signed.
    let mut body = envelope(&data(&json!({})), KEY2);
    body["data"] = serde_json::from_str(&data(&json!({}))).expect("json");
    assert!(matches!(hear(&body), Err(Unheard::Malformed { .. })));
}

#[test]
fn signed_nonsense_is_malformed_and_unsigned_sense_is_refused() {
    let good = data(&json!({}));
    assert_eq!(hear(&envelope(&good, KEY1)), Err(Unheard::Signature), "callbacks use key2");
    let mut body = envelope(&good, KEY2);
    body["data"] = json!(good.replace("10000", "1000"));
    assert_eq!(hear(&body), Err(Unheard::Signature));
    body["mac"] = json!(null);
    assert_eq!(hear(&body), Err(Unheard::Signature));
    let mut agreement = envelope(&good, KEY2);
    agreement["type"] = json!(2);
    assert!(matches!(hear(&agreement), Err(Unheard::Malformed { .. })));
    let foreign = envelope(&data(&json!({ "app_id": 3000 })), KEY2);
    assert_eq!(hear(&foreign), Err(Unheard::Merchant));
    for changes in [
        json!({ "amount": 0 }),
        json!({ "amount": -1 }),
        json!({ "amount": 1.5 }),
        json!({ "amount": null }),
        json!({ "zp_trans_id": 0 }),
        json!({ "zp_trans_id": null }),
        json!({ "app_trans_id": "" }),
        json!({ "app_trans_id": "a\u{7}" }),
    ] {
        let heard = hear(&envelope(&data(&changes), KEY2));
        assert!(matches!(heard, Err(Unheard::Malformed { .. })), "{changes}: {heard:?}");
    }
    for broken in ["", "null", "[]", "{}x", "{}", "\u{fffe}", r#"{"data":"x","mac":1}"#] {
        assert!(hear_text(broken).is_err(), "{broken}");
    }
    for signed in ["", "null", "[]", "x"] {
        assert!(matches!(hear(&envelope(signed, KEY2)), Err(Unheard::Malformed { .. })));
    }
}

#[test]
fn references_begin_with_the_day_in_viet_nam() {
    let code = order().code;
    let at = |text: &str| text.parse().expect("a time");
    for (now, expected) in [
        ("2026-11-22T16:59:59Z", format!("261122_{code}YYYY")),
        ("2026-11-22T17:00:00Z", format!("261123_{code}YYYY")),
    ] {
        let reference = zalopay().reference(&code, at(now), u64::MAX);
        assert_eq!(reference, expected);
        assert!(reference.len() <= 40);
    }
    let refund = zalopay().refund_reference(at("2026-12-31T17:00:00Z"), 7);
    assert_eq!(refund, "270101_2999_000000000000000007");
    let refund = zalopay().refund_reference(at("2026-12-31T17:00:00Z"), u64::MAX);
    assert_eq!(refund.len(), 6 + 1 + 4 + 1 + 18);
}

#[test]
fn an_order_is_signed_and_made_again_is_the_same_call() {
    let Ask::Call(call) = zalopay().ask_create(&order()) else { panic!("a call") };
    let Ask::Call(again) = zalopay().ask_create(&order()) else { panic!("a call") };
    assert_eq!(call.body, again.body);
    assert_eq!(call.url, "https://zalo.test/v2/create");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    assert!(signature::CREATE.is_genuine(&body, &Key::new(KEY1)));
    assert_eq!(
        signature::CREATE.text(&body, &Key::new(KEY1)),
        "2999|261122_HS1|nguoi-nop|10000|1795312800000|\
         {\"redirecturl\":\"https://pay.example.gov.vn/pay/t\"}|[]"
    );
    let told: Value = serde_json::from_str(&text).expect("json");
    assert_eq!(told["app_id"], json!(2999), "a number");
    assert_eq!(told["expire_duration_seconds"], json!(900));
    assert_eq!(told["callback_url"], json!(order().callback_url));
    // An invoice that ends sooner than ZaloPay lets an order end.
    let hasty = Order { expires_at: "2026-11-22T02:01:00Z".parse().expect("a time"), ..order() };
    let Ask::Call(call) = zalopay().ask_create(&hasty) else { panic!("a call") };
    let told: Value = serde_json::from_slice(&call.body).expect("json");
    assert_eq!(told["expire_duration_seconds"], json!(300));
}

fn answer(body: &Value, hear: impl Fn(&Zalopay, Answer<'_>) -> String) -> String {
    hear(&zalopay(), Answer { status: 200, body: body.to_string().as_bytes() })
}

#[test]
fn an_answer_to_a_new_order_is_ready_refused_or_unknown() {
    let hear = |body: &Value| {
        let body = body.to_string();
        zalopay().hear_create(&order(), Answer { status: 200, body: body.as_bytes() })
    };
    let ready =
        json!({ "return_code": 1, "order_url": "https://page.zalo.test/o", "zp_trans_token": "t" });
    let Created::Ready(instruction) = hear(&ready) else { panic!("ready") };
    assert_eq!(instruction.pay_url.as_deref(), Some("https://page.zalo.test/o"));
    for code in [-33, -401, -402] {
        let refused = hear(&json!({ "return_code": 2, "sub_return_code": code }));
        assert_eq!(refused, Created::Refused { code: code.to_string() });
    }
    for body in [
        json!({ "return_code": 2, "sub_return_code": -68 }),
        json!({ "return_code": 2, "sub_return_code": -500 }),
        json!({ "return_code": 2, "sub_return_code": -9999 }),
        json!({ "return_code": 2 }),
        json!({ "return_code": 3 }),
        json!({ "return_code": 1 }),
        json!({ "return_code": 7 }),
        json!({}),
        json!([]),
    ] {
        assert!(matches!(hear(&body), Created::Unknown { .. }), "{body}");
    }
    let broken = zalopay().hear_create(&order(), Answer { status: 502, body: b"{}" });
    assert!(matches!(broken, Created::Unknown { .. }));
}

#[test]
fn a_question_is_signed_with_the_key_in_its_text_and_answered_by_code() {
    let call = zalopay().ask_query(&order(), order().created_at, 1).expect("a call");
    assert_eq!(call.url, "https://zalo.test/v2/query");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    assert!(signature::QUERY.is_genuine(&body, &Key::new(KEY1)));
    assert_eq!(signature::QUERY.text(&body, &Key::new(KEY1)), "2999|261122_HS1|key-one");
    assert_eq!(zalopay().polls_every(), Some(Duration::seconds(60)));

    let hear = |body: &Value| {
        let body = body.to_string();
        zalopay().hear_query(&order(), Answer { status: 200, body: body.as_bytes() })
    };
    let paid = json!({
        "return_code": 1, "amount": 10_000, "zp_trans_id": 261_122_000_000_389_u64,
        "server_time": 1_795_312_830_000_u64, "discount_amount": 500, "user_fee_amount": 0,
    });
    let Standing::Collected(reports) = hear(&paid) else { panic!("collected") };
    let told = super::tests::hear(&envelope(&data(&json!({})), KEY2)).expect("a word");
    // The answer's time is its own: taken for the payment's, each answer would be another payment.
    assert_eq!(reports, [Report { value_time: None, ..told }]);
    let waiting = json!({ "return_code": 3, "is_processing": false });
    assert!(matches!(hear(&waiting), Standing::Waiting(_)));
    assert!(matches!(hear(&json!({ "return_code": 3 })), Standing::Waiting(_)));
    let failed = json!({ "return_code": 2, "sub_return_code": -54 });
    assert_eq!(hear(&failed), Standing::Failed { code: "-54".to_owned() });
    assert_eq!(hear(&json!({ "return_code": 2 })), Standing::Failed { code: "2".to_owned() });
    let not_found = json!({ "return_code": 2, "sub_return_code": -101 });
    assert_eq!(hear(&not_found), Standing::NotFound);
    for body in [
        json!({ "return_code": 3, "is_processing": true }),
        json!({ "return_code": 2, "sub_return_code": -402 }),
        json!({ "return_code": 2, "sub_return_code": -401 }),
        json!({ "return_code": 2, "sub_return_code": -33 }),
        json!({ "return_code": 2, "sub_return_code": -500 }),
        json!({ "return_code": 1, "amount": 10_000 }),
        json!({ "return_code": 1, "amount": 0, "zp_trans_id": 1 }),
        json!({ "return_code": "x" }),
        json!([1]),
    ] {
        assert!(matches!(hear(&body), Standing::Unknown { .. }), "{body}");
    }
}

#[test]
fn a_refund_is_the_same_call_each_time() {
    let call = zalopay().ask_refund(&refund()).expect("a call");
    assert_eq!(call.body, zalopay().ask_refund(&refund()).expect("a call").body);
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    assert!(signature::REFUND.is_genuine(&body, &Key::new(KEY1)));
    assert_eq!(
        signature::REFUND.text(&body, &Key::new(KEY1)),
        format!("2999|261122000000389|2500|Hoan tien {}|1795399200000", order().code)
    );
    let foreign = RefundOrder { transaction_id: "FT1".to_owned(), ..refund() };
    assert!(zalopay().ask_refund(&foreign).is_none());
    let now = "2026-11-23T03:00:00Z".parse().expect("a time");
    let call = zalopay().ask_refund_query(&refund(), now, 1).expect("a call");
    assert_eq!(call.url, "https://zalo.test/v2/query_refund");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    assert!(signature::REFUND_QUERY.is_genuine(&body, &Key::new(KEY1)));
    assert_eq!(
        signature::REFUND_QUERY.text(&body, &Key::new(KEY1)),
        "2999|261123_2999_000000000000000001|1795402800000"
    );
}

#[test]
fn a_refund_is_taken_first_and_only_the_question_says_how_it_ended() {
    let sent = |body: Value| {
        answer(&body, |it, answer| format!("{:?}", it.hear_refund(&refund(), answer)))
    };
    let asked = |body: Value| {
        answer(&body, |it, answer| format!("{:?}", it.hear_refund_query(&refund(), answer)))
    };
    let told = |refunding: Refunding| format!("{refunding:?}");
    let no = |code: i32| json!({ "return_code": 2, "sub_return_code": code });
    let refused = |code: &str| told(Refunding::Refused { code: code.to_owned() });

    for hear in [&sent as &dyn Fn(Value) -> String, &asked] {
        assert_eq!(hear(json!({ "return_code": 3, "refund_id": 5 })), told(Refunding::Processing));
        let confirmed = Refunding::Confirmed { partner_refund: Some("5".to_owned()) };
        assert_eq!(hear(json!({ "return_code": 1, "refund_id": 5 })), told(confirmed));
        assert!(hear(no(-500)).starts_with("Unknown"));
        assert!(hear(json!({})).starts_with("Unknown"));
    }
    assert_eq!(sent(no(-402)), refused("-402"));
    assert_eq!(sent(no(-68)), told(Refunding::Processing));
    assert!(sent(no(-13)).starts_with("Unknown"), "it may have been taken before");
    assert_eq!(asked(no(-13)), refused("-13"));
    assert_eq!(asked(no(-101)), told(Refunding::NotFound));
    assert!(asked(no(-402)).starts_with("Unknown"));
}

#[test]
fn each_verdict_has_its_row_in_the_table() {
    for (verdict, code) in [
        (Verdict::Recorded, 1),
        (Verdict::Test, 1),
        (Verdict::Repeat, 2),
        (Verdict::BadSignature, -1),
        (Verdict::WrongMerchant, -1),
        (Verdict::UnknownOrder, 0),
        (Verdict::WrongAmount, 0),
        (Verdict::OtherContent, 0),
        (Verdict::Malformed, 0),
        (Verdict::TryLater, 0),
    ] {
        let said = zalopay().say(verdict);
        let body: Value = serde_json::from_str(&said.body).expect("json");
        assert_eq!((said.status, &body["return_code"]), (200, &json!(code)), "{verdict}");
        assert!(body["return_message"].is_string());
    }
}

#[test]
fn settings_are_whole() {
    for (field, value) in [
        ("base_url", "zalo.test"),
        ("page_url", ""),
        ("app_id", "0"),
        ("app_id", "x"),
        ("app_id", "99999999999"),
        ("key1", ""),
        ("key2", " "),
        ("app_user", ""),
        ("poll_seconds", "0"),
        ("poll_seconds", "901"),
    ] {
        let mut settings = settings();
        settings[field] = json!(value);
        assert!(Zalopay::open(settings.to_string().as_bytes()).is_err(), "{field} {value}");
    }
}
