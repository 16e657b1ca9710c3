//! Payload to text, fields in the order of their ids.

use std::fmt::Write as _;

use super::crc::crc16;
use super::error::QrError;
use super::payload::{Account, Additional, NAPAS, Payload, Tip};
use super::read::MOST_CHARACTERS;
use super::tlv::{Field, LONGEST, push};

impl Payload {
    /// Writes the payload; refuses what [`Payload::decode`] would refuse.
    pub fn encode(&self) -> Result<String, QrError> {
        self.check()?;
        let mut out = String::from("000201");
        push(&mut out, 1, self.initiation.as_str());
        let mut accounts: Vec<&Account> = self.accounts.iter().collect();
        accounts.sort_by_key(|account| account.id());
        if let Some(pair) = accounts.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            return Err(QrError::Repeated { id: pair[0].id() });
        }
        for account in accounts {
            push(&mut out, account.id(), &account_value(account)?);
        }
        push_some(&mut out, 52, self.category.as_ref());
        push(&mut out, 53, &self.currency);
        push_some(&mut out, 54, self.amount.as_ref());
        match &self.tip {
            None => {}
            Some(Tip::Ask) => push(&mut out, 55, "01"),
            Some(Tip::Fixed(amount)) => {
                push(&mut out, 55, "02");
                push(&mut out, 56, amount);
            }
            Some(Tip::Percent(percent)) => {
                push(&mut out, 55, "03");
                push(&mut out, 57, percent);
            }
        }
        push(&mut out, 58, &self.country);
        push_some(&mut out, 59, self.name.as_ref());
        push_some(&mut out, 60, self.city.as_ref());
        push_some(&mut out, 61, self.postal_code.as_ref());
        let additional = additional_value(&self.additional)?;
        if !additional.is_empty() {
            push(&mut out, 62, &additional);
        }
        push_sorted(&mut out, &self.others);
        out.push_str("6304");
        let crc = crc16(out.as_bytes());
        let _ = write!(out, "{crc:04X}");
        let characters = out.chars().count();
        if characters > MOST_CHARACTERS { Err(QrError::TooLong { characters }) } else { Ok(out) }
    }
}

fn account_value(account: &Account) -> Result<String, QrError> {
    let mut out = String::new();
    match account {
        Account::Scheme(field) => return Ok(field.value.clone()),
        Account::Napas(napas) => {
            let mut to = String::new();
            push(&mut to, 0, &napas.bin);
            push(&mut to, 1, &napas.number);
            push(&mut out, 0, NAPAS);
            push(&mut out, 1, &to);
            push(&mut out, 2, napas.service.as_str());
        }
        Account::Template { guid, fields, .. } => {
            push(&mut out, 0, guid);
            push_sorted(&mut out, fields);
        }
    }
    fitting("26-51", out)
}

fn additional_value(additional: &Additional) -> Result<String, QrError> {
    let mut out = String::new();
    for (id, value) in additional.known() {
        push_some(&mut out, id, value.as_ref());
    }
    push_sorted(&mut out, &additional.others);
    fitting("62", out)
}

fn fitting(field: &'static str, value: String) -> Result<String, QrError> {
    if value.chars().count() > LONGEST {
        return Err(QrError::Value { field, why: "at most 99 characters together" });
    }
    Ok(value)
}

fn push_some(out: &mut String, id: u8, value: Option<&String>) {
    if let Some(value) = value {
        push(out, id, value);
    }
}

fn push_sorted(out: &mut String, fields: &[Field]) {
    let mut sorted: Vec<&Field> = fields.iter().collect();
    sorted.sort_by_key(|field| field.id);
    for field in sorted {
        push(out, field.id, &field.value);
    }
}
