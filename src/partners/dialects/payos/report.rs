//! A signed transaction in our words.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::partners::dialects::json::Object;
use crate::partners::dialects::{CounterAccount, Outcome, Report, Unheard, keepable, memo};
use crate::vocabulary::day;
use crate::vocabulary::money::{Currency, Money};

/// The order that a webhook is about; none when it is a plain transfer to the account.
pub(super) fn order_of(data: &Object<'_>) -> Result<Option<String>, Unheard> {
    let order = keepable("orderCode", data.filled("orderCode"))?;
    let plain = order == "0" && data.filled("paymentLinkId").is_none();
    Ok((!plain).then_some(order))
}

/// A webhook's data, or one transaction of an order that was asked for.
pub(super) fn report(data: &Object<'_>, order: Option<String>) -> Result<Report, Unheard> {
    let reference = keepable("reference", data.filled("reference"))?;
    // Only what a webhook reports has a code; a transaction in a list has happened.
    let (transaction_id, outcome) = match data.filled("code") {
        Some(code) if code != "00" => {
            (format!("{reference}:unknown:{code}"), Outcome::Unknown { code })
        }
        _ => (reference, Outcome::Collected),
    };
    // An account that was made for one order is no collecting account of the registers: its money
    // comes into the one that it was made of.
    let own = data.filled("virtualAccountNumber");
    Ok(Report {
        transaction_id,
        reference: order,
        account: data.filled("accountNumber").filter(|number| own.as_ref() != Some(number)),
        amount: amount(data)?,
        memo: memo(data.text("description")),
        value_time: data.filled("transactionDateTime").and_then(|text| time(&text)),
        outcome,
        counter_account: counter_account(data),
    })
}

fn amount(data: &Object<'_>) -> Result<Money, Unheard> {
    let currency = data.filled("currency").map_or(Ok(Currency::Vnd), |text| text.parse());
    currency
        .and_then(|currency| Money::parse(&data.text("amount").unwrap_or_default(), currency))
        .map_err(|e| Unheard::Malformed { why: format!("amount: {e}") })
        .and_then(|amount| {
            if amount.is_zero() {
                Err(Unheard::Malformed { why: "amount: zero".to_owned() })
            } else {
                Ok(amount)
            }
        })
}

fn counter_account(data: &Object<'_>) -> Option<CounterAccount> {
    let text = |name| memo(data.text(name));
    let number = Some(text("counterAccountNumber")).filter(|number| !number.is_empty())?;
    let bank = Some(text("counterAccountBankId")).filter(|bank| !bank.is_empty());
    Some(CounterAccount {
        bank: bank.unwrap_or_else(|| text("counterAccountBankName")),
        number,
        name: text("counterAccountName"),
    })
}

/// `2026-11-22 09:03:12` in Việt Nam, or an instant with its offset.
fn time(text: &str) -> Option<DateTime<Utc>> {
    // The length first: chrono also reads years that no database can hold.
    match text.len() {
        19 => NaiveDateTime::parse_from_str(&text.replace('T', " "), "%Y-%m-%d %H:%M:%S")
            .ok()
            .map(day::from_local),
        20..=35 => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_spellings_and_nothing_else() {
        let expected = "2026-11-22T02:03:12Z".parse().ok();
        for good in ["2026-11-22 09:03:12", "2026-11-22T09:03:12", "2026-11-22T09:03:12+07:00"] {
            assert_eq!(time(good), expected, "{good}");
        }
        for bad in [
            "",
            "2026-11-22",
            "2026-13-22 09:03:12",
            "-262143-01-01 00:00",
            "+262142-12-31 00:00:0",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
