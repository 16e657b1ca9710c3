//! VietQR payloads (EMVCo merchant-presented, NAPAS profile): what a bank app reads and shows.

/// What a scanned code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The acquirer's BIN.
    pub bin: String,
    /// The account (or card) to credit.
    pub account: String,
    /// đồng, when the code fixes it.
    pub amount: Option<i64>,
    /// The memo, when the code gives one.
    pub purpose: Option<String>,
}

/// Why a bank app refuses a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQr {
    /// A field is cut short, or its length is no number.
    #[error("a field is cut short")]
    Cut,
    /// The last field is not a CRC of four upper-case hex digits.
    #[error("the CRC is not at the end")]
    NoCrc,
    /// The CRC is another one.
    #[error("the CRC does not match")]
    WrongCrc,
    /// A tag comes twice.
    #[error("a tag comes twice")]
    Twice,
    /// Not a transfer in đồng through NAPAS.
    #[error("not a NAPAS transfer in VND")]
    Foreign,
    /// The amount is no whole number of đồng.
    #[error("the amount is no whole number of đồng")]
    Amount,
}

const NAPAS: &str = "A000000727";

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// Splits `id(2) length(2) value` fields; the length counts characters.
fn fields(text: &str) -> Result<Vec<(String, String)>, BadQr> {
    let letters: Vec<char> = text.chars().collect();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let head = letters.get(at..at + 4).ok_or(BadQr::Cut)?;
        let length = head[2..]
            .iter()
            .try_fold(0, |sum, digit| Some(sum * 10 + digit.to_digit(10)?))
            .ok_or(BadQr::Cut)?;
        let end = at + 4 + usize::try_from(length).map_err(|_| BadQr::Cut)?;
        let value = letters.get(at + 4..end).ok_or(BadQr::Cut)?;
        let tag: String = head[..2].iter().collect();
        if found.iter().any(|(known, _)| *known == tag) {
            return Err(BadQr::Twice);
        }
        found.push((tag, value.iter().collect()));
        at = end;
    }
    Ok(found)
}

fn value<'a>(fields: &'a [(String, String)], tag: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == tag).map(|(_, value)| value.as_str())
}

/// Checks the CRC and splits the payload.
fn checked(payload: &str) -> Result<Vec<(String, String)>, BadQr> {
    let at = payload.len().checked_sub(4).ok_or(BadQr::Cut)?;
    let (covered, crc) = payload.split_at_checked(at).ok_or(BadQr::NoCrc)?;
    let digits = crc.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if !covered.ends_with("6304") || !digits {
        return Err(BadQr::NoCrc);
    }
    if format!("{:04X}", crc16(covered.as_bytes())) != crc {
        return Err(BadQr::WrongCrc);
    }
    let found = fields(payload)?;
    if found.last().is_none_or(|(tag, _)| tag != "63") {
        return Err(BadQr::NoCrc);
    }
    Ok(found)
}

/// Reads a scanned code.
pub fn decode(payload: &str) -> Result<Request, BadQr> {
    let found = checked(payload)?;
    if value(&found, "00") != Some("01")
        || value(&found, "53") != Some("704")
        || value(&found, "58") != Some("VN")
    {
        return Err(BadQr::Foreign);
    }
    let merchant = fields(value(&found, "38").ok_or(BadQr::Foreign)?)?;
    if value(&merchant, "00") != Some(NAPAS) {
        return Err(BadQr::Foreign);
    }
    let beneficiary = fields(value(&merchant, "01").ok_or(BadQr::Foreign)?)?;
    let (Some(bin), Some(account)) = (value(&beneficiary, "00"), value(&beneficiary, "01")) else {
        return Err(BadQr::Foreign);
    };
    let amount = value(&found, "54").map(read_amount).transpose()?;
    let purpose = match value(&found, "62") {
        Some(additional) => value(&fields(additional)?, "08").map(str::to_owned),
        None => None,
    };
    Ok(Request { bin: bin.to_owned(), account: account.to_owned(), amount, purpose })
}

fn read_amount(text: &str) -> Result<i64, BadQr> {
    if text.is_empty() || text.len() > 13 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadQr::Amount);
    }
    text.parse().map_err(|_| BadQr::Amount)
}

/// Writes a code for a transfer to an account.
pub fn encode(request: &Request) -> String {
    let field = |tag: &str, value: &str| format!("{tag}{:02}{value}", value.chars().count());
    let beneficiary = field("00", &request.bin) + &field("01", &request.account);
    let merchant = field("00", NAPAS) + &field("01", &beneficiary) + &field("02", "QRIBFTTA");
    let mut payload = field("00", "01")
        + &field("01", if request.amount.is_some() { "12" } else { "11" })
        + &field("38", &merchant)
        + &field("53", "704");
    if let Some(amount) = request.amount {
        payload += &field("54", &amount.to_string());
    }
    payload += &field("58", "VN");
    if let Some(purpose) = &request.purpose {
        payload += &field("62", &field("08", purpose));
    }
    payload += "6304";
    let crc = crc16(payload.as_bytes());
    payload + &format!("{crc:04X}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/data/wires/vietqr.json")).unwrap()
    }

    #[test]
    fn the_check_value_holds() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    #[test]
    fn every_vector_is_read_and_written_again() {
        let all = vectors();
        for case in all["vectors"].as_array().unwrap() {
            let payload = case["payload"].as_str().unwrap();
            assert!(checked(payload).is_ok(), "{payload}");
            let input = &case["input"];
            if input.is_null() {
                assert_eq!(decode(payload), Err(BadQr::Foreign), "VNPAY-QR is no transfer");
                continue;
            }
            let read = decode(payload).unwrap();
            assert_eq!(read.bin, input["bin"].as_str().unwrap());
            assert_eq!(read.account, input["acc"].as_str().unwrap());
            assert_eq!(read.amount.map(|it| it.to_string()).as_deref(), input["amount"].as_str());
            assert_eq!(read.purpose.as_deref(), input["purpose"].as_str());
            if input["service"].is_null() {
                assert_eq!(encode(&read), payload);
            }
            if let Some(other) = case["vietqr_emvco_1_0_0_with_52_0000_and_59"].as_str() {
                assert_eq!(decode(other).unwrap(), read);
            }
        }
    }

    #[test]
    fn every_negative_is_refused() {
        for case in vectors()["negative"].as_array().unwrap() {
            assert!(decode(case["payload"].as_str().unwrap()).is_err(), "{}", case["name"]);
        }
    }
}
