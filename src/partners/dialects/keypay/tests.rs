use super::*;
use crate::partners::dialects::{
    Answer, Ask, Callback, Created, Dialect, Order, Standing, Unheard, Verdict, form,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use rand::SeedableRng;

const SETTINGS: &str = r#"{"create_url":"https://kp.test/create","detail_url":
    "https://kp.test/detail","client_id":"SIMCLIENT","hash_key_1":"SIMKEYPAYHASH1","pay_url_field":
    "pay_url","status_field":"status","transaction_field":"bank_id","amount_field":"trans_amount",
    "paid_status":"1","failed_statuses":"2,3","confirmed_by_partner":true}"#;

fn keypay() -> Keypay {
    Keypay::open(SETTINGS.as_bytes()).expect("settings")
}

fn order() -> Order {
    Order {
        reference: "101_6f1d2c3b-aaaa-bb".to_owned(),
        code: InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1)),
        amount: Money::vnd(20_000),
        created_at: "2026-11-22T02:00:00Z".parse().expect("a time"),
        expires_at: "2026-11-22T02:15:00Z".parse().expect("a time"),
        return_url: "https://pay.example.gov.vn/partners/keypay/return".to_owned(),
        page_url: "https://pay.example.gov.vn/pay/t".to_owned(),
        callback_url: "https://pay.example.gov.vn/partners/keypay/webhook".to_owned(),
        payer_ip: "10.0.0.1".to_owned(),
        language: "vi",
    }
}

#[test]
fn both_calls_have_the_check_sums_of_the_vectors() {
    let Ask::Call(create) = keypay().ask_create(&order()) else { panic!("a call") };
    let detail = keypay().ask_query(&order(), order().created_at, 1).expect("a call");
    for (call, url, check_sum) in [
        (
            create,
            "https://kp.test/create",
            "671bbe4752e2026e2d7002a4cd3241b39722db7199c73fbb6b157ccab5d70fbb",
        ),
        (
            detail,
            "https://kp.test/detail",
            "49bbaf75ced65e62589132198905a7aebb75ec9218ed027ed5ac5d4ad56f2725",
        ),
    ] {
        assert_eq!(call.url, url);
        let sent = form::read(std::str::from_utf8(&call.body).expect("text")).expect("a form");
        assert_eq!(sent["check_sum"], check_sum);
    }
}

#[test]
fn only_an_answer_with_a_page_makes_an_order_ready() {
    let created = |status, body: &str| {
        keypay().hear_create(&order(), Answer { status, body: body.as_bytes() })
    };
    assert!(matches!(created(200, r#"{"pay_url":"https://kp.test/p"}"#), Created::Ready(_)));
    for (status, body) in [
        (200, "{}"),
        (200, r#"{"pay_url":"javascript:alert(1)"}"#),
        (200, "<html>"),
        (500, r#"{"pay_url":"https://kp.test/p"}"#),
    ] {
        assert!(matches!(created(status, body), Created::Unknown { .. }), "{body}");
    }
}

#[test]
fn a_detail_is_believed_when_it_names_this_order_and_its_amount() {
    let told = |changes: &[(&str, &str)]| {
        let mut body = r#"{"transaction_id":"101_6f1d2c3b-aaaa-bb","status":"1","bank_id":"KP1",
            "trans_amount":20000}"#
            .to_owned();
        for (part, with) in changes {
            body = body.replace(part, with);
        }
        keypay().hear_query(&order(), Answer { status: 200, body: body.as_bytes() })
    };
    let Standing::Collected(reports) = told(&[]) else { panic!("collected") };
    assert_eq!(
        (reports[0].transaction_id.as_str(), reports[0].amount),
        ("KP1", Money::vnd(20_000))
    );
    assert_eq!(told(&[("\"1\"", "\"3\"")]), Standing::Failed { code: "3".to_owned() });
    for change in
        [("\"1\"", "\"0\""), ("101_", "102_"), ("20000", "2000"), ("20000", "null"), ("KP1", "")]
    {
        assert!(matches!(told(&[change]), Standing::Unknown { .. }), "{change:?}");
    }
}

#[test]
fn no_callback_is_believed() {
    let callback = Callback { query: "status=1", headers: &[], body: br#"{"status":"1"}"# };
    let heard = keypay().hear_callback(&callback);
    let Err(unheard @ Unheard::Malformed { .. }) = heard else { panic!("{heard:?}") };
    assert!(keypay().say(Verdict::from(&unheard)).body.contains("\"return_code\":-1"));
    assert!(keypay().say(Verdict::Recorded).body.contains("\"return_code\":0"));
    assert!(keypay().polls_every().is_some(), "so it is asked after");
}

#[test]
fn it_stays_off_until_the_partner_has_confirmed_it() {
    let off = SETTINGS.replace("\"confirmed_by_partner\":true", "\"confirmed_by_partner\":false");
    let error = Keypay::open(off.as_bytes()).expect_err("off").to_string();
    assert!(error.contains("switched off") && error.contains("callback"), "{error}");
    for bad in [
        SETTINGS.replace("SIMKEYPAYHASH1", ""),
        SETTINGS.replace("\"2,3\"", "\"2,1\""),
        SETTINGS.replace("\"pay_url\"", "\"\""),
        "{}".to_owned(),
    ] {
        assert!(Keypay::open(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(!format!("{:?}", keypay()).contains("SIMKEYPAYHASH1"));
}
