use std::collections::BTreeMap;

use super::report::outcome;
use super::signature::{HASH, fields_text, is_genuine};
use super::*;
use crate::partners::dialects::{
    Answer, Ask, Callback, Dialect, Instruction, Order, Outcome, Report, Standing, Unheard,
    Verdict, form,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use rand::SeedableRng;

const SETTINGS: &str = r#"{"payment_url":"https://op.test/onecomm-pay/vpc.op","query_url":
    "https://op.test/onecomm-pay/Vpcdps.op","merchant":"SIMGOV","access_code":"SIMACC01",
    "secure_secret":"0123456789ABCDEF0123456789ABCDEF","confirmed_by_partner":true}"#;

fn onepay() -> Onepay {
    Onepay::open(SETTINGS.as_bytes()).expect("settings")
}

fn order() -> Order {
    Order {
        reference: "TXN0001".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/onepay/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/onepay/webhook".to_owned(),
        payer_ip: "10.0.0.1".to_owned(),
        language: "vi",
    }
}

fn fields(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut fields = vec![
        ("vpc_Amount", "1000000"),
        ("vpc_Command", "pay"),
        ("vpc_CurrencyCode", "VND"),
        ("vpc_MerchTxnRef", "TXN0001"),
        ("vpc_Merchant", "SIMGOV"),
        ("vpc_OrderInfo", "lệ phí"),
        ("vpc_TransactionNo", "1618136"),
        ("vpc_TxnResponseCode", "0"),
    ];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

fn signed(changes: &[(&'static str, &'static str)]) -> String {
    let fields = fields(changes);
    let hash = onepay().key.sign(&fields_text(fields.iter().copied()));
    form::write(fields.into_iter().chain([(HASH, hash.as_str())]))
}

fn hear(query: &str) -> Result<Report, Unheard> {
    onepay().hear_callback(&Callback { query, headers: &[], body: b"" })
}

#[test]
fn collected_money_is_heard_by_get_and_by_post() {
    let report = hear(&signed(&[])).expect("signed");
    assert_eq!((report.transaction_id.as_str(), report.amount), ("1618136", Money::vnd(10_000)));
    assert_eq!((report.reference.as_deref(), report.memo.as_str()), (Some("TXN0001"), "lệ phí"));
    let body = signed(&[]);
    let callback = Callback { query: "", headers: &[], body: body.as_bytes() };
    assert_eq!(onepay().hear_callback(&callback), Ok(report));
}

#[test]
fn a_code_is_a_word_and_only_known_noes_fail() {
    assert_eq!(outcome("0"), Outcome::Collected);
    for failed in ["99", "1", "3", "13", "21", "25"] {
        assert!(matches!(outcome(failed), Outcome::Failed { .. }), "{failed}");
    }
    for unknown in ["00", "000", "0.0", "7", "300", "253", "B", "F", "Z", "2", "26", " 0"] {
        assert!(matches!(outcome(unknown), Outcome::Unknown { .. }), "{unknown}");
    }
    let id = |changes: &[_]| hear(&signed(changes)).map(|r| r.transaction_id);
    let cancelled = [("vpc_TxnResponseCode", "99"), ("vpc_TransactionNo", "0")];
    assert_eq!(id(&cancelled), Ok("TXN0001:failed:99".to_owned()));
    assert_eq!(id(&[("vpc_TxnResponseCode", "300")]), Ok("TXN0001:unknown:300".to_owned()));
    assert_eq!(id(&[("vpc_TransactionNo", "0")]), Ok("TXN0001:unknown:0".to_owned()));
}

#[test]
fn the_order_of_checks_is_signature_merchant_form() {
    let other = signed(&[("vpc_Merchant", "OTHER"), ("vpc_Amount", "x")]);
    assert_eq!(hear(&other.replace("TXN0001", "TXN0002")), Err(Unheard::Signature));
    assert_eq!(hear(&other), Err(Unheard::Merchant));
    for amount in ["x", "-100", "150", "00", "0", "1e5", "99999999999999999999999999900"] {
        assert!(matches!(hear(&signed(&[("vpc_Amount", amount)])), Err(Unheard::Malformed { .. })));
    }
    let dollars = [("vpc_CurrencyCode", "USD")];
    assert!(matches!(hear(&signed(&dollars)), Err(Unheard::Malformed { .. })));
    let twice = format!("{}&vpc_Amount=1", signed(&[]));
    assert!(matches!(hear(&twice), Err(Unheard::Malformed { .. })));
    for bare in ["", "a=b", "vpc_SecureHash="] {
        assert_eq!(hear(bare), Err(Unheard::Signature));
    }
    assert!(hear(&format!("{}&extra=unsigned", signed(&[]))).is_ok());
}

#[test]
fn a_payment_address_carries_the_whole_order_and_the_callback_when_it_is_to_be_sent() {
    let address = |onepay: &Onepay| {
        let Ask::Done(Instruction { pay_url: Some(address), .. }) = onepay.ask_create(&order())
        else {
            panic!("an address")
        };
        let (page, query) = address.split_once('?').expect("a query");
        assert_eq!(page, "https://op.test/onecomm-pay/vpc.op");
        form::read(query).expect("a form")
    };
    let read: BTreeMap<String, String> = address(&onepay());
    assert!(is_genuine(&read, &onepay().key));
    assert_eq!(
        (read["vpc_Amount"].as_str(), read["vpc_TicketNo"].as_str()),
        ("1000000", "10.0.0.1")
    );
    assert_eq!(read["AgainLink"], order().page_url);
    assert!(!read.contains_key("vpc_CallbackURL"));
    let sends = SETTINGS.replace("\"merchant\"", "\"callback\":\"sent\",\"merchant\"");
    let sent = address(&Onepay::open(sends.as_bytes()).expect("settings"));
    assert_eq!(sent["vpc_CallbackURL"], order().callback_url);
}

#[test]
fn a_query_answer_is_believed_signed_and_about_this_order() {
    let call = onepay().ask_query(&order(), order().created_at, 1).expect("a call");
    let sent = form::read(std::str::from_utf8(&call.body).expect("text")).expect("a form");
    assert!(is_genuine(&sent, &onepay().key));
    assert_eq!(sent["vpc_Command"], "queryDR");
    let told = |changes: &[_]| {
        let body = signed(changes);
        onepay().hear_query(&order(), Answer { status: 200, body: body.as_bytes() })
    };
    let exists = ("vpc_DRExists", "Y");
    assert!(matches!(told(&[exists]), Standing::Collected(_)));
    assert_eq!(told(&[("vpc_DRExists", "N")]), Standing::NotFound);
    assert!(matches!(told(&[exists, ("vpc_TxnResponseCode", "21")]), Standing::Failed { .. }));
    for unknown in [
        told(&[]),
        told(&[exists, ("vpc_TxnResponseCode", "300")]),
        told(&[exists, ("vpc_MerchTxnRef", "TXN0002")]),
        told(&[exists, ("vpc_Merchant", "OTHER")]),
        onepay().hear_query(&order(), Answer { status: 200, body: b"vpc_DRExists=N" }),
    ] {
        assert!(matches!(unknown, Standing::Unknown { .. }), "{unknown:?}");
    }
}

#[test]
fn the_answer_is_one_of_two_words() {
    for verdict in Verdict::ALL {
        let said = onepay().say(*verdict);
        let booked = matches!(
            verdict,
            Verdict::Recorded
                | Verdict::Repeat
                | Verdict::UnknownOrder
                | Verdict::WrongAmount
                | Verdict::Test
        );
        let words = if booked {
            "responsecode=1&desc=confirm-success"
        } else {
            "responsecode=0&desc=confirm-fail"
        };
        assert_eq!((said.status, said.body.as_str()), (200, words), "{verdict}");
    }
}

#[test]
fn a_return_is_read_and_its_signature_told_but_no_more() {
    let returned = onepay().hear_return(&signed(&[])).expect("a return");
    assert!(returned.genuine && returned.reference == "TXN0001" && returned.code == "0");
    let forged = onepay().hear_return("vpc_MerchTxnRef=TXN0001&vpc_TxnResponseCode=0");
    assert!(!forged.expect("a return").genuine);
    assert_eq!(onepay().hear_return("x=1"), None);
}

#[test]
fn it_stays_off_until_the_partner_has_confirmed_it() {
    for off in [
        SETTINGS.replace(",\"confirmed_by_partner\":true", ""),
        SETTINGS.replace("\"confirmed_by_partner\":true", "\"confirmed_by_partner\":false"),
    ] {
        let error = Onepay::open(off.as_bytes()).expect_err("off");
        assert!(matches!(error, SettingsError::Unconfirmed { .. }));
        assert!(
            error.to_string().contains("switched off") && error.to_string().contains("queryDR")
        );
    }
    for bad in [
        SETTINGS.replace("0123456789ABCDEF0123456789ABCDEF", "not hex"),
        SETTINGS.replace("0123456789ABCDEF0123456789ABCDEF", ""),
        SETTINGS.replace("https://op.test/onecomm-pay/vpc.op", "op.test"),
        SETTINGS.replace("\"merchant\"", "\"callback\":\"x\",\"merchant\""),
        "{}".to_owned(),
    ] {
        assert!(Onepay::open(bad.as_bytes()).is_err());
    }
    assert!(!format!("{:?}", onepay()).contains("0123456789ABCDEF"));
}
