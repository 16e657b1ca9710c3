//! Whatever bytes come in, a dialect answers; and nothing that was changed is believed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::partners::dialects::key::Key;

const ROUNDS: usize = 3_000;

fn dialects() -> Vec<Arc<dyn Dialect>> {
    let payos = br#"{"base_url":"http://b.test","client_id":"c","api_key":"a","checksum_key":"k"}"#;
    let vnpay = br#"{"payment_url":"http://v.test/p","api_url":"http://v.test/a","tmn_code":"T",
        "hash_secret":"k"}"#;
    let momo = br#"{"base_url":"http://m.test","partner_code":"M","access_key":"a",
        "secret_key":"k"}"#;
    let zalopay = br#"{"base_url":"http://z.test","page_url":"http://z.test","app_id":"1",
        "key1":"k","key2":"k"}"#;
    let sepay = br#"{"authentication":"hmac","secret":"k"}"#;
    let onepay = br#"{"payment_url":"http://o.test/p","query_url":"http://o.test/q","merchant":"M",
        "access_code":"A","secure_secret":"00ff","confirmed_by_partner":true}"#;
    let viettel = br#"{"payment_url":"http://w.test/p","search_url":"http://w.test/s",
        "merchant_code":"M","access_code":"A","hash_key":"k","confirmed_by_partner":true}"#;
    let keypay =
        br#"{"create_url":"http://k.test/c","detail_url":"http://k.test/d","client_id":"C",
        "hash_key_1":"k","pay_url_field":"u","status_field":"s","transaction_field":"t",
        "amount_field":"a","paid_status":"1","confirmed_by_partner":true}"#;
    [
        ("payos", &payos[..]),
        ("vnpay", vnpay),
        ("momo", momo),
        ("zalopay", zalopay),
        ("plain", b"{}"),
        ("sepay", sepay),
        ("onepay", onepay),
        ("viettel", viettel),
        ("keypay", keypay),
    ]
    .map(|(name, settings)| from_settings(name, settings).expect(name))
    .into()
}

fn order() -> Order {
    Order {
        reference: "1001".to_owned(),
        code: InvoiceCode::draw(&mut StdRng::seed_from_u64(1)),
        amount: Money::vnd(10_000),
        created_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::UNIX_EPOCH,
        return_url: "http://x.test".to_owned(),
        page_url: "http://x.test/pay/t".to_owned(),
        callback_url: "http://x.test/partners/x/webhook".to_owned(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    }
}

/// Cuts, flips, repeats, inserts: one to four changes.
fn mangle(good: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..random.random_range(1..5) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = random.random(),
            3 => bytes.insert(at, random.random()),
            _ => drop(bytes.drain(..at)),
        }
    }
    bytes
}

fn webhook() -> Vec<u8> {
    let data = r#"{"orderCode":1001,"amount":10000,"description":"Lệ phí","reference":"FT1",
        "accountNumber":"1","transactionDateTime":"2026-11-22 09:03:12","currency":"VND","code":"00",
        "paymentLinkId":"l","transactions":[{"reference":"FT1","amount":10000}],"status":"PAID"}"#;
    let text = payos::signature::data_text(&json::Object::read(data).expect("json"));
    let signature = Key::new("k").sha256(&text.expect("text"));
    format!(r#"{{"code":"00","data":{data},"signature":"{signature}"}}"#).into_bytes()
}

fn ipn() -> String {
    let params = [
        ("vnp_Amount", "1000000"),
        ("vnp_OrderInfo", "Lệ phí"),
        ("vnp_PayDate", "20261122090312"),
        ("vnp_ResponseCode", "00"),
        ("vnp_TmnCode", "T"),
        ("vnp_TransactionNo", "1"),
        ("vnp_TransactionStatus", "00"),
        ("vnp_TxnRef", "1001"),
    ];
    vnpay::signature::signed_query(params, &Key::new("k"))
}

fn momo_result() -> Vec<u8> {
    let body = r#"{"partnerCode":"M","orderId":"1001","requestId":"1001","amount":10000,
        "orderInfo":"Lệ phí","orderType":"momo_wallet","transId":4088878653,"resultCode":0,
        "message":"ok","payType":"qr","responseTime":1795312830000,"extraData":"",
        "refundTrans":[{"orderId":"RF1","resultCode":0,"transId":5}],"signature":"#;
    let object = format!("{body}\"\"}}");
    let object = json::Object::read(&object).expect("json");
    let text = momo::signature::RESULT.text(&Key::new("a"), momo::signature::of(&object));
    format!("{body}\"{}\"}}", Key::new("k").sha256(&text)).into_bytes()
}

fn zalopay_callback() -> Vec<u8> {
    let data = r#"{"app_id":1,"app_trans_id":"1001","amount":10000,"zp_trans_id":261122000000389,
        "server_time":1795312830000,"app_user":"Lệ phí"}"#;
    serde_json::to_vec(&serde_json::json!({
        "data": data, "mac": Key::new("k").sha256(data), "type": 1,
    }))
    .expect("json")
}

#[test]
fn a_mangled_callback_is_answered_and_never_says_anything_new() {
    let mut random = StdRng::seed_from_u64(41);
    let ipn = ipn();
    let dialects = dialects();
    for (whose, good) in [(0, webhook()), (2, momo_result()), (3, zalopay_callback())] {
        let genuine: Vec<_> = dialects
            .iter()
            .map(|d| d.hear_callback(&Callback { query: &ipn, headers: &[], body: &good }))
            .collect();
        assert!(genuine[whose].is_ok() && genuine[1].is_ok(), "{genuine:?}");
        for _ in 0..ROUNDS {
            let body = mangle(&good, &mut random);
            let query = String::from_utf8_lossy(&mangle(ipn.as_bytes(), &mut random)).into_owned();
            for (dialect, genuine) in dialects.iter().zip(&genuine) {
                let _ = dialect.hear_return(&query);
                let asked = Callback { query: &query, headers: &[], body: &body };
                if let Ok(question) = dialect.hear_bill_question(&asked) {
                    let said = dialect.say_bill(&question, &Bill::Owed(Money::vnd(10_000)));
                    assert!(!said.body.contains("10000"), "told to nobody without the key");
                }
                let heard =
                    dialect.hear_callback(&Callback { query: &query, headers: &[], body: &body });
                match heard {
                    Err(unheard) => drop(dialect.say(Verdict::from(&unheard))),
                    Ok(_) => {
                        assert_eq!(&heard, genuine, "{query} {}", String::from_utf8_lossy(&body));
                    }
                }
            }
        }
    }
}

fn refund() -> RefundOrder {
    RefundOrder {
        reference: "RF1".to_owned(),
        order: order(),
        transaction_id: "4088878653".to_owned(),
        amount: Money::vnd(10_000),
        whole: true,
        created_at: DateTime::UNIX_EPOCH,
        requested_by: "officer".to_owned(),
    }
}

#[test]
fn a_mangled_answer_is_unknown_refused_or_the_genuine_one() {
    let mut random = StdRng::seed_from_u64(43);
    let (order, refund) = (order(), refund());
    let zalopay_answer = br#"{"return_code":1,"amount":10000,"zp_trans_id":261122000000389,
        "order_url":"http://z.test/o","refund_id":5,"sub_return_code":1}"#;
    // Wallets do not sign their answers: of those nothing is asserted but that they are read.
    for (signed, good) in
        [(true, webhook()), (false, momo_result()), (false, zalopay_answer.to_vec())]
    {
        for _ in 0..ROUNDS {
            let body = mangle(&good, &mut random);
            let answer =
                Answer { status: [200, 200, 404, 500][random.random_range(0..4)], body: &body };
            for dialect in dialects() {
                let _ = dialect.hear_create(&order, answer);
                let _ = dialect.hear_cancel(&order, answer);
                let _ = dialect.hear_refund(&refund, answer);
                let _ = dialect.hear_refund_query(&refund, answer);
                match dialect.hear_query(&order, answer) {
                    Standing::Collected(reports) if signed => {
                        assert_eq!(reports[0].amount, Money::vnd(10_000));
                    }
                    Standing::Collected(reports) => assert!(!reports.is_empty()),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn a_mangled_qr_payload_is_refused_or_reads_back() {
    let mut random = StdRng::seed_from_u64(47);
    let good = vietqr::transfer("970436", "9527020111111", Money::vnd(250_000), "PG1").expect("qr");
    for _ in 0..ROUNDS {
        let text = String::from_utf8_lossy(&mangle(good.as_bytes(), &mut random)).into_owned();
        if let Ok(payload) = vietqr::Payload::decode(&text) {
            let again = payload.encode().expect("what was read can be written");
            assert_eq!(vietqr::Payload::decode(&again), Ok(payload), "{text}");
        }
        // With its CRC put right the mangled rest is really read.
        let text = format!("{text}6304");
        let text = format!("{text}{:04X}", vietqr::crc16(text.as_bytes()));
        let _ = vietqr::Payload::decode(&text);
    }
}

#[test]
fn every_registered_dialect_opens_by_its_name_and_no_other_does() {
    for name in NAMES {
        let refused = from_settings(name, b"[1]").expect_err(name);
        assert!(matches!(refused, SettingsError::Unreadable { .. }), "{name}: {refused}");
    }
    assert!(matches!(from_settings("x", b"{}"), Err(SettingsError::UnknownDialect { .. })));
}

#[test]
fn every_call_says_what_it_is_about_so_that_it_can_be_found_with_its_order() {
    let (order, refund, now) = (order(), refund(), DateTime::UNIX_EPOCH);
    let mut made = 0;
    for dialect in dialects() {
        let create = match dialect.ask_create(&order) {
            Ask::Call(call) => Some(call),
            Ask::Done(_) => None,
        };
        for (purpose, call) in [
            ("create", create),
            ("query", dialect.ask_query(&order, now, 1)),
            ("cancel", dialect.ask_cancel(&order)),
            ("refund", dialect.ask_refund(&refund)),
            ("refund_query", dialect.ask_refund_query(&refund, now, 1)),
        ] {
            let Some(call) = call else { continue };
            let subject = Subject { purpose, reference: order.reference.clone() };
            assert_eq!(call.subject, subject, "{dialect:?}");
            made += 1;
        }
    }
    assert!(made >= 18, "{made}");
}
