use super::checksum::text;
use super::*;
use crate::partners::dialects::{
    Answer, Ask, Bill, BillQuestion, Callback, Dialect, Instruction, Order, Outcome, Report,
    Standing, Unheard, Verdict, form,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use rand::SeedableRng;
use serde_json::Value;

const SETTINGS: &str = r#"{"payment_url":"https://vt.test/PaymentGateway/payment","search_url":
    "https://vt.test/search","merchant_code":"SIMGOV","access_code":"SIMACCESS","hash_key":
    "SIMVIETTELHASHKEY","failed_statuses":"2, 3","confirmed_by_partner":true}"#;

fn viettel() -> Viettel {
    Viettel::open(SETTINGS.as_bytes()).expect("settings")
}

fn order() -> Order {
    Order {
        reference: "HS0001".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(20_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/viettel/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/viettel/webhook".to_owned(),
        payer_ip: "10.0.0.1".to_owned(),
        language: "vi",
    }
}

fn question(merchant: &str, check_sum: &str) -> Result<BillQuestion, Unheard> {
    let body = form::write([
        ("billcode", "BC001"),
        ("merchant_code", merchant),
        ("order_id", "HS0001"),
        ("check_sum", check_sum),
    ]);
    viettel().hear_bill_question(&Callback { query: "", headers: &[], body: body.as_bytes() })
}

#[test]
fn what_is_owed_is_told_to_who_knows_the_key_and_to_nobody_else() {
    // The check sum of the shared vectors.
    let genuine = question("SIMGOV", "425257710fad27c02d68bc9553837ab2701c8888").expect("read");
    let said = |question: &BillQuestion, bill: Bill| -> Value {
        serde_json::from_str(&viettel().say_bill(question, &bill).body).expect("json")
    };
    let owed = said(&genuine, Bill::Owed(Money::vnd(20_000)));
    assert_eq!(
        (owed["error_code"].as_str(), owed["trans_amount"].as_str()),
        (Some("00"), Some("20000"))
    );
    let signed = "SIMACCESSBC00100SIMGOVHS000120000";
    assert_eq!(owed["check_sum"], Key::new("SIMVIETTELHASHKEY").sha1(signed));

    let forged = question("SIMGOV", "425257710fad27c02d68bc9553837ab2701c8889").expect("read");
    for (question, bill, code) in [
        (&forged, Bill::Owed(Money::vnd(20_000)), "02"),
        (&genuine, Bill::Owed(Money::vnd(20_001)), "02"),
        (&genuine, Bill::Unknown, "01"),
        (&forged, Bill::Unknown, "01"),
        (&genuine, Bill::CannotSay, "03"),
    ] {
        let answer = said(question, bill);
        assert_eq!(
            (answer["error_code"].as_str(), &answer["trans_amount"]),
            (Some(code), &"".into())
        );
        assert_eq!(answer["order_id"], "HS0001");
    }
    assert_eq!(question("OTHER", "00"), Err(Unheard::Merchant));
    assert!(matches!(question("SIMGOV", ""), Err(Unheard::Malformed { .. })));
}

fn result(viettel: &Viettel, changes: &[(&'static str, &'static str)]) -> String {
    let mut fields = vec![
        ("billcode", "BC001"),
        ("cust_msisdn", "84970000000"),
        ("error_code", "00"),
        ("merchant_code", "SIMGOV"),
        ("order_id", "HS0001"),
        ("payment_status", "1"),
        ("trans_amount", "20000"),
        ("vt_transaction_id", "VT1"),
    ];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    let unsigned = ["cust_msisdn", "error_code"];
    let signed = fields.iter().copied().filter(|(name, _)| !unsigned.contains(name));
    let signed = text(signed.chain([("access_code", "SIMACCESS")]));
    let key = Key::new("SIMVIETTELHASHKEY");
    let check_sum = match viettel.result_hash {
        ResultHash::Sha1 => key.sha1(&signed),
        ResultHash::Sha256 => key.sha256(&signed),
    };
    form::write(fields.into_iter().chain([("check_sum", check_sum.as_str())]))
}

fn hear(viettel: &Viettel, body: &str) -> Result<Report, Unheard> {
    viettel.hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
}

#[test]
fn a_result_is_believed_by_its_check_sum_in_the_hash_that_is_set() {
    let sha1 = viettel();
    let settings = SETTINGS.replace("\"hash_key\"", "\"result_hash\":\"sha256\",\"hash_key\"");
    let sha256 = Viettel::open(settings.as_bytes()).expect("settings");
    for (one, other) in [(&sha1, &sha256), (&sha256, &sha1)] {
        let report = hear(one, &result(one, &[])).expect("signed");
        assert_eq!((report.transaction_id.as_str(), report.amount), ("VT1", Money::vnd(20_000)));
        assert_eq!(report.reference.as_deref(), Some("HS0001"));
        assert_eq!(hear(other, &result(one, &[])), Err(Unheard::Signature));
    }
    let good = result(&sha1, &[]);
    for (part, with) in [("20000", "2000"), ("HS0001", "HS0002"), ("VT1", "VT2"), ("=1&", "=2&")] {
        assert_eq!(hear(&sha1, &good.replacen(part, with, 1)), Err(Unheard::Signature), "{part}");
    }
    assert_eq!(hear(&sha1, ""), Err(Unheard::Signature));
    assert_eq!(hear(&sha1, &result(&sha1, &[("merchant_code", "X")])), Err(Unheard::Merchant));
    for amount in ["0", "-1", "1.5", "x"] {
        let heard = hear(&sha1, &result(&sha1, &[("trans_amount", amount)]));
        assert!(matches!(heard, Err(Unheard::Malformed { .. })), "{amount}");
    }
}

#[test]
fn only_paid_collects_and_only_what_is_set_fails() {
    let told = |status| hear(&viettel(), &result(&viettel(), &[("payment_status", status)]));
    let failed = told("2").expect("signed");
    assert_eq!(failed.outcome, Outcome::Failed { code: "2".to_owned() });
    assert_eq!(failed.transaction_id, "HS0001:failed:2");
    for unknown in ["0", "4", "01", "x"] {
        assert!(matches!(told(unknown).expect("signed").outcome, Outcome::Unknown { .. }));
    }
    let unsigned = hear(&viettel(), &result(&viettel(), &[("error_code", "22")]));
    assert_eq!(unsigned.expect("signed").outcome, Outcome::Collected, "not signed: not believed");
}

#[test]
fn the_answer_to_a_result_names_its_order_and_is_signed() {
    let body = result(&viettel(), &[]);
    let callback = Callback { query: "", headers: &[], body: body.as_bytes() };
    for (verdict, code) in [
        (Verdict::Recorded, "00"),
        (Verdict::Repeat, "00"),
        (Verdict::WrongAmount, "00"),
        (Verdict::Test, "00"),
        (Verdict::UnknownOrder, "01"),
        (Verdict::WrongMerchant, "01"),
        (Verdict::BadSignature, "02"),
        (Verdict::OtherContent, "03"),
        (Verdict::Malformed, "03"),
        (Verdict::TryLater, "03"),
    ] {
        let said = viettel().say_to(&callback, verdict);
        let answer: Value = serde_json::from_str(&said.body).expect("json");
        assert_eq!(
            (answer["error_code"].as_str(), &answer["order_id"]),
            (Some(code), &"HS0001".into())
        );
        let signed = format!("SIMACCESS{code}SIMGOVHS0001");
        assert_eq!(answer["check_sum"], Key::new("SIMVIETTELHASHKEY").sha1(&signed));
    }
    let recorded = viettel().say_to(&callback, Verdict::Recorded);
    assert!(recorded.body.contains("858707447a96f6d7f33a9cbce8de21243fd37ba4"), "the vectors' own");
}

#[test]
fn a_payment_address_and_a_search_are_signed() {
    let Ask::Done(Instruction { pay_url: Some(address), .. }) = viettel().ask_create(&order())
    else {
        panic!("an address")
    };
    let read = form::read(address.split_once('?').expect("a query").1).expect("a form");
    let code = order().code;
    let signed = format!("SIMACCESS{code}PAYMENTSIMGOVHS0001200002.0");
    assert_eq!(read["check_sum"], Key::new("SIMVIETTELHASHKEY").sha1_base64(&signed));
    assert!(!address.contains("SIMACCESS") && !address.contains("access_code"), "{address}");

    let call = viettel().ask_query(&order(), order().created_at, 1).expect("a call");
    let sent = form::read(std::str::from_utf8(&call.body).expect("text")).expect("a form");
    assert_eq!(sent["check_sum"], "f29e46a39709fd4a79557b4a4636812677de5002", "the vectors' own");
}

#[test]
fn a_search_is_believed_signed_and_about_this_order() {
    let told = |changes: &[_]| {
        let fields = form::read(&result(&viettel(), changes)).expect("a form");
        let body = serde_json::to_vec(&fields).expect("json");
        viettel().hear_query(&order(), Answer { status: 200, body: &body })
    };
    assert!(matches!(told(&[]), Standing::Collected(_)));
    assert!(matches!(told(&[("payment_status", "3")]), Standing::Failed { .. }));
    for unknown in [
        told(&[("payment_status", "0")]),
        told(&[("order_id", "HS0002")]),
        told(&[("merchant_code", "X")]),
        viettel().hear_query(
            &order(),
            Answer { status: 200, body: br#"{"order_id":"HS0001","payment_status":"1"}"# },
        ),
        viettel().hear_query(&order(), Answer { status: 502, body: b"<html>" }),
    ] {
        assert!(matches!(unknown, Standing::Unknown { .. }), "{unknown:?}");
    }
}

#[test]
fn it_stays_off_until_the_partner_has_confirmed_it() {
    let off = SETTINGS.replace("\"confirmed_by_partner\":true", "\"confirmed_by_partner\":false");
    let error = Viettel::open(off.as_bytes()).expect_err("off").to_string();
    assert!(error.contains("switched off") && error.contains("not verified"), "{error}");
    for bad in [
        SETTINGS.replace("SIMVIETTELHASHKEY", ""),
        SETTINGS.replace("2, 3", "1, 3"),
        SETTINGS.replace("\"hash_key\"", "\"result_hash\":\"md5\",\"hash_key\""),
        "{}".to_owned(),
    ] {
        let error = Viettel::open(bad.as_bytes()).expect_err(&bad).to_string();
        assert!(!error.contains("HASHKEY"), "{error}");
    }
    assert!(!format!("{:?}", viettel()).contains("SIMACCESS"));
}
