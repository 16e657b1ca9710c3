//! Counts notices of payments once they have arrived or were given up.

use chrono::TimeDelta;

use super::Statistics;
use super::store;
use super::tally::{Key, Tally, Told};
use crate::vocabulary::day::to_local;

/// Payments looked at in one transaction.
const AT_ONCE: i64 = 1000;
/// After this long no notice comes any more: the portal has no endpoint, or waits for the bank.
const GIVEN_UP: TimeDelta = TimeDelta::days(4);

impl Statistics {
    /// Looks at some; `false` when none is left for now.
    pub(super) async fn look_at_notices(&self, fence: i64) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        // Under the mark's lock: no notice is counted by two.
        if store::progress_lock(&mut tx, fence).await?.is_none() {
            return Ok(false);
        }
        let waiting = store::notices_of(&mut tx, now, AT_ONCE).await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let (mut tally, mut done, mut later) = (Tally::default(), Vec::new(), Vec::new());
        for payment in waiting {
            let age = now - payment.paid_at;
            let none = payment.due + payment.parked == 0 && payment.took.is_empty();
            if (none || payment.due > 0) && age < GIVEN_UP {
                // Seldom the older it is.
                let pause = (age / 4).clamp(TimeDelta::seconds(2), TimeDelta::hours(6));
                later.push((payment.invoice, payment.sequence, now + pause));
                continue;
            }
            let key = Key {
                day: to_local(payment.paid_at).date(),
                agency: payment.agency,
                procedure: payment.procedure,
                partner: payment.partner,
                currency: payment.currency,
            };
            for took in payment.took {
                tally.tell(&Told { key: key.clone(), milliseconds: Some(took) });
            }
            for _ in 0..payment.parked + payment.due {
                tally.tell(&Told { key: key.clone(), milliseconds: None });
            }
            done.push((payment.invoice, payment.sequence));
        }
        store::days_add(&mut tx, &tally).await?;
        store::notices_done(&mut tx, &done).await?;
        store::notices_later(&mut tx, &later).await?;
        tx.commit().await?;
        Ok(true)
    }
}
