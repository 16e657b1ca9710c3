//! Four eyes: what one proposes, another decides. An approval holds the exact content as canonical
//! JSON; a decision names the hash of that content, and is carried out in its own transaction.
//!
//! ```text
//! pending ──approve──▶ approved ──carried out, same commit──▶ applied
//! pending ──reject──▶ rejected          pending ──7 days──▶ expired
//! ```
//!
//! The room knows what it decides on by [`kinds::Kind`]: a name, who may decide, what to do. Rooms
//! below it have their kinds here ([`people`], [`endpoints`], [`partners`]), rooms above bring
//! theirs; `app/parts.rs` puts them together. The database repeats the rules: who made it does not
//! decide it, content does not change, no step is taken twice, and nothing that needs an approval
//! becomes usable without one.

pub mod approval;
pub mod decide;
pub mod delegations;
pub mod delegations_http;
pub mod endpoints;
pub mod expire;
pub mod http;
pub mod kinds;
pub mod outdate;
pub mod partners;
pub mod people;
pub mod propose;
pub mod roles;
pub mod sight;
pub mod status;
pub mod store;
