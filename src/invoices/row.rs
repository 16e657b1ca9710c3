//! An invoice as a row.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::invoice::Invoice;
use crate::vocabulary::ids::InvoiceId;
use crate::vocabulary::money::{Currency, Money};

/// The columns as they are read.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct InvoiceRow {
    pub invoice_id: Uuid,
    pub code: String,
    pub portal: String,
    pub agency: String,
    pub procedure: String,
    pub fee: String,
    pub dossier: String,
    pub amount: Decimal,
    pub currency: String,
    pub payer: String,
    pub payer_id_sealed: Option<Vec<u8>>,
    pub lines: String,
    pub terms: String,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub status: String,
    pub status_since: DateTime<Utc>,
    pub sequence: i32,
    pub cycle: i32,
    pub held: Decimal,
    pub parts: String,
    pub refunded: Decimal,
    pub refunding: Decimal,
    pub paid_at: Option<DateTime<Utc>>,
    pub paid_via: Option<String>,
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl TryFrom<InvoiceRow> for Invoice {
    type Error = sqlx::Error;

    fn try_from(row: InvoiceRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        let money = |amount| Money::new(amount, currency).map_err(undecodable);
        Ok(Self {
            id: InvoiceId(row.invoice_id),
            code: row.code.parse().map_err(undecodable)?,
            amount: money(row.amount)?,
            held: money(row.held)?,
            refunded: money(row.refunded)?,
            refunding: money(row.refunding)?,
            payer: serde_json::from_str(&row.payer).map_err(undecodable)?,
            parts: serde_json::from_str(&row.parts).map_err(undecodable)?,
            lines: serde_json::from_str(&row.lines).map_err(undecodable)?,
            terms: serde_json::from_str(&row.terms).map_err(undecodable)?,
            status: row.status.parse().map_err(undecodable)?,
            portal: row.portal,
            agency: row.agency,
            procedure: row.procedure,
            fee: row.fee,
            dossier: row.dossier,
            payer_id_sealed: row.payer_id_sealed,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            status_since: row.status_since,
            sequence: row.sequence,
            cycle: row.cycle,
            paid_at: row.paid_at,
            paid_via: row.paid_via,
        })
    }
}
