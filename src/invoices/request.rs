//! What a portal asks for, checked field by field: every fault is told at once, with a pointer.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::invoice::{Invoice, InvoiceLine, Payer, StandingAccount, Terms};
use super::status::Status;
use super::view::MoneySchema;
use crate::partners::Partner;
use crate::partners::dialects::{Channel, vietqr};
use crate::platform::problem::FieldError;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::ClearingSettings;
use crate::platform::telemetry;
use crate::registers::directory::Directory;
use crate::registers::entries::{FeeKind, NotifyAt};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::InvoiceId;
use crate::vocabulary::money::{Currency, Money};

/// The largest amount of one invoice: 10^12 đồng.
pub const MOST: u64 = 1_000_000_000_000;
const MOST_LINES: usize = 50;

/// Who pays.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayerRequest {
    /// Name, 1 to 200 characters.
    pub name: String,
    /// Identity number: kept sealed, shown masked.
    pub id_number: Option<String>,
    /// E-mail address for the receipt.
    pub email: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
}

/// One line of a fee.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// `phi` or `le_phi`.
    #[schema(value_type = String, example = "le_phi")]
    pub kind: FeeKind,
    /// Vietnamese name, 1 to 200 characters.
    pub name: String,
    /// English name.
    pub name_en: Option<String>,
    /// For one.
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// How many; 1 unless told.
    pub quantity: Option<u32>,
    /// Budget chapter, 3 digits; the agency's unless told.
    pub chapter: Option<String>,
    /// Budget sub-item, 4 digits.
    pub sub_item: String,
    /// The agency the line belongs to; the asking one unless told.
    pub beneficiary: Option<String>,
}

/// A request for an invoice.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The dossier's code, 1 to 100 characters, kept verbatim.
    #[schema(example = "G01.A-261120-0001")]
    pub dossier: String,
    /// The agency, by its code in the registers.
    pub agency: String,
    /// The procedure, by its code in the registers.
    pub procedure: String,
    /// The portal's key of this charge; the procedure's code unless told.
    pub fee: Option<String>,
    /// Who pays.
    pub payer: PayerRequest,
    /// Lines; without them the fee schedule in force prices the procedure.
    pub lines: Option<Vec<LineRequest>>,
    /// How many times the fee schedule applies; 1 unless told.
    pub quantity: Option<u32>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// The partners that may be offered, by code; all that fit unless told.
    pub channels: Option<Vec<String>>,
    /// Where the payer is sent back to; of an origin that is registered for the portal.
    pub return_url: Option<String>,
    /// Up to 15 pairs of the portal's own: key up to 30, value up to 100 characters.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What a request is checked against.
#[derive(Debug)]
pub struct Checker<'a> {
    /// The registers.
    pub directory: &'a Directory,
    /// Keys to seal identity numbers with.
    pub keys: &'a MasterKeys,
    /// Defaults.
    pub settings: &'a ClearingSettings,
    /// Now.
    pub now: DateTime<Utc>,
    /// The business day of now.
    pub day: BusinessDay,
}

/// An invoice to be issued, and the partner whose account stands on it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The invoice, complete with id and code.
    pub invoice: Invoice,
    /// The bank that is told of the bill at once.
    pub standing: Option<std::sync::Arc<Partner>>,
    /// The trace of the request, which the bank's order goes on with: a group writes for many.
    pub trace: String,
}

struct Faults<'p> {
    found: Vec<FieldError>,
    at: &'p str,
}

impl Faults<'_> {
    fn tell(&mut self, pointer: &str, detail: impl Into<String>) {
        self.found.push(FieldError::new(format!("{}{pointer}", self.at), detail));
    }

    /// Text of a length, without control characters (a NUL cannot even be stored).
    fn text(&mut self, pointer: &str, text: &str, most: usize) {
        if text.trim().is_empty() {
            self.tell(pointer, "must not be empty");
        } else if text.chars().count() > most {
            self.tell(pointer, format!("must have at most {most} characters"));
        } else if text.chars().any(char::is_control) {
            self.tell(pointer, "must not hold control characters");
        }
    }

    fn optional(&mut self, pointer: &str, text: Option<&String>, most: usize) {
        if let Some(text) = text {
            self.text(pointer, text, most);
        }
    }
}

impl Checker<'_> {
    /// Checks a request of a portal and makes the invoice. `at` is the pointer to the request
    /// within the body (empty, or `/17` in a batch).
    pub fn draft(
        &self,
        portal: &str,
        request: IssueRequest,
        at: &str,
    ) -> Result<Draft, Vec<FieldError>> {
        let mut faults = Faults { found: Vec::new(), at };
        faults.text("/dossier", &request.dossier, 100);
        faults.optional("/fee", request.fee.as_ref(), 100);
        check_payer(&mut faults, &request.payer);
        check_metadata(&mut faults, request.metadata.as_ref());
        self.check_return_url(&mut faults, portal, request.return_url.as_deref());
        self.check_channels(&mut faults, request.channels.as_deref());
        let expires_at = self.expiry(&mut faults, request.expires_at);
        let agency = self.directory.agency(&request.agency, self.day);
        if agency.is_none() {
            faults.tell("/agency", "is not an agency of the registers");
        }
        let procedure = self.directory.procedure(&request.procedure, self.day);
        if procedure.is_none() {
            faults.tell("/procedure", "is not a procedure of the registers");
        }
        let lines = match &request.lines {
            Some(lines) => self.given_lines(&mut faults, &request, lines),
            None if procedure.is_some() => self.priced_lines(&mut faults, &request),
            None => Vec::new(),
        };
        let amount = total(&mut faults, &lines);
        let (Some(procedure), Some(amount), true) = (procedure, amount, faults.found.is_empty())
        else {
            return Err(faults.found);
        };
        let code = InvoiceCode::draw(&mut rand::rng());
        let (standing, account) =
            self.standing(&request.agency, amount, request.channels.as_deref());
        let qr = account.as_ref().and_then(|account| {
            vietqr::transfer(&account.bin, &account.number, amount, code.as_str()).ok()
        });
        let id = InvoiceId::new(self.now);
        let invoice = Invoice {
            id,
            code,
            portal: portal.to_owned(),
            agency: request.agency,
            fee: request.fee.unwrap_or_else(|| request.procedure.clone()),
            procedure: request.procedure,
            dossier: request.dossier,
            amount,
            payer_id_sealed: request
                .payer
                .id_number
                .as_ref()
                .map(|number| self.keys.seal(&format!("payer-id/{id}"), number.as_bytes())),
            payer: Payer {
                name: request.payer.name,
                id_number: request.payer.id_number.as_deref().map(mask),
                email: request.payer.email,
                phone: request.payer.phone,
            },
            lines,
            terms: Terms {
                token: format!(
                    "{}{}",
                    self.keys.realm().prefix(),
                    hex::encode(rand::random::<[u8; 16]>())
                ),
                return_url: request.return_url,
                channels: request.channels,
                metadata: request.metadata.unwrap_or_default(),
                account,
                qr,
                notify_when_banked: procedure.notify_at == NotifyAt::Banked,
            },
            issued_at: self.now,
            expires_at,
            status: Status::Issued,
            status_since: self.now,
            sequence: 1,
            cycle: 1,
            held: Money::zero(amount.currency()),
            parts: Vec::new(),
            refunded: Money::zero(amount.currency()),
            refunding: Money::zero(amount.currency()),
            paid_at: None,
            paid_via: None,
        };
        Ok(Draft { invoice, standing, trace: telemetry::current_trace() })
    }

    fn expiry(&self, faults: &mut Faults<'_>, wanted: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let usual = self.now + Duration::days(self.settings.invoice_days);
        match wanted {
            Some(at) if at <= self.now => {
                faults.tell("/expires_at", "must be in the future");
                usual
            }
            Some(at) if at > self.now + Duration::days(366) => {
                faults.tell("/expires_at", "must be within 366 days");
                usual
            }
            // Whole microseconds: what is told must be what is stored.
            Some(at) => DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at),
            None => usual,
        }
    }

    fn check_return_url(&self, faults: &mut Faults<'_>, portal: &str, address: Option<&str>) {
        let Some(address) = address else { return };
        let parsed = url::Url::parse(address).ok().filter(|_| address.len() <= 500);
        let portal = self.directory.portal(portal);
        match (parsed, portal) {
            (Some(url), Some(portal)) if portal.takes_payers_at(&url) => {}
            (Some(_), _) => {
                faults
                    .tell("/return_url", "must be of an origin that is registered for the portal");
            }
            (None, _) => {
                faults.tell("/return_url", "must be an absolute address of at most 500 characters");
            }
        }
    }

    fn check_channels(&self, faults: &mut Faults<'_>, channels: Option<&[String]>) {
        let Some(channels) = channels else { return };
        if channels.is_empty() {
            faults.tell("/channels", "must name a partner, or be left out");
        }
        for (place, code) in channels.iter().enumerate() {
            if self.directory.partner(code).is_none_or(|p| !p.open || p.dialect.is_none()) {
                faults.tell(&format!("/channels/{place}"), "is not a partner that can be offered");
            }
        }
    }

    fn given_lines(
        &self,
        faults: &mut Faults<'_>,
        request: &IssueRequest,
        lines: &[LineRequest],
    ) -> Vec<InvoiceLine> {
        if lines.is_empty() || lines.len() > MOST_LINES {
            faults.tell("/lines", format!("must have 1 to {MOST_LINES} lines, or be left out"));
        }
        if request.quantity.is_some() {
            faults
                .tell("/quantity", "goes with the fee schedule; a line has a quantity of its own");
        }
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        let mut checked = Vec::with_capacity(lines.len());
        for (place, line) in lines.iter().take(MOST_LINES).enumerate() {
            let at = |field: &str| format!("/lines/{place}/{field}");
            faults.text(&at("name"), &line.name, 200);
            faults.optional(&at("name_en"), line.name_en.as_ref(), 200);
            let beneficiary = line.beneficiary.as_ref().unwrap_or(&request.agency);
            let agency = self.directory.agency(beneficiary, self.day);
            if agency.is_none() && line.beneficiary.is_some() {
                faults.tell(&at("beneficiary"), "is not an agency of the registers");
            }
            let chapter = line
                .chapter
                .clone()
                .or_else(|| agency.map(|a| a.chapter.clone()))
                .unwrap_or_default();
            if !digits(&chapter, 3) && (line.chapter.is_some() || agency.is_some()) {
                faults.tell(&at("chapter"), "must be 3 digits");
            }
            if !digits(&line.sub_item, 4) {
                faults.tell(&at("sub_item"), "must be 4 digits");
            }
            let Some(amount) = multiplied(faults, &at("amount"), line.amount, line.quantity) else {
                continue;
            };
            checked.push(InvoiceLine {
                kind: line.kind,
                name: line.name.clone(),
                name_en: line.name_en.clone().unwrap_or_default(),
                amount,
                chapter,
                sub_item: line.sub_item.clone(),
                beneficiary: beneficiary.clone(),
            });
        }
        checked
    }

    fn priced_lines(&self, faults: &mut Faults<'_>, request: &IssueRequest) -> Vec<InvoiceLine> {
        let schedule = self.directory.fee_lines(&request.procedure, self.day);
        if schedule.is_empty() {
            faults.tell(
                "/procedure",
                format!("has no fee schedule in force on {}; send `lines`", self.day),
            );
        }
        schedule
            .into_iter()
            .filter_map(|line| {
                let amount = multiplied(faults, "/quantity", line.amount, request.quantity)?;
                Some(InvoiceLine {
                    kind: line.kind,
                    name: line.name.clone(),
                    name_en: line.name_en.clone(),
                    amount,
                    chapter: line.chapter.clone(),
                    sub_item: line.sub_item.clone(),
                    beneficiary: line.beneficiary.clone().unwrap_or_else(|| request.agency.clone()),
                })
            })
            .collect()
    }

    /// The bank account that stands on the invoice: the configured partner's, or the first's that
    /// takes transfers for the agency.
    fn standing(
        &self,
        agency: &str,
        amount: Money,
        channels: Option<&[String]>,
    ) -> (Option<std::sync::Arc<Partner>>, Option<StandingAccount>) {
        let wanted = &self.settings.standing_partner;
        let fits = |partner: &&std::sync::Arc<Partner>| {
            partner.channel() == Some(Channel::BankTransfer)
                && partner.takes(amount)
                && channels.is_none_or(|c| c.contains(&partner.code))
        };
        let mut candidates: Vec<_> = self.directory.partners().iter().filter(fits).collect();
        candidates.sort_by_key(|partner| (partner.code != *wanted, partner.code.clone()));
        for partner in candidates {
            if let Some(account) = self.directory.account_for(&partner.code, agency, self.day) {
                let account = StandingAccount {
                    partner: partner.code.clone(),
                    bin: account.bin.clone(),
                    number: account.number.clone(),
                    holder: account.holder.clone(),
                };
                return (Some(std::sync::Arc::clone(partner)), Some(account));
            }
        }
        (None, None)
    }
}

fn check_payer(faults: &mut Faults<'_>, payer: &PayerRequest) {
    faults.text("/payer/name", &payer.name, 200);
    faults.optional("/payer/id_number", payer.id_number.as_ref(), 30);
    faults.optional("/payer/phone", payer.phone.as_ref(), 30);
    faults.optional("/payer/email", payer.email.as_ref(), 200);
    if let Some(email) = &payer.email
        && !email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    {
        faults.tell("/payer/email", "must be an e-mail address");
    }
}

fn check_metadata(faults: &mut Faults<'_>, metadata: Option<&BTreeMap<String, String>>) {
    let Some(metadata) = metadata else { return };
    if metadata.len() > 15 {
        faults.tell("/metadata", "must have at most 15 pairs");
    }
    for (key, value) in metadata.iter().take(15) {
        let at = format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1"));
        if key.is_empty() || key.chars().count() > 30 || key.chars().any(char::is_control) {
            faults.tell(&at, "a key has 1 to 30 characters");
        }
        if value.chars().count() > 100 || value.chars().any(char::is_control) {
            faults.tell(&at, "a value has at most 100 characters, none of them control characters");
        }
    }
}

fn multiplied(
    faults: &mut Faults<'_>,
    pointer: &str,
    amount: Money,
    quantity: Option<u32>,
) -> Option<Money> {
    let quantity = quantity.unwrap_or(1);
    if quantity == 0 || quantity > 10_000 {
        faults.tell(pointer, "a quantity is 1 to 10000");
        return None;
    }
    if amount.currency() != Currency::Vnd {
        faults.tell(pointer, "this installation takes VND");
        return None;
    }
    match amount.checked_mul(quantity) {
        Ok(product) if product.is_zero() => {
            faults.tell(pointer, "must be more than zero");
            None
        }
        Ok(product) if product <= Money::vnd(MOST) => Some(product),
        _ => {
            faults.tell(pointer, format!("must be at most {MOST}"));
            None
        }
    }
}

fn total(faults: &mut Faults<'_>, lines: &[InvoiceLine]) -> Option<Money> {
    let mut sum = lines.first()?.amount;
    for line in &lines[1..] {
        sum = sum.checked_add(line.amount).ok()?;
    }
    if sum > Money::vnd(MOST) {
        faults.tell("/lines", format!("must sum to at most {MOST}"));
        return None;
    }
    Some(sum)
}

/// All but the last three characters masked; short numbers wholly.
fn mask(number: &str) -> String {
    let count = number.chars().count();
    let shown = if count > 6 { 3 } else { 0 };
    number.chars().enumerate().map(|(i, c)| if i + shown < count { '*' } else { c }).collect()
}
