//! The payment requests that the bank keeps.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{clock, deeds::Movement};

/// Why a request takes no money any more.
#[derive(Debug, Clone)]
pub struct Closed {
    /// CANCELLED or EXPIRED.
    pub status: &'static str,
    /// Since when.
    pub at: DateTime<Utc>,
    /// The merchant's or payer's words.
    pub reason: Option<String>,
}

/// A payment request.
#[derive(Debug, Clone)]
pub struct Order {
    /// The merchant's number.
    pub order_code: u64,
    /// đồng asked.
    pub amount: i64,
    /// The memo that goes into the QR code.
    pub description: String,
    /// The bank's id.
    pub link_id: String,
    /// The account made for this request.
    pub virtual_account: String,
    /// Where a payer who gives up goes.
    pub cancel_url: String,
    /// Where a payer who paid goes.
    pub return_url: String,
    /// Unix seconds.
    pub expired_at: Option<i64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The QR payload.
    pub qr_code: String,
    /// Set when cancelled or expired by hand.
    pub closed: Option<Closed>,
    /// What came in.
    pub credits: Vec<(i64, Movement)>,
}

impl Order {
    /// đồng received.
    pub fn paid(&self) -> i64 {
        self.credits.iter().map(|(amount, _)| *amount).sum()
    }

    /// The status in payOS words.
    pub fn status(&self, now: DateTime<Utc>) -> &'static str {
        if self.paid() >= self.amount {
            "PAID"
        } else if let Some(closed) = &self.closed {
            closed.status
        } else if self.expired_at.is_some_and(|at| now.timestamp() > at) {
            "EXPIRED"
        } else if self.paid() > 0 {
            "UNDERPAID"
        } else {
            "PENDING"
        }
    }

    /// The `data` of the answer to a new request.
    pub fn created(&self, bin: &str, public_url: &str) -> Value {
        let mut data = json!({
            "bin": bin, "accountNumber": self.virtual_account,
            "accountName": super::ACCOUNT_NAME, "amount": self.amount,
            "description": self.description, "orderCode": self.order_code, "currency": "VND",
            "paymentLinkId": self.link_id, "status": self.status(clock::now()),
            "checkoutUrl": self.checkout_url(public_url), "qrCode": self.qr_code,
        });
        if let Some(at) = self.expired_at {
            data["expiredAt"] = json!(at);
        }
        data
    }

    /// The `data` of the answer to a question.
    pub fn told(&self) -> Value {
        let transactions: Vec<Value> = self
            .credits
            .iter()
            .map(|(_, credit)| Value::Object(self.transaction(credit)))
            .collect();
        let closed = self.closed.as_ref();
        json!({
            "id": self.link_id, "orderCode": self.order_code, "amount": self.amount,
            "amountPaid": self.paid(), "amountRemaining": (self.amount - self.paid()).max(0),
            "status": self.status(clock::now()), "createdAt": clock::precise(self.created_at),
            "transactions": transactions,
            "canceledAt": closed.map(|closed| clock::precise(closed.at)),
            "cancellationReason": closed.and_then(|closed| closed.reason.clone()),
        })
    }

    /// One transaction in payOS words, as in the answer to a question.
    pub fn transaction(&self, credit: &Movement) -> Map<String, Value> {
        super::webhook::transaction(credit, &self.virtual_account)
    }

    /// The payer page.
    pub fn checkout_url(&self, public_url: &str) -> String {
        format!("{public_url}/payos/web/{}", self.link_id)
    }
}

/// All payment requests, findable by every name they have.
#[derive(Default)]
pub struct Book {
    orders: HashMap<u64, Order>,
    by_link: HashMap<String, u64>,
    by_account: HashMap<String, u64>,
    /// Invoice codes found in descriptions; the newest request last.
    by_code: HashMap<String, Vec<u64>>,
}

impl Book {
    /// Keeps a new request; false if its number is taken.
    pub fn insert(&mut self, order: Order) -> bool {
        let number = order.order_code;
        if self.orders.contains_key(&number) {
            return false;
        }
        self.by_link.insert(order.link_id.clone(), number);
        self.by_account.insert(order.virtual_account.clone(), number);
        for code in invoice_codes(&order.description) {
            self.by_code.entry(code).or_default().push(number);
        }
        self.orders.insert(number, order);
        true
    }

    /// By the merchant's number.
    pub fn get(&self, number: u64) -> Option<&Order> {
        self.orders.get(&number)
    }

    /// By the merchant's number, to change it.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Order> {
        self.orders.get_mut(&number)
    }

    /// The number behind the bank's id or behind the number's own text.
    pub fn number_of(&self, id: &str) -> Option<u64> {
        let by_link = self.by_link.get(id).copied();
        by_link.or_else(|| id.parse().ok().filter(|number| self.orders.contains_key(number)))
    }

    /// The number behind a virtual account.
    pub fn number_of_account(&self, account: &str) -> Option<u64> {
        self.by_account.get(account).copied()
    }

    /// The request of an invoice: the newest that still waits, else the newest.
    pub fn number_of_code(&self, code: &str) -> Option<u64> {
        let numbers = self.by_code.get(code)?;
        let now = clock::now();
        let waits = |number: &&u64| {
            self.get(**number).is_some_and(|it| matches!(it.status(now), "PENDING" | "UNDERPAID"))
        };
        numbers.iter().rev().find(waits).or(numbers.last()).copied()
    }

    /// All requests.
    pub fn all(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }
}

/// Every place in a text that may be an invoice code: `PG` and 14 digits or capitals.
pub fn invoice_codes(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.to_uppercase().chars().filter(|it| !it.is_whitespace()).collect();
    letters
        .windows(16)
        .filter(|cut| cut[0] == 'P' && cut[1] == 'G')
        .filter(|cut| cut.iter().all(char::is_ascii_alphanumeric))
        .map(|cut| cut.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_inside_a_description() {
        assert_eq!(invoice_codes("nop pg0123456789ab cd xin"), ["PG0123456789ABCD"]);
        assert!(invoice_codes("PG0123").is_empty());
    }
}
