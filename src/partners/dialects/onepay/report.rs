//! Signed fields in our words.

use std::collections::BTreeMap;

use super::Onepay;
use super::signature::is_genuine;
use crate::partners::dialects::{Answer, Order, Outcome, Report, Standing, Unheard};
use crate::partners::dialects::{form, keepable, memo};
use crate::vocabulary::money::{Currency, Money};

/// What a code says of the money.
pub fn outcome(code: &str) -> Outcome {
    match code {
        "0" => Outcome::Collected,
        "99" | "1" | "3" | "4" | "5" | "6" | "8" | "9" | "10" | "11" | "12" | "13" | "21"
        | "22" | "23" | "24" | "25" => Outcome::Failed { code: code.to_owned() },
        _ => Outcome::Unknown { code: code.to_owned() },
    }
}

impl Onepay {
    pub(super) fn hear_fields(&self, fields: &BTreeMap<String, String>) -> Result<Report, Unheard> {
        if !is_genuine(fields, &self.key) {
            return Err(Unheard::Signature);
        }
        let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
        if field("vpc_Merchant").as_ref() != Some(&self.merchant) {
            return Err(Unheard::Merchant);
        }
        let currency = field("vpc_CurrencyCode").or_else(|| field("vpc_Currency"));
        if currency.is_some_and(|currency| currency != "VND") {
            return Err(Unheard::Malformed { why: "vpc_CurrencyCode: VND expected".to_owned() });
        }
        let reference = keepable("vpc_MerchTxnRef", field("vpc_MerchTxnRef"))?;
        let code = keepable("vpc_TxnResponseCode", field("vpc_TxnResponseCode"))?;
        let number = field("vpc_TransactionNo").filter(|no| no.bytes().any(|b| b != b'0'));
        // Only collected money has the transaction's own number as its key: what is pending under
        // it may still be collected.
        let (transaction_id, outcome) = match (outcome(&code), number) {
            (Outcome::Collected, Some(number)) => {
                (keepable("vpc_TransactionNo", Some(number))?, Outcome::Collected)
            }
            (Outcome::Failed { code }, _) => {
                (format!("{reference}:failed:{code}"), Outcome::Failed { code })
            }
            (Outcome::Collected | Outcome::Unknown { .. }, _) => {
                (format!("{reference}:unknown:{code}"), Outcome::Unknown { code })
            }
        };
        Ok(Report {
            transaction_id,
            reference: Some(reference),
            account: None,
            amount: amount(field("vpc_Amount").as_deref().unwrap_or_default())?,
            memo: memo(field("vpc_OrderInfo")),
            value_time: None,
            outcome,
            counter_account: None,
        })
    }

    pub(super) fn read_standing(&self, order: &Order, answer: Answer<'_>) -> Standing {
        let unknown = |why: String| Standing::Unknown { why };
        let text = std::str::from_utf8(answer.body).unwrap_or_default();
        let fields = match form::read(text) {
            Ok(fields) if is_genuine(&fields, &self.key) => fields,
            _ => return unknown(format!("HTTP {}: no signed form", answer.status)),
        };
        let field = |name: &str| fields.get(name).map(String::as_str);
        if field("vpc_MerchTxnRef") != Some(order.reference.as_str()) {
            return unknown("the answer is about another order".to_owned());
        }
        match field("vpc_DRExists") {
            Some("N") => return Standing::NotFound,
            Some("Y") => {}
            other => return unknown(format!("vpc_DRExists {other:?}")),
        }
        match self.hear_fields(&fields) {
            Ok(report) => match report.outcome.clone() {
                Outcome::Collected => Standing::Collected(vec![report]),
                Outcome::Failed { code } => Standing::Failed { code },
                Outcome::Unknown { code } => unknown(format!("code {code}")),
            },
            Err(unheard) => unknown(unheard.to_string()),
        }
    }
}

fn amount(text: &str) -> Result<Money, Unheard> {
    let malformed =
        || Unheard::Malformed { why: "vpc_Amount: whole đồng times 100 expected".to_owned() };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let dong = text.strip_suffix("00").filter(|dong| digits && !dong.is_empty());
    let amount = dong.and_then(|dong| Money::parse(dong, Currency::Vnd).ok());
    amount.filter(|amount| !amount.is_zero()).ok_or_else(malformed)
}
