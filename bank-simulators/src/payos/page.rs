//! The checkout page.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{orders::Order, transfer};
use crate::{
    app::{Shared, World},
    clock,
    deeds::{Act, Outcome},
    payer_page,
};

fn find(world: &World, link: &str) -> Option<Order> {
    let book = world.payos.book();
    book.number_of(link).and_then(|number| book.get(number).cloned())
}

fn unknown() -> Response {
    let page = payer_page::say("Không tìm thấy", "101", "Mã thanh toán không tồn tại");
    (StatusCode::NOT_FOUND, page).into_response()
}

/// `GET /payos/web/{link}`
pub async fn show(State(world): State<Shared>, Path(link): Path<String>) -> Response {
    let Some(order) = find(&world, &link) else { return unknown() };
    let (amount, number) = (format!("{} VND", order.amount), order.order_code.to_string());
    let facts = [
        ("Số tiền · Amount", amount.as_str()),
        ("Nội dung · Memo", &order.description),
        ("Tài khoản · Account", &order.virtual_account),
        ("Mã đơn · Order", &number),
        ("Trạng thái · Status", order.status(clock::now())),
        ("VietQR", &order.qr_code),
    ];
    let action = format!("/payos/web/{}", order.link_id);
    payer_page::offer("Ngân hàng mẫu · Sample bank", &facts, &action, &[], |_| true).into_response()
}

/// The payer's choice.
#[derive(Deserialize)]
pub struct Choice {
    outcome: Outcome,
}

/// `POST /payos/web/{link}`: acts, then sends the browser back as payOS does. Those parameters
/// are not signed: the browser proves nothing.
pub async fn choose(
    State(world): State<Shared>,
    Path(link): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let Some(order) = find(&world, &link) else { return unknown() };
    let act = Act::on_page(link, choice.outcome);
    match transfer::for_order(&world, &act, order.order_code).await {
        Ok(_) => {}
        Err(refusal) => {
            let page = payer_page::say("Không thực hiện được", "20", &refusal.to_string());
            return (StatusCode::CONFLICT, page).into_response();
        }
    }
    let order = find(&world, &order.link_id).unwrap_or(order);
    let status = order.status(clock::now());
    let cancelled = status == "CANCELLED";
    let back = if cancelled { &order.cancel_url } else { &order.return_url };
    let Ok(mut back) = url::Url::parse(back) else { return unknown() };
    back.query_pairs_mut()
        .append_pair("code", "00")
        .append_pair("id", &order.link_id)
        .append_pair("cancel", if cancelled { "true" } else { "false" })
        .append_pair("status", status)
        .append_pair("orderCode", &order.order_code.to_string());
    Redirect::to(back.as_str()).into_response()
}
