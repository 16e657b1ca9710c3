//! Mail to payers: a confirmation that a fee is paid, with the way back to its page. It goes to the
//! address that the portal named with the invoice, by itself, and to one that a payer leaves there.
//!
//! ```text
//! due ──taken by the server──▶ sent
//!  └──refused, or tried for a day──▶ failed
//! ```
//!
//! Nothing waits for it: a row is written, and whoever sends claims it by moving its time on, sends
//! outside any transaction and writes down what became of it. Who dies in between leaves the row,
//! which comes back: a mail may arrive twice, with one `Message-ID`. The address is sealed and is
//! wiped as soon as the mail has left or was given up. Without a server in the settings there is no
//! mail, and nothing of this runs.

pub mod ask;
pub mod collect;
pub mod letter;
pub mod send;
pub mod server;
pub mod store;

use std::sync::Arc;

use sqlx::PgPool;

use crate::platform::seal::MasterKeys;
use crate::platform::settings::MailSettings;
use crate::vocabulary::clock::SharedClock;

/// What writing to payers needs; clones share it.
#[derive(Debug, Clone)]
pub struct Mailing {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Seals addresses.
    pub keys: Arc<MasterKeys>,
    /// The server and its patience.
    pub settings: Arc<MailSettings>,
    /// The origin that links are built from.
    pub public_url: Arc<str>,
}

fn context(id: uuid::Uuid) -> String {
    format!("mail/{id}")
}

/// An address that a mail can go to, in the form that servers take without extensions.
pub fn address(text: &str) -> Option<lettre::Address> {
    let text = text.trim();
    (text.is_ascii() && text.len() <= 254).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_address_and_nothing_more() {
        for good in ["an@example.vn", " an.nguyen+phi@mail.example.gov.vn "] {
            assert!(address(good).is_some(), "{good}");
        }
        let long = format!("{}@example.vn", "a".repeat(300));
        for wrong in [
            "",
            "an",
            "@example.vn",
            "an@",
            "an@example.vn, binh@example.vn",
            "an@example.vn\r\nBcc: binh@example.vn",
            "an@example.vn>\r\nRCPT TO:<binh@example.vn",
            "An <an@example.vn>",
            "ân@example.vn",
            &long,
        ] {
            assert!(address(wrong).is_none(), "{wrong:?}");
        }
    }
}
