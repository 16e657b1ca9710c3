//! The result that the wallet tells: by IPN to the server, by redirect to the browser.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    codec,
    orders::{Order, Payment},
};
use crate::{
    app::World,
    courier::{Delivery, Form, Outgoing},
    deeds::{Act, Fault},
    settings::Settings,
    signing,
};

/// No schedule is documented for payments: that of MoMo's event product is taken (unverified).
const PAUSES_SECONDS: &[u64] = &[30, 300, 900];

fn result(settings: &Settings, order: &Order, done: &Payment, form: Form) -> Value {
    let mut body = json!({
        "partnerCode": settings.momo_partner_code, "orderId": order.order_id,
        "requestId": order.request_id, "amount": order.amount, "orderInfo": order.order_info,
        "orderType": "momo_wallet", "transId": done.trans_id, "resultCode": done.code,
        "message": done.message, "payType": done.pay_type,
        "responseTime": done.at.timestamp_millis(), "extraData": order.extra_data,
    });
    match form {
        Form::Honest | Form::Tampered => {}
        Form::UnknownOrder => {
            body["orderId"] = json!(format!("X{}", rand::random_range(1_u64 << 40..1 << 50)));
        }
        Form::ChangedAmount => body["amount"] = json!(order.amount + 100_000),
    }
    let keys = (settings.momo_access_key.expose(), settings.momo_secret_key.expose());
    let signature = codec::signature(codec::RESULT, keys, &body);
    let spoiled = form == Form::Tampered;
    body["signature"] = json!(if spoiled { signing::spoiled(&signature) } else { signature });
    body
}

/// Nothing but 204 without a body is "delivered".
fn accepted(status: u16, body: &str) -> bool {
    status == 204 && body.is_empty()
}

/// The IPN of one result, to the address that the order named.
pub fn delivery(
    world: &World,
    act: &Act,
    fault: Option<Fault>,
    order: &Order,
    done: &Payment,
) -> Delivery {
    let settings = &world.settings;
    let bodies = [Form::Honest, Form::Tampered, Form::UnknownOrder, Form::ChangedAmount]
        .map(|form| (form, result(settings, order, done, form).to_string()));
    let address = order.ipn_url.clone();
    Delivery {
        channel: "momo",
        partner: settings.momo_partner.clone(),
        reference: order.order_id.clone(),
        transaction_id: done.trans_id.to_string(),
        fault,
        delay_ms: act.delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| Outgoing {
            method: reqwest::Method::POST,
            url: address.clone(),
            headers: vec![("content-type", "application/json; charset=UTF-8".to_owned())],
            body: bodies.iter().find(|(made, _)| *made == form).map(|(_, body)| body.clone()),
        }),
        accepted,
    }
}

/// Where the browser goes after the payer has acted: the same fields as a query.
pub fn return_address(world: &World, order: &Order, done: &Payment) -> String {
    let body = result(&world.settings, order, done, Form::Honest);
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in body.as_object().into_iter().flat_map(|fields| fields.keys()) {
        query.append_pair(name, &codec::value_of(&body, name));
    }
    let joint = if order.redirect_url.contains('?') { '&' } else { '?' };
    format!("{}{joint}{}", order.redirect_url, query.finish())
}
