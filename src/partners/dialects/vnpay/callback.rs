//! IPN and return: the same signed query, to our server and through the payer's browser.

use super::codes::outcome;
use super::signature::Received;
use super::{Vnpay, read_date, read_hundredfold, transaction_no};
use crate::partners::dialects::{Outcome, Report, Returned, Unheard, keepable, memo};

impl Vnpay {
    pub(super) fn hear_ipn(&self, query: &str) -> Result<Report, Unheard> {
        let received = Received::read(query)?;
        if !received.is_genuine(&self.settings.hash_secret) {
            return Err(Unheard::Signature);
        }
        if received.get("vnp_TmnCode") != Some(self.settings.tmn_code.as_str()) {
            return Err(Unheard::Merchant);
        }
        let of = |name| received.get(name).map(str::to_owned);
        let text = |name| received.get(name).unwrap_or_default();
        report(
            outcome(text("vnp_ResponseCode"), text("vnp_TransactionStatus")),
            keepable("vnp_TxnRef", of("vnp_TxnRef"))?,
            of("vnp_TransactionNo"),
            text("vnp_Amount"),
            of("vnp_OrderInfo"),
            text("vnp_PayDate"),
        )
    }

    pub(super) fn read_return(&self, query: &str) -> Option<Returned> {
        let received = Received::read(query).ok()?;
        let ours = received.get("vnp_TmnCode") == Some(self.settings.tmn_code.as_str());
        let reference = received.get("vnp_TxnRef").map(str::to_owned);
        Some(Returned {
            reference: keepable("vnp_TxnRef", reference).ok()?,
            code: received.get("vnp_ResponseCode")?.chars().take(2).collect(),
            genuine: ours && received.is_genuine(&self.settings.hash_secret),
        })
    }
}

/// One report from an IPN or the answer to a query.
pub(super) fn report(
    outcome: Outcome,
    reference: String,
    number: Option<String>,
    amount: &str,
    info: Option<String>,
    pay_date: &str,
) -> Result<Report, Unheard> {
    let amount = read_hundredfold(amount).ok_or_else(|| {
        if !amount.is_empty() && amount.bytes().all(|b| b.is_ascii_digit()) {
            // No order is of a fraction of a đồng.
            return Unheard::Amount { amount: amount.chars().take(20).collect() };
        }
        Unheard::Malformed { why: "vnp_Amount: đồng times 100 expected".to_owned() }
    })?;
    let number = number.filter(|number| transaction_no(number).is_some());
    let (transaction_id, outcome) = match (outcome, number) {
        (Outcome::Collected, Some(number)) => {
            (keepable("vnp_TransactionNo", Some(number))?, Outcome::Collected)
        }
        // Collected, but there is nothing to know the money by: to be asked about.
        (Outcome::Collected, None) => {
            (format!("{reference}:unknown:00/00"), Outcome::Unknown { code: "00/00".to_owned() })
        }
        (Outcome::Failed { code }, _) => {
            (format!("{reference}:failed:{code}"), Outcome::Failed { code })
        }
        (Outcome::Unknown { code }, _) => {
            (format!("{reference}:unknown:{code}"), Outcome::Unknown { code })
        }
    };
    Ok(Report {
        transaction_id,
        reference: Some(reference),
        account: None,
        amount,
        memo: memo(info),
        value_time: read_date(pay_date),
        outcome,
        counter_account: None,
    })
}
