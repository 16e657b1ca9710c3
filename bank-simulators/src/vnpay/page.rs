//! The payment page.

use axum::{
    Form,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{ipn, pay, request};
use crate::{
    app::Shared,
    behaviour::Call,
    clock,
    deeds::{Act, Outcome, Refusal},
    payer_page,
};

fn refuse(refusal: &Refusal) -> Response {
    let (code, message) = match refusal {
        Refusal::Page { code, message } => (*code, message.clone()),
        other => ("99", other.to_string()),
    };
    let page = payer_page::say("Thông báo lỗi · VNPAY", code, &message);
    (StatusCode::BAD_REQUEST, page).into_response()
}

/// `GET /vnpay/paymentv2/vpcpay.html`
pub async fn show(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let mode = world.behaviours.meet(&world.settings.vnpay_partner, Call::Create).await;
    let down = || refuse(&Refusal::Page { code: "99", message: "refused on command".to_owned() });
    if let Some(instead) = mode.instead(down).await {
        return instead;
    }
    let key = match request::register(&world, &query.unwrap_or_default()) {
        Ok(key) => key,
        Err(refusal) => return refuse(&refusal),
    };
    let found = world.vnpay.book().get(&key).cloned();
    let Some(order) = found else { return refuse(&Refusal::Unknown(key.1)) };
    let now = clock::now();
    if order.result().is_none() && now > order.expires_at {
        let message = "Giao dịch đã quá thời gian chờ thanh toán".to_owned();
        return refuse(&Refusal::Page { code: "15", message });
    }
    let amount = format!("{} VND", order.amount / 100);
    let (until, status) = (clock::spaced(order.expires_at), order.status(now));
    let facts = [
        ("Số tiền · Amount", amount.as_str()),
        ("Nội dung · Order info", &order.order_info),
        ("Mã đơn · Reference", &order.txn_ref),
        ("Hạn thanh toán · Pay before", &until),
        ("Trạng thái · Status", &status),
    ];
    let hidden = [("day", order.day.as_str()), ("txn_ref", order.txn_ref.as_str())];
    let page =
        payer_page::offer("Cổng VNPAY mẫu", &facts, "/vnpay/paymentv2/pay", &hidden, pay::possible);
    mode.afterwards(page.into_response()).await
}

/// The payer's choice.
#[derive(Deserialize)]
pub struct Choice {
    day: String,
    txn_ref: String,
    outcome: Outcome,
}

/// `POST /vnpay/paymentv2/pay`: acts and sends the browser back with the signed result.
pub async fn choose(State(world): State<Shared>, Form(choice): Form<Choice>) -> Response {
    let key = (choice.day, choice.txn_ref);
    let act = Act::on_page(key.1.clone(), choice.outcome);
    if let Err(refusal) = pay::act(&world, &act, &key).await {
        return refuse(&refusal);
    }
    let back = {
        let book = world.vnpay.book();
        let order = book.get(&key);
        order.and_then(|order| Some(ipn::return_address(&world, order, order.transactions.last()?)))
    };
    back.map_or_else(
        || refuse(&Refusal::Unknown(key.1.clone())),
        |back| Redirect::to(&back).into_response(),
    )
}
