//! Statements (sao kê) and reports (bảng kê đối soát): files that banks and partners send are taken
//! in, read, checked and kept; what they say is matched by `reconciliation`.
//!
//! A file comes in at the desk, by a partner's signed call, by command or in a watched folder. It is
//! first laid aside and hashed (`spool`): the same bytes again get the first answer again. Then it is
//! read twice, each time from front to end: once to know all that is wrong with it (`formats`,
//! `judge`), and, when nothing refuses it, once more to put its lines into the database (`stage`).
//! Nobody looks at a statement before all its lines are there.
//!
//! ```text
//! file       received ─▶ staged ─▶ booked ─▶ superseded
//!               │  └──▶ quarantined ─▶ staged (two officers) | rejected (one)
//!               └──▶ rejected | noted (camt.052: kept, nothing more)
//! statement  reading ─▶ staged ─▶ booked ─▶ superseded
//!               └──▶ quarantined ─▶ staged | rejected
//! ```
//!
//! What decides is the worst finding: a refusal (not readable, F03, an account that is not ours), a
//! quarantine (F02 the same statement with other content, F05 balances that do not add up), or no
//! more than warnings (F04 a gap, a batch that cannot be looked into).
//!
//! The matching takes `read::store::statements_waiting`, reads `read::store::lines_of`, and says
//! `store::statement_booked_in`. A statement that stands in for an earlier issue names it
//! (`supersedes`): whoever matches takes back what was made of the earlier one first.

pub mod accept;
mod cases;
pub mod finding;
pub mod folder;
pub mod formats;
pub mod http;
pub mod intake;
pub mod judge;
pub mod listing;
pub mod mappings;
pub mod model;
pub mod officers;
pub mod opening;
pub mod read;
pub mod reject;
pub mod spool;
pub mod stage;
pub mod status;
pub mod store;
pub mod verdict;
