//! How the view models become HTML documents (`web/templates/`).

use askama::Template;
use chrono::{DateTime, Utc};
use url::Url;

use super::assets::ASSETS;
use super::banks::BANKS;
use super::forms::AccountFault;
use super::page::{
    AccountAsked, AttemptState, ChannelChoice, Flash, LineKind, LiveAttempt, MailAsked, Needs,
    OrderEnd, PayPage, RefundState, Status, Unfit,
};
use super::words::{Language, Text, Words};
use super::{lookup_page, qr, times};
use crate::partners::dialects::Channel;
use crate::vocabulary::money::Money;
use crate::vocabulary::realm::Realm;

/// Seconds between two looks for the result.
const LOOK_AGAIN_SECONDS: u32 = 5;
/// The same without scripts, where each look draws the page anew under the reader.
const REFRESH_SECONDS: u32 = 10;

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
            matches!(self.flash, Some(Flash::ChooseAWay | Flash::WayGone | Flash::TryLater))
                || self.mail_typed().is_some()
                || !self.account_faults().is_empty();
        let frame = Frame {
            words,
            language: self.language,
            title: if failed { format!("{}: {title}", words.error_prefix) } else { title.clone() },
            switch: Some(self.link(self.language.other(), self.still)),
            help_code: Some(&self.code),
            lookup: Some(self.lookup_link()),
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
        PayTemplate { frame, page: self, stage, heading: title, qr: drawn }.render()
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

    /// The look-up, with the code filled in.
    fn lookup_link(&self) -> String {
        let lang = self.language.query().into_iter();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(lang.chain([("code", self.code.as_str())]))
            .finish();
        let token = self.token_path.strip_prefix("/pay/").unwrap_or_default();
        format!("{}?{query}", lookup_page::path(Realm::of(token)))
    }

    /// Where a wish is left.
    fn wish(&self, what: &str) -> String {
        let lang = if self.language == Language::En { "?lang=en" } else { "" };
        format!("{}/{what}{lang}", self.token_path)
    }

    /// What is wrong with the account that was typed.
    fn account_faults(&self) -> &[AccountFault] {
        match &self.account {
            AccountAsked::Yes { faults, .. } => faults,
            _ => &[],
        }
    }

    /// Is there something left for the payer to do?
    fn needs_account(&self) -> bool {
        matches!(self.account, AccountAsked::Yes { .. })
    }

    /// The address that was typed and is none.
    fn mail_typed(&self) -> Option<&str> {
        match &self.mail {
            MailAsked::NotAnAddress { typed } => Some(typed),
            _ => None,
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
}

impl ChannelChoice {
    /// The least and the most of one payment, in words.
    fn limits_told(&self, w: &Words) -> Option<String> {
        let (least, most) = self.limits?;
        if least <= Money::vnd(1) {
            // What only the length of a field forbids is nothing that a payer need know.
            let told = most < Money::vnd(1_000_000_000);
            return told.then(|| w.limit_most.with(most.for_people()));
        }
        Some(w.limits.with(least.for_people()).replacen("{}", &most.for_people(), 1))
    }
}

impl LiveAttempt {
    /// The partner's page, when a browser may go there.
    fn link(&self) -> Option<&str> {
        web_link(self.pay_url.as_deref()?)
    }
}

impl Language {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Vi => Self::En,
            Self::En => Self::Vi,
        }
    }

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
#[derive(Debug)]
pub struct Frame<'a> {
    /// Every text.
    pub words: &'static Words,
    /// The reader's language.
    pub language: Language,
    /// The title of the tab.
    pub title: String,
    /// The same page in the other language.
    pub switch: Option<String>,
    /// What to quote when help is needed.
    pub help_code: Option<&'a str>,
    /// Where the look-up is; none on its own page.
    pub lookup: Option<String>,
    /// Seconds until the script looks again.
    pub look_again: Option<u32>,
    /// Seconds until a browser without scripts does.
    pub refresh: Option<u32>,
    /// What the script compares.
    pub state: String,
}

impl Frame<'_> {
    /// Of a page that belongs to no invoice.
    pub fn plain(language: Language, title: Text) -> Self {
        Self::of(language, title.to_string())
    }

    /// The same with a title of its own.
    pub fn of(language: Language, title: String) -> Self {
        Self {
            words: language.words(),
            language,
            title,
            switch: None,
            help_code: None,
            lookup: Some(match language {
                Language::Vi => "/lookup".to_owned(),
                Language::En => "/lookup?lang=en".to_owned(),
            }),
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
    page: &'a PayPage,
    stage: Stage,
    heading: String,
    qr: Option<String>,
}

#[derive(Template)]
#[template(path = "counter/plain.html")]
struct PlainTemplate<'a> {
    frame: Frame<'a>,
    heading: Text,
    paragraphs: Vec<String>,
}

/// No invoice has this token.
pub fn not_found(language: Language) -> Result<String, askama::Error> {
    let w = language.words();
    let paragraphs = vec![w.not_found_body.to_string(), w.not_found_next.to_string()];
    let frame = Frame::plain(language, w.title_not_found);
    PlainTemplate { frame, heading: w.title_not_found, paragraphs }.render()
}

/// No receipt has this code.
pub fn no_receipt(language: Language) -> Result<String, askama::Error> {
    let w = language.words();
    let paragraphs = vec![w.receipt_not_found.to_string(), w.not_found_body.to_string()];
    let frame = Frame::plain(language, w.title_not_found);
    PlainTemplate { frame, heading: w.title_not_found, paragraphs }.render()
}

/// Somebody asks too often.
pub fn too_many(language: Language) -> Result<String, askama::Error> {
    let w = language.words();
    let paragraphs = vec![w.too_many_body.to_string()];
    let frame = Frame::plain(language, w.title_too_many);
    PlainTemplate { frame, heading: w.title_too_many, paragraphs }.render()
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
#[path = "drawing_tests.rs"]
mod tests;
