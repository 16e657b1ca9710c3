//! Operations: what those who keep the service running see and do: what waits and for how long,
//! having it looked at now, and what was said between a partner and us about one order.
//!
//! Every state that is not final is left by a sweep; every sweep has a gauge and can be run now.
//!
//! ```text
//! attempt created ─ attempt.resend   sent, unknown ─ attempt.query   awaiting ─ attempt.query
//! refund requested, approved ─ approval, refund.resend               sent ─ refund.query
//! invoice issued, pending ─ invoice.expire    delivery due ─ delivery    approval pending ─ approval
//! ```

pub mod gauges;
pub mod http;
pub mod said;
pub mod sweeps;
