//! A refund in memory.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::status::RefundStatus;
use crate::invoices::invoice::Invoice;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::platform::event::Event;
use crate::platform::outbox::{Message, MessageKind};
use crate::platform::telemetry;
use crate::text_enum;
use crate::vocabulary::ids::{InvoiceId, RefundId, SettlementId};
use crate::vocabulary::money::Money;

/// Who asks for what is due back.
pub const OURSELVES: &str = "payclear";

text_enum! {
    /// Out of what a refund is paid.
    pub enum RefundKind ("refund kind") {
        /// Of what is due back.
        Surplus = "surplus",
        /// Of what the agency is owed.
        Paid = "paid",
        /// Of what was paid over to the Treasury already.
        Treasury = "treasury",
    }
}

text_enum! {
    /// How a refund reaches the payer.
    pub enum RefundMethod ("refund method") {
        /// By the partner's own call.
        Partner = "partner",
        /// By a transfer to the payer's account.
        Transfer = "transfer",
        /// By the Treasury itself.
        Treasury = "treasury",
    }
}

/// What a refund takes of one line of the invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundShare {
    /// The line, from 1.
    pub line: u32,
    /// The agency the line belongs to.
    pub agency: String,
    /// Chapter and sub-item.
    pub budget: String,
    /// How much.
    pub amount: Money,
}

/// One amount that is given back of one settlement.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The invoice the money came for.
    pub invoice: InvoiceId,
    /// The settlement it came with.
    pub settlement: SettlementId,
    /// The invoice's cycle that it gives back of.
    pub cycle: i32,
    /// The partner the money came through.
    pub partner: String,
    /// Our reference, in the partner's form.
    pub reference: String,
    /// Out of what.
    pub kind: RefundKind,
    /// How.
    pub method: RefundMethod,
    /// How much.
    pub amount: Money,
    /// Of which lines; none of what is due back.
    pub shares: Vec<RefundShare>,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// Where it stands.
    pub status: RefundStatus,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// Who agreed.
    pub approved_by: Option<String>,
    /// The entry that books the approval.
    pub approval_entry: Option<i64>,
    /// To where it was approved to be transferred: the SHA-256 of the sealed account.
    pub destination: Option<Vec<u8>>,
    /// The partner's own id of it.
    pub partner_refund: Option<String>,
    /// The last word about it.
    pub last_code: Option<String>,
    /// The file it was handed over in.
    pub batch: Option<uuid::Uuid>,
}

impl Refund {
    /// Does it count against what the invoice was paid in the cycle that it is in?
    pub fn counts_for(&self, invoice: &Invoice) -> bool {
        self.kind != RefundKind::Surplus && self.cycle == invoice.cycle && self.status.is_living()
    }

    /// Did an officer ask for it? A portal asks with a key, the clock in our own name.
    pub fn is_asked_by_officer(&self) -> bool {
        self.requested_by != OURSELVES && !self.requested_by.starts_with("key/")
    }

    /// The accounts that an approval takes it from, each with its share.
    pub fn out_of(&self) -> Vec<(AccountKey, Money)> {
        let currency = self.amount.currency();
        match self.kind {
            RefundKind::Surplus => {
                vec![(AccountKey::of(AccountKind::RefundDue, &self.partner, currency), self.amount)]
            }
            RefundKind::Paid => self
                .shares
                .iter()
                .map(|share| {
                    let kind = AccountKind::AgencyPayable;
                    let of = AccountKey::detailed(kind, &share.agency, &share.budget, currency);
                    (of, share.amount)
                })
                .collect(),
            RefundKind::Treasury => self.claims(),
        }
    }

    /// The accounts that it is paid from in the end, each with its share; `account` is where the
    /// settlement was collected.
    pub fn paid_from(&self, account: &str) -> Vec<(AccountKey, Money)> {
        let at = |kind| {
            let key = AccountKey::detailed(kind, &self.partner, account, self.amount.currency());
            vec![(key, self.amount)]
        };
        match self.method {
            RefundMethod::Partner => at(AccountKind::PartnerReceivable),
            RefundMethod::Transfer => at(AccountKind::BankAccount),
            RefundMethod::Treasury => self.claims(),
        }
    }

    fn claims(&self) -> Vec<(AccountKey, Money)> {
        let of = |share: &RefundShare| {
            let currency = self.amount.currency();
            (AccountKey::of(AccountKind::ClaimOnTreasury, &share.agency, currency), share.amount)
        };
        self.shares.iter().map(of).collect()
    }

    /// A step of it as a step of the invoice, or beside it.
    pub fn event(&self, invoice: &Invoice, kind: &'static str, by: &str, at: Step) -> Event {
        let more = json!({
            "refund_id": self.id, "settlement_id": self.settlement, "refund_amount": self.amount,
            "refunded": invoice.refunded, "kind": self.kind, "method": self.method,
            "status": self.status, "reason": self.reason, "code": self.last_code,
        });
        match at {
            Step::OfInvoice(now) => invoice.event(kind, by, now, &more),
            Step::Beside(now) => invoice.side_event(kind, by, now, &more),
        }
    }

    /// The message that has a partner carry it out.
    pub fn message(&self) -> Message {
        Message {
            kind: MessageKind::RefundApproved,
            route: self.partner.clone(),
            subject: self.id.0,
            sequence: 0,
            trace: telemetry::current_trace(),
        }
    }
}

/// Whether a step of a refund has a place in the invoice's sequence.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// It has.
    OfInvoice(DateTime<Utc>),
    /// It has none.
    Beside(DateTime<Utc>),
}

/// How one settlement of an invoice stands, as far as it can be given back.
#[derive(Debug, Clone)]
pub struct Source {
    /// The settlement.
    pub settlement: SettlementId,
    /// The partner it came through.
    pub partner: String,
    /// How much it brought in.
    pub amount: Money,
    /// What of it is due back.
    pub due_back: Money,
    /// What of it has paid the invoice in the cycle that it is in.
    pub paid: Money,
    /// The attempt it came through.
    pub attempt: Option<uuid::Uuid>,
}
