//! The citizen's counter: the page `/pay/{token}` where a fee is seen and paid, without log-in.
//!
//! Pages are drawn on the server and work without scripts. What is drawn here is pure: a view model
//! ([`page::PayPage`]) goes in, a whole HTML document comes out; nothing here asks a database or
//! believes a browser. A payer who comes back from a partner is told to wait: only the partner's
//! signed word makes an invoice paid.
//!
//! ```text
//! choose ──bank transfer──▶ transfer (QR) ─────────────┐
//!    └─────redirect───────▶ attempt ──▶ (partner) ──▶ returned ──▶ paid
//!                                       part paid ──the rest──▶ paid
//!                                       expired, cancelled
//! ```
//!
//! Beside paying, a payer leaves there an address for the confirmation and an account for a refund
//! ([`wishes`], [`forms`]), and asks at `/lookup` where a payment is that left their account
//! ([`mod@lookup`]). Whoever holds a receipt learns at `/receipts/{code}` whether it holds
//! ([`receipt_page`]).
//!
//! - [`view`] from what is known to the view models in [`page`] and [`lookup_page`]; [`drawing`] how
//!   they become HTML (`web/templates/`)
//! - [`words`] every text, in Vietnamese and English; [`times`] dates and time left
//! - [`qr`] the QR code; [`assets`] style sheets and script; [`headers`] what guards the page

pub mod assets;
pub mod banks;
pub mod drawing;
pub mod forms;
pub mod headers;
pub mod http;
pub mod limits;
pub mod lookup;
pub mod lookup_http;
pub mod lookup_page;
pub mod page;
pub mod qr;
pub mod receipt_http;
pub mod receipt_page;
pub mod store;
pub mod times;
pub mod view;
pub mod wishes;
pub mod words;
