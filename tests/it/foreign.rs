//! What clients of others have to read: notices of every kind as they went over the wire, and what
//! our codecs write. It is laid out under `target/foreign`, where `make test-foreign` finds it; here
//! only is asserted that all of it is there.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Duration;
use payclear::notices::notice::NoticeKind;
use payclear::partners::dialects::key::Key;
use payclear::partners::dialects::onepay::signature::{HASH, HexKey, fields_text};
use payclear::partners::dialects::sepay::form::form_signature;
use payclear::partners::dialects::vietqr;
use payclear::partners::dialects::{self, Ask, Order};
use payclear::refunds::approve::approve_in;
use payclear::refunds::finish::{End, finish_in};
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::codes::InvoiceCode;
use payclear::vocabulary::ids::RefundId;
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};

use crate::support::partners::choose;
use crate::support::receiver::Receiver;
use crate::support::{Town, text, until};

fn lay_out(name: &str, content: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/foreign");
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = serde_json::to_string_pretty(content).expect("JSON");
    std::fs::write(folder.join(name), text).expect("written");
}

fn onepay_order() -> Order {
    let now = "2026-11-20T03:00:00Z".parse().expect("an instant");
    Order {
        reference: "PG0123456789ABCDEFGH".to_owned(),
        code: InvoiceCode::draw(&mut rand::rng()),
        amount: Money::vnd(150_000),
        created_at: now,
        expires_at: now + Duration::minutes(15),
        return_url: "https://pay.example/partners/onepay/return".to_owned(),
        page_url: "https://pay.example/pay".to_owned(),
        callback_url: "https://pay.example/partners/onepay/ipn".to_owned(),
        payer_ip: "192.0.2.7".to_owned(),
        language: "vi",
    }
}

#[test]
fn what_our_codecs_write_is_laid_out() {
    let transfers: Vec<Value> = [
        ("970436", "0011009988776", 1_000, "PG0123456789ABCD"),
        ("970418", "1200099887766", 150_000, "PG0123456789ABCD le phi"),
        ("970422", "0560009988776", 9_999_999_999, "A"),
    ]
    .into_iter()
    .map(|(bin, account, amount, memo)| {
        let qr = vietqr::transfer(bin, account, Money::vnd(amount), memo).expect("a code");
        let amount = amount.to_string();
        json!({ "bin": bin, "account": account, "amount": amount, "memo": memo, "qr": qr })
    })
    .collect();

    let secret = "A3EFDFABA8653DF2342E8DAC29B51AF0";
    let key = HexKey::read(&Key::new(secret)).expect("hex");
    let callbacks: Vec<Value> = [("0", "100000"), ("99", "0"), ("300", "15000000")]
        .into_iter()
        .map(|(code, amount)| {
            let mut fields = BTreeMap::from([
                ("vpc_AdditionData", "970436"),
                ("vpc_Amount", amount),
                ("vpc_Command", "pay"),
                ("vpc_CurrencyCode", "VND"),
                ("vpc_Locale", "vn"),
                ("vpc_MerchTxnRef", "PG0123456789ABCDEFGH"),
                ("vpc_Merchant", "ONEPAY"),
                ("vpc_OrderInfo", "Nộp phí & lệ phí"),
                ("vpc_TransactionNo", "1618136"),
                ("vpc_TxnResponseCode", code),
                ("vpc_Version", "2"),
            ]);
            let hash = key.sign(&fields_text(fields.clone()));
            fields.insert(HASH, &hash);
            json!(fields)
        })
        .collect();

    let made = onepay_order();
    let settings = json!({
        "payment_url": "https://op-sim.example.com/onecomm-pay/vpc.op", "merchant": "ONEPAY",
        "access_code": "D67342C2", "secure_secret": secret, "confirmed_by_partner": true,
    });
    let onepay = dialects::from_settings("onepay", settings.to_string().as_bytes());
    let Ask::Done(page) = onepay.expect("settings").ask_create(&made) else {
        panic!("OnePay is not called")
    };

    let form = [
        ("order_invoice_number", "PG0123456789ABCD"),
        ("order_amount", "150000"),
        ("currency", "VND"),
        ("order_description", "Nộp phí, lệ phí = 150000"),
        ("custom_data", "not signed"),
        ("success_url", "https://pay.example/pay/t?a=b&c=d"),
        ("merchant", "SP-PAYCLEAR"),
        ("operation", "PURCHASE"),
    ];
    let signature = form_signature(form, &Key::new("sepay-form-secret"));

    assert_eq!(transfers.len() + callbacks.len(), 6);
    lay_out(
        "codecs.json",
        &json!({
            "vietqr": transfers,
            "onepay": {
                "secret": secret, "callbacks": callbacks, "page": page.pay_url,
                "order": {
                    "reference": made.reference, "code": made.code, "return_url": made.return_url,
                    "payer_ip": made.payer_ip, "amount": made.amount.minor_units(),
                },
            },
            "sepay": { "secret": "sepay-form-secret", "form": form, "signature": signature },
        }),
    );
}

impl Town {
    async fn paid_at_the_gateway(&self) -> Value {
        let invoice = self.issue(50_000).await;
        let page = choose(self, &invoice, "vnpay").await;
        self.simulators().pay(&page, "paid").await;
        self.wait_for(&invoice, "paid").await;
        invoice
    }

    /// All of it goes back: asked for by the portal, agreed to by an officer.
    async fn gives_back(&self, invoice: &Value) -> RefundId {
        let all = json!({ "amount": "50000", "currency": "VND" });
        let body = json!({ "amount": all, "refundable": all, "reason": "rút hồ sơ" });
        let path = format!("/v1/invoices/{}/refunds", text(invoice, "id"));
        let refund = self.portal.post(&path, &body).await.expect(201);
        let id = RefundId(text(&refund, "id").parse().expect("an id"));
        let mut tx = self.pool.begin().await.expect("a transaction");
        let now = self.clock.now();
        let approved = approve_in(&mut tx, &self.app.accounts, id, "officer/a", now).await;
        approved.expect("it is approved");
        tx.commit().await.expect("a commit");
        payclear::platform::outbox::WRITTEN.notify_one();
        id
    }

    /// Nobody can say what became of a refund, until a person does.
    async fn is_not_gives_back(&self, invoice: &Value) {
        let silent = json!({ "partner": "vnpay", "refund": "http500" });
        self.simulators().post("/control/behaviour", &silent).await.expect(200);
        let id = self.gives_back(invoice).await;
        until("the refund to be sent", || async {
            let status: String =
                sqlx::query_scalar("select status from refund where refund_id = $1")
                    .bind(id.0)
                    .fetch_one(&self.pool)
                    .await
                    .expect("the refund");
            status == "sent"
        })
        .await;
        let mut tx = self.pool.begin().await.expect("a transaction");
        let end = End::Failed { code: "account closed".to_owned() };
        let now = self.clock.now();
        let ended = finish_in(&mut tx, &self.app.accounts, id, &end, "officer/b", now).await;
        ended.expect("it has failed");
        tx.commit().await.expect("a commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_of_every_kind_are_laid_out() {
    let town = Town::whole().await;
    let receiver = Receiver::start().await;
    let (_, secret) = town.endpoint(&town.portal, &format!("{}/notices", receiver.url)).await;

    let soon = json!({ "expires_at": town.clock.now() + Duration::seconds(30) });
    let expiring = town.issue_with(50_000, &soon).await;
    let cancelled = town.issue(50_000).await;
    town.cancel(&cancelled).await.expect(200);
    let reversed = town.issue(50_000).await;
    assert_eq!(town.settle("T1", 50_000, text(&reversed, "code")).await, "applied");
    assert!(town.reverse("T1", "R1").await.status < 300);
    let (confirmed, failed) = (town.paid_at_the_gateway().await, town.paid_at_the_gateway().await);
    town.gives_back(&confirmed).await;
    town.clock.turn(Duration::seconds(70));
    let told = |kind: &'static str| {
        let receiver = &receiver;
        until(
            kind,
            move || async move { receiver.got().iter().any(|got| got.json()["type"] == kind) },
        )
    };
    told("refund.confirmed").await;
    town.is_not_gives_back(&failed).await;
    town.clock.turn(Duration::minutes(15));
    town.wait_for(&expiring, "expired").await;
    for kind in NoticeKind::ALL {
        told(kind.as_str()).await;
    }

    let notices: Vec<Value> = receiver
        .got()
        .iter()
        .map(|got| {
            let headers: BTreeMap<&str, &str> =
                ["webhook-id", "webhook-timestamp", "webhook-signature"]
                    .map(|name| (name, got.header(name)))
                    .into();
            let body = String::from_utf8(got.body.clone()).expect("text");
            json!({ "kind": got.json()["type"], "headers": headers, "body": body })
        })
        .collect();
    lay_out("notices.json", &json!({ "secret": secret, "notices": notices }));
}
