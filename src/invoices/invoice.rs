//! An invoice in memory.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::status::Status;
use crate::ledger::acts::Share;
use crate::platform::event::Event;
use crate::registers::entries::FeeKind;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::ids::{InvoiceId, SettlementId};
use crate::vocabulary::money::Money;
use crate::vocabulary::realm::Realm;

/// Who pays, as the portal named them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Payer {
    /// Name.
    pub name: String,
    /// Identity number, all but the last three characters masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_number: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A line: so much of one kind, for one budget of one agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// Phí or lệ phí.
    pub kind: FeeKind,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    #[serde(default)]
    pub name_en: String,
    /// How much, times included.
    pub amount: Money,
    /// Budget chapter (chương).
    pub chapter: String,
    /// Budget sub-item (tiểu mục).
    pub sub_item: String,
    /// The agency the line belongs to.
    pub beneficiary: String,
}

/// The account that stands on the invoice from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingAccount {
    /// The partner that reports on it.
    pub partner: String,
    /// The bank's six digits at NAPAS.
    pub bin: String,
    /// Account number.
    pub number: String,
    /// Holder.
    pub holder: String,
}

/// What was agreed when the invoice was issued; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The secret part of the pay page's address.
    pub token: String,
    /// Where the payer is sent back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The partners the portal allows; none means all that fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// The portal's own words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The account for plain transfers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<StandingAccount>,
    /// The QR payload of a plain transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// The portal is told only when the money has been seen in the bank.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notify_when_banked: bool,
}

/// A part payment that is held, and through whom it came: the money stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The settlement that it came with.
    pub settlement: SettlementId,
    /// The partner.
    pub partner: String,
    /// How much is held.
    pub amount: Money,
}

/// What one dossier owes for one fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Public id.
    pub id: InvoiceId,
    /// What people read and type.
    pub code: InvoiceCode,
    /// The portal that asked.
    pub portal: String,
    /// The agency that asks for the money.
    pub agency: String,
    /// The procedure.
    pub procedure: String,
    /// The portal's key of this charge.
    pub fee: String,
    /// The dossier's code, kept verbatim.
    pub dossier: String,
    /// What is owed.
    pub amount: Money,
    /// Who pays.
    pub payer: Payer,
    /// The identity number, sealed.
    pub payer_id_sealed: Option<Vec<u8>>,
    /// The lines; their sum is the amount.
    pub lines: Vec<InvoiceLine>,
    /// What was agreed.
    pub terms: Terms,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// The number of its last step.
    pub sequence: i32,
    /// Rises with each reversal.
    pub cycle: i32,
    /// The sum of the parts held until the rest comes.
    pub held: Money,
    /// Those parts.
    pub parts: Vec<Part>,
    /// What was given back of what was paid in this cycle.
    pub refunded: Money,
    /// What is asked back or was given back of it: no more can be asked than what is left.
    pub refunding: Money,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// Through whom.
    pub paid_via: Option<String>,
}

impl Invoice {
    /// The lines as the ledger wants them.
    pub fn shares(&self) -> Vec<Share> {
        self.lines
            .iter()
            .map(|line| Share {
                agency: line.beneficiary.clone(),
                budget: format!("{}/{}", line.chapter, line.sub_item),
                amount: line.amount,
            })
            .collect()
    }

    /// The step that the invoice's sequence now stands at, with what everybody may know and `more`.
    pub fn event(
        &self,
        kind: &'static str,
        actor: &str,
        now: DateTime<Utc>,
        more: &serde_json::Value,
    ) -> Event {
        Event { sequence: Some(self.sequence), ..self.side_event(kind, actor, now, more) }
    }

    /// A step beside the invoice's own, of an attempt for example: it has no place in the sequence.
    pub fn side_event(
        &self,
        kind: &'static str,
        actor: &str,
        now: DateTime<Utc>,
        more: &serde_json::Value,
    ) -> Event {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'a InvoiceCode,
            dossier: &'a str,
            fee: &'a str,
            procedure: &'a str,
            agency: &'a str,
            amount: Money,
            status: Status,
            #[serde(skip_serializing_if = "serde_json::Value::is_null")]
            detail: &'a serde_json::Value,
        }
        let body = Body {
            code: &self.code,
            dossier: &self.dossier,
            fee: &self.fee,
            procedure: &self.procedure,
            agency: &self.agency,
            amount: self.amount,
            status: self.status,
            detail: more,
        };
        Event {
            made_at: now,
            kind,
            portal: Some(self.portal.clone()),
            agency: Some(self.agency.clone()),
            invoice: Some(self.id),
            sequence: None,
            actor: actor.to_owned(),
            body: serde_json::to_string(&body).unwrap_or_default(),
        }
    }

    /// What can still be asked back.
    pub fn refundable(&self) -> Money {
        let left = self.amount.checked_sub(self.refunding);
        match (self.status, left) {
            (Status::Paid, Ok(left)) => left,
            _ => Money::zero(self.amount.currency()),
        }
    }

    /// The realm that the invoice was issued in.
    pub fn realm(&self) -> Realm {
        Realm::of(&self.terms.token)
    }

    /// The address of the pay page, after the origin.
    pub fn pay_path(&self) -> String {
        let realm = self.realm().prefix();
        let secret = self.terms.token.strip_prefix(realm).unwrap_or_default();
        format!("/pay/{realm}{}-{secret}", self.code)
    }
}
