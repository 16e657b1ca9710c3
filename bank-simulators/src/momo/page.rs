//! The payment page.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{ipn, pay};
use crate::{
    app::Shared,
    clock,
    deeds::{Act, Outcome},
    payer_page,
};

fn refuse(code: &str, message: &str) -> Response {
    let page = payer_page::say("Thông báo lỗi · MoMo", code, message);
    (StatusCode::BAD_REQUEST, page).into_response()
}

/// `GET /momo/web/{order_id}`
pub async fn show(State(world): State<Shared>, Path(id): Path<String>) -> Response {
    let found = world.momo.book().get(&id).cloned();
    let Some(order) = found else { return refuse("42", "no such order") };
    let now = clock::now();
    if order.result().is_none() && now > order.expires_at {
        return refuse("1005", "Giao dịch đã quá thời gian chờ thanh toán");
    }
    let amount = format!("{} VND", order.amount);
    let (until, status) = (clock::spaced(order.expires_at), order.status(now));
    let facts = [
        ("Số tiền · Amount", amount.as_str()),
        ("Nội dung · Order info", &order.order_info),
        ("Mã đơn · Order id", &order.order_id),
        ("Hạn thanh toán · Pay before", &until),
        ("Trạng thái · Status", &status),
    ];
    let action = format!("/momo/web/{id}");
    payer_page::offer("Ví MoMo mẫu", &facts, &action, &[], pay::possible).into_response()
}

/// The payer's choice.
#[derive(Deserialize)]
pub struct Choice {
    outcome: Outcome,
}

/// `POST /momo/web/{order_id}`: acts and sends the browser back with the signed result.
pub async fn choose(
    State(world): State<Shared>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let act = Act::on_page(id.clone(), choice.outcome);
    if let Err(refusal) = pay::act(&world, &act, &id).await {
        return refuse("99", &refusal.to_string());
    }
    let back = {
        let book = world.momo.book();
        let order = book.get(&id);
        order.and_then(|order| Some(ipn::return_address(&world, order, order.payments.last()?)))
    };
    back.map_or_else(|| refuse("42", "no such order"), |back| Redirect::to(&back).into_response())
}
