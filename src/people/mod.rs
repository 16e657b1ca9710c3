//! People: officers, approvers, operators, auditors and admins. They sign in with a password and a
//! one-time code, and may do what their roles say, for the agencies in their scope.
//!
//! ```text
//! pending ──approved by another──▶ active ──disabled──▶ disabled ──reset, approved──▶ active
//! pending ──rejected, or too late──▶ withdrawn
//! ```
//!
//! A session is a random token, in a cookie or a header; the database holds its hash. Each request
//! reads the person again, so that whoever is disabled is out at once.

pub mod add;
pub mod change_password;
pub mod delegate;
pub mod disable;
pub mod http;
pub mod limits;
pub mod officer;
pub mod password;
pub mod role;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod store;
pub mod totp;
