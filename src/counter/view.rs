//! From what is known of an invoice to the view model of its page.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::forms::AccountForm;
use super::page::{
    AccountAsked, AttemptState, ChannelChoice, Flash, LineKind, LiveAttempt, MailAsked, MaskedName,
    Needs, OrderEnd, PastOrder, PayLine, PayPage, PaymentBack, RefundShown, RefundState, Returned,
    Status as Shown, Transfer, Unfit, UnfitChannel,
};
use super::words::Language;
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, Status};
use crate::partners::Partner;
use crate::partners::dialects::{Channel, vietqr};
use crate::refunds::name_account::{AccountStanding, Wanting};
use crate::refunds::refund::Refund;
use crate::refunds::status::RefundStatus;
use crate::registers::directory::Directory;
use crate::registers::entries::FeeKind;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::Money;

/// So many of the payer's orders are told of.
const ORDERS_TOLD: usize = 5;

/// What the address asks for.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Asked {
    /// The language.
    pub lang: Option<String>,
    /// The partner that the payer came back from.
    pub returned: Option<String>,
    /// The page is not to refresh itself.
    pub still: Option<String>,
    /// The way that was chosen.
    #[serde(default)]
    pub way: Option<String>,
    /// What is to be told.
    pub told: Option<String>,
}

/// What is known.
#[derive(Debug)]
pub struct Known {
    /// The invoice.
    pub invoice: Invoice,
    /// The orders to pay it, the newest first.
    pub attempts: Vec<Attempt>,
    /// What is given back of it.
    pub refunds: Vec<Refund>,
    /// How it stands with the account to give back to.
    pub account: AccountStanding,
    /// Can a confirmation be sent?
    pub has_mail: bool,
    /// Where the receipt of the payment is checked, once there is one.
    pub receipt_path: Option<String>,
}

/// The names of the registers, in the reader's language.
struct Names<'a> {
    directory: &'a Directory,
    language: Language,
}

impl Names<'_> {
    fn named(&self, vi: &str, en: &str) -> String {
        if self.language == Language::En && !en.is_empty() { en.to_owned() } else { vi.to_owned() }
    }

    fn partner(&self, code: &str) -> String {
        let partner = self.directory.partner(code);
        partner.map_or_else(|| code.to_owned(), |p| self.named(&p.name, &p.name_en))
    }
}

/// The view model of an invoice as it stands.
pub fn page_of(
    directory: &Directory,
    known: &Known,
    asked: &Asked,
    now: DateTime<Utc>,
    language: Language,
) -> PayPage {
    let invoice = &known.invoice;
    let names = Names { directory, language };
    let day = BusinessDay::of(now, None);
    let owed = invoice.amount.checked_sub(invoice.held).unwrap_or(invoice.amount);
    let channels = offered(directory, invoice, owed);
    // What the payer came back from, or went to: only orders on a partner's own page are told of.
    let redirects = |a: &&Attempt| {
        !a.is_standing()
            && directory.partner(&a.partner).and_then(|p| p.channel()) == Some(Channel::Redirect)
    };
    let orders: Vec<&Attempt> = known.attempts.iter().filter(redirects).collect();
    let live_attempt = live(&orders, now, &names);
    let transfer = (asked.way.is_some() || channels.len() == 1)
        .then(|| transfer_of(directory, invoice, &known.attempts, owed, &names))
        .flatten();
    let flash = if invoice.status.is_open() {
        open_flash(asked, orders.first().copied(), now, &names)
    } else if invoice.status == Status::Paid && asked.told.as_deref() == Some("paid") {
        Some(Flash::AlreadyPaid)
    } else {
        None
    };
    let account_kept =
        asked.told.as_deref() == Some("account") && known.account == AccountStanding::Waiting;
    PayPage {
        language,
        code: invoice.code.to_string(),
        agency_name: directory
            .agency(&invoice.agency, day)
            .map_or_else(|| invoice.agency.clone(), |a| names.named(&a.name, &a.name_en)),
        procedure_name: directory
            .procedure(&invoice.procedure, day)
            .map_or_else(|| invoice.procedure.clone(), |p| names.named(&p.name, &p.name_en)),
        dossier: invoice.dossier.clone(),
        payer_name: MaskedName::of(&invoice.payer.name),
        lines: invoice
            .lines
            .iter()
            .map(|line| PayLine {
                name: names.named(&line.name, &line.name_en),
                kind: match line.kind {
                    FeeKind::Phi => LineKind::Phi,
                    FeeKind::LePhi => LineKind::LePhi,
                },
                amount: line.amount,
            })
            .collect(),
        total: invoice.amount,
        held: invoice.held,
        status: match invoice.status {
            Status::Issued | Status::Pending if !invoice.held.is_zero() => Shown::PartPaid,
            Status::Issued | Status::Pending => Shown::Waiting,
            Status::Paid => Shown::Paid,
            Status::Expired => Shown::Expired,
            Status::Cancelled => Shown::Cancelled,
        },
        issued_at: invoice.issued_at,
        expires_at: invoice.expires_at,
        now,
        paid_at: invoice.paid_at,
        paid_via: invoice.paid_via.as_deref().map(|code| names.partner(code)),
        channels: channels.iter().filter_map(|p| choice(p, &names)).collect(),
        unfit: unfit(directory, invoice, owed, &names),
        orders: orders
            .iter()
            .take(ORDERS_TOLD)
            .map(|order| PastOrder {
                partner_name: names.partner(&order.partner),
                at: order.created_at,
                end: end_of(order, now),
            })
            .collect(),
        refunds: known.refunds.iter().filter_map(refund).collect(),
        account: match &known.account {
            AccountStanding::NotNeeded => AccountAsked::No,
            AccountStanding::Needed(wanting) => account_asked(wanting, &names),
            AccountStanding::Waiting => AccountAsked::Waiting,
            AccountStanding::TooMany => AccountAsked::TooMany,
        },
        mail: match asked.told.as_deref() {
            _ if !known.has_mail => MailAsked::Off,
            Some("mailed") => MailAsked::Asked,
            Some("mail-enough") => MailAsked::Enough,
            _ => MailAsked::Offered { named: invoice.payer.email.is_some() },
        },
        transfer,
        live_attempt,
        returned: asked.returned.as_deref().and_then(|code| directory.partner(code)).map(|p| {
            Returned { partner: p.code.clone(), partner_name: names.named(&p.name, &p.name_en) }
        }),
        still: asked.still.is_some(),
        return_url: invoice.terms.return_url.clone(),
        token_path: invoice.pay_path(),
        receipt_path: known.receipt_path.clone(),
        flash: if account_kept { Some(Flash::AccountKept) } else { flash },
    }
}

/// What is told once above a page that can be paid.
fn open_flash(
    asked: &Asked,
    newest: Option<&Attempt>,
    now: DateTime<Utc>,
    names: &Names<'_>,
) -> Option<Flash> {
    let told = asked.told.as_deref();
    match (told, newest) {
        (Some("choose"), _) => Some(Flash::ChooseAWay),
        (Some("gone"), _) => Some(Flash::WayGone),
        (_, Some(order)) => {
            let partner_name = names.partner(&order.partner);
            match end_of(order, now) {
                // It ended while the payer still stood before our page.
                OrderEnd::Failed if told == Some("later") => Some(Flash::TryLater),
                OrderEnd::Failed => Some(Flash::AttemptFailed { partner_name }),
                OrderEnd::RanOut => Some(Flash::AttemptRanOut { partner_name }),
                OrderEnd::Open | OrderEnd::Unknown | OrderEnd::Paid => None,
            }
        }
        _ => None,
    }
}

fn end_of(order: &Attempt, now: DateTime<Utc>) -> OrderEnd {
    match order.status {
        AttemptStatus::Succeeded => OrderEnd::Paid,
        AttemptStatus::Failed => OrderEnd::Failed,
        AttemptStatus::Unknown => OrderEnd::Unknown,
        AttemptStatus::Expired => OrderEnd::RanOut,
        // The clock has not come by yet.
        _ if now >= order.expires_at => OrderEnd::RanOut,
        AttemptStatus::Created | AttemptStatus::Sent | AttemptStatus::AwaitingPayer => {
            OrderEnd::Open
        }
    }
}

/// The form that asks where to give back to.
fn account_asked(wanting: &[Wanting], names: &Names<'_>) -> AccountAsked {
    let zero = Money::zero(wanting[0].amount.currency());
    AccountAsked::Yes {
        amount: wanting.iter().fold(zero, |sum, of| sum.checked_add(of.amount).unwrap_or(sum)),
        payments: wanting
            .iter()
            .map(|of| PaymentBack {
                id: of.settlement.to_string(),
                partner_name: names.partner(&of.partner),
                at: of.paid_at,
                amount: of.amount,
            })
            .collect(),
        again: wanting.iter().any(|of| of.again),
        form: AccountForm::default(),
        faults: Vec::new(),
    }
}

fn refund(refund: &Refund) -> Option<RefundShown> {
    let state = match refund.status {
        // Nobody is promised what was refused.
        RefundStatus::Refused => return None,
        RefundStatus::Requested => RefundState::Checked,
        RefundStatus::Approved => RefundState::Agreed,
        RefundStatus::Sent => RefundState::Sent,
        RefundStatus::Confirmed => RefundState::Done,
        RefundStatus::Failed => RefundState::NotArrived,
    };
    Some(RefundShown { amount: refund.amount, state, since: refund.status_since })
}

fn is_allowed(invoice: &Invoice, partner: &Partner) -> bool {
    invoice.terms.channels.as_ref().is_none_or(|c| c.contains(&partner.code))
}

/// The partners that can take what is owed: one bank for transfers (the one whose account stands on
/// the invoice), and every partner with a page of its own.
fn offered(directory: &Directory, invoice: &Invoice, owed: Money) -> Vec<Arc<Partner>> {
    let standing = invoice.terms.account.as_ref().map(|a| a.partner.as_str());
    let fits = |p: &&Arc<Partner>| {
        is_allowed(invoice, p)
            && match p.channel() {
                // The account is on the invoice already: it takes whatever comes.
                Some(Channel::BankTransfer) => Some(p.code.as_str()) == standing,
                Some(Channel::Redirect) => p.takes(owed),
                None => false,
            }
    };
    let mut offered: Vec<_> = directory.partners().iter().filter(fits).cloned().collect();
    offered.sort_by_key(|p| (p.channel() != Some(Channel::BankTransfer), p.code.clone()));
    offered
}

/// The partners that the payer may look for in vain: open, allowed, and not for this amount. One
/// that is closed, or that the portal does not want, is left out: nothing the payer does helps.
fn unfit(
    directory: &Directory,
    invoice: &Invoice,
    owed: Money,
    names: &Names<'_>,
) -> Vec<UnfitChannel> {
    let mut unfit: Vec<UnfitChannel> = directory
        .partners()
        .iter()
        .filter(|p| p.open && p.channel() == Some(Channel::Redirect) && is_allowed(invoice, p))
        .filter_map(|p| {
            let (least, most) = p.limits()?;
            let why = if owed < least {
                Unfit::Below(least)
            } else if owed > most {
                Unfit::Above(most)
            } else {
                return None;
            };
            Some(UnfitChannel { name: names.named(&p.name, &p.name_en), why })
        })
        .collect();
    unfit.sort_by(|a, b| a.name.cmp(&b.name));
    unfit
}

fn choice(partner: &Partner, names: &Names<'_>) -> Option<ChannelChoice> {
    let kind = partner.channel()?;
    let (needs, limits) = match kind {
        Channel::BankTransfer => (Needs::BankApp, None),
        Channel::Redirect => (Needs::of_dialect(&partner.dialect_name), partner.limits()),
    };
    Some(ChannelChoice {
        partner: partner.code.clone(),
        name: names.named(&partner.name, &partner.name_en),
        kind,
        needs,
        limits,
    })
}

/// The order to carry on with. One whose result nobody knows comes first: while there is one, no
/// other is begun.
fn live(orders: &[&Attempt], now: DateTime<Utc>, names: &Names<'_>) -> Option<LiveAttempt> {
    let unknown = orders.iter().find(|order| order.status == AttemptStatus::Unknown);
    let open = orders.iter().find(|order| {
        end_of(order, now) == OrderEnd::Open
            // Without the address of the page nobody can go on: the payer gets another order.
            && (order.status != AttemptStatus::AwaitingPayer || pay_url(order).is_some())
    });
    let order = unknown.or(open)?;
    Some(LiveAttempt {
        partner_name: names.partner(&order.partner),
        pay_url: pay_url(order),
        state: match order.status {
            AttemptStatus::AwaitingPayer => AttemptState::AwaitingPayer,
            AttemptStatus::Unknown => AttemptState::Unknown,
            _ => AttemptState::Preparing,
        },
        until: order.expires_at,
    })
}

fn pay_url(order: &Attempt) -> Option<String> {
    order.instruction.as_ref().and_then(|i| i.pay_url.clone())
}

/// The transfer to make: to the account that the bank made for this order, when it made one and the
/// whole is owed, else to the account that stands on the invoice.
fn transfer_of(
    directory: &Directory,
    invoice: &Invoice,
    attempts: &[Attempt],
    owed: Money,
    names: &Names<'_>,
) -> Option<Transfer> {
    let standing = invoice.terms.account.as_ref()?;
    let bank_name = directory
        .partner(&standing.partner)
        .map_or_else(|| standing.partner.clone(), |p| names.named(&p.name, &p.name_en));
    let registered = attempts
        .iter()
        .filter(|a| a.partner == standing.partner && a.amount == owed && !a.status.is_final())
        .find_map(|a| {
            let instruction = a.instruction.as_ref()?;
            Some((instruction.account.clone()?, instruction.qr.clone()?))
        });
    let (bin, account, holder, qr) = if let Some((account, qr)) = registered {
        (account.bin, account.number, account.name, qr)
    } else {
        let code = invoice.code.as_str();
        let qr = vietqr::transfer(&standing.bin, &standing.number, owed, code).ok()?;
        (standing.bin.clone(), standing.number.clone(), standing.holder.clone(), qr)
    };
    Some(Transfer {
        bank_name,
        bin,
        account,
        holder,
        amount: owed,
        memo: invoice.code.to_string(),
        qr_payload: qr,
    })
}
