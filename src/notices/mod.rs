//! Notices (thông báo kết quả): telling a portal, signed and without fail, what became of its fee.
//!
//! A step that portals are told of leaves a message with its change. [`consumer`] takes the
//! message, sends the notice to each open endpoint of the portal, and writes down what came of it
//! before the message is acknowledged. What could not be delivered stands `due` in the database,
//! and [`retry`] sends it again, for three days, until it is parked; a portal can have it sent
//! again ([`manage`]), and can always read its feed instead. What the broker lost is found by
//! [`recover`].
//!
//! ```text
//! (no row) ──2xx──▶ delivered
//! (no row) ──else──▶ due ──2xx──▶ delivered
//!                    due ──after the last try, or the endpoint is closed──▶ parked
//!                    delivered | parked ──sent again by the portal's wish──▶ due
//! ```
//!
//! A delivery is at least once; its effect is once, when the portal remembers `webhook-id` for a
//! week as it is asked to. The id and the body of a notice are the same at every try; the
//! timestamp and the signature are those of the try.
//!
//! One dead portal delays no other: each endpoint has a lane of its own ([`lanes`]) with so many
//! places and no more; nobody waits long for a place, and an endpoint that does not answer is only
//! asked now and then.

pub mod close;
pub mod consumer;
pub mod find;
pub mod http;
pub mod lanes;
pub mod listing;
pub mod manage;
pub mod notice;
pub mod notice_id;
pub mod record;
pub mod recover;
pub mod retry;
pub mod room;
pub mod schedule;
pub mod send;
pub mod status;
pub mod store;
pub mod views;
