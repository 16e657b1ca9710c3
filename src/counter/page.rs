//! View models of the citizen's pages: what they need to know. No SQL, no clock, no partner.

use std::fmt;

use chrono::{DateTime, Utc};

use super::forms::{AccountFault, AccountForm};
use super::words::Language;
use crate::partners::dialects::Channel;
use crate::vocabulary::money::Money;

/// What the page shows of one invoice.
#[derive(Debug, Clone)]
pub struct PayPage {
    /// The reader's language.
    pub language: Language,
    /// The invoice's code.
    pub code: String,
    /// Who collects.
    pub agency_name: String,
    /// What is applied for.
    pub procedure_name: String,
    /// The portal's code of the case.
    pub dossier: String,
    /// Who owes, hidden but for the family name.
    pub payer_name: MaskedName,
    /// What is paid for.
    pub lines: Vec<PayLine>,
    /// What is owed.
    pub total: Money,
    /// Part payments received so far.
    pub held: Money,
    /// Where the invoice stands.
    pub status: Status,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
    /// The time of this look.
    pub now: DateTime<Utc>,
    /// When the money was collected.
    pub paid_at: Option<DateTime<Utc>>,
    /// The name of the partner that collected it.
    pub paid_via: Option<String>,
    /// The ways to pay on offer.
    pub channels: Vec<ChannelChoice>,
    /// The ways that do not take this amount.
    pub unfit: Vec<UnfitChannel>,
    /// The payer's orders so far, the newest first.
    pub orders: Vec<PastOrder>,
    /// What is given back.
    pub refunds: Vec<RefundShown>,
    /// Whether an account is asked for, to give back to.
    pub account: AccountAsked,
    /// Whether a confirmation can be sent.
    pub mail: MailAsked,
    /// The transfer to make, once a bank transfer was chosen.
    pub transfer: Option<Transfer>,
    /// An order under way on a partner's own page.
    pub live_attempt: Option<LiveAttempt>,
    /// Set when the payer has just come back from a partner's page.
    pub returned: Option<Returned>,
    /// The payer asked that the page no longer refreshes itself.
    pub still: bool,
    /// The portal's page to go back to.
    pub return_url: Option<String>,
    /// `/pay/{token}`: where forms go and links lead.
    pub token_path: String,
    /// Where the receipt is, once there is one.
    pub receipt_path: Option<String>,
    /// Something to tell once.
    pub flash: Option<Flash>,
}

/// One line of the bill.
#[derive(Debug, Clone)]
pub struct PayLine {
    /// Its name in the fee schedule.
    pub name: String,
    /// `phí` or `lệ phí`.
    pub kind: LineKind,
    /// How much.
    pub amount: Money,
}

/// The two kinds that the law on fees and charges knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Phí: what a service costs.
    Phi,
    /// Lệ phí: what an act of the state costs.
    LePhi,
}

/// Where the invoice stands, for its payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing received yet.
    Waiting,
    /// Less than owed is held.
    PartPaid,
    /// The whole was collected.
    Paid,
    /// Its time ran out.
    Expired,
    /// Taken back by the portal.
    Cancelled,
}

/// One way to pay.
#[derive(Debug, Clone)]
pub struct ChannelChoice {
    /// The partner's code, posted as `partner`.
    pub partner: String,
    /// The partner's name.
    pub name: String,
    /// What the payer will do.
    pub kind: Channel,
    /// What the payer must have.
    pub needs: Needs,
    /// The least and the most of one payment, when there is such.
    pub limits: Option<(Money, Money)>,
}

/// What a payer must have for a way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A bank's app, or its counter.
    BankApp,
    /// A bank's app, a card or an account for VNPAY's page.
    Vnpay,
    /// The wallet MoMo.
    Momo,
    /// The app ZaloPay, or a card on its page.
    Zalopay,
    /// Whatever the partner's page asks for.
    PartnerPage,
}

impl Needs {
    /// By the dialect of a partner with a page of its own.
    pub fn of_dialect(dialect: &str) -> Self {
        match dialect {
            "vnpay" => Self::Vnpay,
            "momo" => Self::Momo,
            "zalopay" => Self::Zalopay,
            _ => Self::PartnerPage,
        }
    }
}

/// A way to pay that does not take this amount.
#[derive(Debug, Clone)]
pub struct UnfitChannel {
    /// The partner's name.
    pub name: String,
    /// Why not.
    pub why: Unfit,
}

/// Why a way does not take an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It takes this at least.
    Below(Money),
    /// It takes this at most.
    Above(Money),
}

/// An order of the payer on a partner's page.
#[derive(Debug, Clone)]
pub struct PastOrder {
    /// The partner's name.
    pub partner_name: String,
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// How it ended, or has not.
    pub end: OrderEnd,
}

/// How an order ended, for its payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEnd {
    /// It can still be paid.
    Open,
    /// Nobody can say yet.
    Unknown,
    /// The partner said no.
    Failed,
    /// Its time ran out.
    RanOut,
    /// It was paid.
    Paid,
}

/// One amount that is given back.
#[derive(Debug, Clone)]
pub struct RefundShown {
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: RefundState,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// How far a refund is, for its payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Somebody has to agree.
    Checked,
    /// Agreed, about to go out.
    Agreed,
    /// On its way.
    Sent,
    /// It arrived.
    Done,
    /// It did not arrive; a person looks after it.
    NotArrived,
}

/// A payment of which something is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentBack {
    /// Its id, posted as `payment`.
    pub id: String,
    /// The partner's name.
    pub partner_name: String,
    /// When it was paid.
    pub at: DateTime<Utc>,
    /// How much goes back.
    pub amount: Money,
}

/// Whether an account is asked for, to give back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountAsked {
    /// It is not.
    No,
    /// It is.
    Yes {
        /// How much goes back in all.
        amount: Money,
        /// The payments that it is of; each goes to an account of its own.
        payments: Vec<PaymentBack>,
        /// One before did not do.
        again: bool,
        /// The form as it was filled in.
        form: AccountForm,
        /// What is wrong with it.
        faults: Vec<AccountFault>,
    },
    /// One was named and is being checked.
    Waiting,
    /// Too many were named; a person has to help.
    TooMany,
}

/// Whether a confirmation can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailAsked {
    /// There is no mail.
    Off,
    /// It can be asked for. `named`: the portal gave an address, which is written to by itself.
    Offered {
        /// Did it?
        named: bool,
    },
    /// What was typed is no address.
    NotAnAddress {
        /// What was typed.
        typed: String,
    },
    /// It was asked for.
    Asked,
    /// Enough were asked for today.
    Enough,
}

/// A bank transfer to make.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The bank's name.
    pub bank_name: String,
    /// Its six digits at NAPAS.
    pub bin: String,
    /// The account number.
    pub account: String,
    /// The holder as bank apps show it.
    pub holder: String,
    /// What is still to be paid.
    pub amount: Money,
    /// The message that names the invoice.
    pub memo: String,
    /// What the QR code says.
    pub qr_payload: String,
}

/// An order on a partner's own page that has not ended.
#[derive(Debug, Clone)]
pub struct LiveAttempt {
    /// The partner's name.
    pub partner_name: String,
    /// The partner's page, once it is known.
    pub pay_url: Option<String>,
    /// How far it is.
    pub state: AttemptState,
    /// Until when it can be paid there.
    pub until: DateTime<Utc>,
}

/// How far an order is, for its payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// Not known to the partner yet.
    Preparing,
    /// The partner waits for the payer.
    AwaitingPayer,
    /// Money may have moved: the partner is being asked.
    Unknown,
}

/// Which partner's page the payer came back from.
#[derive(Debug, Clone)]
pub struct Returned {
    /// The partner's code, kept in the address as `returned`.
    pub partner: String,
    /// The partner's name.
    pub partner_name: String,
}

/// What is told once, above the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flash {
    /// The form came without a way to pay.
    ChooseAWay,
    /// The way chosen is not on offer now.
    WayGone,
    /// An order could not be begun.
    TryLater,
    /// The partner said that the order failed.
    AttemptFailed {
        /// The partner's name.
        partner_name: String,
    },
    /// The time of an order ran out before it was paid.
    AttemptRanOut {
        /// The partner's name.
        partner_name: String,
    },
    /// Somebody wanted to pay what is paid.
    AlreadyPaid,
    /// The account was kept and is being checked.
    AccountKept,
}

/// A name that a stranger with the link may see: `Nguyễn T. M. A.`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedName(String);

impl MaskedName {
    /// Keeps the family name, which comes first, and the initials of the rest. A name of one word
    /// keeps its initial only.
    pub fn of(name: &str) -> Self {
        let initial = |word: &str| word.chars().next().map(|c| format!("{c}.")).unwrap_or_default();
        let mut words = name.split_whitespace();
        let masked = match (words.next(), words.next()) {
            (Some(family), Some(second)) => {
                let rest = std::iter::once(second).chain(words).map(initial);
                std::iter::once(family.to_owned()).chain(rest).collect::<Vec<_>>().join(" ")
            }
            (Some(only), None) => initial(only),
            _ => String::new(),
        };
        Self(masked)
    }
}

impl fmt::Display for MaskedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_family_name_and_initials() {
        for (name, masked) in [
            ("Nguyễn Thị Minh Anh", "Nguyễn T. M. A."),
            ("  Trần   Đức ", "Trần Đ."),
            ("Anh", "A."),
            ("", ""),
        ] {
            assert_eq!(MaskedName::of(name).to_string(), masked);
        }
    }
}
