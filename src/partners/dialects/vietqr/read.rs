//! Text to payload.

use super::crc::crc16;
use super::error::QrError;
use super::payload::{Account, Additional, NAPAS, Napas, Payload, Tip};
use super::tlv::{Field, fields};

/// What EMVCo lets a payload hold.
pub(super) const MOST_CHARACTERS: usize = 512;

impl Payload {
    /// Reads a payload and refuses what is outside of the format.
    pub fn decode(text: &str) -> Result<Self, QrError> {
        let characters = text.chars().count();
        if characters > MOST_CHARACTERS {
            return Err(QrError::TooLong { characters });
        }
        check_crc(text)?;
        let mut top = Fields(fields(text)?);
        if top.0.first().is_none_or(|field| field.id != 0) {
            return Err(QrError::Missing { field: "00" });
        }
        if top.need(0, "00")? != "01" {
            return Err(QrError::Value { field: "00", why: "01, the only version" });
        }
        if top.0.last().is_none_or(|field| field.id != 63) {
            return Err(QrError::NoCrc);
        }
        top.take(63);
        let initiation = top.need(1, "01")?;
        let payload = Self {
            initiation: initiation
                .parse()
                .map_err(|_| QrError::Value { field: "01", why: "11 or 12" })?,
            category: top.take(52),
            currency: top.need(53, "53")?,
            amount: top.take(54),
            tip: tip(&mut top)?,
            country: top.need(58, "58")?,
            name: top.take(59),
            city: top.take(60),
            postal_code: top.take(61),
            additional: top
                .take(62)
                .map_or_else(|| Ok(Additional::default()), |t| additional(&t))?,
            accounts: top.take_all(2..=51).map(account).collect::<Result<_, _>>()?,
            others: top.0,
        };
        payload.check()?;
        Ok(payload)
    }
}

/// The fields of one level that have not been read yet.
struct Fields(Vec<Field>);

impl Fields {
    fn take(&mut self, id: u8) -> Option<String> {
        let place = self.0.iter().position(|field| field.id == id)?;
        Some(self.0.remove(place).value)
    }

    fn need(&mut self, id: u8, field: &'static str) -> Result<String, QrError> {
        self.take(id).ok_or(QrError::Missing { field })
    }

    fn take_all(&mut self, ids: std::ops::RangeInclusive<u8>) -> impl Iterator<Item = Field> {
        self.0.extract_if(.., move |field| ids.contains(&field.id))
    }

    fn end(&self, template: &'static str) -> Result<(), QrError> {
        match self.0.first() {
            None => Ok(()),
            Some(field) => Err(QrError::Stranger { template, id: field.id }),
        }
    }
}

fn check_crc(text: &str) -> Result<(), QrError> {
    let cut = text.len().checked_sub(4).ok_or(QrError::NoCrc)?;
    let (signed, found) = text.split_at_checked(cut).ok_or(QrError::NoCrc)?;
    let hex = found.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    if !hex || !signed.ends_with("6304") {
        return Err(QrError::NoCrc);
    }
    let computed = crc16(signed.as_bytes());
    if format!("{computed:04X}") == found {
        Ok(())
    } else {
        Err(QrError::Crc { computed, found: found.to_owned() })
    }
}

fn account(field: Field) -> Result<Account, QrError> {
    if field.id < 26 {
        return Ok(Account::Scheme(field));
    }
    let mut template = Fields(fields(&field.value)?);
    let guid = template.need(0, "26-51-00")?;
    if field.id != 38 || guid != NAPAS {
        return Ok(Account::Template { id: field.id, guid, fields: template.0 });
    }
    let mut to = Fields(fields(&template.need(1, "38-01")?)?);
    let napas = Napas {
        bin: to.need(0, "38-01-00")?,
        number: to.need(1, "38-01-01")?,
        service: template.need(2, "38-02")?.parse().map_err(|_| QrError::Value {
            field: "38-02",
            why: "QRIBFTTA, QRIBFTTC, QRPUSH or QRCASH",
        })?,
    };
    to.end("38-01")?;
    template.end("38")?;
    Ok(Account::Napas(napas))
}

fn tip(top: &mut Fields) -> Result<Option<Tip>, QrError> {
    let (kind, fixed, percent) = (top.take(55), top.take(56), top.take(57));
    match (kind.as_deref(), fixed, percent) {
        (None, None, None) => Ok(None),
        (Some("01"), None, None) => Ok(Some(Tip::Ask)),
        (Some("02"), Some(amount), None) => Ok(Some(Tip::Fixed(amount))),
        (Some("03"), None, Some(percent)) => Ok(Some(Tip::Percent(percent))),
        _ => Err(QrError::Value { field: "55", why: "01; or 02 with 56; or 03 with 57" }),
    }
}

fn additional(text: &str) -> Result<Additional, QrError> {
    let mut template = Fields(fields(text)?);
    Ok(Additional {
        bill: template.take(1),
        mobile: template.take(2),
        store: template.take(3),
        loyalty: template.take(4),
        reference: template.take(5),
        customer: template.take(6),
        terminal: template.take(7),
        purpose: template.take(8),
        ask_for: template.take(9),
        others: template.0,
    })
}
