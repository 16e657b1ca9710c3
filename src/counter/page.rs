//! View models of the citizen's pages and how they become HTML. No SQL, no clock, no partner.

use askama::Template;
use chrono::{DateTime, Utc};
use url::Url;

use super::assets::ASSETS;
use super::times;
use super::words::{Language, Words};
use super::{qr, words};
use crate::partners::dialects::Channel;
use crate::vocabulary::money::Money;

/// Seconds between two looks for the result.
const LOOK_AGAIN_SECONDS: u32 = 5;
/// The same without scripts, where each look draws the page anew under the reader.
const REFRESH_SECONDS: u32 = 10;

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
    /// Something to know, such as a cost; in the page's language.
    pub note: Option<String>,
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
    /// Somebody wanted to pay what is paid.
    AlreadyPaid,
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

/// What a page is about, worked out from its view model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Choose,
    Transfer,
    Attempt,
    Returned,
    Paid,
    Closed,
}

impl PayPage {
    /// The whole document.
    pub fn render(&self) -> Result<String, askama::Error> {
        let words = self.language.words();
        let stage = self.stage();
        let title = self.title(words, stage);
        let waits = matches!(stage, Stage::Transfer | Stage::Attempt | Stage::Returned);
        let preparing = self
            .live_attempt
            .as_ref()
            .is_some_and(|attempt| attempt.state == AttemptState::Preparing);
        let redraws = stage == Stage::Returned || (stage == Stage::Attempt && preparing);
        let failed =
            matches!(self.flash, Some(Flash::ChooseAWay | Flash::WayGone | Flash::TryLater));
        let frame = Frame {
            words,
            language: self.language,
            title: if failed { format!("{}: {title}", words.error_prefix) } else { title.clone() },
            switch: Some(self.link(self.other_language(), self.still)),
            help_code: Some(&self.code),
            look_again: (waits && !self.still).then_some(LOOK_AGAIN_SECONDS),
            refresh: (redraws && !self.still).then_some(REFRESH_SECONDS),
            state: self.fingerprint(stage),
        };
        let drawn = match &self.transfer {
            Some(transfer) if stage == Stage::Transfer => qr::svg(
                &transfer.qr_payload,
                &words.qr_title.to_string(),
                &words.qr_description.with(transfer.amount.for_people()),
            )
            // Account, amount and message stand beside it: the page is of use without the picture.
            .ok(),
            _ => None,
        };
        PayTemplate { frame, w: words, page: self, stage, heading: title, qr: drawn }.render()
    }

    fn stage(&self) -> Stage {
        match self.status {
            Status::Paid => Stage::Paid,
            Status::Expired | Status::Cancelled => Stage::Closed,
            Status::Waiting | Status::PartPaid if self.returned.is_some() => Stage::Returned,
            _ if self.live_attempt.is_some() => Stage::Attempt,
            _ if self.transfer.is_some() => Stage::Transfer,
            _ => Stage::Choose,
        }
    }

    fn title(&self, w: &Words, stage: Stage) -> String {
        match (stage, &self.live_attempt) {
            (Stage::Returned, _) => w.title_returned.to_string(),
            (Stage::Attempt, Some(attempt)) => w.title_attempt.with(&attempt.partner_name),
            (Stage::Paid, _) => w.title_paid.to_string(),
            (Stage::Closed, _) if self.status == Status::Cancelled => w.title_cancelled.to_string(),
            (Stage::Closed, _) => w.title_expired.to_string(),
            _ if self.status == Status::PartPaid => w.title_part_paid.to_string(),
            (Stage::Transfer, _) => w.title_transfer.to_string(),
            _ => w.title_choose.to_string(),
        }
    }

    /// What the script compares to know that something happened.
    fn fingerprint(&self, stage: Stage) -> String {
        let attempt = self.live_attempt.as_ref().map(|a| (a.state, a.pay_url.is_some()));
        format!("{:?}/{stage:?}/{}/{attempt:?}", self.status, self.held)
    }

    fn other_language(&self) -> Language {
        match self.language {
            Language::Vi => Language::En,
            Language::En => Language::Vi,
        }
    }

    /// This page again, in a language; `still` without its own refreshing.
    fn link(&self, language: Language, still: bool) -> String {
        let returned = self.returned.as_ref().map(|r| ("returned", r.partner.as_str()));
        self.address(
            language.query().into_iter().chain(returned).chain(still.then_some(("still", "1"))),
        )
    }

    fn address<'a>(&self, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        if query.is_empty() {
            self.token_path.clone()
        } else {
            format!("{}?{query}", self.token_path)
        }
    }

    /// The pay page itself, in this language.
    fn home(&self) -> String {
        self.address(self.language.query().into_iter())
    }

    /// This very page without its own refreshing.
    fn still_link(&self) -> String {
        self.link(self.language, true)
    }

    /// This very page.
    fn here(&self) -> String {
        self.link(self.language, self.still)
    }

    /// The portal's page, when a browser may go there.
    fn portal_link(&self) -> Option<&str> {
        web_link(self.return_url.as_deref()?)
    }

    fn refreshes_itself(&self) -> bool {
        !self.still
    }

    /// What is still to be paid.
    fn rest(&self) -> Money {
        self.total.checked_sub(self.held).unwrap_or(self.total)
    }

    fn when(&self, at: &DateTime<Utc>) -> String {
        times::date_time(self.language, *at)
    }

    fn time_left(&self) -> Option<String> {
        (self.now < self.expires_at)
            .then(|| times::time_left(self.language, self.now, self.expires_at))
    }

    fn is_open(&self) -> bool {
        matches!(self.status, Status::Waiting | Status::PartPaid)
    }
}

impl LiveAttempt {
    /// The partner's page, when a browser may go there.
    fn link(&self) -> Option<&str> {
        web_link(self.pay_url.as_deref()?)
    }
}

impl Language {
    /// Vietnamese is what an address without `lang` means.
    fn query(self) -> Option<(&'static str, &'static str)> {
        (self == Self::En).then_some(("lang", "en"))
    }
}

/// A link that a browser may follow to another site: a web address, nothing that runs.
fn web_link(address: &str) -> Option<&str> {
    let url = Url::parse(address).ok()?;
    matches!(url.scheme(), "https" | "http").then_some(address)
}

/// What every page has around its content.
struct Frame<'a> {
    words: &'static Words,
    language: Language,
    title: String,
    switch: Option<String>,
    help_code: Option<&'a str>,
    look_again: Option<u32>,
    refresh: Option<u32>,
    state: String,
}

impl Frame<'_> {
    /// Of a page that belongs to no invoice.
    fn plain(language: Language, title: words::Text) -> Self {
        Self {
            words: language.words(),
            language,
            title: title.to_string(),
            switch: None,
            help_code: None,
            look_again: None,
            refresh: None,
            state: String::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "counter/pay.html")]
struct PayTemplate<'a> {
    frame: Frame<'a>,
    w: &'static Words,
    page: &'a PayPage,
    stage: Stage,
    heading: String,
    qr: Option<String>,
}

#[derive(Template)]
#[template(path = "counter/plain.html")]
struct PlainTemplate<'a> {
    frame: Frame<'a>,
    heading: words::Text,
    paragraphs: Vec<String>,
}

/// No invoice has this token.
pub fn not_found(language: Language) -> Result<String, askama::Error> {
    let w = language.words();
    let paragraphs = vec![w.not_found_body.to_string(), w.not_found_next.to_string()];
    let frame = Frame::plain(language, w.title_not_found);
    PlainTemplate { frame, heading: w.title_not_found, paragraphs }.render()
}

/// The page cannot be shown now. `reference` finds the request in the log.
pub fn error(language: Language, reference: Option<&str>) -> Result<String, askama::Error> {
    let w = language.words();
    let mut paragraphs = vec![w.error_body.to_string()];
    paragraphs.extend(reference.map(|reference| w.error_reference.with(reference)));
    let frame = Frame::plain(language, w.title_error);
    PlainTemplate { frame, heading: w.title_error, paragraphs }.render()
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
