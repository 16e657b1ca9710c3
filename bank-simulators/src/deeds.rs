//! What a payer can do, how a callback can go wrong, and the record of what a bank did.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{clock, courier::Answer};

/// What happens at the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The full amount is collected.
    Paid,
    /// The payer gives up.
    Cancelled,
    /// The payment window passes.
    Expired,
    /// The payer has not enough money.
    Insufficient,
    /// The payer's bank does not answer.
    BankDown,
    /// The payer is debited, the collecting side does not know yet.
    DebitedUnknown,
    /// The money comes although the window has passed or the order was closed.
    PaidLate,
    /// The payer pays two times.
    PaidTwice,
    /// The payer types another amount.
    WrongAmount,
    /// The payer's bank mangles the memo.
    MangledMemo,
    /// The memo names nothing known.
    UnknownReference,
}

/// All outcomes with their word and what a payer reads on the button.
pub const OUTCOMES: [(Outcome, &str, &str); 11] = [
    (Outcome::Paid, "paid", "Thanh toán · Pay"),
    (Outcome::Cancelled, "cancelled", "Hủy · Cancel"),
    (Outcome::Expired, "expired", "Hết hạn · Let it expire"),
    (Outcome::Insufficient, "insufficient", "Không đủ số dư · Insufficient balance"),
    (Outcome::BankDown, "bank_down", "Ngân hàng bảo trì · Bank is down"),
    (Outcome::DebitedUnknown, "debited_unknown", "Đã trừ tiền, chưa rõ · Debited, unknown"),
    (Outcome::PaidLate, "paid_late", "Thanh toán trễ · Pay late"),
    (Outcome::PaidTwice, "paid_twice", "Thanh toán hai lần · Pay twice"),
    (Outcome::WrongAmount, "wrong_amount", "Sai số tiền · Wrong amount"),
    (Outcome::MangledMemo, "mangled_memo", "Sai nội dung · Mangled memo"),
    (Outcome::UnknownReference, "unknown_reference", "Không rõ nội dung · Unknown reference"),
];

impl Outcome {
    /// Whether the collecting account is credited.
    pub fn moves_money(self) -> bool {
        matches!(
            self,
            Self::Paid
                | Self::PaidLate
                | Self::PaidTwice
                | Self::WrongAmount
                | Self::MangledMemo
                | Self::UnknownReference
        )
    }

    /// How many bank transactions it makes.
    pub fn transactions(self) -> usize {
        match self {
            Self::PaidTwice => 2,
            outcome if outcome.moves_money() => 1,
            _ => 0,
        }
    }
}

/// How the delivery of a callback goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Sent again after it was accepted.
    Duplicate,
    /// Held back until the partner's next callback has passed.
    Reordered,
    /// Held back until the merchant has asked, or a while has passed.
    Delayed,
    /// Never sent.
    Lost,
    /// The first try carries a wrong signature.
    Tampered,
    /// The first try names an order that nobody knows, well signed.
    UnknownOrder,
    /// The first try carries another amount, well signed.
    ChangedAmount,
    /// The bank loses the connection after the service has committed, and tries again.
    ResetAfterCommit,
}

/// What somebody asks a bank to do.
#[derive(Debug, Clone)]
pub struct Act {
    /// The order as it was named by the caller.
    pub order: String,
    /// What happens.
    pub outcome: Outcome,
    /// How the callback goes wrong.
    pub fault: Option<Fault>,
    /// đồng, when the payer does not pay what is asked.
    pub amount: Option<i64>,
    /// The memo the payer types.
    pub memo: Option<String>,
    /// How long a delayed callback waits at most.
    pub delay_ms: u64,
}

impl Act {
    /// A plain act from a payer page.
    pub fn on_page(order: String, outcome: Outcome) -> Self {
        Self { order, outcome, fault: None, amount: None, memo: None, delay_ms: 3_000 }
    }

    /// The amount this payer sends when `owed` is asked.
    pub fn amount_for(&self, owed: i64) -> i64 {
        match (self.amount, self.outcome) {
            (Some(amount), _) => amount,
            (None, Outcome::WrongAmount) if owed > 1_000 => owed - 1_000,
            (None, Outcome::WrongAmount) => owed + 1_000,
            (None, _) => owed,
        }
    }
}

/// One credit of a collecting account.
#[derive(Debug, Clone, Serialize)]
pub struct Movement {
    /// The bank's own id.
    pub transaction_id: String,
    /// đồng as text.
    pub amount: String,
    /// The account that was credited.
    pub account: String,
    /// The memo as the bank kept it.
    pub memo: String,
    /// RFC 3339.
    pub time: String,
}

/// What a bank did.
#[derive(Debug, Serialize)]
pub struct Deed {
    /// The order as it was named by the caller.
    pub order: String,
    /// payos, vnpay, momo, zalopay or plain.
    pub channel: &'static str,
    /// The partner code.
    pub partner: String,
    /// The merchant's reference of the order, empty for a plain transfer.
    pub reference: String,
    /// What happened.
    pub outcome: Outcome,
    /// How the callback goes wrong.
    pub fault: Option<Fault>,
    /// đồng of one transaction, as text.
    pub amount: String,
    /// Whether the collecting account was credited.
    pub money_moved: bool,
    /// Whether the payer was debited.
    pub payer_debited: bool,
    /// The bank's ids of all transactions.
    pub transaction_ids: Vec<String>,
    /// The credits.
    pub transactions: Vec<Movement>,
    /// The first answer of each callback, when the caller waits for it.
    #[serde(skip)]
    pub deliveries: Vec<oneshot::Receiver<Option<Answer>>>,
}

impl Deed {
    /// A deed without any movement yet.
    pub fn new(
        act: &Act,
        channel: &'static str,
        partner: &str,
        reference: String,
        amount: i64,
    ) -> Self {
        Self {
            order: act.order.clone(),
            channel,
            partner: partner.to_owned(),
            reference,
            outcome: act.outcome,
            fault: act.fault,
            amount: amount.to_string(),
            money_moved: act.outcome.moves_money(),
            payer_debited: act.outcome.moves_money() || act.outcome == Outcome::DebitedUnknown,
            transaction_ids: Vec::new(),
            transactions: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// Adds a credit.
    pub fn moved(&mut self, movement: Movement) {
        self.transaction_ids.push(movement.transaction_id.clone());
        self.transactions.push(movement);
    }

    /// The journal's lines: one per movement, or one that says why none moved.
    pub fn entries(&self) -> Vec<Value> {
        let common = |kind: &str| {
            json!({
                "kind": kind, "channel": self.channel, "partner": self.partner,
                "order": self.order, "reference": self.reference, "outcome": self.outcome,
                "fault": self.fault, "amount": self.amount, "money_moved": self.money_moved,
                "payer_debited": self.payer_debited,
            })
        };
        if !self.money_moved {
            let mut entry = common("outcome");
            entry["time"] = json!(clock::precise(clock::now()));
            entry["transaction_id"] = json!(self.transaction_ids.first());
            return vec![entry];
        }
        let movement = |moved: &Movement| {
            let mut entry = common("movement");
            entry["direction"] = json!("in");
            entry["time"] = json!(moved.time);
            entry["transaction_id"] = json!(moved.transaction_id);
            entry["amount"] = json!(moved.amount);
            entry["account"] = json!(moved.account);
            entry["memo"] = json!(moved.memo);
            entry
        };
        self.transactions.iter().map(movement).collect()
    }
}

/// Why a bank cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing here goes by that name.
    #[error("no bank here knows this order: {0}")]
    Unknown(String),
    /// The order cannot do this any more.
    #[error("the order is {status}, so it cannot end as {outcome:?}")]
    Closed {
        /// The order's status.
        status: String,
        /// What was asked.
        outcome: Outcome,
    },
    /// The channel has no such outcome.
    #[error("this channel cannot end as {0:?}: the gateway fixes amount and reference")]
    Impossible(Outcome),
    /// The transfer has no amount.
    #[error("this transfer has no amount: give `amount` as a string of đồng")]
    AmountMissing,
    /// The payment URL would be refused by the gateway's page.
    #[error("the gateway refuses this payment URL with code {code}: {message}")]
    Page {
        /// The gateway's code.
        code: &'static str,
        /// In words.
        message: String,
    },
    /// A QR payload that no bank app reads.
    #[error("no bank app reads this QR payload: {0}")]
    Qr(#[from] crate::vietqr::BadQr),
    /// The plain bank was given no key.
    #[error(
        "the plain bank has no key yet: set SIM_BANK_KEY_ID and SIM_BANK_SECRET or POST /control/keys"
    )]
    NoKey,
    /// The journal cannot be written, so nothing may be told.
    #[error(transparent)]
    Journal(#[from] crate::journal::Unwritten),
}

/// A memo as a payer's bank may leave it: upper case, blanks gone, glued between its own words.
pub fn mangle(memo: &str) -> String {
    let squeezed: String =
        memo.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_uppercase();
    format!("MBVCB{}{squeezed}CT TU 0451000234567 NGUYEN VAN A", clock::now().timestamp() % 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_named_as_it_is_read() {
        for (outcome, word, _) in OUTCOMES {
            assert_eq!(serde_json::to_value(outcome).unwrap(), json!(word));
        }
    }

    #[test]
    fn a_mangled_memo_still_holds_the_code() {
        assert!(mangle("pg12 3456789abcde").contains("PG123456789ABCDE"));
    }
}
