//! The payment page.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{orders::Order, pay};
use crate::{
    app::Shared,
    clock,
    deeds::{Act, Outcome},
    payer_page,
};

fn refuse(code: &str, message: &str) -> Response {
    let page = payer_page::say("Thông báo lỗi · ZaloPay", code, message);
    (StatusCode::BAD_REQUEST, page).into_response()
}

/// `GET /zalopay/web/{app_trans_id}`
pub async fn show(State(world): State<Shared>, Path(reference): Path<String>) -> Response {
    let found = world.zalopay.book().get(&reference).cloned();
    let Some(order) = found else { return refuse("-101", "no such order") };
    let now = clock::now();
    if order.result().is_none() && now > order.expires_at {
        return refuse("-54", "Giao dịch đã quá thời gian chờ thanh toán");
    }
    let amount = format!("{} VND", order.amount);
    let (until, status) = (clock::spaced(order.expires_at), order.status(now));
    let facts = [
        ("Số tiền · Amount", amount.as_str()),
        ("Nội dung · Description", &order.description),
        ("Mã đơn · app_trans_id", &order.app_trans_id),
        ("Hạn thanh toán · Pay before", &until),
        ("Trạng thái · Status", &status),
    ];
    let action = format!("/zalopay/web/{reference}");
    payer_page::offer("Ví ZaloPay mẫu", &facts, &action, &[], pay::possible).into_response()
}

/// The payer's choice.
#[derive(Deserialize)]
pub struct Choice {
    outcome: Outcome,
}

/// `POST /zalopay/web/{app_trans_id}`: acts and sends the browser back, with nothing signed.
pub async fn choose(
    State(world): State<Shared>,
    Path(reference): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let act = Act::on_page(reference.clone(), choice.outcome);
    if let Err(refusal) = pay::act(&world, &act, &reference).await {
        return refuse("-500", &refusal.to_string());
    }
    let order = world.zalopay.book().get(&reference).cloned();
    match order.as_ref().and_then(redirect) {
        Some(back) => Redirect::to(&back).into_response(),
        None => payer_page::say("Ví ZaloPay mẫu", "1", "Đã xong · Done").into_response(),
    }
}

/// The address that the merchant put into `embed_data`.
fn redirect(order: &Order) -> Option<String> {
    let embedded: Value = serde_json::from_str(&order.embed_data).ok()?;
    let address = embedded["redirecturl"].as_str()?;
    url::Url::parse(address)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        .then(|| address.to_owned())
}
