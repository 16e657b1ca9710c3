//! Payments of invoices whose portal named the payer's address are confirmed by themselves: read
//! from the sequenced events, so that the money's own transaction knows nothing of mail.

use super::store::{self, NewMail};
use super::{Mailing, address, context};
use crate::vocabulary::ids::uuid_v7;

/// Batches of events looked at in one go.
const BATCHES: i64 = 200;

impl Mailing {
    /// Looks at what was paid since the last time; how many mails were written down.
    pub async fn collect(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let after = store::progress_lock(&mut tx).await?;
        let mut written = 0;
        if let Some(upto) = store::batch_after(&mut tx, after, BATCHES).await? {
            for (invoice, cycle, to) in store::paid_between(&mut tx, after, upto).await? {
                // A portal may name what no server takes; the payer can leave another.
                let Some(to) = address(&to) else { continue };
                let id = uuid_v7(now);
                let address_sealed = self.keys.seal(&context(id), to.to_string().as_bytes());
                let mail = NewMail { id, invoice, cycle, automatic: true, address_sealed };
                store::mail_insert(&mut tx, &mail, now).await?;
                written += 1;
            }
            store::progress_set(&mut tx, upto).await?;
        }
        tx.commit().await?;
        Ok(written)
    }
}
