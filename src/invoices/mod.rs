//! Fee invoices: issued to a portal for a dossier, then paid, expired or cancelled; and the attempts
//! to pay them.
//!
//! ```text
//! issued ──attempt──▶ pending ──settle──▶ paid ──reverse──▶ pending
//!    └──────┬────────────┘                 ▲
//!           ├──expire──▶ expired ──settle──┘   (late money is real money)
//!           └──cancel──▶ cancelled
//! ```
//!
//! An invoice outlives every attempt to pay it. One dossier, one fee, one claim: the row in `claim`
//! stands while the fee is open or paid and goes when the invoice is cancelled or expires.
//!
//! The order made with the collecting bank when an invoice is issued is not a try of the payer: the
//! invoice becomes `pending` when somebody chooses a way to pay, or pays a part.

pub mod attempt;
pub mod cancel;
pub mod claim;
pub mod expire;
pub mod feed;
pub mod http;
pub mod invoice;
pub mod issue;
pub mod request;
pub mod row;
pub mod search;
pub mod status;
pub mod store;
pub mod totals;
pub mod view;
