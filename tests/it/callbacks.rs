//! Every callback, wrong in every way: the dialect's own answer, kept and counted, money booked
//! where money moved, and never a fault of ours. One table over all dialects.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use payclear::approvals::partners as configuring;
use payclear::approvals::propose::Maker;
use payclear::partners::register::settings_of;
use payclear::partners::store::partner_list;
use payclear::platform::audit::By;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;
use url::form_urlencoded;

use crate::support::partners::{
    choose, momo_fields, momo_result, payos_envelope, payos_transfer, sepay_credit, sepay_headers,
    vnpay_fields, vnpay_query, zalopay_callback, zalopay_fields,
};
use crate::support::town::master_keys;
use crate::support::{Plan, Town, answer_of, text};

const ONEPAY_KEY: &str = "0123456789ABCDEF0123456789ABCDEF";
const VIETTEL_KEY: &[u8] = b"viettel-key-of-the-tests";

/// A message of a partner's server.
#[derive(Clone, Default)]
struct Wire {
    query: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What a message is about.
#[derive(Clone, Copy)]
struct About<'a> {
    reference: &'a str,
    code: &'a str,
    amount: u64,
    /// A number, which every partner's ids can be.
    transaction: u64,
}

/// What it says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Paid,
    Failed,
    /// A code that is in no table.
    Riddle,
    /// Paid, to another merchant, or on another's account.
    OtherMerchant,
    /// Paid, in another currency.
    Dollars,
}

/// One partner, and how it is answered: a status and what the body holds.
struct Speaker {
    dialect: &'static str,
    /// Its place in the registers of the tests.
    partner: &'static str,
    /// Settings, for a dialect that no partner of the registers speaks.
    settings: Option<Value>,
    taken: (u16, &'static str),
    repeat: (u16, &'static str),
    forged: (u16, &'static str),
    other_merchant: (u16, &'static str),
    malformed: (u16, &'static str),
    unknown_order: (u16, &'static str),
    wrong_amount: (u16, &'static str),
    other_content: (u16, &'static str),
}

fn speakers() -> Vec<Speaker> {
    let json_ok = (200, r#""success":true"#);
    vec![
        Speaker {
            dialect: "payos",
            partner: "samplebank",
            settings: None,
            taken: json_ok,
            repeat: json_ok,
            forged: (401, r#""success":false"#),
            // Genuine, of an account that was never ours: kept, and not asked for again.
            other_merchant: json_ok,
            malformed: (400, r#""success":false"#),
            unknown_order: json_ok,
            wrong_amount: json_ok,
            other_content: (409, r#""success":false"#),
        },
        Speaker {
            dialect: "sepay",
            partner: "sepay",
            settings: None,
            taken: json_ok,
            repeat: json_ok,
            forged: (401, ""),
            other_merchant: json_ok,
            malformed: (400, ""),
            unknown_order: json_ok,
            wrong_amount: json_ok,
            other_content: (409, ""),
        },
        Speaker {
            dialect: "vnpay",
            partner: "vnpay",
            settings: None,
            taken: (200, r#""RspCode":"00""#),
            repeat: (200, r#""RspCode":"02""#),
            forged: (200, r#""RspCode":"97""#),
            other_merchant: (200, r#""RspCode":"97""#),
            malformed: (200, r#""RspCode":"99""#),
            unknown_order: (200, r#""RspCode":"01""#),
            wrong_amount: (200, r#""RspCode":"04""#),
            other_content: (200, r#""RspCode":"99""#),
        },
        Speaker {
            dialect: "momo",
            partner: "momo",
            settings: None,
            taken: (204, ""),
            repeat: (204, ""),
            forged: (400, ""),
            other_merchant: (400, ""),
            malformed: (400, ""),
            unknown_order: (404, ""),
            wrong_amount: (204, ""),
            other_content: (409, ""),
        },
        Speaker {
            dialect: "zalopay",
            partner: "zalopay",
            settings: None,
            taken: (200, r#""return_code":1"#),
            repeat: (200, r#""return_code":2"#),
            forged: (200, r#""return_code":-1"#),
            other_merchant: (200, r#""return_code":-1"#),
            malformed: (200, r#""return_code":0"#),
            unknown_order: (200, r#""return_code":0"#),
            wrong_amount: (200, r#""return_code":0"#),
            other_content: (200, r#""return_code":0"#),
        },
        Speaker {
            dialect: "onepay",
            partner: "vnpay",
            settings: Some(json!({
                "payment_url": "https://op.test/vpc.op", "query_url": "https://op.test/dps.op",
                "merchant": "SIMGOV", "access_code": "SIMACC01", "secure_secret": ONEPAY_KEY,
                "confirmed_by_partner": true,
            })),
            taken: (200, "responsecode=1"),
            repeat: (200, "responsecode=1"),
            forged: (200, "responsecode=0"),
            other_merchant: (200, "responsecode=0"),
            malformed: (200, "responsecode=0"),
            unknown_order: (200, "responsecode=1"),
            wrong_amount: (200, "responsecode=1"),
            other_content: (200, "responsecode=0"),
        },
        Speaker {
            dialect: "viettel",
            partner: "vnpay",
            settings: Some(json!({
                "payment_url": "https://vt.test/pay", "search_url": "https://vt.test/s",
                "merchant_code": "SIMGOV", "access_code": "ACCESS", "failed_statuses": "2",
                "hash_key": "viettel-key-of-the-tests", "confirmed_by_partner": true,
            })),
            taken: (200, r#""error_code":"00""#),
            repeat: (200, r#""error_code":"00""#),
            forged: (200, r#""error_code":"02""#),
            other_merchant: (200, r#""error_code":"01""#),
            malformed: (200, r#""error_code":"03""#),
            unknown_order: (200, r#""error_code":"01""#),
            wrong_amount: (200, r#""error_code":"00""#),
            other_content: (200, r#""error_code":"03""#),
        },
    ]
}

impl Speaker {
    /// A message that holds; none where the partner never sends such a one.
    fn says(&self, says: Says, about: About<'_>) -> Option<Wire> {
        let About { reference, code, amount, transaction } = about;
        let signed = i64::try_from(amount).expect("an amount");
        let number = i64::try_from(transaction).expect("a number");
        match self.dialect {
            "payos" | "sepay" if matches!(says, Says::Failed | Says::Riddle) => None,
            "payos" => {
                let mut data = payos_transfer(&format!("FT{transaction}"), amount, code);
                match says {
                    Says::OtherMerchant => data["accountNumber"] = json!("9999999999"),
                    Says::Dollars => data["currency"] = json!("USD"),
                    _ => {}
                }
                Some(Wire { body: payos_envelope(&data).to_string(), ..Wire::default() })
            }
            "sepay" if says == Says::Dollars => None,
            "sepay" => {
                let mut credit = sepay_credit(transaction, amount, code);
                if says == Says::OtherMerchant {
                    credit["accountNumber"] = json!("9999999999");
                }
                let body = credit.to_string();
                let headers = sepay_headers(chrono::Utc::now().timestamp(), &body);
                Some(Wire { query: String::new(), headers, body })
            }
            "vnpay" => {
                let (number, codes) = match says {
                    Says::Failed => ("0".to_owned(), ("24", "02")),
                    Says::Riddle => ("0".to_owned(), ("ZZ", "ZZ")),
                    _ => (transaction.to_string(), ("00", "00")),
                };
                let mut fields = vnpay_fields(reference, signed, &number, codes);
                match says {
                    Says::OtherMerchant => {
                        drop(fields.insert("vnp_TmnCode".to_owned(), "SOMEBODY".to_owned()));
                    }
                    Says::Dollars => return None,
                    _ => {}
                }
                Some(Wire { query: vnpay_query(&fields), ..Wire::default() })
            }
            "momo" => {
                let (number, code) = match says {
                    Says::Failed => (0, 1006),
                    Says::Riddle => (0, 987_654),
                    _ => (number, 0),
                };
                let mut fields = momo_fields(reference, signed, number, code);
                match says {
                    Says::OtherMerchant => fields["partnerCode"] = json!("SOMEBODY"),
                    Says::Dollars => return None,
                    _ => {}
                }
                Some(Wire { body: momo_result(&fields).to_string(), ..Wire::default() })
            }
            "zalopay" => {
                let mut data = zalopay_fields(reference, signed, number);
                match says {
                    Says::OtherMerchant => data["app_id"] = json!(1),
                    Says::Failed | Says::Riddle | Says::Dollars => return None,
                    Says::Paid => {}
                }
                Some(Wire { body: zalopay_callback(&data).to_string(), ..Wire::default() })
            }
            "onepay" => Some(onepay(says, about)),
            "viettel" => viettel(says, about),
            other => panic!("{other}"),
        }
    }

    /// The same message with one signed digit changed.
    fn forged(&self, wire: &Wire, amount: u64) -> Wire {
        let more = amount + 1;
        let change = |text: &str| text.replace(&amount.to_string(), &more.to_string());
        let forged = Wire { query: change(&wire.query), body: change(&wire.body), ..wire.clone() };
        assert!(forged.query != wire.query || forged.body != wire.body, "{}", self.dialect);
        forged
    }

    /// The same message with something added that nobody signed.
    fn with_more(&self, wire: &Wire) -> Wire {
        let mut more = wire.clone();
        match self.dialect {
            // Every byte of its body is signed: only the address is not.
            "sepay" | "vnpay" | "onepay" => {
                if !more.query.is_empty() {
                    more.query.push('&');
                }
                more.query.push_str("success=false");
            }
            "viettel" => more.body.push_str("&success=false"),
            _ => {
                let mut body: Value = serde_json::from_str(&more.body).expect("JSON");
                body["success"] = json!(false);
                body["amount_paid"] = json!(1);
                more.body = body.to_string();
            }
        }
        more
    }
}

fn onepay(says: Says, about: About<'_>) -> Wire {
    let (number, response) = match says {
        Says::Failed => ("0".to_owned(), "99"),
        Says::Riddle => ("0".to_owned(), "ZZ"),
        _ => (about.transaction.to_string(), "0"),
    };
    let fields = [
        ("vpc_Amount", format!("{}00", about.amount)),
        ("vpc_Command", "pay".to_owned()),
        ("vpc_CurrencyCode", if says == Says::Dollars { "USD" } else { "VND" }.to_owned()),
        ("vpc_MerchTxnRef", about.reference.to_owned()),
        ("vpc_Merchant", if says == Says::OtherMerchant { "OTHER" } else { "SIMGOV" }.to_owned()),
        ("vpc_OrderInfo", about.code.to_owned()),
        ("vpc_TransactionNo", number),
        ("vpc_TxnResponseCode", response.to_owned()),
    ];
    let sorted: BTreeMap<&str, &str> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let pairs: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let key = hex::decode(ONEPAY_KEY).expect("hex");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(pairs.join("&").as_bytes());
    let hash = hex::encode_upper(mac.finalize().into_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&sorted).append_pair("vpc_SecureHash", &hash);
    Wire { query: query.finish(), ..Wire::default() }
}

fn viettel(says: Says, about: About<'_>) -> Option<Wire> {
    let (status, error) = match says {
        Says::Failed => ("2", "00"),
        Says::Riddle => ("77", "00"),
        Says::Dollars => return None,
        _ => ("1", "00"),
    };
    let merchant = if says == Says::OtherMerchant { "OTHER" } else { "SIMGOV" };
    let About { reference, code, amount, transaction } = about;
    let text = format!("ACCESS{code}{merchant}{reference}{status}{amount}{transaction}");
    let mut mac = Hmac::<Sha1>::new_from_slice(VIETTEL_KEY).expect("a key");
    mac.update(text.as_bytes());
    let (amount, transaction) = (amount.to_string(), transaction.to_string());
    let sum = hex::encode(mac.finalize().into_bytes());
    let fields = [
        ("billcode", code),
        ("cust_msisdn", "84970000000"),
        ("error_code", error),
        ("merchant_code", merchant),
        ("order_id", reference),
        ("payment_status", status),
        ("trans_amount", &amount),
        ("vt_transaction_id", &transaction),
        ("check_sum", &sum),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Some(Wire { body, ..Wire::default() })
}

/// A town and the partner that is tried out in it.
struct Trial<'t> {
    town: &'t Town,
    of: &'t Speaker,
}

impl Trial<'_> {
    /// Sends a message and asserts that it is answered in the dialect's words.
    async fn send(&self, what: &str, wire: &Wire, expected: (u16, &str)) {
        let (status, body) = self.answer(wire).await;
        let told = format!("{} {what}: {status} {body}", self.of.dialect);
        assert!(status < 500, "{told}");
        assert_eq!(status, expected.0, "{told}");
        assert!(body.contains(expected.1), "{told}");
    }

    async fn answer(&self, wire: &Wire) -> (u16, String) {
        let by_get = self.of.dialect == "vnpay" && wire.body.is_empty();
        let door = if by_get { "ipn" } else { "webhook" };
        let address = format!("{}/partners/{}/{door}", self.town.url, self.of.partner);
        let address =
            if wire.query.is_empty() { address } else { format!("{address}?{}", wire.query) };
        let http = &self.town.http;
        let mut request = if by_get { http.get(address) } else { http.post(address) };
        for (name, value) in &wire.headers {
            request = request.header(*name, value);
        }
        let media = if self.of.dialect == "viettel" {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        if !by_get {
            request = request.header("content-type", media).body(wire.body.clone());
        }
        let answer = answer_of(request).await;
        (answer.status, answer.text())
    }

    /// An invoice, our reference of its order and its code.
    async fn order(&self, amount: u64) -> (Value, String) {
        let invoice = self.town.issue(amount).await;
        if !matches!(self.of.dialect, "payos" | "sepay") {
            choose(self.town, &invoice, self.of.partner).await;
        }
        let reference: Option<String> = sqlx::query_scalar(
            "select reference from attempt where invoice_id = $1::text::uuid and partner = $2",
        )
        .bind(text(&invoice, "id"))
        .bind(self.of.partner)
        .fetch_optional(&self.town.pool)
        .await
        .expect("the attempts");
        (invoice, reference.unwrap_or_default())
    }

    async fn kept(&self) -> i64 {
        let of = self.of.partner;
        let said = format!("partner_exchange where direction = 'in' and partner = '{of}'");
        self.town.count(&said).await
    }

    async fn metric(&self, verdict: &str) {
        let page = self.town.browse(&format!("{}/metrics", self.town.url)).await.text();
        let partner = format!("partner=\"{}\"", self.of.partner);
        let verdict = format!("verdict=\"{verdict}\"");
        let counted = page.lines().any(|line| {
            line.starts_with("payclear_callbacks_total")
                && line.contains(&partner)
                && line.contains(&verdict)
        });
        assert!(counted, "{}: no {verdict} is counted", self.of.dialect);
    }
}

async fn town(of: &Speaker) -> Town {
    // Where transfers are told by webhook, the partner's own account stands on the invoice.
    let standing = if of.dialect == "sepay" { "sepay" } else { "samplebank" };
    let town = Town::of(Plan {
        roles: &[],
        with_simulators: false,
        amqp_url: None,
        settings: json!({ "clearing": { "standing_partner": standing } }),
    })
    .await;
    if let Some(settings) = &of.settings {
        sqlx::query("update partner set dialect = $1 where code = $2")
            .bind(of.dialect)
            .bind(of.partner)
            .execute(&town.pool)
            .await
            .expect("an update");
        let maker = Maker::bootstrap(By { actor: "tests", at: town.clock.now() });
        let settings = settings.to_string();
        let (keys, settings) = (master_keys(), settings.as_bytes());
        configuring::configure(&town.pool, &keys, maker, of.partner, settings)
            .await
            .expect("configured");
        town.app.directory.refresh().await.expect("the registers");
    }
    town
}

/// What is no word of the partner: nothing is booked, whatever it looks like.
async fn what_is_not_heard(trial: &Trial<'_>, about: About<'_>) {
    let (of, town) = (trial.of, trial.town);
    let paid = of.says(Says::Paid, about).expect("every partner says this");
    trial.send("forged", &of.forged(&paid, about.amount), of.forged).await;
    trial.metric("bad_signature").await;
    assert!(trial.kept().await >= 1, "{}: a forged message is kept", of.dialect);
    let other = of.says(Says::OtherMerchant, about).expect("every partner says this");
    trial.send("other merchant", &other, of.other_merchant).await;
    // A bank's word about another account is no word to another merchant: it is kept, not booked.
    if !matches!(of.dialect, "payos" | "sepay") {
        trial.metric("wrong_merchant").await;
    }
    // Of a transfer another currency is money all the same: what_moved_in_another_currency.
    if let Some(dollars) = of.says(Says::Dollars, about).filter(|_| of.dialect != "payos") {
        trial.send("another currency", &dollars, of.malformed).await;
        trial.metric("malformed").await;
    }
    // Whether rubbish lacks a form or a signature is the dialect's to say; it is no fault of ours.
    let huge = format!("{{\"data\":\"{}\"}}", "x".repeat(100_000));
    let deep = "[".repeat(10_000);
    for rubbish in ["", "{}", "[]", "null", "{\"data\":", "a=b&a=c", "\u{fffe}", &huge, &deep] {
        let wire = Wire { body: rubbish.to_owned(), ..Wire::default() };
        let (status, body) = trial.answer(&wire).await;
        let start: String = rubbish.chars().take(20).collect();
        let told = format!("{} {start}: {status} {body}", of.dialect);
        let answers = [of.forged, of.malformed];
        assert!(answers.iter().any(|a| a.0 == status && body.contains(a.1)), "{told}");
    }
    assert_eq!(town.count("settlement").await, 0, "{}", of.dialect);
    assert_eq!(town.money_booked().await, 0, "{}", of.dialect);
}

/// Failure before success, success, again, failure after it, another content: the money is booked
/// once, and nothing undoes it.
async fn what_is_heard_in_any_order(trial: &Trial<'_>, invoice: &Value, about: About<'_>) {
    let (of, town) = (trial.of, trial.town);
    let paid = of.says(Says::Paid, about).expect("every partner says this");
    if let Some(riddle) = of.says(Says::Riddle, about) {
        let (status, body) = trial.answer(&riddle).await;
        assert!(status < 500, "{} a riddle: {status} {body}", of.dialect);
        assert_eq!(town.status(invoice).await, "pending", "{}: nobody knows", of.dialect);
    }
    if let Some(failed) = of.says(Says::Failed, about) {
        let (status, body) = trial.answer(&failed).await;
        assert!(status < 500, "{} failed: {status} {body}", of.dialect);
        assert_eq!(town.money_booked().await, 0, "{}", of.dialect);
    }
    trial.send("paid", &paid, of.taken).await;
    trial.metric("recorded").await;
    assert_eq!(town.status(invoice).await, "paid", "{}", of.dialect);
    trial.send("again", &paid, of.repeat).await;
    trial.metric("repeat").await;
    trial.send("with more that nobody signed", &of.with_more(&paid), of.repeat).await;
    if let Some(failed) = of.says(Says::Failed, about) {
        trial.send("failure after success", &failed, of.repeat).await;
    }
    let before = trial.kept().await;
    let less = About { amount: about.amount - 1_000, ..about };
    let differs = of.says(Says::Paid, less).expect("every partner says this");
    trial.send("the same id with another amount", &differs, of.other_content).await;
    trial.metric("other_content").await;
    assert!(trial.kept().await > before, "{}: it is kept for the dispute", of.dialect);
    assert_eq!(town.status(invoice).await, "paid", "{}", of.dialect);
    assert_eq!(town.money_booked().await, i64::try_from(about.amount).expect("an amount"));
}

/// Dollars on the account are no đồng of any invoice: they are booked aside, in dollars.
async fn what_moved_in_another_currency(trial: &Trial<'_>, invoice: &Value) {
    let (of, town) = (trial.of, trial.town);
    if of.dialect != "payos" {
        return;
    }
    let code = text(invoice, "code");
    let about = About { reference: "", code, amount: 80_000, transaction: 26_000_004 };
    let dollars = of.says(Says::Dollars, about).expect("a transfer");
    trial.send("another currency", &dollars, of.taken).await;
    assert_ne!(town.status(invoice).await, "paid", "dollars pay no đồng");
    let aside = "settlement where currency = 'USD' and outcome = 'suspense'";
    assert_eq!(town.count(aside).await, 1);
}

async fn tried(of: &Speaker) {
    let town = town(of).await;
    let trial = Trial { town: &town, of };
    let (invoice, reference) = trial.order(100_000).await;
    let code = text(&invoice, "code").to_owned();
    let about =
        About { reference: &reference, code: &code, amount: 100_000, transaction: 26_000_001 };
    what_is_not_heard(&trial, about).await;
    what_is_heard_in_any_order(&trial, &invoice, about).await;

    // Money for an order that nobody knows is money all the same.
    let nobodys = if of.dialect == "zalopay" { "261122_NOBODY" } else { "PG0000000000000000" };
    let unknown =
        About { reference: nobodys, code: "nop phi", amount: 7_000, transaction: 26_000_002 };
    let wire = of.says(Says::Paid, unknown).expect("every partner says this");
    trial.send("an unknown order", &wire, of.unknown_order).await;
    // A transfer names no order that could be unknown, and is of no order's amount: it is recorded.
    let names_orders = !matches!(of.dialect, "payos" | "sepay");
    if names_orders {
        trial.metric("unknown_order").await;
    }

    let (second, reference) = trial.order(80_000).await;
    let code = text(&second, "code").to_owned();
    let short =
        About { reference: &reference, code: &code, amount: 60_000, transaction: 26_000_003 };
    let wire = of.says(Says::Paid, short).expect("every partner says this");
    trial.send("another amount", &wire, of.wrong_amount).await;
    if names_orders {
        trial.metric("wrong_amount").await;
    }
    assert_ne!(town.status(&second).await, "paid", "{}", of.dialect);

    let partner = of.partner;
    town.books(&[
        (&*format!("partner_receivable {partner}"), 167_000),
        ("agency_payable G01.A", -100_000),
        (&*format!("suspense {partner}"), -7_000),
        (&*format!("part_payments_held {partner}"), -60_000),
    ])
    .await;
    what_moved_in_another_currency(&trial, &second).await;
    let events = town.count("event where kind like 'settlement.%' or kind like 'invoice.%'").await;
    assert!(events >= 3, "{}: what was booked is told", of.dialect);
}

macro_rules! tried {
    ($($test:ident $dialect:literal),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let of = speakers().into_iter().find(|of| of.dialect == $dialect);
            tried(&of.expect("a speaker")).await;
        })+
    };
}

tried! {
    payos_is_answered_in_its_own_words_whatever_it_says "payos",
    sepay_is_answered_in_its_own_words_whatever_it_says "sepay",
    vnpay_is_answered_in_its_own_words_whatever_it_says "vnpay",
    momo_is_answered_in_its_own_words_whatever_it_says "momo",
    zalopay_is_answered_in_its_own_words_whatever_it_says "zalopay",
    onepay_is_answered_in_its_own_words_whatever_it_says "onepay",
    viettel_is_answered_in_its_own_words_whatever_it_says "viettel",
}

/// Writes a key of the settings: given what is signed with, and another.
type WritesKey = fn(&Value, &str) -> Value;

/// Settings with every key as `keys` writes it: given is what is signed with, the other is not.
fn with_keys(settings: &Value, keys: WritesKey) -> Value {
    const OTHER: &str = "0011223344556677";
    let mut settings = settings.clone();
    for (name, value) in settings.as_object_mut().expect("settings") {
        if ["key", "secret", "access_code"].iter().any(|part| name.contains(part))
            && (name != "access_code" || settings_sign_with_access_code(value))
        {
            *value = keys(value, OTHER);
        }
    }
    settings
}

/// Viettel's stands in what is signed; OnePay's is a name.
fn settings_sign_with_access_code(value: &Value) -> bool {
    value == "ACCESS"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_exchanged_while_callbacks_under_both_are_taken() {
    for of in &speakers() {
        let town = town(of).await;
        let trial = Trial { town: &town, of };
        let rows = partner_list(&mut town.pool.acquire().await.expect("a connection")).await;
        let row = rows.expect("partners").into_iter().find(|row| row.entry.code == of.partner);
        let opened = settings_of(&row.expect("the partner"), &master_keys()).expect("settings");
        let settings: Value = serde_json::from_slice(opened.expose()).expect("JSON");
        // What the partner signs with is the one of now, then the one of before, then none.
        let stages: [(WritesKey, bool); 3] = [
            (|signs, other| json!({ "current": signs, "previous": other }), true),
            (|signs, other| json!({ "current": other, "previous": signs }), true),
            (|_, other| json!(other), false),
        ];
        for (transaction, (keys, good)) in (26_200_001..).zip(stages) {
            let settings = with_keys(&settings, keys).to_string();
            let maker = Maker::bootstrap(By { actor: "tests", at: town.clock.now() });
            let (keys, settings) = (master_keys(), settings.as_bytes());
            configuring::configure(&town.pool, &keys, maker, of.partner, settings)
                .await
                .expect("configured");
            town.app.directory.refresh().await.expect("the registers");
            let (invoice, reference) = trial.order(50_000).await;
            let code = text(&invoice, "code").to_owned();
            let about = About { reference: &reference, code: &code, amount: 50_000, transaction };
            let paid = of.says(Says::Paid, about).expect("every partner says this");
            let expected = if good { of.taken } else { of.forged };
            trial.send("paid, with a key of the exchange", &paid, expected).await;
            let status = if good { "paid" } else { "pending" };
            let now = town.status(&invoice).await;
            assert!(now == status || (!good && now == "issued"), "{}: {now}", of.dialect);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keypay_is_believed_nothing_and_told_so_in_its_own_words() {
    let no = (200, r#""return_code":-1"#);
    let of = Speaker {
        dialect: "keypay",
        partner: "vnpay",
        settings: Some(json!({
            "create_url": "https://kp.test/create", "detail_url": "https://kp.test/detail",
            "client_id": "SIMCLIENT", "hash_key_1": "SIMKEYPAYHASH1", "pay_url_field": "pay_url",
            "status_field": "status", "transaction_field": "bank_id",
            "amount_field": "trans_amount", "paid_status": "1", "failed_statuses": "2,3",
            "confirmed_by_partner": true,
        })),
        taken: no,
        repeat: no,
        forged: no,
        other_merchant: no,
        malformed: no,
        unknown_order: no,
        wrong_amount: no,
        other_content: no,
    };
    let town = town(&of).await;
    let trial = Trial { town: &town, of: &of };
    for body in
        ["", "{}", r#"{"status":"1","trans_amount":"20000"}"#, "\u{fffe}", &"x".repeat(99_999)]
    {
        let wire = Wire { body: body.to_owned(), ..Wire::default() };
        trial.send("anything", &wire, no).await;
    }
    assert_eq!(town.count("settlement").await, 0);
}

#[test]
fn every_dialect_with_a_callback_is_tried() {
    let tried: Vec<&str> = speakers().iter().map(|of| of.dialect).collect();
    for dialect in payclear::partners::dialects::NAMES {
        // No callback of KeyPay is believed; plain banks and the bank of tests have none.
        let none = ["keypay", "plain", "test"].contains(dialect);
        assert_ne!(tried.contains(dialect), none, "{dialect}");
    }
}
