//! The payments that the gateway keeps.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

/// How a transaction stands.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The gateway's number; `0` when nothing was paid.
    pub number: String,
    /// 01 payment, 02 full refund, 03 partial refund.
    pub kind: &'static str,
    /// đồng × 100.
    pub amount: i64,
    /// vnp_ResponseCode of the callback.
    pub response_code: &'static str,
    /// vnp_TransactionStatus.
    pub status: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// The bank that paid.
    pub bank_code: String,
    /// The bank's own number.
    pub bank_number: Option<String>,
    /// ATM or QRCODE.
    pub card_type: &'static str,
    /// What the merchant wrote.
    pub order_info: String,
}

impl Transaction {
    /// A payment that brought money.
    pub fn is_paid(&self) -> bool {
        self.kind == "01" && self.response_code == "00" && self.status == "00"
    }
}

/// A payment order.
#[derive(Debug, Clone)]
pub struct Order {
    /// yyyyMMdd of the creation: a reference is unique per day.
    pub day: String,
    /// The merchant's reference.
    pub txn_ref: String,
    /// The query as it was first received, hash included.
    pub query: String,
    /// đồng × 100.
    pub amount: i64,
    /// What the merchant wrote.
    pub order_info: String,
    /// yyyyMMddHHmmss.
    pub create_date: String,
    /// When the window ends.
    pub expires_at: DateTime<Utc>,
    /// Where the browser goes.
    pub return_url: String,
    /// The channel that the merchant chose.
    pub bank_code: Option<String>,
    /// What happened, in order.
    pub transactions: Vec<Transaction>,
}

impl Order {
    /// The payment that ended it: the first that brought money, else the last.
    pub fn result(&self) -> Option<&Transaction> {
        let payments = || self.transactions.iter().filter(|it| it.kind == "01");
        payments().find(|it| it.is_paid()).or(payments().next_back())
    }

    /// In words.
    pub fn status(&self, now: DateTime<Utc>) -> String {
        match self.result() {
            Some(it) if it.is_paid() => "paid".to_owned(),
            Some(it) => format!("ended with {}", it.response_code),
            None if now > self.expires_at => "expired".to_owned(),
            None => "pending".to_owned(),
        }
    }
}

/// Day and reference.
pub type Key = (String, String);

/// All payments.
#[derive(Default)]
pub struct Book {
    orders: HashMap<Key, Order>,
    /// The day on which a reference was last used.
    days: HashMap<String, String>,
    /// Request ids of the message calls, per day.
    requests: HashSet<Key>,
}

impl Book {
    /// Keeps an order. The same address again is the same order; another one under the same
    /// reference and day is refused.
    pub fn register(&mut self, order: Order) -> Option<Key> {
        let key = (order.day.clone(), order.txn_ref.clone());
        if let Some(known) = self.orders.get(&key) {
            return (known.query == order.query).then_some(key);
        }
        self.days.insert(order.txn_ref.clone(), order.day.clone());
        self.orders.insert(key.clone(), order);
        Some(key)
    }

    /// By day and reference.
    pub fn get(&self, key: &Key) -> Option<&Order> {
        self.orders.get(key)
    }

    /// By day and reference, to change it.
    pub fn get_mut(&mut self, key: &Key) -> Option<&mut Order> {
        self.orders.get_mut(key)
    }

    /// The newest order of a reference.
    pub fn key_of(&self, txn_ref: &str) -> Option<Key> {
        self.days.get(txn_ref).map(|day| (day.clone(), txn_ref.to_owned()))
    }

    /// Notes a request id; false if it was used that day.
    pub fn note_request(&mut self, day: String, id: String) -> bool {
        self.requests.insert((day, id))
    }

    /// All orders.
    pub fn all(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }
}
