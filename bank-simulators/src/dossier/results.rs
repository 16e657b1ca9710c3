//! Results in: taken only when everything about them is right.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RESULT, codec};
use crate::{
    app::{Shared, World},
    clock, signing,
};

/// What is wrong with a result, if anything.
fn fault(world: &World, secret: &str, told: &Value) -> Option<&'static str> {
    let text = |name: &str| told[name].as_str().unwrap_or_default();
    let expected = codec::sign(secret, codec::RESULT, told);
    if !signing::same_hex(&expected, text("MaXacThuc")) {
        return Some("MaXacThuc");
    }
    if text("LoaiBanTin") != RESULT {
        return Some("LoaiBanTin");
    }
    if text("MaDoiTac") != world.settings.dossier_partner_code {
        return Some("MaDoiTac");
    }
    if text("MaLoi") != "00" || text("MaTienTe") != "VND" || text("MaGiaoDich").is_empty() {
        return Some("MaLoi, MaTienTe or MaGiaoDich");
    }
    if clock::read_compact(text("ThoiGianGD")).is_none() {
        return Some("ThoiGianGD");
    }
    let book = world.dossier.book();
    let Some((amount, description)) = book.asked.get(text("MaThamChieu")) else {
        return Some("MaThamChieu");
    };
    // A number here, although INIT carries text.
    if told["SoTien"].as_i64() != Some(*amount) {
        return Some("SoTien");
    }
    (text("ThongTinGiaoDich") != description).then_some("ThongTinGiaoDich")
}

/// `POST /dossier/result`
pub async fn take(State(world): State<Shared>, body: Bytes) -> Response {
    let secret = world.settings.dossier_secret.clone();
    let secret = secret.as_ref().map_or("", |secret| secret.expose());
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let fault = fault(&world, secret, &told);
    let reference = told["MaThamChieu"].clone();
    let code = {
        let mut book = world.dossier.book();
        let code = if fault.is_some() || book.refuse > 0 { "99" } else { "00" };
        if fault.is_none() {
            book.refuse = book.refuse.saturating_sub(1);
        }
        let first = !book.results.iter().any(|r| r["reference"] == reference && r["code"] == "00");
        book.results.push(json!({
            "reference": reference, "code": code, "fault": fault, "effect": code == "00" && first,
            "body": told,
        }));
        code
    };
    let mut answer = json!({
        "MaLoi": code, "MoTaLoi": fault.unwrap_or("Thành công"),
        "MaDoiTac": world.settings.dossier_partner_code, "MaThamChieu": reference,
        "ThoiGianGD": clock::compact(clock::now()),
    });
    answer["MaXacThuc"] = json!(codec::sign(secret, codec::ANSWER, &answer));
    Json(answer).into_response()
}

/// `GET /dossier/results`
pub async fn list(State(world): State<Shared>) -> Json<Value> {
    Json(json!(world.dossier.book().results))
}

/// The request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// How many good results are answered with 99 first.
    refuse: u32,
}

/// `POST /dossier/behaviour`
pub async fn behave(State(world): State<Shared>, Json(asked): Json<Behaviour>) -> StatusCode {
    world.dossier.book().refuse = asked.refuse;
    StatusCode::NO_CONTENT
}
