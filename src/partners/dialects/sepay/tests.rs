use super::callback::signed_text;
use super::*;
use crate::partners::dialects::Outcome;
use crate::vocabulary::money::Money;

const SECRET: &str = "hook-secret";
const BODY: &str = r#"{"id":92704,"gateway":"Vietcombank","transactionDate":"2026-11-22 09:03:12",
    "accountNumber":"0123499999","code":null,"content":"PG0123456789ABCD chuyen tien",
    "transferType":"in","transferAmount":10000,"accumulated":19077000,"subAccount":null,
    "referenceCode":"MBVCB.3278907687","description":"BankAPINotify"}"#;

fn sepay(authentication: &str) -> Sepay {
    let settings = format!(r#"{{"authentication":"{authentication}","secret":"{SECRET}"}}"#);
    Sepay::open(settings.as_bytes()).expect("settings")
}

fn signed(timestamp: &str, body: &str) -> Vec<(String, String)> {
    let code = Key::new(SECRET).sha256(&signed_text(timestamp, body));
    vec![
        ("x-sepay-timestamp".to_owned(), timestamp.to_owned()),
        ("x-sepay-signature".to_owned(), format!("sha256={code}")),
    ]
}

fn hear(headers: &[(String, String)], body: &str) -> Result<Report, Unheard> {
    sepay("hmac").hear_callback(&Callback { query: "", headers, body: body.as_bytes() })
}

fn heard(body: &str) -> Result<Report, Unheard> {
    hear(&signed("1795313052", body), body)
}

#[test]
fn a_credit_is_reported_with_what_the_hook_says() {
    assert_eq!(
        heard(BODY),
        Ok(Report {
            transaction_id: "92704".to_owned(),
            reference: None,
            account: Some("0123499999".to_owned()),
            amount: Money::vnd(10_000),
            memo: "PG0123456789ABCD chuyen tien".to_owned(),
            value_time: "2026-11-22T02:03:12Z".parse().ok(),
            outcome: Outcome::Collected,
            counter_account: None,
        })
    );
}

#[test]
fn the_code_that_sepay_made_out_is_part_of_the_memo() {
    let memo = |code: &str, content: &str, description: &str| {
        let body = BODY
            .replace("\"code\":null", &format!("\"code\":{code}"))
            .replace("PG0123456789ABCD chuyen tien", content)
            .replace("BankAPINotify", description);
        heard(&body).expect("signed").memo
    };
    assert_eq!(memo("\"PG1\"", "nop phi", "d"), "PG1 nop phi");
    assert_eq!(memo("\"PG1\"", "nop PG1 phi", "d"), "nop PG1 phi");
    assert_eq!(memo("null", "", "from the bank"), "from the bank");
    assert_eq!(memo("\"PG1\"", "", ""), "PG1 ");
}

#[test]
fn money_that_left_is_no_collection_and_no_error() {
    let out = BODY.replace("\"in\"", "\"out\"");
    assert_eq!(heard(&out), Err(Unheard::NoCredit));
    let said = sepay("hmac").say(Verdict::from(&Unheard::NoCredit));
    assert_eq!((said.status, said.body.as_str()), (200, r#"{"success":true}"#));
    assert!(Unheard::NoCredit.is_signed());
}

#[test]
fn only_the_very_bytes_that_were_signed_are_believed() {
    let good = signed("1795313052", BODY);
    assert!(hear(&good, BODY).is_ok());
    assert_eq!(hear(&good, &BODY.replace("10000", "10001")), Err(Unheard::Signature));
    assert_eq!(hear(&good, &BODY.replace(", ", ",")).is_ok(), !BODY.contains(", "));
    assert_eq!(hear(&good, &format!("{BODY} ")), Err(Unheard::Signature));
    let mut later = good.clone();
    later[0].1 = "1795313053".to_owned();
    assert_eq!(hear(&later, BODY), Err(Unheard::Signature));
    let mut bare = good.clone();
    bare[1].1 = bare[1].1.replace("sha256=", "");
    assert_eq!(hear(&bare, BODY), Err(Unheard::Signature));
    let twice = [good.clone(), good.clone()].concat();
    assert_eq!(hear(&twice, BODY), Err(Unheard::Signature));
    for missing in [&good[..1], &good[1..], &[]] {
        assert_eq!(hear(missing, BODY), Err(Unheard::Signature));
    }
    let api_key = vec![("authorization".to_owned(), format!("Apikey {SECRET}"))];
    assert_eq!(hear(&api_key, BODY), Err(Unheard::Signature), "the other way is not taken");
}

#[test]
fn an_api_key_is_taken_whole_or_not_at_all() {
    let sepay = sepay("apikey");
    let hear = |value: &str| {
        let headers = [("authorization".to_owned(), value.to_owned())];
        sepay.hear_callback(&Callback { query: "", headers: &headers, body: BODY.as_bytes() })
    };
    for good in ["Apikey hook-secret", "apikey hook-secret"] {
        assert!(hear(good).is_ok(), "{good}");
    }
    for bad in ["Apikey hook-secre", "Apikey hook-secret ", "Apikey", "Bearer hook-secret", ""] {
        assert_eq!(hear(bad), Err(Unheard::Signature), "{bad}");
    }
    let callback = Callback { query: "", headers: &[], body: b"" };
    assert!(!sepay.is_stale(&callback, DateTime::UNIX_EPOCH), "an API key is signed at no time");
}

#[test]
fn a_signature_goes_stale_before_and_after() {
    let at: DateTime<Utc> = "2026-11-22T02:04:12Z".parse().expect("a time");
    let stale = |sepay: &Sepay, timestamp: &str, now: DateTime<Utc>| {
        let headers = signed(timestamp, BODY);
        sepay.is_stale(&Callback { query: "", headers: &headers, body: b"" }, now)
    };
    let ten = sepay("hmac");
    let five =
        Sepay::open(br#"{"authentication":"hmac","secret":"hook-secret","tolerance_minutes":"5"}"#)
            .expect("settings");
    for (minutes, ten_stale, five_stale) in [
        (0, false, false),
        (5, false, false),
        (6, false, true),
        (10, false, true),
        (11, true, true),
    ] {
        for now in [at + Duration::minutes(minutes), at - Duration::minutes(minutes)] {
            let timestamp = at.timestamp().to_string();
            assert_eq!(stale(&ten, &timestamp, now), ten_stale, "{minutes}");
            assert_eq!(stale(&five, &timestamp, now), five_stale, "{minutes}");
        }
    }
    for odd in ["", "-1", "1e9", "now", "999999999999999999"] {
        assert!(stale(&ten, odd, at), "{odd}");
    }
}

#[test]
fn signed_nonsense_is_malformed() {
    for (part, with) in [
        ("\"id\":92704", "\"id\":null"),
        ("\"id\":92704", "\"Id\":92704"),
        ("\"in\"", "\"IN\""),
        ("\"in\"", "null"),
        ("10000,", "0,"),
        ("10000,", "-1,"),
        ("10000,", "1.5,"),
        ("10000,", "1e4,"),
        ("10000,", "null,"),
        ("\"0123499999\"", "null"),
    ] {
        let body = BODY.replace(part, with);
        assert_ne!(body, BODY, "{part}");
        assert!(matches!(heard(&body), Err(Unheard::Malformed { .. })), "{with}");
    }
    for body in ["{}", "[]", "null", ""] {
        assert!(matches!(heard(body), Err(Unheard::Malformed { .. })), "{body}");
    }
    let late = heard(&BODY.replace("2026-11-22 09:03:12", "22/11/2026")).expect("still money");
    assert_eq!(late.value_time, None);
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
        let said = sepay("hmac").say(verdict);
        let body: serde_json::Value = serde_json::from_str(&said.body).expect("json");
        assert_eq!((said.status, &body["success"]), (status, &(status == 200).into()));
    }
}

#[test]
fn a_hook_that_proves_nothing_is_refused_with_a_sentence() {
    let open = |authentication: &str, more: &str| {
        let settings =
            format!(r#"{{"authentication":"{authentication}","secret":"hook-secret"{more}}}"#);
        Sepay::open(settings.as_bytes()).map_err(|e| e.to_string())
    };
    for (authentication, says) in [("none", "anybody"), ("oauth2", "does not bind"), ("x", "hmac")]
    {
        let error = open(authentication, "").expect_err(authentication);
        assert!(error.contains(says) && !error.contains("hook-secret"), "{error}");
    }
    for minutes in ["4", "11", "-5", "", "ten"] {
        let more = format!(r#","tolerance_minutes":"{minutes}""#);
        assert!(open("hmac", &more).expect_err(minutes).contains("5 to 10"));
    }
    assert!(Sepay::open(br#"{"authentication":"hmac","secret":""}"#).is_err());
    assert!(Sepay::open(b"{}").is_err());
    let shown = format!("{:?}", sepay("hmac"));
    assert!(!shown.contains(SECRET), "{shown}");
}
