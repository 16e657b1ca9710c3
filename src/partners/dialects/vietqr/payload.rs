//! What a payload says, and what each of its values may be.

use super::error::QrError;
use super::tlv::{Field, LONGEST};
use crate::text_enum;

/// The identifier of NAPAS, in template 38.
pub(super) const NAPAS: &str = "A000000727";
/// The identifier of VNPAY-QR, in template 26.
pub const VNPAY_QR: &str = "A000000775";

text_enum! {
    /// Is the code made for one payment?
    pub enum Initiation ("point of initiation") {
        /// The same code for every payer.
        Static = "11",
        /// For one payment; apps then lock amount and memo.
        Dynamic = "12",
    }
}

text_enum! {
    /// What NAPAS is to do.
    pub enum Service ("NAPAS service") {
        /// Transfer to an account.
        ToAccount = "QRIBFTTA",
        /// Transfer to a card.
        ToCard = "QRIBFTTC",
        /// Pay a merchant.
        Push = "QRPUSH",
        /// Take out cash.
        Cash = "QRCASH",
    }
}

/// One way to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A bank account or card through NAPAS, template 38.
    Napas(Napas),
    /// A card scheme's own primitive field, 02 to 25.
    Scheme(Field),
    /// Another template of 26 to 51, VNPAY-QR among them.
    Template {
        /// 26 to 51.
        id: u8,
        /// Whose template it is.
        guid: String,
        /// What stands in it behind the identifier.
        fields: Vec<Field>,
    },
}

/// A bank account or card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Napas {
    /// Six digits of the bank, or eight.
    pub bin: String,
    /// Account or card, at most 19 letters and digits.
    pub number: String,
    /// What to do.
    pub service: Service,
}

/// A tip or fee on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tip {
    /// The payer is asked for one.
    Ask,
    /// So much.
    Fixed(String),
    /// So many hundredths of the amount.
    Percent(String),
}

/// Template 62.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additional {
    /// 01
    pub bill: Option<String>,
    /// 02
    pub mobile: Option<String>,
    /// 03
    pub store: Option<String>,
    /// 04
    pub loyalty: Option<String>,
    /// 05
    pub reference: Option<String>,
    /// 06
    pub customer: Option<String>,
    /// 07
    pub terminal: Option<String>,
    /// 08: the memo of the transfer.
    pub purpose: Option<String>,
    /// 09: what the payer's app is to ask for.
    pub ask_for: Option<String>,
    /// 10 to 99.
    pub others: Vec<Field>,
}

/// A payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// 01
    pub initiation: Initiation,
    /// 02 to 51; at least one.
    pub accounts: Vec<Account>,
    /// 52: four digits of ISO 18245.
    pub category: Option<String>,
    /// 53: three digits of ISO 4217.
    pub currency: String,
    /// 54: at most 13; đồng has no fraction.
    pub amount: Option<String>,
    /// 55 to 57.
    pub tip: Option<Tip>,
    /// 58: two letters of ISO 3166.
    pub country: String,
    /// 59
    pub name: Option<String>,
    /// 60
    pub city: Option<String>,
    /// 61
    pub postal_code: Option<String>,
    /// 62
    pub additional: Additional,
    /// 64 to 99, as they are.
    pub others: Vec<Field>,
}

impl Payload {
    /// In đồng in Việt Nam: static without an amount, dynamic with one.
    pub fn to(account: Napas, amount: Option<String>) -> Self {
        Self {
            initiation: if amount.is_some() { Initiation::Dynamic } else { Initiation::Static },
            accounts: vec![Account::Napas(account)],
            category: None,
            currency: "704".to_owned(),
            amount,
            tip: None,
            country: "VN".to_owned(),
            name: None,
            city: None,
            postal_code: None,
            additional: Additional::default(),
            others: Vec::new(),
        }
    }

    /// The transfer's account, when it is one.
    pub fn napas(&self) -> Option<&Napas> {
        self.accounts.iter().find_map(|account| match account {
            Account::Napas(napas) => Some(napas),
            Account::Scheme(_) | Account::Template { .. } => None,
        })
    }

    /// Is every value one that its field may hold? The same for reading and writing.
    pub(super) fn check(&self) -> Result<(), QrError> {
        if self.accounts.is_empty() {
            return Err(QrError::Missing { field: "02-51" });
        }
        self.accounts.iter().try_for_each(Account::check)?;
        if let Some(category) = &self.category {
            digits("52", category, 4..=4, "four digits")?;
        }
        digits("53", &self.currency, 3..=3, "three digits")?;
        if let Some(amount) = &self.amount {
            self.check_amount("54", amount)?;
        }
        match &self.tip {
            None | Some(Tip::Ask) => {}
            Some(Tip::Fixed(amount)) => self.check_amount("56", amount)?,
            Some(Tip::Percent(percent)) => {
                decimal("57", percent, 5, "a number of at most 5 characters")?;
            }
        }
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(QrError::Value { field: "58", why: "two capital letters" });
        }
        text("59", self.name.as_ref(), 25)?;
        text("60", self.city.as_ref(), 15)?;
        text("61", self.postal_code.as_ref(), 10)?;
        self.additional.check()?;
        ids_once("64-99", 64..=99, self.others.iter())
    }

    fn check_amount(&self, field: &'static str, amount: &str) -> Result<(), QrError> {
        if self.currency == "704" {
            digits(field, amount, 1..=13, "1 to 13 digits")
        } else {
            decimal(field, amount, 13, "a number of at most 13 characters")
        }
    }
}

impl Account {
    /// Its field in the payload.
    pub fn id(&self) -> u8 {
        match self {
            Self::Napas(_) => 38,
            Self::Scheme(field) => field.id,
            Self::Template { id, .. } => *id,
        }
    }

    fn check(&self) -> Result<(), QrError> {
        match self {
            Self::Napas(napas) => {
                let why = "six or eight digits";
                digits("38-01-00", &napas.bin, 6..=8, why)?;
                if napas.bin.len() == 7 {
                    return Err(QrError::Value { field: "38-01-00", why });
                }
                let number = napas.number.as_bytes();
                if !(1..=19).contains(&number.len())
                    || !number.iter().all(u8::is_ascii_alphanumeric)
                {
                    let why = "1 to 19 letters and digits";
                    return Err(QrError::Value { field: "38-01-01", why });
                }
                Ok(())
            }
            Self::Scheme(field) => ids_once("02-25", 2..=25, [field].into_iter()),
            Self::Template { id, guid, fields } => {
                if !(26..=51).contains(id) || (*id == 38 && guid == NAPAS) {
                    return Err(QrError::Stranger { template: "26-51", id: *id });
                }
                text("26-51-00", Some(guid), 32)?;
                ids_once("26-51", 1..=99, fields.iter())
            }
        }
    }
}

impl Additional {
    /// 01 to 09, whether there or not.
    pub(super) fn known(&self) -> [(u8, &Option<String>); 9] {
        [
            (1, &self.bill),
            (2, &self.mobile),
            (3, &self.store),
            (4, &self.loyalty),
            (5, &self.reference),
            (6, &self.customer),
            (7, &self.terminal),
            (8, &self.purpose),
            (9, &self.ask_for),
        ]
    }

    fn check(&self) -> Result<(), QrError> {
        for (_, value) in self.known() {
            text("62-01..09", value.as_ref(), 25)?;
        }
        ids_once("62", 10..=99, self.others.iter())
    }
}

fn text(field: &'static str, value: Option<&String>, most: usize) -> Result<(), QrError> {
    let Some(value) = value else { return Ok(()) };
    let why = match most {
        10 => "1 to 10 characters",
        15 => "1 to 15 characters",
        25 => "1 to 25 characters",
        32 => "1 to 32 characters",
        _ => "1 to 99 characters",
    };
    let fits = (1..=most).contains(&value.chars().count());
    if fits && !value.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(QrError::Value { field, why })
    }
}

fn digits(
    field: &'static str,
    value: &str,
    length: std::ops::RangeInclusive<usize>,
    why: &'static str,
) -> Result<(), QrError> {
    if length.contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(QrError::Value { field, why })
    }
}

fn decimal(
    field: &'static str,
    value: &str,
    most: usize,
    why: &'static str,
) -> Result<(), QrError> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if value.len() <= most && !whole.is_empty() && digits(whole) && digits(fraction) {
        Ok(())
    } else {
        Err(QrError::Value { field, why })
    }
}

fn ids_once<'a>(
    template: &'static str,
    ids: std::ops::RangeInclusive<u8>,
    fields: impl Iterator<Item = &'a Field>,
) -> Result<(), QrError> {
    let mut seen: Vec<u8> = Vec::new();
    for field in fields {
        if !ids.contains(&field.id) {
            return Err(QrError::Stranger { template, id: field.id });
        }
        if seen.contains(&field.id) {
            return Err(QrError::Repeated { id: field.id });
        }
        seen.push(field.id);
        text(template, Some(&field.value), LONGEST)?;
    }
    Ok(())
}
