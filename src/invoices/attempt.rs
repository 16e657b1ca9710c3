//! One order to pay one invoice through one partner.

use chrono::{DateTime, Utc};

use super::invoice::Invoice;
use super::status::AttemptStatus;
use super::store::AttemptRow;
use crate::partners::Partner;
use crate::partners::dialects::{Instruction, Order};
use crate::platform::outbox::{Message, MessageKind};
use crate::platform::telemetry;
use crate::vocabulary::ids::{AttemptId, InvoiceId};
use crate::vocabulary::money::{Currency, Money};

/// An attempt in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The invoice to be paid.
    pub invoice: InvoiceId,
    /// Through whom.
    pub partner: String,
    /// Our reference, in the partner's form.
    pub reference: String,
    /// What is to be paid through it.
    pub amount: Money,
    /// The payer's address, as far as it is known.
    pub payer_ip: String,
    /// `vi` or `en`.
    pub language: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is over.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: AttemptStatus,
    /// Since when. Of one that is sent: when the call began; of an unknown one: when it was over.
    pub status_since: DateTime<Utc>,
    /// What the payer needs.
    pub instruction: Option<Instruction>,
    /// The partner's last code.
    pub last_code: Option<String>,
}

/// Who asks for an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The payer's address; `0.0.0.0` while there is no payer.
    pub ip: &'a str,
    /// `vi` or `en`.
    pub language: &'a str,
}

impl Asker<'static> {
    /// Nobody yet: the order that stands from the start.
    pub const NOBODY: Self = Self { ip: "0.0.0.0", language: "vi" };
}

impl Attempt {
    /// A new attempt for what is still owed; none while the partner has no dialect.
    pub fn new(
        invoice: &Invoice,
        partner: &Partner,
        asker: Asker<'_>,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Option<Self> {
        let dialect = partner.dialect.as_ref()?;
        Some(Self {
            id: AttemptId::new(now),
            invoice: invoice.id,
            partner: partner.code.clone(),
            reference: dialect.reference(&invoice.code, now, rand::random()),
            amount: invoice.amount.checked_sub(invoice.held).ok()?,
            payer_ip: asker.ip.to_owned(),
            language: asker.language.to_owned(),
            created_at: now,
            expires_at: if invoice.cycle == 1 {
                expires_at.min(invoice.expires_at)
            } else {
                expires_at
            },
            status: AttemptStatus::Created,
            status_since: now,
            instruction: None,
            last_code: None,
        })
    }

    /// Was it made with the invoice, before any payer?
    pub fn is_standing(&self) -> bool {
        self.payer_ip == Asker::NOBODY.ip
    }

    /// The message that has it made known to the partner.
    pub fn message(&self) -> Message {
        Message {
            kind: MessageKind::CollectionRequested,
            route: self.partner.clone(),
            subject: self.id.0,
            sequence: 0,
            trace: telemetry::current_trace(),
        }
    }

    /// The order as the partner's dialect wants it.
    pub fn order(&self, invoice: &Invoice, public_url: &str) -> Order {
        let realm = invoice.realm().prefix();
        Order {
            reference: self.reference.clone(),
            code: invoice.code.clone(),
            amount: self.amount,
            created_at: self.created_at,
            expires_at: self.expires_at,
            return_url: format!("{public_url}/partners/{realm}{}/return", self.partner),
            page_url: format!("{public_url}{}", invoice.pay_path()),
            callback_url: format!("{public_url}/partners/{realm}{}/webhook", self.partner),
            payer_ip: self.payer_ip.clone(),
            language: if self.language == "en" { "en" } else { "vi" },
        }
    }
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = sqlx::Error;

    fn try_from(row: AttemptRow) -> Result<Self, sqlx::Error> {
        let undecodable = |e: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(e);
        let currency: Currency = row.currency.parse().map_err(|e| undecodable(Box::new(e)))?;
        let instruction = match row.instruction {
            Some(text) => Some(serde_json::from_str(&text).map_err(|e| undecodable(Box::new(e)))?),
            None => None,
        };
        Ok(Self {
            id: AttemptId(row.attempt_id),
            invoice: InvoiceId(row.invoice_id),
            partner: row.partner,
            reference: row.reference,
            amount: Money::new(row.amount, currency).map_err(|e| undecodable(Box::new(e)))?,
            payer_ip: row.payer_ip,
            language: row.language,
            created_at: row.created_at,
            expires_at: row.expires_at,
            status: row.status.parse().map_err(|e| undecodable(Box::new(e)))?,
            status_since: row.status_since,
            instruction,
            last_code: row.last_code,
        })
    }
}
