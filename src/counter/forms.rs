//! What people type into the counter's forms, read with patience and refused with a reason.

use chrono::NaiveDate;

use super::banks;
use crate::partners::dialects::CounterAccount;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::ids::SettlementId;
use crate::vocabulary::money::{Currency, Money};

/// The form of the account that a refund goes to, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct AccountForm {
    /// Which payment is given back; empty where only one is.
    pub payment: String,
    /// The bank's BIN.
    pub bank: String,
    /// Account number.
    pub number: String,
    /// Holder.
    pub holder: String,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFault {
    /// Several payments, and none of them chosen.
    Payment,
    /// No bank of the list.
    Bank,
    /// No account number.
    Number,
    /// No name.
    Holder,
}

impl AccountForm {
    /// The payment that is meant.
    pub fn payment(&self) -> Option<SettlementId> {
        self.payment.trim().parse().ok().map(SettlementId)
    }

    /// The account, or everything that is wrong.
    pub fn read(&self) -> Result<CounterAccount, Vec<AccountFault>> {
        let bank = banks::name_of(self.bank.trim());
        let number: String = self
            .number
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let is_number =
            (6..=19).contains(&number.len()) && number.chars().all(|c| c.is_ascii_alphanumeric());
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let name = plain_capitals(&self.holder);
        let is_name = (2..=70).contains(&name.chars().count())
            && name.chars().any(|c| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || " .,&'-/()".contains(c));
        let faults: Vec<AccountFault> = [
            (bank.is_none(), AccountFault::Bank),
            (!is_number || digits == 0, AccountFault::Number),
            (!is_name, AccountFault::Holder),
        ]
        .into_iter()
        .filter_map(|(wrong, fault)| wrong.then_some(fault))
        .collect();
        if faults.is_empty() {
            let bank = self.bank.trim().to_owned();
            Ok(CounterAccount { bank, number, name })
        } else {
            Err(faults)
        }
    }
}

/// A name as banks write it: capitals without marks, single blanks.
pub fn plain_capitals(name: &str) -> String {
    const MARKED: &[(&str, char)] = &[
        ("ÀÁẠẢÃÂẦẤẬẨẪĂẰẮẶẲẴ", 'A'),
        ("ÈÉẸẺẼÊỀẾỆỂỄ", 'E'),
        ("ÌÍỊỈĨ", 'I'),
        ("ÒÓỌỎÕÔỒỐỘỔỖƠỜỚỢỞỠ", 'O'),
        ("ÙÚỤỦŨƯỪỨỰỬỮ", 'U'),
        ("ỲÝỴỶỸ", 'Y'),
        ("Đ", 'D'),
    ];
    let plain: String = name
        .chars()
        // Marks that stand for themselves, as some keyboards type them.
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .flat_map(char::to_uppercase)
        .map(|c| MARKED.iter().find(|(marked, _)| marked.contains(c)).map_or(c, |(_, p)| *p))
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The form of the look-up, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct LookupForm {
    /// The payment code, or nothing.
    pub code: String,
    /// The bank's or wallet's number of the payment, or nothing.
    pub reference: String,
    /// How much was debited.
    pub amount: String,
    /// On which day.
    pub day: String,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Of this invoice, when its code was given.
    pub code: Option<InvoiceCode>,
    /// Of this payment, when its number was given.
    pub payment: Option<PaymentAsked>,
}

/// A payment that somebody says they made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentAsked {
    /// The bank's or wallet's number, letters and digits.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// On which day.
    pub day: NaiveDate,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupFault {
    /// Neither a code nor a number.
    Nothing,
    /// No payment code.
    Code,
    /// No number of a payment.
    Reference,
    /// No amount.
    Amount,
    /// No day.
    Day,
}

impl LookupForm {
    /// The question, or everything that is wrong.
    pub fn read(&self) -> Result<Question, Vec<LookupFault>> {
        let mut faults = Vec::new();
        let (code, reference) = (self.code.trim(), self.reference.trim());
        if code.is_empty() && reference.is_empty() {
            return Err(vec![LookupFault::Nothing]);
        }
        let code = (!code.is_empty()).then(|| InvoiceCode::candidates(code).pop());
        if code == Some(None) {
            faults.push(LookupFault::Code);
        }
        let mut payment = None;
        if !reference.is_empty() {
            let known = squeezed(reference).filter(|r| (4..=64).contains(&r.len()));
            let (amount, day) = (amount(&self.amount), day(&self.day));
            for (wrong, fault) in [
                (known.is_none(), LookupFault::Reference),
                (amount.is_none(), LookupFault::Amount),
                (day.is_none(), LookupFault::Day),
            ] {
                if wrong {
                    faults.push(fault);
                }
            }
            if let (Some(reference), Some(amount), Some(day)) = (known, amount, day) {
                payment = Some(PaymentAsked { reference, amount, day });
            }
        }
        if faults.is_empty() { Ok(Question { code: code.flatten(), payment }) } else { Err(faults) }
    }
}

/// A number of a payment without the blanks that people type; none when it holds what none has.
fn squeezed(reference: &str) -> Option<String> {
    let text: String = reference.chars().filter(|c| !c.is_whitespace()).collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:\\".contains(c);
    text.chars().all(allowed).then_some(text)
}

/// `150.000 ₫`, `150,000 VND`, `150000đ`.
fn amount(text: &str) -> Option<Money> {
    let text = text.trim().to_lowercase();
    let text = text.trim_end_matches(|c: char| c.is_alphabetic() || c == '₫' || c.is_whitespace());
    let digits: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | ',')).collect();
    let amount = Money::parse(&digits, Currency::Vnd).ok()?;
    (digits.bytes().all(|b| b.is_ascii_digit()) && !amount.is_zero()).then_some(amount)
}

/// `2026-11-22` as browsers send it, `22/11/2026` as people write it.
fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    ["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::LookupFault::{Amount, Code, Day, Nothing, Reference};
    use super::*;

    fn form(bank: &str, number: &str, holder: &str) -> AccountForm {
        AccountForm {
            payment: String::new(),
            bank: bank.into(),
            number: number.into(),
            holder: holder.into(),
        }
    }

    #[test]
    fn an_account_is_read_as_people_type_it() {
        let read = form(" 970436", "0071 000-123.456", " nguyễn  thị   Minh Ánh ").read();
        let account = read.expect("an account");
        assert_eq!(account.number, "0071000123456");
        assert_eq!(account.name, "NGUYEN THI MINH ANH");
        assert_eq!(plain_capitals("Đặng Thị Ỷ Vân"), "DANG THI Y VAN");
        assert_eq!(plain_capitals("Nguye\u{302}\u{303}n"), "NGUYEN");
        assert!(form("970422", "VQRQ00012345", "CTY TNHH A & B (HN)").read().is_ok());
    }

    #[test]
    fn everything_that_is_wrong_with_an_account_is_told_at_once() {
        use AccountFault::{Bank, Holder, Number};
        assert_eq!(form("", "", "").read(), Err(vec![Bank, Number, Holder]));
        assert_eq!(form("123456", "12345", "A").read(), Err(vec![Bank, Number, Holder]));
        assert_eq!(form("970436", "ABCDEFGH", "AN").read(), Err(vec![Number]));
        assert_eq!(form("970436", "12345678901234567890", "AN").read(), Err(vec![Number]));
        assert_eq!(form("970436", "123456", "<script>").read(), Err(vec![Holder]));
        assert_eq!(form("970436", "123456", "12 34").read(), Err(vec![Holder]));
    }

    #[test]
    fn a_question_is_a_code_or_a_payment_or_both() {
        let form = |code: &str, reference: &str, amount: &str, day: &str| LookupForm {
            code: code.into(),
            reference: reference.into(),
            amount: amount.into(),
            day: day.into(),
        };
        let code = InvoiceCode::draw(&mut rand::rngs::StdRng::seed_from_u64(1));
        let typed = format!(" {} ", code.as_str().to_lowercase());
        assert_eq!(form(&typed, "", "", "").read().expect("a question").code, Some(code));
        let asked = form("", "FT 2632 1234", "1.150.000 đồng", "22/11/2026").read();
        let payment = asked.expect("a question").payment.expect("a payment");
        assert_eq!(payment.reference, "FT26321234");
        assert_eq!(payment.amount, Money::vnd(1_150_000));
        assert_eq!(payment.day, NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day"));
        for amount in ["150000", "150,000 VND", "150.000đ", "150 000 ₫"] {
            let read = form("", "FT12", amount, "2026-11-22").read().expect("a question");
            assert_eq!(read.payment.expect("a payment").amount, Money::vnd(150_000), "{amount}");
        }
        assert_eq!(form("", " ", "1", "x").read(), Err(vec![Nothing]));
        assert_eq!(form("PG1", "", "", "").read(), Err(vec![Code]));
        assert_eq!(form("", "'; drop", "-5", "soon").read(), Err(vec![Reference, Amount, Day]));
    }
}
