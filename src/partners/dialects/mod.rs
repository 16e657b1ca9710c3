//! Dialects: what a partner says, in our words, and what we say, in the partner's. Nothing else.
//!
//! A dialect is pure: it builds calls and reads answers, it never sends one. The dispatch room
//! sends (with its time-outs, breaker and raw record), the settlements room books. A new dialect is
//! one folder here and one line in the register below.
//!
//! ```text
//! order ──ask_create──▶ call ──(dispatch sends)──▶ answer ──hear_create──▶ instruction for the payer
//! callback ──hear_callback──▶ report ──(settlements books)──▶ verdict ──say──▶ the partner's answer
//! ```

pub mod about;
mod form;
pub mod json;
pub mod key;
pub mod keypay;
pub mod momo;
pub mod onepay;
pub mod payos;
pub mod plain;
mod reading;
pub mod sepay;
pub mod settings;
pub mod test_bank;
pub mod vietqr;
pub mod viettel;
pub mod vnpay;
pub mod zalopay;

#[cfg(test)]
mod mangled;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use crate::text_enum;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

pub use about::About;
pub use settings::SettingsError;

/// In what a dialect differs from a bank that collects on accounts and calls back. It is known
/// before any partner is configured, so that the registers can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// It collects on a merchant's number, not on bank accounts, which have a BIN.
    MerchantNumber,
    /// It calls nobody back: its money is settled through the signed API.
    NoCallback,
    /// It makes its money up: it is spoken to in the sandbox alone.
    SandboxOnly,
}

/// The register of dialects: name, what makes one from its settings, what is known of it, and its
/// quirks.
macro_rules! register {
    ($($name:literal => $open:path, $about:path $([$($quirk:ident),+])?);+ $(;)?) => {
        /// The names of all dialects.
        pub const NAMES: &[&str] = &[$($name),+];

        /// The quirks of the dialect of that name; none when there is no such dialect.
        pub fn quirks(name: &str) -> &'static [Quirk] {
            match name {
                $($name => &[$($(Quirk::$quirk),+)?],)+
                _ => &[],
            }
        }

        /// What is known of the dialect of that name.
        pub fn about(name: &str) -> Option<About> {
            match name {
                $($name => Some($about),)+
                _ => None,
            }
        }

        /// The dialect of that name with these settings, a JSON object.
        pub fn from_settings(
            name: &str,
            settings_json: &[u8],
        ) -> Result<Arc<dyn Dialect>, SettingsError> {
            match name {
                $($name => Ok(Arc::new($open(settings_json)?)),)+
                other => Err(SettingsError::UnknownDialect { name: other.to_owned() }),
            }
        }
    };
}

register! {
    "keypay" => keypay::Keypay::open, keypay::ABOUT [MerchantNumber];
    "momo" => momo::Momo::open, momo::ABOUT [MerchantNumber];
    "onepay" => onepay::Onepay::open, onepay::ABOUT [MerchantNumber];
    "payos" => payos::Payos::open, payos::ABOUT;
    "plain" => plain::Plain::open, plain::ABOUT [NoCallback];
    "sepay" => sepay::Sepay::open, sepay::ABOUT;
    "test" => test_bank::TestBank::open, test_bank::ABOUT [SandboxOnly];
    "viettel" => viettel::Viettel::open, viettel::ABOUT [MerchantNumber];
    "vnpay" => vnpay::Vnpay::open, vnpay::ABOUT [MerchantNumber];
    "zalopay" => zalopay::Zalopay::open, zalopay::ABOUT [MerchantNumber];
}

text_enum! {
    /// How the payer pays.
    pub enum Channel ("channel") {
        /// A transfer from any bank app, found again by the code in its memo.
        BankTransfer = "bank_transfer",
        /// The payer is sent to the partner's own page and comes back.
        Redirect = "redirect",
    }
}

/// One order to pay one invoice, as a dialect needs it to call its partner.
#[derive(Debug, Clone)]
pub struct Order {
    /// Our reference of the attempt, in the dialect's own form.
    pub reference: String,
    /// The code of the invoice: it goes into memos and descriptions.
    pub code: InvoiceCode,
    /// What is to be paid.
    pub amount: Money,
    /// When the attempt was made; some partners name an order by it later.
    pub created_at: DateTime<Utc>,
    /// After this the partner should take no money.
    pub expires_at: DateTime<Utc>,
    /// Where the partner sends the payer's browser back to. It proves nothing.
    pub return_url: String,
    /// The invoice's own pay page, for partners whose browsers bring nothing signed back.
    pub page_url: String,
    /// Where the partner calls back, for partners that are told with each order.
    pub callback_url: String,
    /// The payer's address, `0.0.0.0` when there is no payer yet.
    pub payer_ip: String,
    /// `vi` or `en`.
    pub language: &'static str,
}

/// The method of a call that is answered on the spot, by its own body: the test bank lives here.
pub const NO_CALL: &str = "NONE";

/// What a call is about, as it is kept for disputes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// `create`, `query`, `cancel`, `refund` or `refund_query`; empty of what is about no order.
    pub purpose: &'static str,
    /// Our reference of the order.
    pub reference: String,
}

/// A call to make to a partner.
#[derive(Clone)]
pub struct Call {
    /// `GET` or `POST`; [`NO_CALL`] goes nowhere, its body is the answer.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Headers, keys among them: never logged.
    pub headers: Vec<(&'static str, String)>,
    /// The body, exactly as signed.
    pub body: Vec<u8>,
    /// What it is about.
    pub subject: Subject,
}

impl Call {
    /// The call that makes an order known.
    #[must_use]
    pub fn creates(self, order: &Order) -> Self {
        self.about("create", order)
    }

    /// The call that asks what became of an order.
    #[must_use]
    pub fn asks_after(self, order: &Order) -> Self {
        self.about("query", order)
    }

    /// The call that takes an order back.
    #[must_use]
    pub fn cancels(self, order: &Order) -> Self {
        self.about("cancel", order)
    }

    /// The call that gives money back; it is kept with the order that was paid.
    #[must_use]
    pub fn gives_back(self, refund: &RefundOrder) -> Self {
        self.about("refund", &refund.order)
    }

    /// The call that asks what became of a refund.
    #[must_use]
    pub fn asks_after_refund(self, refund: &RefundOrder) -> Self {
        self.about("refund_query", &refund.order)
    }

    fn about(mut self, purpose: &'static str, order: &Order) -> Self {
        self.subject = Subject { purpose, reference: order.reference.clone() };
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} call of {} bytes", self.method, self.body.len())
    }
}

/// What came back from a call.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// How an order is made known to the partner.
#[derive(Debug)]
pub enum Ask {
    /// Nothing to call: the payer's link carries everything.
    Done(Instruction),
    /// Call the partner; [`Dialect::hear_create`] reads the answer.
    Call(Call),
}

/// What the payer needs in order to pay.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Instruction {
    /// The partner's page.
    pub pay_url: Option<String>,
    /// The QR payload to scan.
    pub qr: Option<String>,
    /// The account made for this order alone.
    pub account: Option<PayeeAccount>,
    /// The partner's own id of the order.
    pub partner_order: Option<String>,
}

/// An account to transfer to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PayeeAccount {
    /// The bank's six digits at NAPAS.
    pub bin: String,
    /// Account number.
    pub number: String,
    /// Holder, as bank apps show it.
    pub name: String,
}

/// One refund of the whole or a part of one collected transaction, as a dialect needs it to call
/// its partner.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// Our reference of the refund, in the dialect's own form: the same in every call about it.
    pub reference: String,
    /// The order that was paid.
    pub order: Order,
    /// The partner's id of the transaction that is given back.
    pub transaction_id: String,
    /// How much is given back.
    pub amount: Money,
    /// It is all that the transaction brought in.
    pub whole: bool,
    /// When the refund was made.
    pub created_at: DateTime<Utc>,
    /// Who asked for it: a login or key id, plain ASCII.
    pub requested_by: String,
}

/// What a partner says of a refund, when it is sent and when it is asked after.
#[derive(Debug, PartialEq, Eq)]
pub enum Refunding {
    /// The money is on its way back to the payer, for good.
    Confirmed {
        /// The partner's own id of the refund, when it gives one.
        partner_refund: Option<String>,
    },
    /// Taken, and not done yet: ask later.
    Processing,
    /// The partner said no, for good: no money moved.
    Refused {
        /// The partner's own code.
        code: String,
    },
    /// The partner does not know the refund.
    NotFound,
    /// Nothing can be said: a time-out, a broken answer, a wrong signature. Ask later, or, where
    /// it cannot be asked after, a person has to look.
    Unknown {
        /// For the log and the case.
        why: String,
    },
}

/// What a partner says to the cancelling of an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It takes no money for this order any more.
    Done,
    /// It cannot be cancelled: paid, or being paid. Ask what became of it.
    TooLate,
    /// Nothing can be said.
    Unknown {
        /// For the log.
        why: String,
    },
}

impl Cancelled {
    /// For metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TooLate => "too_late",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What a partner's answer to a new order means.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// The partner waits for the payer.
    Ready(Instruction),
    /// The partner said no, for good.
    Refused {
        /// The partner's own code.
        code: String,
    },
    /// Nothing can be said: a time-out, a broken answer, a wrong signature. Ask later.
    Unknown {
        /// For the log and the case.
        why: String,
    },
}

/// What a partner says of an order when asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Money came in, the whole or a part: each transaction is to be booked like a callback of
    /// its own. Never empty.
    Collected(Vec<Report>),
    /// The payer has not paid anything yet.
    Waiting(Instruction),
    /// It will not be paid.
    Failed {
        /// The partner's own code.
        code: String,
    },
    /// The partner does not know the order.
    NotFound,
    /// Nothing can be said.
    Unknown {
        /// For the log and the case.
        why: String,
    },
}

/// A callback as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// The query string as received, without the question mark.
    pub query: &'a str,
    /// Headers as received, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body as received.
    pub body: &'a [u8],
}

/// A partner's verified word about one order or one credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The partner's own id of the transaction: with the partner it is the key of the money.
    /// Where no money moved, or may not have, it is an id that no transaction has.
    pub transaction_id: String,
    /// Our reference of the attempt, when the partner names one.
    pub reference: Option<String>,
    /// The collecting account that was credited, when the partner names one.
    pub account: Option<String>,
    /// How much.
    pub amount: Money,
    /// The memo as the payer's bank passed it on.
    pub memo: String,
    /// When the partner says it happened, when it says so in a readable way. Partners' clocks are
    /// known to be hours off.
    pub value_time: Option<DateTime<Utc>>,
    /// What happened.
    pub outcome: Outcome,
    /// The account that paid: kept sealed, for a refund.
    pub counter_account: Option<CounterAccount>,
}

/// Where the money came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CounterAccount {
    /// The bank's id or BIN as the partner gives it.
    pub bank: String,
    /// Account number.
    pub number: String,
    /// Holder.
    pub name: String,
}

/// What a partner reports of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The money is collected.
    Collected,
    /// No money moved, and none will for this order.
    Failed {
        /// The partner's own code.
        code: String,
    },
    /// Money may have moved ("debited but suspicious"): neither paid nor failed.
    Unknown {
        /// The partner's own code.
        code: String,
    },
}

/// Why a callback was not taken as a partner's word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// The signature is missing or wrong.
    #[error("signature missing or wrong")]
    Signature,
    /// It comes from where the partner does not call from.
    #[error("an address that is none of the partner's")]
    Stranger,
    /// Signed, but for another merchant.
    #[error("another merchant's message")]
    Merchant,
    /// Not in the form of the dialect.
    #[error("not readable: {why}")]
    Malformed {
        /// Which field, what is wrong with it.
        why: String,
    },
    /// Signed, but of an amount that cannot be: no order is of that amount.
    #[error("an amount that no order has: {amount}")]
    Amount {
        /// What it says.
        amount: String,
    },
    /// The partner only tries out whether we answer.
    #[error("a test call")]
    Test,
    /// Genuine, and about money that left an account: nothing was collected.
    #[error("money that left an account")]
    NoCredit,
}

impl Unheard {
    /// Is it signed with the partner's key? Then it is kept whatever it says.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Test | Self::NoCredit | Self::Merchant | Self::Amount { .. })
    }
}

text_enum! {
    /// What became of a callback; the dialect says it in the partner's own words.
    pub enum Verdict ("verdict") {
        /// Booked or noted, now.
        Recorded = "recorded",
        /// The same was recorded before.
        Repeat = "repeat",
        /// The same transaction id with other content.
        OtherContent = "other_content",
        /// No order of that reference; money, if any moved, is in suspense.
        UnknownOrder = "unknown_order",
        /// Booked, but not the amount of the order.
        WrongAmount = "wrong_amount",
        /// Signature missing or wrong.
        BadSignature = "bad_signature",
        /// Another merchant's message.
        WrongMerchant = "wrong_merchant",
        /// Not readable.
        Malformed = "malformed",
        /// A test call, or a word about money that is none of ours to collect.
        Test = "test",
        /// We cannot say now; come again.
        TryLater = "try_later",
    }
}

impl From<&Unheard> for Verdict {
    fn from(unheard: &Unheard) -> Self {
        match unheard {
            // A stranger is told what anybody is told whose signature does not hold.
            Unheard::Signature | Unheard::Stranger => Self::BadSignature,
            Unheard::Merchant => Self::WrongMerchant,
            Unheard::Malformed { .. } => Self::Malformed,
            Unheard::Amount { .. } => Self::WrongAmount,
            Unheard::Test | Unheard::NoCredit => Self::Test,
        }
    }
}

/// An answer in the partner's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// HTTP status.
    pub status: u16,
    /// Content type; it goes with a body only.
    pub content_type: &'static str,
    /// The body; empty when the partner wants an answer without one.
    pub body: String,
}

/// A partner asks, before it takes money, what is owed for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillQuestion {
    /// Our reference of the attempt.
    pub reference: String,
    /// The code of the invoice, as the partner has it.
    pub bill: String,
    /// The partner's proof. It may cover the amount, so it is checked with the answer.
    pub proof: String,
}

/// What is owed for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bill {
    /// This much.
    Owed(Money),
    /// Nothing that we know of: no such order, or it cannot be paid any more.
    Unknown,
    /// We cannot say now.
    CannotSay,
}

/// What the payer's browser brings back from the partner's page: for a page to show, nothing else.
/// Even a genuine return settles nothing; it may be a reason to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Our reference of the attempt.
    pub reference: String,
    /// The partner's code of the result.
    pub code: String,
    /// The partner signed it.
    pub genuine: bool,
}

/// One partner's way of speaking, with its keys.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// How the payer pays here.
    fn channel(&self) -> Channel;

    /// An address on the partner's own page that payers are sent to, when there is one.
    fn payer_page(&self) -> Option<&str> {
        None
    }

    /// A reference for a new attempt made now, in the partner's form, from 64 random bits.
    fn reference(&self, code: &InvoiceCode, now: DateTime<Utc>, random: u64) -> String;

    /// Smallest and largest amount of one order, when the partner states them.
    fn limits(&self) -> Option<(Money, Money)> {
        None
    }

    /// Does the partner want to know of an order before it is paid? When not, the account on the
    /// invoice is all that a payer needs.
    fn wants_orders(&self) -> bool {
        true
    }

    /// The call that makes an order known. Each call says what it is about.
    fn ask_create(&self, order: &Order) -> Ask;

    /// Reads the answer to it.
    fn hear_create(&self, order: &Order, answer: Answer<'_>) -> Created;

    /// The call that asks what became of an order; none when the partner cannot be asked.
    /// `request` is 64 random bits for partners that want a fresh request id.
    fn ask_query(&self, order: &Order, now: DateTime<Utc>, request: u64) -> Option<Call>;

    /// Reads the answer to it.
    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing;

    /// While the payer has not paid, the partner wants to be asked this often; none: it calls back,
    /// and is asked once the order's time is over.
    fn polls_every(&self) -> Option<Duration> {
        None
    }

    /// The call that ends an order nobody is to pay any more; none when there is no such call.
    fn ask_cancel(&self, _order: &Order) -> Option<Call> {
        None
    }

    /// Reads the answer to it.
    fn hear_cancel(&self, _order: &Order, _answer: Answer<'_>) -> Cancelled {
        Cancelled::Unknown { why: "orders of this partner are not cancelled".to_owned() }
    }

    /// A reference for a new refund, in the partner's form, from 64 random bits.
    fn refund_reference(&self, _created_at: DateTime<Utc>, random: u64) -> String {
        format!("RF{random:016X}")
    }

    /// The call that gives money back; none when the partner has no such call: then it is paid
    /// back by a transfer. Made again, after a crash or a time-out, it must be the same call.
    fn ask_refund(&self, _refund: &RefundOrder) -> Option<Call> {
        None
    }

    /// Reads the answer to it.
    fn hear_refund(&self, _refund: &RefundOrder, _answer: Answer<'_>) -> Refunding {
        Refunding::Unknown { why: "this partner makes no refunds".to_owned() }
    }

    /// The call that asks what became of a refund; none when the partner cannot be asked.
    /// `request` is 64 random bits for partners that want a fresh request id.
    fn ask_refund_query(
        &self,
        _refund: &RefundOrder,
        _now: DateTime<Utc>,
        _request: u64,
    ) -> Option<Call> {
        None
    }

    /// Reads the answer to it.
    fn hear_refund_query(&self, _refund: &RefundOrder, _answer: Answer<'_>) -> Refunding {
        Refunding::Unknown { why: "refunds of this partner cannot be asked after".to_owned() }
    }

    /// Verifies a callback on its raw bytes and reads it.
    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard>;

    /// Is what is signed with a callback too far from now to be taken? Whoever overheard a callback
    /// may send it again.
    fn is_stale(&self, _callback: &Callback<'_>, _now: DateTime<Utc>) -> bool {
        false
    }

    /// Answers a callback in the partner's words.
    fn say(&self, verdict: Verdict) -> Said;

    /// The same, for partners whose answer repeats what was asked.
    fn say_to(&self, _callback: &Callback<'_>, verdict: Verdict) -> Said {
        self.say(verdict)
    }

    /// Reads a question about what is owed, for partners that ask before they take money.
    fn hear_bill_question(&self, _callback: &Callback<'_>) -> Result<BillQuestion, Unheard> {
        Err(Unheard::Malformed { why: "this partner asks about no bills".to_owned() })
    }

    /// Answers it, and says what is owed only if its proof holds.
    fn say_bill(&self, _question: &BillQuestion, _bill: &Bill) -> Said {
        self.say(Verdict::Malformed)
    }

    /// Reads what the payer's browser came back with; none when the partner sends nothing along.
    fn hear_return(&self, _query: &str) -> Option<Returned> {
        None
    }
}

/// The code and four characters of the random bits: unique enough for one invoice's few attempts.
fn reference_of_code(code: &InvoiceCode, random: u64) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTVWXY";
    let letter = |place: u32| {
        char::from(ALPHABET[usize::from((random >> (5 * place)).to_le_bytes()[0] & 31)])
    };
    (0..4).fold(code.to_string(), |mut text, place| {
        text.push(letter(place));
        text
    })
}

/// Ids and references are kept verbatim, so they must be something that can be kept: 1 to 100
/// characters, none of them a control.
fn keepable(field: &'static str, text: Option<String>) -> Result<String, Unheard> {
    text.filter(|text| (1..=100).contains(&text.chars().count()))
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| Unheard::Malformed { why: format!("{field}: 1 to 100 characters expected") })
}

/// A memo is kept as it came, but for control characters.
fn memo(text: Option<String>) -> String {
    let mut text = text.unwrap_or_default();
    text.retain(|c| !c.is_control());
    text
}
