//! Live or sandbox. Everything of the sandbox that a caller holds in their hand (key ids, pay
//! tokens, session tokens, sign-ins, partner paths) begins with `test_`, and nothing else does: so
//! the front door knows where a request belongs without asking any database.

/// What names of the sandbox begin with.
pub const TEST: &str = "test_";

/// One of the two worlds that one address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Realm {
    /// Citizens' money.
    #[default]
    Live,
    /// Nobody's money.
    Sandbox,
}

impl Realm {
    /// The realm that a name belongs to.
    pub fn of(name: &str) -> Self {
        if name.starts_with(TEST) { Self::Sandbox } else { Self::Live }
    }

    /// What its names begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Sandbox => TEST,
        }
    }

    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_it_belongs() {
        for realm in [Realm::Live, Realm::Sandbox] {
            assert_eq!(Realm::of(&format!("{}dvc-mau-1a2b3c", realm.prefix())), realm);
        }
        assert_eq!(Realm::of("testing"), Realm::Live);
    }
}
