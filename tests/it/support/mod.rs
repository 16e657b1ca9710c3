//! What the tests stand on.

pub mod caller;
pub mod cluster;
pub mod mail_catcher;
pub mod partners;
pub mod people;
pub mod private_broker;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod simulators;
pub mod statements;
pub mod town;
pub mod wait;

pub use caller::{Answer, Caller, Letter, answer_of, fresh_key};
pub use people::Person;
pub use simulators::{DOSSIER_SECRET, SEPAY_SECRET};
pub use town::{PAYOS_ACCOUNT, PORTAL, Plan, Town, money, text};
pub use wait::{sequenced, until};
