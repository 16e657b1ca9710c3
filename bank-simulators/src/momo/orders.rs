//! The orders that the wallet keeps.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

/// One try to pay an order.
#[derive(Debug, Clone)]
pub struct Payment {
    /// transId: of money its number, otherwise a number that looks like a time.
    pub trans_id: i64,
    /// resultCode.
    pub code: i64,
    /// In words.
    pub message: &'static str,
    /// qr, webApp, napas; empty when nothing was paid.
    pub pay_type: &'static str,
    /// When.
    pub at: DateTime<Utc>,
}

impl Payment {
    /// It brought money.
    pub fn is_paid(&self) -> bool {
        self.code == 0
    }
}

/// Money given back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The refund's own orderId.
    pub order_id: String,
    /// The payment that it gives back from.
    pub of: i64,
    /// đồng.
    pub amount: i64,
    /// Its own number.
    pub trans_id: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// A payment order.
#[derive(Debug, Clone)]
pub struct Order {
    /// The merchant's id.
    pub order_id: String,
    /// The call that made it.
    pub request_id: String,
    /// đồng.
    pub amount: i64,
    /// What the merchant wrote.
    pub order_info: String,
    /// captureWallet, payWithATM and so on.
    pub request_type: String,
    /// Where the browser goes.
    pub redirect_url: String,
    /// Where the result goes.
    pub ipn_url: String,
    /// Comes back as it was given.
    pub extra_data: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the page closes.
    pub expires_at: DateTime<Utc>,
    /// What happened, in order.
    pub payments: Vec<Payment>,
    /// What was given back.
    pub refunds: Vec<Refund>,
}

impl Order {
    /// The payment that ended it: the first that brought money, else the last.
    pub fn result(&self) -> Option<&Payment> {
        self.payments.iter().find(|it| it.is_paid()).or(self.payments.last())
    }

    /// In words.
    pub fn status(&self, now: DateTime<Utc>) -> String {
        match self.result() {
            Some(it) if it.is_paid() => "paid".to_owned(),
            Some(it) => format!("ended with {}", it.code),
            None if now > self.expires_at => "expired".to_owned(),
            None => "pending".to_owned(),
        }
    }
}

/// All orders by id.
#[derive(Default)]
pub struct Book(HashMap<String, Order>);

impl Book {
    /// Is the id used, by an order or by a refund?
    pub fn is_used(&self, id: &str) -> bool {
        let refunds = || self.0.values().flat_map(|order| &order.refunds);
        self.0.contains_key(id) || refunds().any(|refund| refund.order_id == id)
    }

    /// Keeps a new order.
    pub fn keep(&mut self, order: Order) {
        self.0.insert(order.order_id.clone(), order);
    }

    /// By id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.0.get(id)
    }

    /// By id, to change it.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Order> {
        self.0.get_mut(id)
    }

    /// By the number of a payment, to change it.
    pub fn paid_with(&mut self, trans_id: i64) -> Option<&mut Order> {
        let has = |order: &&mut Order| {
            order.payments.iter().any(|it| it.is_paid() && it.trans_id == trans_id)
        };
        self.0.values_mut().find(has)
    }

    /// All orders.
    pub fn all(&self) -> impl Iterator<Item = &Order> {
        self.0.values()
    }
}
