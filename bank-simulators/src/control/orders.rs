//! `GET /control/orders`: what the banks keep.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    app::{Shared, World},
    clock,
    payos::orders::invoice_codes,
};

/// All orders of all partners, oldest first.
pub async fn list(State(world): State<Shared>) -> Json<Vec<Value>> {
    let now = clock::now();
    let mut orders: Vec<(String, Value)> = Vec::new();
    {
        let book = world.payos.book();
        orders.extend(book.all().map(|order| {
            let listed = json!({
                "channel": "payos", "partner": world.settings.payos_partner,
                "reference": order.order_code.to_string(), "payment_link_id": order.link_id,
                "amount": order.amount.to_string(), "paid": order.paid().to_string(),
                "status": order.status(now), "description": order.description,
                "invoice_code": invoice_codes(&order.description).first(),
                "account": order.virtual_account, "qr": order.qr_code,
                "payment_url": order.checkout_url(&world.public_url),
                "created_at": clock::precise(order.created_at),
                "transactions": order.credits.iter().map(|(_, it)| it).collect::<Vec<_>>(),
            });
            (clock::precise(order.created_at), listed)
        }));
    }
    {
        let book = world.vnpay.book();
        orders.extend(book.all().map(|order| {
            let transactions: Vec<Value> = order.transactions.iter().map(|it| {
                json!({
                    "transaction_id": it.number, "type": it.kind,
                    "amount": (it.amount / 100).to_string(), "response_code": it.response_code,
                    "status": it.status, "time": clock::precise(it.at),
                })
            }).collect();
            let at = clock::read_compact(&order.create_date).map(clock::precise).unwrap_or_default();
            let listed = json!({
                "channel": "vnpay", "partner": world.settings.vnpay_partner,
                "reference": order.txn_ref, "amount": (order.amount / 100).to_string(),
                "status": order.status(now), "description": order.order_info,
                "invoice_code": invoice_codes(&order.order_info).first(),
                "payment_url": format!("{}/vnpay/paymentv2/vpcpay.html?{}", world.public_url, order.query),
                "created_at": at, "transactions": transactions,
            });
            (at, listed)
        }));
    }
    orders.extend(wallets(&world, now));
    orders.sort_by(|one, other| one.0.cmp(&other.0));
    Json(orders.into_iter().map(|(_, order)| order).collect())
}

fn wallets(world: &World, now: DateTime<Utc>) -> Vec<(String, Value)> {
    let mut orders = Vec::new();
    for order in world.momo.book().all() {
        let at = clock::precise(order.created_at);
        let payments = order.payments.iter().map(|it| {
            json!({
                "transaction_id": it.trans_id.to_string(), "type": "payment",
                "amount": order.amount.to_string(), "result_code": it.code,
                "time": clock::precise(it.at),
            })
        });
        let refunds = order.refunds.iter().map(|it| {
            json!({
                "transaction_id": it.trans_id.to_string(), "type": "refund",
                "amount": it.amount.to_string(), "reference": it.order_id,
                "time": clock::precise(it.at),
            })
        });
        let listed = json!({
            "channel": "momo", "partner": world.settings.momo_partner,
            "reference": order.order_id, "amount": order.amount.to_string(),
            "status": order.status(now), "description": order.order_info,
            "invoice_code": invoice_codes(&order.order_info).first(),
            "payment_url": format!("{}/momo/web/{}", world.public_url, order.order_id),
            "created_at": at, "transactions": payments.chain(refunds).collect::<Vec<_>>(),
        });
        orders.push((at, listed));
    }
    for order in world.zalopay.book().all() {
        let at = clock::precise(order.created_at);
        let payments = order.payments.iter().map(|it| {
            json!({
                "transaction_id": it.zp_trans_id.to_string(), "type": "payment",
                "amount": order.amount.to_string(), "return_code": it.code,
                "sub_return_code": it.sub_code, "time": clock::precise(it.at),
            })
        });
        let listed = json!({
            "channel": "zalopay", "partner": world.settings.zalopay_partner,
            "reference": order.app_trans_id, "amount": order.amount.to_string(),
            "status": order.status(now), "description": order.description,
            "invoice_code": invoice_codes(&order.description).first(),
            "payment_url": format!("{}/zalopay/web/{}", world.public_url, order.app_trans_id),
            "created_at": at, "transactions": payments.collect::<Vec<_>>(),
        });
        orders.push((at, listed));
    }
    orders
}
