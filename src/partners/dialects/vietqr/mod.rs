//! VietQR: the text inside the QR codes of Vietnamese banks and wallets.
//!
//! EMVCo's merchant-presented QR code in the Vietnamese profile: fields of id (two digits), length
//! (two digits, counting characters) and value, some values being fields again, and a CRC at the
//! end. The codec takes the format's full range and refuses everything outside it, the same limits
//! in both directions: what [`Payload::encode`] writes, [`Payload::decode`] reads back.
//!
//! ```text
//! 00 01   01 11|12   38 { 00 A000000727  01 { 00 BIN  01 account }  02 QRIBFTTA }
//! 53 704  [54 amount]  58 VN  [62 { 08 memo }]  63 CRC
//! ```
//!
//! There is no callback in VietQR: that the money came is told by the bank.

mod crc;
mod error;
mod payload;
mod read;
mod tlv;
mod write;

pub use crc::crc16;
pub use error::QrError;
pub use payload::{Account, Additional, Initiation, Napas, Payload, Service, Tip, VNPAY_QR};
pub use tlv::{Field, fields};

use crate::vocabulary::money::{Currency, Money};

/// The payload of a transfer to an account: with an amount when there is one to ask for.
///
/// Memos should be plain capitals and digits, at most 25: the payer's bank may drop the rest.
pub fn transfer(bin: &str, account: &str, amount: Money, memo: &str) -> Result<String, QrError> {
    if amount.currency() != Currency::Vnd {
        return Err(QrError::Value { field: "54", why: "only đồng" });
    }
    let amount = (!amount.is_zero()).then(|| amount.to_string());
    let to = Napas { bin: bin.into(), number: account.into(), service: Service::ToAccount };
    Payload {
        additional: Additional {
            purpose: (!memo.is_empty()).then(|| memo.to_owned()),
            ..Additional::default()
        },
        ..Payload::to(to, amount)
    }
    .encode()
}

#[cfg(test)]
mod tests;
