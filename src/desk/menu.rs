//! The parts of the desk, and who finds which of them.

use super::words::Say;
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};

use Role::{Admin, Auditor, Operator};

/// A part of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Where work begins.
    Today,
    /// What waits for a second person.
    Approvals,
    /// What banks and partners sent.
    Files,
    /// What belongs together.
    Matches,
    /// Signing days.
    Days,
    /// Money that goes to the Treasury.
    Payovers,
    /// Receipts.
    Receipts,
    /// What was collected.
    Reports,
    /// What is owed.
    Invoices,
    /// What goes back.
    Refunds,
    /// What does not match.
    Breaks,
    /// Double entry.
    Ledger,
    /// Notices to portals.
    Deliveries,
    /// Banks and wallets.
    Partners,
    /// What looks again at what is not final.
    Sweeps,
    /// Who may do what.
    People,
    /// Who did what.
    Audit,
    /// A partner's own: where its money stands.
    PartnerMoney,
    /// A partner's own: its files.
    PartnerFiles,
    /// A partner's own: what it is asked.
    PartnerBreaks,
    /// A partner's own: what was refused.
    PartnerTraffic,
    /// A partner's own: its keys.
    PartnerKeys,
}

/// Whose a part is.
#[derive(Debug, Clone, Copy)]
pub struct Admits {
    /// Whoever has one of these roles.
    pub roles: &'static [Role],
    /// Only for everything, not for single agencies.
    pub everything: bool,
}

/// Those who look at money, each at that of their agencies.
const MONEY: Admits = Admits { roles: Role::MONEY, everything: false };

/// Those who work for a partner; nobody of ours, and they see nothing else.
const PARTNERS: Admits = Admits { roles: &[Role::Partner], everything: false };

impl Section {
    /// All of them, in groups.
    pub const GROUPS: &'static [(Say, &'static [Self])] = &[
        (Say("Công việc", "Work"), &[Self::Today, Self::Approvals]),
        (
            Say("Đối soát", "Reconciliation"),
            &[Self::Files, Self::Matches, Self::Breaks, Self::Days, Self::Payovers],
        ),
        (
            Say("Tiền thu", "Money"),
            &[Self::Invoices, Self::Refunds, Self::Receipts, Self::Ledger, Self::Reports],
        ),
        (Say("Vận hành", "Operation"), &[Self::Deliveries, Self::Partners, Self::Sweeps]),
        (Say("Quản trị", "Administration"), &[Self::People, Self::Audit]),
        (
            Say("Đối tác", "Partner"),
            &[
                Self::PartnerMoney,
                Self::PartnerFiles,
                Self::PartnerBreaks,
                Self::PartnerTraffic,
                Self::PartnerKeys,
            ],
        ),
    ];

    /// Its name.
    pub const fn name(self) -> Say {
        match self {
            Self::Today => Say("Hôm nay", "Today"),
            Self::Approvals => Say("Phê duyệt", "Approvals"),
            Self::Files | Self::PartnerFiles => Say("Tệp", "Files"),
            Self::Matches => Say("Đối soát", "Match"),
            Self::Days => Say("Ký ngày", "Close the day"),
            Self::Payovers => Say("Chuyển Kho bạc", "Treasury transfer"),
            Self::Receipts => Say("Biên lai", "Receipts"),
            Self::Reports => Say("Báo cáo", "Reports"),
            Self::Invoices => Say("Khoản phải thu", "Invoices"),
            Self::Refunds => Say("Khoản phải hoàn", "Refunds"),
            Self::Breaks => Say("Chênh lệch", "Breaks"),
            Self::Ledger => Say("Sổ cái", "Ledger"),
            Self::Deliveries => Say("Thông báo cho cổng", "Notices to portals"),
            Self::Partners => Say("Đối tác", "Partners"),
            Self::Sweeps => Say("Tác vụ nền", "Sweeps"),
            Self::People => Say("Người dùng", "People"),
            Self::Audit => Say("Nhật ký", "Audit log"),
            Self::PartnerMoney => Say("Tiền và vị thế", "Money"),
            Self::PartnerBreaks => Say("Tra soát", "Breaks"),
            Self::PartnerTraffic => Say("Trao đổi", "Messages"),
            Self::PartnerKeys => Say("Khoá", "Keys"),
        }
    }

    /// Where it is.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Today => "/desk",
            Self::Approvals => "/desk/approvals",
            Self::Files => "/desk/files",
            Self::Matches => "/desk/matches",
            Self::Days => "/desk/days",
            Self::Payovers => "/desk/payovers",
            Self::Receipts => "/desk/receipts",
            Self::Reports => "/desk/reports",
            Self::Invoices => "/desk/invoices",
            Self::Refunds => "/desk/refunds",
            Self::Breaks => "/desk/breaks",
            Self::Ledger => "/desk/ledger",
            Self::Deliveries => "/desk/deliveries",
            Self::Partners => "/desk/partners",
            Self::Sweeps => "/desk/sweeps",
            Self::People => "/desk/people",
            Self::Audit => "/desk/audit",
            Self::PartnerMoney => "/desk/partner",
            Self::PartnerFiles => "/desk/partner/files",
            Self::PartnerBreaks => "/desk/partner/breaks",
            Self::PartnerTraffic => "/desk/partner/traffic",
            Self::PartnerKeys => "/desk/partner/keys",
        }
    }

    /// Who finds it.
    pub const fn admits(self) -> Admits {
        match self {
            Self::Today | Self::Approvals | Self::People => {
                Admits { roles: Role::OURS, everything: false }
            }
            Self::Files | Self::Days => Admits { everything: true, ..MONEY },
            Self::Invoices
            | Self::Refunds
            | Self::Breaks
            | Self::Ledger
            | Self::Matches
            | Self::Payovers
            | Self::Receipts
            | Self::Reports => MONEY,
            Self::Deliveries | Self::Sweeps => {
                Admits { roles: &[Operator, Auditor], everything: true }
            }
            Self::Partners => {
                Admits { roles: &[Operator, Auditor, Role::Officer], everything: true }
            }
            Self::Audit => Admits { roles: &[Auditor, Admin], everything: true },
            Self::PartnerMoney
            | Self::PartnerFiles
            | Self::PartnerBreaks
            | Self::PartnerTraffic
            | Self::PartnerKeys => PARTNERS,
        }
    }

    /// May this person look at it?
    pub fn is_open_to(self, officer: &Officer) -> bool {
        let Admits { roles, everything } = self.admits();
        officer.grants.iter().any(|grant| {
            roles.contains(&grant.role) && (!everything || grant.scope.as_str() == EVERYTHING)
        })
    }

    /// The agencies that this person may look at here: the scopes of the roles that open it, and of
    /// no others.
    pub fn scopes(self, officer: &Officer) -> Vec<String> {
        let roles = self.admits().roles;
        let mut scopes: Vec<String> = officer
            .grants
            .iter()
            .filter(|grant| roles.contains(&grant.role))
            .map(|grant| grant.scope.as_str().to_owned())
            .collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::ids::PersonId;

    #[test]
    fn a_part_is_open_to_its_roles_and_shows_their_agencies_alone() {
        let officer = |grants: &[&str]| Officer {
            id: PersonId(uuid::Uuid::nil()),
            email: "an@example.vn".to_owned(),
            name: "An".to_owned(),
            grants: grants.iter().map(|text| text.parse().expect("a grant")).collect(),
            expires_at: chrono::DateTime::UNIX_EPOCH,
            session: [0; 32],
        };
        let an = officer(&["officer:G01", "operator:*"]);
        assert_eq!(Section::Invoices.scopes(&an), ["G01"], "an operator sees no money");
        assert!(Section::Deliveries.is_open_to(&an) && !Section::Audit.is_open_to(&an));
        let binh = officer(&["auditor:G02"]);
        assert!(Section::Ledger.is_open_to(&binh) && !Section::Audit.is_open_to(&binh));
        let teller = officer(&["partner:G01"]);
        let ours = Section::GROUPS.iter().rev().skip(1).flat_map(|(_, sections)| sections.iter());
        assert!(ours.clone().all(|section| !section.is_open_to(&teller)), "nothing of ours");
        assert!(Section::PartnerFiles.is_open_to(&teller));
        assert!(!Section::PartnerFiles.is_open_to(&an), "and nothing of theirs for us");
        let all = Section::GROUPS.iter().flat_map(|(_, sections)| sections.iter());
        assert_eq!(all.filter(|section| section.is_open_to(&officer(&["admin"]))).count(), 4);
    }
}
