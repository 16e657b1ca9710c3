//! The service as its callers meet it, on a real PostgreSQL, a real RabbitMQ and the simulators.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::struct_field_names,
    clippy::unused_async,
    clippy::unused_self,
    reason = "tests: time and environment are the machine's, databases have names that cannot be bound, and what is not there fails the test"
)]

mod support;

mod any_order;
mod approvals;
mod architecture;
mod asking;
mod bad_input;
mod banked;
mod breaks;
mod callbacks;
mod command_line;
mod compat;
mod conforms;
mod crash;
mod days;
mod desk;
mod dispatch;
mod documents;
mod every_door;
mod fault_matrix;
mod feed;
mod foreign;
mod group;
mod idempotency;
mod kept_messages;
mod ledger;
mod limits;
mod lookup;
mod mail;
mod matching;
mod matching_month;
mod money;
mod notices;
mod openapi;
mod operations;
mod partner_calls;
mod partner_care;
mod partner_people;
mod partners_momo;
mod partners_payos;
mod partners_sepay;
mod partners_viettel;
mod partners_vnpay;
mod partners_zalopay;
mod pay_page;
mod payover;
mod people;
mod receipts;
mod refunds;
mod refunds_by_officers;
mod registers;
mod sandbox;
mod schema;
mod scopes;
mod scratch;
mod settlements;
mod signatures;
mod stack;
mod statements;
mod statistics;
mod telemetry;
mod totals;
