//! The calls that end an order and give money back: our dialects against the simulators.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use payclear::partners::dialects::{
    Answer, Call, Cancelled, Dialect, Order, RefundOrder, Refunding,
};
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};

use crate::support::partners::choose;
use crate::support::{Town, text, until};

fn dialect(town: &Town, partner: &str) -> Arc<dyn Dialect> {
    let directory = town.app.directory.current();
    directory.partner(partner).and_then(|p| p.dialect.clone()).expect("a dialect")
}

/// The order of an invoice's attempt, as the service itself made it known.
async fn order(town: &Town, invoice: &Value, partner: &str) -> Order {
    let (reference, created_at): (String, DateTime<Utc>) = sqlx::query_as(
        "select reference, created_at from attempt
          where invoice_id = $1::text::uuid and partner = $2",
    )
    .bind(text(invoice, "id"))
    .bind(partner)
    .fetch_one(&town.pool)
    .await
    .expect("one attempt");
    let amount = text(&invoice["amount"], "amount").parse().expect("whole đồng");
    Order {
        reference,
        code: text(invoice, "code").parse().expect("a code"),
        amount: Money::vnd(amount),
        created_at,
        expires_at: created_at,
        return_url: String::new(),
        page_url: String::new(),
        callback_url: String::new(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    }
}

async fn refund(town: &Town, dialect: &dyn Dialect, refund: &RefundOrder) -> Refunding {
    let call = dialect.ask_refund(refund).expect("a call");
    let (status, body) = town.simulators().call(call).await;
    dialect.hear_refund(refund, Answer { status, body: &body })
}

async fn refund_query(town: &Town, dialect: &dyn Dialect, refund: &RefundOrder) -> Refunding {
    let call = dialect.ask_refund_query(refund, Utc::now(), rand::random());
    let (status, body) = town.simulators().call(call.expect("a call")).await;
    dialect.hear_refund_query(refund, Answer { status, body: &body })
}

#[tokio::test(flavor = "multi_thread")]
async fn vnpay_gives_back_what_it_took_once_and_not_more() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "vnpay").await;
    let paid = town.simulators().pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
    let vnpay = dialect(&town, "vnpay");
    let whole = RefundOrder {
        reference: vnpay.refund_reference(Utc::now(), 1),
        order: order(&town, &invoice, "vnpay").await,
        transaction_id: text(&paid["transactions"][0], "transaction_id").to_owned(),
        amount: Money::vnd(40_000),
        whole: false,
        created_at: Utc::now(),
        requested_by: "ketoan01".to_owned(),
    };
    assert!(matches!(refund_query(&town, &*vnpay, &whole).await, Refunding::Unknown { .. }));
    assert_eq!(refund(&town, &*vnpay, &whole).await, Refunding::Processing);
    // A call made again after a crash is told apart by its id; no money moves twice.
    assert_eq!(refund(&town, &*vnpay, &whole).await, Refunding::Processing);
    until("the refund to be with the bank", || async {
        matches!(refund_query(&town, &*vnpay, &whole).await, Refunding::Confirmed { .. })
    })
    .await;
    let nobodys = RefundOrder {
        reference: vnpay.refund_reference(Utc::now(), 2),
        order: Order { reference: "PG0000000000000000".to_owned(), ..whole.order.clone() },
        ..whole.clone()
    };
    let refused = Refunding::Refused { code: "91".to_owned() };
    assert_eq!(refund(&town, &*vnpay, &nobodys).await, refused);
    let out = town.simulators().get("/control/journal?direction=out").await;
    let out: Vec<&str> =
        out.as_array().expect("a journal").iter().map(|m| text(m, "amount")).collect();
    assert_eq!(out, ["40000"]);

    // 99 says nothing, and neither does a cut connection: nobody may take it for a no.
    for mode in ["error", "http500"] {
        let spoilt = json!({ "partner": "vnpay", "refund": mode });
        assert_eq!(town.simulators().post("/control/behaviour", &spoilt).await.status, 200);
        let another =
            RefundOrder { reference: vnpay.refund_reference(Utc::now(), 3), ..whole.clone() };
        let told = refund(&town, &*vnpay, &another).await;
        assert!(matches!(told, Refunding::Unknown { .. }), "{mode}: {told:?}");
    }
}

async fn cancel(town: &Town, dialect: &dyn Dialect, order: &Order) -> Cancelled {
    let call: Call = dialect.ask_cancel(order).expect("a call");
    let (status, body) = town.simulators().call(call).await;
    dialect.hear_cancel(order, Answer { status, body: &body })
}

#[tokio::test(flavor = "multi_thread")]
async fn payos_takes_an_order_back_until_it_is_paid() {
    let town = Town::whole().await;
    let payos = dialect(&town, "samplebank");
    let (open, paid) = (town.issue(100_000).await, town.issue(50_000).await);
    for invoice in [&open, &paid] {
        let what = "the order to be known to the bank";
        until(what, || async {
            let orders = town.simulators().get("/control/orders").await;
            let orders = orders.as_array().expect("orders");
            orders.iter().any(|order| order["invoice_code"] == invoice["code"])
        })
        .await;
    }
    let order_open = order(&town, &open, "samplebank").await;
    assert_eq!(cancel(&town, &*payos, &order_open).await, Cancelled::Done);
    assert_eq!(cancel(&town, &*payos, &order_open).await, Cancelled::Done, "a repeat");

    let order_paid = order(&town, &paid, "samplebank").await;
    let pay = json!({ "order": order_paid.reference, "outcome": "paid", "wait": true });
    assert_eq!(town.simulators().post("/control/pay", &pay).await.status, 200);
    town.wait_for(&paid, "paid").await;
    assert_eq!(cancel(&town, &*payos, &order_paid).await, Cancelled::TooLate);

    let unknown = Order { reference: "77".to_owned(), ..order_open };
    assert!(matches!(cancel(&town, &*payos, &unknown).await, Cancelled::Unknown { .. }));
}
