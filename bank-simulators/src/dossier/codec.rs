//! `MaXacThuc`: lower-case hex of plain SHA-256 over values joined by `|`, the secret last.

use serde_json::Value;

use crate::signing;

/// The signed fields of INIT.
pub const INIT: &[&str] = &[
    "LoaiBanTin",
    "PhienBan",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "LoaiHinhThanhToan",
    "MaKenhThanhToan",
    "MaThietBi",
    "NgonNgu",
    "MaTienTe",
    "MaNganHang",
    "ThongTinGiaoDich",
    "ThoiGianGD",
    "Ip",
];

/// The signed fields of QUERY and GET_BILL.
pub const QUESTION: &[&str] = &["LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"];

/// The signed fields of a result.
pub const RESULT: &[&str] = &[
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
    "ThoiGianGD",
    "ThongTinGiaoDich",
];

/// The signed fields of an answer, to a result or of the service.
pub const ANSWER: &[&str] = &["MaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD"];

/// The signature of a message.
pub fn sign(secret: &str, fields: &[&str], message: &Value) -> String {
    let value = |name: &&str| match &message[*name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut parts: Vec<String> = fields.iter().map(value).collect();
    parts.push(secret.to_owned());
    hex::encode(signing::sha256(parts.join("|").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_has_our_signature() {
        let all: Value = serde_json::from_str(include_str!(
            "../../../tests/data/wires/gov_dvcqg_viettel_keypay.json"
        ))
        .unwrap();
        let secret = all["dvcqg_secret"].as_str().unwrap();
        for case in all["dvcqg"].as_array().unwrap() {
            let fields = match case["op"].as_str().unwrap() {
                "INIT" => INIT,
                "CONFIRM" => RESULT,
                _ => QUESTION,
            };
            assert_eq!(case["body"]["MaXacThuc"], sign(secret, fields, &case["body"]), "{case}");
        }
    }
}
