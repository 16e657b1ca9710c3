//! VietQR: payloads built from their input, read, and written again.

use serde::Deserialize;
use serde_json::Value;

use super::{Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::vietqr::{
    Additional, Field, Napas, Payload, Service, crc16, fields,
};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    vectors: Vec<Case>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input: Option<Input>,
    payload: String,
    crc: String,
    #[serde(default)]
    tlv: Vec<(String, String)>,
    /// The same with two fields more, as one library writes it.
    #[serde(rename = "vietqr_emvco_1_0_0_with_52_0000_and_59")]
    with_category_and_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    bin: String,
    acc: String,
    amount: Option<Value>,
    purpose: Option<String>,
    service: Option<Service>,
}

#[derive(Deserialize)]
struct Forged {
    name: String,
    payload: String,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File = serde_json::from_str(text)?;
    for case in &file.vectors {
        tally.count(&case.name, payload(case));
    }
    for case in &file.negative {
        let accepted = Payload::decode(&case.payload).is_ok();
        tally.count(format!("negative {}", case.name), refused(accepted));
    }
    Ok(())
}

fn payload(case: &Case) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let split =
        case.payload.len().checked_sub(4).and_then(|cut| case.payload.split_at_checked(cut));
    let (signed, _) = split.ok_or(missing("payload"))?;
    same("crc", &case.crc, &format!("{:04X}", crc16(signed.as_bytes())))?;
    reads_back(&case.payload)?;
    if let Some(payload) = &case.with_category_and_name {
        reads_back(payload)?;
    }
    if !case.tlv.is_empty() {
        let read = fields(&case.payload).map_err(|_| missing("tlv"))?;
        let read: Vec<_> = read.into_iter().map(|Field { id, value }| (id, value)).collect();
        let expected: Vec<(u8, String)> = case
            .tlv
            .iter()
            .map(|(id, value)| Ok((id.parse().map_err(|_| missing("tlv"))?, value.clone())))
            .collect::<Result<_, Wrong>>()?;
        same("tlv", &format!("{expected:?}"), &format!("{read:?}"))?;
    }
    let Some(input) = &case.input else { return Ok(()) };
    let amount = match &input.amount {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(missing("amount")),
    };
    let to = Napas {
        bin: input.bin.clone(),
        number: input.acc.clone(),
        service: input.service.unwrap_or(Service::ToAccount),
    };
    let built = Payload {
        additional: Additional { purpose: input.purpose.clone(), ..Additional::default() },
        ..Payload::to(to, amount)
    };
    let written = built.encode().map_err(|_| Wrong::Refused { what: "input" })?;
    same("payload", &case.payload, &written)?;
    genuine("round trip", Payload::decode(&written).as_ref() == Ok(&built))
}

fn reads_back(text: &str) -> Result<(), Wrong> {
    let read = Payload::decode(text).map_err(|_| Wrong::Refused { what: "payload" })?;
    same("written again", text, &read.encode().unwrap_or_default())
}
