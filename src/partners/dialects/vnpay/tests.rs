use super::codes::{ApiCode, TransactionStatus};
use super::signature::{QUERY_ANSWER, REFUND_ANSWER, REFUND_CALL, query_text, signed_query};
use super::*;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Ask, Callback, Dialect, Instruction, Order, Outcome, RefundOrder, Refunding, Report,
    Standing, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;
use rand::SeedableRng;

const SECRET: &str = "hash-secret";

fn vnpay() -> Vnpay {
    Vnpay::open(
        br#"{"payment_url":"https://v.test/paymentv2/vpcpay.html",
        "api_url":"https://v.test/merchant_webapi/api/transaction",
        "tmn_code":"SIMTMN01","hash_secret":"hash-secret"}"#,
    )
    .expect("settings")
}

fn order() -> Order {
    Order {
        reference: "HS1".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T17:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/vnpay/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/vnpay/webhook".to_owned(),
        payer_ip: "113.160.92.202".to_owned(),
        language: "vi",
    }
}

fn params(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut params = vec![
        ("vnp_Amount", "1000000"),
        ("vnp_BankCode", "NCB"),
        ("vnp_OrderInfo", "Nop phi PG1"),
        ("vnp_PayDate", "20261122090312"),
        ("vnp_ResponseCode", "00"),
        ("vnp_TmnCode", "SIMTMN01"),
        ("vnp_TransactionNo", "14226112"),
        ("vnp_TransactionStatus", "00"),
        ("vnp_TxnRef", "HS1"),
    ];
    for (name, value) in changes {
        params.retain(|(known, _)| known != name);
        params.push((name, value));
    }
    params
}

fn query(changes: &[(&'static str, &'static str)]) -> String {
    signed_query(params(changes), &Key::new(SECRET))
}

fn hear(query: &str) -> Result<Report, Unheard> {
    vnpay().hear_callback(&Callback { query, headers: &[], body: b"" })
}

#[test]
fn collected_money_is_reported_with_everything_that_was_signed() {
    assert_eq!(
        hear(&query(&[])),
        Ok(Report {
            transaction_id: "14226112".to_owned(),
            reference: Some("HS1".to_owned()),
            account: None,
            amount: Money::vnd(10_000),
            memo: "Nop phi PG1".to_owned(),
            value_time: "2026-11-22T02:03:12Z".parse().ok(),
            outcome: Outcome::Collected,
            counter_account: None,
        })
    );
}

#[test]
fn what_is_not_collected_does_not_take_the_key_of_the_money() {
    let id = |changes: &[_]| hear(&query(changes)).map(|r| (r.transaction_id, r.outcome));
    let failed = Outcome::Failed { code: "24".to_owned() };
    let cancelled = [("vnp_ResponseCode", "24"), ("vnp_TransactionStatus", "02")];
    assert_eq!(id(&cancelled), Ok(("HS1:failed:24".to_owned(), failed)));
    let unknown = Outcome::Unknown { code: "07/00".to_owned() };
    let suspicious = [("vnp_ResponseCode", "07")];
    assert_eq!(id(&suspicious), Ok(("HS1:unknown:07/00".to_owned(), unknown)));
    let unknown = Outcome::Unknown { code: "00/00".to_owned() };
    let nameless = [("vnp_TransactionNo", "0")];
    assert_eq!(id(&nameless), Ok(("HS1:unknown:00/00".to_owned(), unknown)));
}

#[test]
fn a_clock_that_is_wrong_or_missing_refuses_nothing() {
    for date in ["", "0", "20261322090312", "99991231235959", "2026-11-22 09:03", "xxxxxxxxxxxxxx"]
    {
        let report = hear(&query(&[("vnp_PayDate", date)])).expect(date);
        assert_eq!(report.value_time.is_some(), date.starts_with("9999"), "{date}");
    }
}

#[test]
fn the_order_of_checks_is_signature_merchant_form() {
    let other = query(&[("vnp_TmnCode", "OTHER001"), ("vnp_Amount", "x")]);
    assert_eq!(hear(&other.replace("x&", "y&")), Err(Unheard::Signature));
    assert_eq!(hear(&other), Err(Unheard::Merchant));
    for amount in ["x", "-100", "1e5", ""] {
        let heard = hear(&query(&[("vnp_Amount", amount)]));
        assert!(matches!(heard, Err(Unheard::Malformed { .. })), "{amount}: {heard:?}");
    }
    // An amount, but none that an order could have.
    for amount in ["150", "00", "99999999999999999999999999900"] {
        let heard = hear(&query(&[("vnp_Amount", amount)]));
        assert!(matches!(heard, Err(Unheard::Amount { .. })), "{amount}: {heard:?}");
    }
    for none in ["", "&&&", "a=b", "vnp_SecureHash=00"] {
        assert!(matches!(hear(none), Err(Unheard::Malformed { .. })), "{none}");
    }
    assert_eq!(hear("vnp_Amount=100"), Err(Unheard::Signature));
}

#[test]
fn whatever_the_order_and_the_encoder_a_genuine_query_is_known() {
    let special = query(&[("vnp_OrderInfo", "le phi !'()*~ cấp")]);
    assert!(hear(&special).is_ok());
    // In another order, with other escapes than those signed, and things that are not signed.
    let mut pairs: Vec<&str> = special.split('&').collect();
    pairs.reverse();
    let reordered = format!("?{}", pairs.join("&"));
    assert!(hear(&reordered).is_err(), "a question mark is not part of a query");
    let reordered = format!("{}&vnp_SecureHashType=HmacSHA512&x=1&vnp_Bill=", pairs.join("&"));
    let escaped = reordered.replace("%21", "!").replace('*', "%2A").replace('+', "%20");
    for query in [&reordered, &escaped] {
        assert!(hear(query).is_ok(), "{query}");
    }
    // Signed over what an official sample's encoder leaves bare.
    let bare = query_text(params(&[])).replace("Nop+phi+PG1", "le!'()*~phi");
    let bare = format!("{bare}&vnp_SecureHash={}", Key::new(SECRET).sha512(&bare));
    assert!(hear(&bare).is_ok());
}

#[test]
fn nothing_can_be_slipped_past_the_signature() {
    let good = query(&[]);
    for added in [
        "&vnp_Amount=100",
        "&vnp%5FAmount=100",
        "&vnp_Extra=1",
        "&vnp%5FTxnRef=HS2",
        "&vnp_SecureHash=00",
    ] {
        for query in [format!("{good}{added}"), format!("{}&{good}", &added[1..])] {
            assert!(hear(&query).is_err(), "{query}");
        }
    }
    assert_eq!(hear(&good.replace("HS1", "HS2")), Err(Unheard::Signature));
}

#[test]
fn a_payment_address_carries_the_whole_order() {
    let Ask::Done(Instruction { pay_url: Some(address), .. }) = vnpay().ask_create(&order()) else {
        panic!("an address")
    };
    let query = address.strip_prefix("https://v.test/paymentv2/vpcpay.html?").expect("the page");
    let received = signature::Received::read(query).expect("a query");
    assert!(received.is_genuine(&Key::new(SECRET)));
    let code = order().code;
    for (name, value) in [
        ("vnp_Version", "2.1.0"),
        ("vnp_Command", "pay"),
        ("vnp_TmnCode", "SIMTMN01"),
        ("vnp_Amount", "1000000"),
        ("vnp_CreateDate", "20261122090000"),
        ("vnp_ExpireDate", "20261123001500"),
        ("vnp_CurrCode", "VND"),
        ("vnp_IpAddr", "113.160.92.202"),
        ("vnp_Locale", "vn"),
        ("vnp_OrderInfo", &format!("Nop phi {code}")),
        ("vnp_OrderType", "other"),
        ("vnp_ReturnUrl", "https://pay.example.gov.vn/partners/vnpay/return"),
        ("vnp_TxnRef", "HS1"),
    ] {
        assert_eq!(received.get(name), Some(value), "{name}");
    }
    let reference = vnpay().reference(&code, order().created_at, u64::MAX);
    assert_eq!(reference, format!("{code}YYYY"));
    assert_eq!(vnpay().reference(&code, order().created_at, 0), format!("{code}0000"));
}

#[test]
fn a_return_is_read_and_its_signature_told_but_no_more() {
    let good = query(&[("vnp_ResponseCode", "24")]);
    let told = vnpay().hear_return(&good).expect("a return");
    assert_eq!((told.reference.as_str(), told.code.as_str(), told.genuine), ("HS1", "24", true));
    let told = vnpay().hear_return(&good.replace("=24", "=00")).expect("a return");
    assert_eq!((told.code.as_str(), told.genuine), ("00", false));
    assert_eq!(vnpay().hear_return("x=1"), None);
}

#[test]
fn each_verdict_has_its_row_in_the_table() {
    for (verdict, code) in [
        (Verdict::Recorded, "00"),
        (Verdict::Repeat, "02"),
        (Verdict::UnknownOrder, "01"),
        (Verdict::WrongAmount, "04"),
        (Verdict::BadSignature, "97"),
        (Verdict::WrongMerchant, "97"),
        (Verdict::OtherContent, "99"),
        (Verdict::Malformed, "99"),
        (Verdict::TryLater, "99"),
        (Verdict::Test, "00"),
    ] {
        let said = vnpay().say(verdict);
        let body: serde_json::Value = serde_json::from_str(&said.body).expect("json");
        assert_eq!((said.status, body["RspCode"].as_str()), (200, Some(code)), "{verdict}");
        assert!(body["Message"].is_string());
    }
}

fn standing(changes: &[(&'static str, &'static str)]) -> Standing {
    let mut fields = params(&[
        ("vnp_ResponseId", "r1"),
        ("vnp_Command", "querydr"),
        ("vnp_Message", "ok"),
        ("vnp_TransactionType", "01"),
    ]);
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    let body = QUERY_ANSWER.body(&fields, &Key::new(SECRET));
    vnpay().hear_query(&order(), Answer { status: 200, body: &body })
}

#[test]
fn a_query_answer_says_what_the_status_says() {
    let Standing::Collected(reports) = standing(&[]) else { panic!("collected") };
    assert_eq!(Ok(reports[0].clone()), hear(&query(&[])), "the same word as the callback's");
    for status in TransactionStatus::ALL {
        let told = standing(&[("vnp_TransactionStatus", status.as_str())]);
        let right = match status {
            TransactionStatus::Success => matches!(told, Standing::Collected(_)),
            TransactionStatus::NotCompleted => matches!(told, Standing::Waiting(_)),
            TransactionStatus::Error => matches!(told, Standing::Failed { .. }),
            _ => matches!(told, Standing::Unknown { .. }),
        };
        assert!(right, "{status}: {told:?}");
    }
    for code in ApiCode::ALL.iter().filter(|code| **code != ApiCode::Ok) {
        let told = standing(&[("vnp_ResponseCode", code.as_str())]);
        let not_found = *code == ApiCode::NotFound;
        assert_eq!(told == Standing::NotFound, not_found, "{code}");
        assert_eq!(matches!(told, Standing::Unknown { .. }), !not_found, "{code}");
    }
    for change in [
        ("vnp_TransactionType", "02"),
        ("vnp_TransactionNo", "0"),
        ("vnp_TxnRef", "HS2"),
        ("vnp_TmnCode", "OTHER001"),
        ("vnp_Command", "refund"),
        ("vnp_Amount", "1"),
    ] {
        assert!(matches!(standing(&[change]), Standing::Unknown { .. }), "{change:?}");
    }
    for body in [&b""[..], b"{}", b"<html>", b"\xff", b"[]"] {
        let told = vnpay().hear_query(&order(), Answer { status: 200, body });
        assert!(matches!(told, Standing::Unknown { .. }));
    }
}

#[test]
fn a_query_names_the_order_by_reference_and_time() {
    let now = "2026-11-22T03:00:00Z".parse().expect("a time");
    let call = vnpay().ask_query(&order(), now, 255).expect("a call");
    assert_eq!(call.url, "https://v.test/merchant_webapi/api/transaction");
    let text = String::from_utf8(call.body).expect("text");
    let body = Object::read(&text).expect("json");
    assert!(signature::QUERY_CALL.is_genuine(&body, &Key::new(SECRET)));
    assert_eq!(
        signature::QUERY_CALL.text(&body),
        "00000000000000ff|2.1.0|querydr|SIMTMN01|HS1|20261122090000|20261122100000|127.0.0.1\
         |Truy van HS1"
    );
}

fn refund(whole: bool, transaction_id: &str) -> RefundOrder {
    RefundOrder {
        reference: "RF00000000000000FF".to_owned(),
        order: order(),
        transaction_id: transaction_id.to_owned(),
        amount: if whole { Money::vnd(10_000) } else { Money::vnd(2_500) },
        whole,
        created_at: "2026-11-22T03:00:00Z".parse().expect("a time"),
        requested_by: "ketoan01".to_owned(),
    }
}

#[test]
fn a_refund_is_the_same_call_each_time_and_signs_a_nought_for_no_number() {
    for (number, sent, signed) in [("0", None, "0"), ("14226112", Some("14226112"), "14226112")] {
        for (whole, kind, amount) in [(true, "02", "1000000"), (false, "03", "250000")] {
            let ask = || vnpay().ask_refund(&refund(whole, number)).expect("a call").body;
            let text = String::from_utf8(ask()).expect("text");
            assert_eq!(ask(), text.as_bytes());
            let body = Object::read(&text).expect("json");
            assert_eq!(body.text("vnp_TransactionNo").as_deref(), sent);
            assert!(REFUND_CALL.is_genuine(&body, &Key::new(SECRET)));
            assert_eq!(
                REFUND_CALL.text(&body),
                format!(
                    "RF00000000000000FF|2.1.0|refund|SIMTMN01|{kind}|HS1|{amount}|{signed}\
                     |20261122090000|ketoan01|20261122100000|127.0.0.1|Hoan tien RF00000000000000FF"
                )
            );
        }
    }
}

#[test]
fn a_new_refund_has_a_request_id_that_vnpay_takes() {
    let reference = vnpay().refund_reference(order().created_at, u64::MAX);
    assert!((1..=32).contains(&reference.len()));
    assert!(reference.bytes().all(|b| b.is_ascii_alphanumeric()));
}

#[test]
fn a_refund_answer_says_how_far_it_is() {
    let heard = |code: &str, status: &str, amount: &str, key: &str| {
        let fields = [
            ("vnp_ResponseId", "f1"),
            ("vnp_Command", "refund"),
            ("vnp_ResponseCode", code),
            ("vnp_TmnCode", "SIMTMN01"),
            ("vnp_TxnRef", "HS1"),
            ("vnp_Amount", amount),
            ("vnp_TransactionNo", "14226999"),
            ("vnp_TransactionStatus", status),
        ];
        let body = REFUND_ANSWER.body(&fields, &Key::new(key));
        vnpay().hear_refund(&refund(false, "0"), Answer { status: 200, body: &body })
    };
    let told = |status: &str| heard("00", status, "250000", SECRET);
    let confirmed = Refunding::Confirmed { partner_refund: Some("14226999".to_owned()) };
    assert_eq!(told("05"), Refunding::Processing);
    assert_eq!(told("06"), confirmed);
    assert_eq!(told("00"), confirmed);
    assert_eq!(told("09"), Refunding::Refused { code: "09".to_owned() });
    assert_eq!(heard("94", "", "", SECRET), Refunding::Processing);
    for code in ["02", "03", "91", "95", "97"] {
        let refused = Refunding::Refused { code: code.to_owned() };
        assert_eq!(heard(code, "", "", SECRET), refused, "{code}");
    }
    for unknown in [
        heard("99", "", "", SECRET),
        heard("98", "", "", SECRET),
        told(""),
        told("02"),
        told("04"),
        told("07"),
        heard("00", "06", "250000", "other"),
        heard("00", "06", "240000", SECRET),
    ] {
        assert!(matches!(unknown, Refunding::Unknown { .. }), "{unknown:?}");
    }
}

#[test]
fn an_answer_about_another_refund_says_nothing_of_this_one() {
    let asked = |whole: bool, changes: &[(&'static str, &'static str)]| {
        let mut fields = params(&[
            ("vnp_ResponseId", "r1"),
            ("vnp_Command", "querydr"),
            ("vnp_TransactionNo", "14226999"),
            ("vnp_OrderInfo", "Hoan tien RF00000000000000FF"),
        ]);
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        let body = QUERY_ANSWER.body(&fields, &Key::new(SECRET));
        let refund = refund(whole, "14226112");
        vnpay().hear_refund_query(&refund, Answer { status: 200, body: &body })
    };
    let full = ("vnp_TransactionType", "02");
    let part = [("vnp_TransactionType", "03"), ("vnp_Amount", "250000")];
    let status = |code| ("vnp_TransactionStatus", code);
    assert_eq!(asked(true, &[full, status("05")]), Refunding::Processing);
    assert!(matches!(asked(true, &[full, status("06")]), Refunding::Confirmed { .. }));
    assert!(matches!(
        asked(true, &[full, status("06"), ("vnp_OrderInfo", "another text")]),
        Refunding::Confirmed { .. }
    ));
    assert!(matches!(asked(true, &[full, status("09")]), Refunding::Refused { .. }));
    assert!(matches!(asked(false, &[part[0], part[1], status("06")]), Refunding::Confirmed { .. }));
    assert_eq!(asked(true, &[("vnp_ResponseCode", "91")]), Refunding::NotFound);
    for unknown in [
        asked(true, &[]),
        asked(true, &[("vnp_TransactionType", "01"), status("00")]),
        asked(true, &[part[0], part[1], status("06")]),
        asked(true, &[full, status("06"), ("vnp_Amount", "900000")]),
        asked(true, &[full, status("06"), ("vnp_TxnRef", "HS2")]),
        asked(true, &[full, status("06"), ("vnp_ResponseCode", "94")]),
        asked(false, &[part[0], part[1], status("06"), ("vnp_OrderInfo", "Hoan tien RF1")]),
    ] {
        assert!(matches!(unknown, Refunding::Unknown { .. }), "{unknown:?}");
    }
}

#[test]
fn settings_are_whole_or_refused_and_never_shown() {
    let shown = format!("{:?}", vnpay());
    assert!(!shown.contains(SECRET), "{shown}");
    for bad in ["{}", "[]", r#"{"hash_secret":"hash-secret"}"#, r#"{"hash_secret":5}"#] {
        assert!(Vnpay::open(bad.as_bytes()).is_err());
    }
}
