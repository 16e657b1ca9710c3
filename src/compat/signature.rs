//! `MaXacThuc`: plain SHA-256 in lower-case hex over values joined by `|`, the secret last. (An early
//! draft made an HMAC of it; 1.0.6 does not.)
//!
//! The text of a message is not safe against a `|` inside of a value: two messages may have one text.
//! So a value with a `|` is refused before anything is compared.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;

/// The field of the signature.
pub const HASH: &str = "MaXacThuc";

/// The fields of a message in the order they are signed in.
#[derive(Debug, Clone, Copy)]
pub struct Signed(&'static [&'static str]);

/// What is signed of a new payment.
pub const INIT: Signed = Signed(&[
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
]);

/// What is signed of a question about a payment, or for its receipt.
pub const QUESTION: Signed =
    Signed(&["LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"]);

/// What is signed of the result.
pub const RESULT: Signed = Signed(&[
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
]);

impl Signed {
    /// The signed text: numbers as they are written, what is missing is empty. None when a value
    /// holds a `|`.
    pub fn text(self, message: &Object<'_>, secret: &Key) -> Option<String> {
        self.text_with(message, secret.expose())
    }

    fn text_with(self, message: &Object<'_>, secret: &str) -> Option<String> {
        let values: Vec<String> =
            self.0.iter().map(|name| message.text(name).unwrap_or_default()).collect();
        if values.iter().any(|value| value.contains('|')) {
            return None;
        }
        Some(format!("{}|{}", values.join("|"), secret))
    }

    /// Is the message's own signature right? Compared in constant time, in either case.
    pub fn is_genuine(self, message: &Object<'_>, secret: &Key) -> bool {
        let Some(given) = message.text(HASH) else { return false };
        secret.alive().any(|secret| {
            self.text_with(message, secret).is_some_and(|text| is_hash(&text, &given))
        })
    }
}

/// The hash of a text that ends in the secret.
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Is this the hash of the text?
pub fn is_hash(text: &str, given: &str) -> bool {
    hash(text).as_bytes().ct_eq(given.to_ascii_lowercase().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_slip_into_its_neighbour() {
        let secret = Key::new("s");
        let good = r#"{"LoaiBanTin":"QUERY","PhienBan":"1.0.6","MaDoiTac":"A","MaThamChieu":"B|C",
            "ThoiGianGD":"1"}"#;
        assert_eq!(QUESTION.text(&Object::read(good).expect("an object"), &secret), None);
    }

    #[test]
    fn a_signature_is_taken_in_either_case_and_only_whole() {
        let text = "QUERY|1.0.6|A|B|1|s";
        let right = hash(text);
        assert!(is_hash(text, &right) && is_hash(text, &right.to_uppercase()));
        for wrong in ["", &right[1..], &format!("{right}0"), &hash("QUERY|1.0.6|A|B|1|t")] {
            assert!(!is_hash(text, wrong), "{wrong}");
        }
    }
}
