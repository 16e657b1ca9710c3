//! Who calls: a portal or a partner, and the key that proves it.

use std::fmt;

use crate::platform::seal::Secret;
use crate::text_enum;

text_enum! {
    /// What kind of caller.
    pub enum CallerKind ("caller kind") {
        /// A portal: asks for invoices.
        Portal = "portal",
        /// A bank or wallet: posts settlements.
        Partner = "partner",
    }
}

text_enum! {
    /// What a key may be used for.
    pub enum KeyPurpose ("key purpose") {
        /// Signs requests.
        Sign = "sign",
        /// Signs approvals; registered by another person, never part of rotation.
        Approve = "approve",
    }
}

/// A portal or a partner, by code. Written `portal/dvc-mau`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Which of the two.
    pub kind: CallerKind,
    /// The code in its register.
    pub code: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.code)
    }
}

/// A living key, opened.
#[derive(Debug, Clone)]
pub struct CallerKey {
    /// The name that signatures give.
    pub key_id: String,
    /// Whose it is.
    pub caller: Caller,
    /// What it may be used for.
    pub purpose: KeyPurpose,
    /// The secret.
    pub secret: Secret,
}

/// A key's secret is bound to its name.
pub fn key_context(key_id: &str) -> String {
    format!("caller-key/{key_id}")
}
