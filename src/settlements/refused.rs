//! What comes to a partner's door and is not taken for its word, and what is kept of what comes there.
//!
//! Nothing is booked of a message that is refused and no portal is told, so it has no event: the
//! message itself is kept, masked, with why it was refused (`partner_exchange`), and counted by its
//! verdict (`payclear_callbacks_total`). What the partner signed is kept always. Anybody can send what
//! is not signed: one such message in a second is kept of each partner, and what was not kept is
//! counted (`payclear_callbacks_not_kept_total`).
//!
//! More unsigned messages than the partner's own `calls_per_second` are answered 429 and neither
//! logged nor kept. Signatures are checked before that, so that no flood has a word of the partner
//! turned away; who calls from an address that is none of the partner's is not even read.

use super::partner_http::PartnerDoors;
use crate::partners::Partner;
use crate::partners::dialects::{Unheard, Verdict};
use crate::partners::exchange::{Direction, Exchange, exchange_keep_if_possible};
use crate::platform::problem::Problem;

/// The purpose of what partners tell us of their own accord.
pub(super) const CALLBACK: &str = "callback";
/// Of what they ask before they take money.
pub(super) const BILL: &str = "bill";

/// Counts an answer to a callback.
pub(super) fn count(partner: &str, verdict: Verdict) {
    metrics::counter!("payclear_callbacks_total",
        "partner" => partner.to_owned(), "verdict" => verdict.as_str())
    .increment(1);
}

impl PartnerDoors {
    /// What is answered to a message that is no word of the partner's: a verdict in the dialect's
    /// words, or 429 to the sender of a flood.
    pub(super) async fn refuse(
        &self,
        partner: &Partner,
        purpose: &str,
        (unheard, address): (Unheard, &str),
        raw: &[u8],
    ) -> Result<Verdict, Problem> {
        let (code, verdict) = (&partner.code, Verdict::from(&unheard));
        // The proof of a question about a bill is checked with its answer.
        let signed = purpose == CALLBACK && unheard.is_signed();
        if purpose == CALLBACK {
            count(code, verdict);
        }
        if unheard == Unheard::Stranger {
            metrics::counter!("payclear_callbacks_of_strangers_total", "partner" => code.clone())
                .increment(1);
        }
        if !signed {
            let flood = format!("unsigned/{code}");
            let rate = self.doors.allow_address(&flood, partner.calls_per_second);
            if rate.is_err() || self.doors.allow_address(&format!("unheard/{code}"), 1).is_err() {
                metrics::counter!("payclear_callbacks_not_kept_total",
                    "partner" => code.clone(), "verdict" => verdict.as_str())
                .increment(1);
                return rate.map(|()| verdict);
            }
        }
        tracing::info!(partner.code = code, address, why = %unheard, purpose, "refused");
        let why = match unheard {
            Unheard::Stranger => format!("{unheard}: {address}"),
            _ => unheard.to_string(),
        };
        self.keep(code, purpose, (None, &why), raw).await;
        Ok(verdict)
    }

    /// Keeps what did not go as it should: about which order, what was made of it, what it said;
    /// whether it could be kept.
    pub(super) async fn keep(
        &self,
        partner: &str,
        purpose: &str,
        (reference, verdict): (Option<&str>, &str),
        body: &[u8],
    ) -> bool {
        let at = self.doors.clock().now();
        let direction = Direction::In;
        let exchange =
            Exchange { at, partner, direction, purpose, reference, status: None, verdict, body };
        exchange_keep_if_possible(&self.pool, &exchange).await
    }
}
