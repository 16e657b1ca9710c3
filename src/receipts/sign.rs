//! Signs what was numbered: after the number is committed, outside any transaction, again and again
//! until the signer answers.

use std::collections::BTreeMap;

use super::Receipts;
use super::signer::SignError;
use super::store;

/// Receipts signed in one go.
const AT_ONCE: i64 = 200;

impl Receipts {
    /// Signs some of what has no signature yet; how many. An agency whose key cannot be used keeps
    /// nobody else waiting.
    pub async fn sign_some(&self) -> Result<usize, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        let waiting = store::receipts_unsigned(&mut conn, AT_ONCE).await?;
        drop(conn);
        let mut by_agency: BTreeMap<&str, Vec<&store::Unsigned>> = BTreeMap::new();
        for receipt in &waiting {
            by_agency.entry(&receipt.agency).or_default().push(receipt);
        }
        let mut done = 0;
        for (agency, receipts) in by_agency {
            let contents: Vec<&[u8]> = receipts.iter().map(|r| r.content.as_bytes()).collect();
            let signed = match self.signer.sign(agency, &contents).await {
                Ok(signed) => signed,
                Err(SignError::Store(error)) => return Err(error),
                Err(error) => {
                    metrics::counter!("payclear_receipts_sign_failed_total").increment(1);
                    tracing::error!(%error, agency, "receipts wait for their signature");
                    continue;
                }
            };
            let now = self.clock.now();
            let mut tx = self.pool.begin().await?;
            let pairs: Vec<_> = receipts.iter().map(|r| r.id).zip(signed).collect();
            done += store::receipts_sign(&mut tx, &pairs, now).await?;
            tx.commit().await?;
        }
        Ok(done)
    }
}
