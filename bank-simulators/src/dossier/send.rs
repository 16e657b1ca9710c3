//! `POST /dossier/messages`: sends one message to the service, as asked, and gives back its answer.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::codec;
use crate::{
    app::{Shared, World},
    clock,
    control::wrong,
    courier::{Delivery, Form, Outgoing},
};

/// The treasury account that fees go to when no other is told.
const ACCOUNT: &str = "3511.0.1000002";

/// What to send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// INIT, QUERY or GET_BILL.
    kind: String,
    /// MaThamChieu.
    reference: String,
    /// đồng; of INIT only.
    #[serde(default)]
    amount: i64,
    /// Put in before signing, over what is usual.
    #[serde(default)]
    fields: Map<String, Value>,
    /// Put into ThongTinBienLai, over what is usual; it is not signed.
    #[serde(default)]
    bill: Map<String, Value>,
    /// Put in after signing: what a tamperer does.
    #[serde(default)]
    tamper: Map<String, Value>,
    /// The hour of 12 in ThoiGianGD, as systems in the field are known to write it.
    #[serde(default)]
    twelve_hours: bool,
}

fn message(world: &World, asked: &Request) -> Value {
    let now = clock::wall(clock::now());
    let form = if asked.twelve_hours { "%Y%m%d%I%M%S" } else { "%Y%m%d%H%M%S" };
    let mut message = json!({
        "LoaiBanTin": asked.kind, "PhienBan": "1.0.6",
        "MaDoiTac": world.settings.dossier_partner_code, "MaThamChieu": asked.reference,
        "ThoiGianGD": now.format(form).to_string(),
    });
    if asked.kind == "INIT" {
        for (name, value) in [
            ("SoTien", asked.amount.to_string()),
            ("LoaiHinhThanhToan", "PAY".to_owned()),
            ("MaKenhThanhToan", "1".to_owned()),
            ("MaThietBi", "1".to_owned()),
            ("NgonNgu", "vi-VN".to_owned()),
            ("MaTienTe", "VND".to_owned()),
            ("MaNganHang", "PAYMENT".to_owned()),
            ("ThongTinGiaoDich", format!("THANH TOAN HO SO {}", asked.reference)),
            ("Ip", "10.0.0.5".to_owned()),
        ] {
            message[name] = json!(value);
        }
        let mut bill = json!({
            "MaDichVu": "2", "MaHoSo": format!("HS-{}", asked.reference), "MaTTHC": "1.001234",
            "TKThuHuong": ACCOUNT, "HoTenNguoiNop": "Nguyễn Văn A", "SoCMNDNguoiNop": "012345678901",
            "PhiLePhi": [{"LoaiPhiLePhi": "1", "MaPhiLePhi": "2716", "TenPhiLePhi": "Phí lý lịch tư pháp",
                          "SoTien": asked.amount.to_string()}],
        });
        put(&mut bill, &asked.bill);
        message["ThongTinBienLai"] = bill;
    }
    put(&mut message, &asked.fields);
    message
}

fn put(into: &mut Value, fields: &Map<String, Value>) {
    for (name, value) in fields {
        into[name.as_str()] = value.clone();
    }
}

/// Sends, and remembers what was asked for once the service says 00.
pub async fn send(State(world): State<Shared>, Json(asked): Json<Request>) -> Response {
    let Some(secret) = world.settings.dossier_secret.clone() else {
        return wrong(StatusCode::SERVICE_UNAVAILABLE, "SIM_DOSSIER_SECRET is not set");
    };
    let mut message = message(&world, &asked);
    let fields = if asked.kind == "INIT" { codec::INIT } else { codec::QUESTION };
    message["MaXacThuc"] = json!(codec::sign(secret.expose(), fields, &message));
    put(&mut message, &asked.tamper);
    let url = format!("{}/compat/dvcqg", world.settings.payclear_url.trim_end_matches('/'));
    let body = message.to_string();
    let delivery = Delivery {
        channel: "dvcqg",
        partner: world.settings.dossier_partner_code.clone(),
        reference: asked.reference.clone(),
        transaction_id: String::new(),
        fault: None,
        delay_ms: 0,
        pauses_seconds: &[],
        make: Box::new(move |_: Form| Outgoing {
            method: reqwest::Method::POST,
            url: url.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body.clone()),
        }),
        accepted: |status, _| status == 200,
    };
    let answered = world.courier.call_once(&delivery).await;
    let text = answered.body.unwrap_or_default();
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let signed = answer["MaXacThuc"] == json!(codec::sign(secret.expose(), codec::ANSWER, &answer));
    if asked.kind == "INIT" && answer["MaLoi"] == "00" && signed {
        let description = message["ThongTinGiaoDich"].as_str().unwrap_or_default().to_owned();
        world.dossier.book().asked.insert(asked.reference, (asked.amount, description));
    }
    Json(json!({"status": answered.status, "sent": message, "answer": answer, "signed": signed}))
        .into_response()
}
