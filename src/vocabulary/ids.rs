//! The register of id kinds. Every public id is a UUID v7 made from the injected clock, so ids of
//! one kind sort by the time they were made; a type of its own keeps an invoice's id from being
//! handed to something that wants an attempt's.

use chrono::{DateTime, Utc};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, stamped with `now` (milliseconds).
            pub fn new(now: DateTime<Utc>) -> Self {
                Self(uuid_v7(now))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(/// A fee invoice.
    InvoiceId);
id!(/// One order to pay one invoice through one partner.
    AttemptId);
id!(/// One partner's word that it collected money.
    SettlementId);
id!(/// A difference that somebody must explain.
    BreakId);
id!(/// One amount that is given back.
    RefundId);
id!(/// One run that pays over to the Treasury.
    PayoverId);
id!(/// One transfer of such a run; the bank gives it back as our reference.
    PayoverLineId);
id!(/// An address of a portal that is told of results.
    EndpointId);
id!(/// Somebody who signs in.
    PersonId);
id!(/// A receipt of a payment.
    ReceiptId);
id!(/// A role that is lent for some days.
    DelegationId);
id!(/// What one person proposes and another decides.
    ApprovalId);

id!(/// A file that a bank or partner sent.
    FileId);
id!(/// One statement or report of a file.
    StatementId);

/// A UUID of version 7: 48 bits of milliseconds, the rest at random.
pub fn uuid_v7(now: DateTime<Utc>) -> Uuid {
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid()
}
