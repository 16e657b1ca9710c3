//! An invoice as the portal sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::invoice::{Invoice, Payer};
use super::status::{Status, Step};
use crate::vocabulary::money::Money;

/// An amount with its currency.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Money, example = json!({"amount": "150000", "currency": "VND"}))]
pub struct MoneySchema {
    /// Digits, with the currency's own number after the point; a string.
    amount: String,
    /// ISO 4217.
    currency: String,
}

/// One line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LineView<'a> {
    /// `phi` or `le_phi`.
    kind: &'a str,
    /// Vietnamese name.
    name: &'a str,
    /// How much.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// Budget chapter (chương).
    chapter: &'a str,
    /// Budget sub-item (tiểu mục).
    sub_item: &'a str,
    /// The agency it belongs to.
    beneficiary: &'a str,
}

/// What can be done now, and where.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Links {
    /// The invoice itself.
    #[serde(rename = "self")]
    this: String,
    /// Its history.
    events: String,
    /// The page for the payer, while it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pay: Option<String>,
    /// POST here to cancel, while that is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel: Option<String>,
    /// Its refunds; POST here to ask for one, while something can be asked back.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<String>,
    /// Its receipt, once it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// What one dossier owes for one fee.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Invoice)]
pub struct InvoiceView<'a> {
    /// UUID v7.
    id: uuid::Uuid,
    /// `PG` and 14 characters: what the payer writes into the memo.
    code: &'a str,
    /// `issued`, `pending`, `paid`, `expired` or `cancelled`.
    status: &'a str,
    /// The portal that asked.
    portal: &'a str,
    /// The agency that asks for the money.
    agency: &'a str,
    /// The procedure.
    procedure: &'a str,
    /// The portal's key of this charge.
    fee: &'a str,
    /// The dossier's code, as the portal gave it.
    dossier: &'a str,
    /// Who pays; the identity number masked.
    payer: &'a Payer,
    /// Lines; their sum is the amount.
    lines: Vec<LineView<'a>>,
    /// What is owed.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// Parts received and held until the rest comes.
    #[schema(value_type = MoneySchema)]
    held: Money,
    /// What was given back.
    #[schema(value_type = MoneySchema)]
    refunded: Money,
    /// What can still be asked back; a refund carries it as its guard.
    #[schema(value_type = MoneySchema)]
    refundable: Money,
    /// How far the money has come: `reported` by the partner, `banked` (seen in the bank), `remitted`
    /// (paid over to the Treasury), the least advanced part of it; absent before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    cash: Option<&'static str>,
    /// When it was issued.
    issued_at: DateTime<Utc>,
    /// When it expires.
    expires_at: DateTime<Utc>,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<DateTime<Utc>>,
    /// The partner through which it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_via: Option<&'a str>,
    /// The page for the payer; no login.
    pay_url: String,
    /// VietQR payload of a plain transfer, the code in its memo.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<&'a str>,
    /// The portal's own words.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    metadata: &'a std::collections::BTreeMap<String, String>,
    /// What can be done now.
    links: Links,
}

impl<'a> InvoiceView<'a> {
    /// The invoice, seen from outside at `public_url`.
    pub fn of(invoice: &'a Invoice, public_url: &str) -> Self {
        let this = format!("{public_url}/v1/invoices/{}", invoice.id);
        let pay_url = format!("{public_url}{}", invoice.pay_path());
        let can = |step| invoice.status.after(step).is_ok();
        Self {
            id: invoice.id.0,
            code: invoice.code.as_str(),
            status: invoice.status.as_str(),
            portal: &invoice.portal,
            agency: &invoice.agency,
            procedure: &invoice.procedure,
            fee: &invoice.fee,
            dossier: &invoice.dossier,
            payer: &invoice.payer,
            lines: invoice
                .lines
                .iter()
                .map(|line| LineView {
                    kind: line.kind.as_str(),
                    name: &line.name,
                    amount: line.amount,
                    chapter: &line.chapter,
                    sub_item: &line.sub_item,
                    beneficiary: &line.beneficiary,
                })
                .collect(),
            amount: invoice.amount,
            held: invoice.held,
            refunded: invoice.refunded,
            refundable: invoice.refundable(),
            cash: (invoice.status == Status::Paid).then_some("reported"),
            issued_at: invoice.issued_at,
            expires_at: invoice.expires_at,
            paid_at: invoice.paid_at,
            paid_via: invoice.paid_via.as_deref(),
            qr: invoice.terms.qr.as_deref(),
            metadata: &invoice.terms.metadata,
            links: Links {
                events: format!("{this}/events"),
                pay: invoice.status.is_open().then(|| pay_url.clone()),
                cancel: can(Step::Cancel).then(|| format!("{this}/cancel")),
                refunds: (!invoice.refundable().is_zero()).then(|| format!("{this}/refunds")),
                receipt: (invoice.status == Status::Paid).then(|| format!("{this}/receipt")),
                this,
            },
            pay_url,
        }
    }

    /// With how far its money has come, as [`super::store::reads::cash_of`] found.
    #[must_use]
    pub fn cash(mut self, found: &[(uuid::Uuid, bool)]) -> Self {
        if let Some((_, remitted)) = found.iter().find(|(id, _)| *id == self.id) {
            self.cash = Some(if *remitted { "remitted" } else { "banked" });
        }
        self
    }

    /// As bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
