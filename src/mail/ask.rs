//! A payer leaves an address on the paid page and is written to.

use chrono::Duration;

use super::store::{self, NewMail};
use super::{Mailing, address, context};
use crate::invoices::status::Status;
use crate::invoices::store as invoice_store;
use crate::vocabulary::ids::{InvoiceId, uuid_v7};

/// So many mails of one invoice are sent to whoever asks, in a day: who holds a link does not get a
/// machine that writes to strangers.
const A_DAY: i64 = 3;

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It cannot be written to.
    #[error("this is no e-mail address")]
    NotAnAddress,
    /// There is nothing to confirm.
    #[error("the invoice is not paid")]
    NotPaid,
    /// Enough for a day.
    #[error("{A_DAY} mails were asked for today")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Mailing {
    /// Has the confirmation of a paid invoice sent to an address.
    pub async fn ask(&self, invoice: InvoiceId, to: &str) -> Result<(), AskError> {
        let to = address(to).ok_or(AskError::NotAnAddress)?;
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        // Under the invoice's lock many who ask at once are counted one after another.
        let locked = invoice_store::invoices_lock(&mut tx, &[invoice.0]).await?;
        let paid = locked.into_iter().find(|invoice| invoice.status == Status::Paid);
        let invoice = paid.ok_or(AskError::NotPaid)?;
        if store::mails_asked(&mut tx, invoice.id, now - Duration::days(1)).await? >= A_DAY {
            return Err(AskError::TooMany);
        }
        let id = uuid_v7(now);
        let mail = NewMail {
            id,
            invoice: invoice.id,
            cycle: invoice.cycle,
            automatic: false,
            address_sealed: self.keys.seal(&context(id), to.to_string().as_bytes()),
        };
        store::mail_insert(&mut tx, &mail, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
