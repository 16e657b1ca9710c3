//! The chart of accounts.

use crate::text_enum;
use crate::vocabulary::money::Currency;

text_enum! {
    /// Kinds of account. Debits make the first group grow, credits the second.
    pub enum AccountKind ("account kind") {
        /// What a partner has collected and not yet paid in. Owner: partner; detail: its account.
        PartnerReceivable = "partner_receivable",
        /// Money seen in a bank account. Owner: partner; detail: account number.
        BankAccount = "bank_account",
        /// What an agency owes, for fees netted or money taken back. Owner: agency.
        ClaimOnAgency = "claim_on_agency",
        /// What the Treasury owes for a refund of money already paid over. Owner: agency.
        ClaimOnTreasury = "claim_on_treasury",
        /// What is owed to an agency. Owner: agency; detail: chapter and sub-item.
        AgencyPayable = "agency_payable",
        /// What is owed back to payers. Owner: partner.
        RefundDue = "refund_due",
        /// Parts of invoices that are not yet paid in full. Owner: partner.
        PartPaymentsHeld = "part_payments_held",
        /// Money that nobody can place yet. Owner: partner.
        Suspense = "suspense",
        /// Refunds approved and not yet confirmed. Owner: partner.
        RefundsInTransit = "refunds_in_transit",
        /// Small differences that two people gave up; a debit is a loss. Owner: partner.
        WriteOff = "write_off",
        /// What stood on a bank account before this installation began: whose it is, is told in no
        /// book of ours. Owner: partner; detail: account number.
        CarriedIn = "carried_in",
    }
}

impl AccountKind {
    /// Does a debit make it grow?
    pub const fn is_asset(self) -> bool {
        matches!(
            self,
            Self::PartnerReceivable
                | Self::BankAccount
                | Self::ClaimOnAgency
                | Self::ClaimOnTreasury
        )
    }
}

/// Which account: found, or opened, by these four.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey {
    /// Its kind.
    pub kind: AccountKind,
    /// The partner or agency it is of.
    pub owner: String,
    /// The account number or budget code; empty when the kind has none.
    pub detail: String,
    /// Its one currency.
    pub currency: Currency,
}

impl AccountKey {
    /// An account without detail.
    pub fn of(kind: AccountKind, owner: &str, currency: Currency) -> Self {
        Self { kind, owner: owner.to_owned(), detail: String::new(), currency }
    }

    /// An account with detail.
    pub fn detailed(kind: AccountKind, owner: &str, detail: &str, currency: Currency) -> Self {
        Self { kind, owner: owner.to_owned(), detail: detail.to_owned(), currency }
    }
}
