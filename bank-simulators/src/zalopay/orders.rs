//! The orders that the wallet keeps.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

/// One try to pay an order.
#[derive(Debug, Clone)]
pub struct Payment {
    /// zp_trans_id; 0 when nothing was paid.
    pub zp_trans_id: i64,
    /// return_code: 1 paid, 2 failed, 3 debited and still being processed.
    pub code: i64,
    /// sub_return_code of a failed one.
    pub sub_code: i64,
    /// When.
    pub at: DateTime<Utc>,
}

impl Payment {
    /// It brought money.
    pub fn is_paid(&self) -> bool {
        self.code == 1
    }
}

/// A refund: taken first, done later, or failed at once.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The payment that it gives back from.
    pub of: i64,
    /// đồng.
    pub amount: i64,
    /// The wallet's number.
    pub refund_id: i64,
    /// Why it failed; none when it is taken.
    pub failed: Option<(i64, &'static str)>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A payment order.
#[derive(Debug, Clone)]
pub struct Order {
    /// The merchant's reference.
    pub app_trans_id: String,
    /// The merchant's time in milliseconds.
    pub app_time: i64,
    /// The merchant's name for the payer.
    pub app_user: String,
    /// đồng.
    pub amount: i64,
    /// Comes back as it was given.
    pub item: String,
    /// Comes back as it was given; may hold `redirecturl`.
    pub embed_data: String,
    /// What the payer reads.
    pub description: String,
    /// Where success is told.
    pub callback_url: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its time is over.
    pub expires_at: DateTime<Utc>,
    /// What happened, in order.
    pub payments: Vec<Payment>,
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
            Some(it) if it.code == 3 => "processing".to_owned(),
            Some(it) => format!("failed with {}", it.sub_code),
            None if now > self.expires_at => "expired".to_owned(),
            None => "pending".to_owned(),
        }
    }
}

/// All orders and refunds.
#[derive(Default)]
pub struct Book {
    orders: HashMap<String, Order>,
    refunds: HashMap<String, Refund>,
}

impl Book {
    /// Keeps a new order; false when its reference is used.
    pub fn keep(&mut self, order: Order) -> bool {
        if self.orders.contains_key(&order.app_trans_id) {
            return false;
        }
        self.orders.insert(order.app_trans_id.clone(), order);
        true
    }

    /// By reference.
    pub fn get(&self, app_trans_id: &str) -> Option<&Order> {
        self.orders.get(app_trans_id)
    }

    /// By reference, to change it.
    pub fn get_mut(&mut self, app_trans_id: &str) -> Option<&mut Order> {
        self.orders.get_mut(app_trans_id)
    }

    /// By the number of a payment.
    pub fn paid_with(&self, zp_trans_id: i64) -> Option<&Order> {
        let has = |order: &&Order| {
            order.payments.iter().any(|it| it.is_paid() && it.zp_trans_id == zp_trans_id)
        };
        self.orders.values().find(has)
    }

    /// A refund by the merchant's id.
    pub fn refund(&self, m_refund_id: &str) -> Option<&Refund> {
        self.refunds.get(m_refund_id)
    }

    /// Keeps a refund.
    pub fn keep_refund(&mut self, m_refund_id: &str, refund: Refund) {
        self.refunds.insert(m_refund_id.to_owned(), refund);
    }

    /// What was given back, or is on its way back, of one payment.
    pub fn given_back(&self, zp_trans_id: i64) -> i64 {
        let taken = |it: &&Refund| it.of == zp_trans_id && it.failed.is_none();
        self.refunds.values().filter(taken).map(|it| it.amount).sum()
    }

    /// All orders.
    pub fn all(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }
}
