//! The officers' desk, and what partners' own people see (`screens/partner_side/`): pages under
//! `/desk`, drawn on the server, in Vietnamese and English.
//!
//! ```text
//! request ─▶ reader (who, which language, what is asked) ─▶ screen ─▶ page of blocks ─▶ HTML
//!                                                              └────▶ any table as CSV, XLSX, PDF, JSON
//! post ─▶ CSRF token ─▶ screen ─▶ a use case of the room whose business it is ─▶ back to a page
//! ```
//!
//! A screen reads (`store/`, by the scopes of the roles that may look at it) and says what stands on
//! the page; it decides nothing about money. What officers do there is a use case of the room it is
//! about, the same that the JSON door calls. `page` is all that a page can hold, `drawing` how it
//! becomes HTML (`web/templates/desk/`), `asked` how tables are sorted, filtered and paged by the
//! address alone; nothing needs a script.

mod asked;
mod csrf;
mod drawing;
mod export;
mod figures;
pub mod http;
mod json;
mod menu;
mod page;
mod posted;
mod reader;
pub mod rooms;
mod screens;
mod store;
mod table;
mod told;
mod upload;
mod words;
