//! Making a run: what can be paid over out of one bank account is chosen, kept for it, and waits for
//! another person.

use std::collections::BTreeMap;
use std::collections::HashMap;

use chrono::{NaiveDate, SubsecRound, TimeDelta};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::kind::About;
use super::run::{Item, Run, RunLine, content};
use super::status::{LineStatus, RunStatus};
use super::store::candidates::{self, Candidate};
use super::store::{self, undecodable};
use super::{PayingOver, PayoverError, admit, count};
use crate::approvals::propose::{Proposal, propose_in};
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::{self, By};
use crate::refunds::paid_over;
use crate::registers::directory::Directory;
use crate::registers::entries::TreasuryAccount;
use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::{ApprovalId, PayoverId, PayoverLineId};
use crate::vocabulary::money::{Currency, Money};

/// Invoices of one run; what is left goes into the next.
const MOST: i64 = 50_000;
/// Money is looked for that was seen in the bank within so many days, unless told.
const LOOK_BACK: i64 = 62;

/// Which run is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The bank account that pays.
    pub account: String,
    /// Of business days up to this one; the day before today unless told.
    pub until: Option<NaiveDate>,
    /// Of money seen in the bank on or after this day.
    pub seen_since: Option<NaiveDate>,
}

/// What could not be taken in, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose money.
    pub agency: String,
    /// Why.
    pub reason: String,
    /// How many lines of invoices.
    pub lines: u32,
    /// How much.
    pub amount: Decimal,
}

/// A run that was made.
#[derive(Debug)]
pub struct Prepared {
    /// The run.
    pub run: Run,
    /// Its transfers.
    pub lines: Vec<RunLine>,
    /// What it waits for.
    pub approval: ApprovalId,
    /// What is left behind.
    pub left_out: Vec<LeftOut>,
}

impl PayingOver {
    /// Makes a run of what can be paid over, and proposes its release.
    pub async fn prepare(
        &self,
        officer: &Officer,
        wanted: &Wanted,
    ) -> Result<Prepared, PayoverError> {
        admit(officer)?;
        let now = self.clock.now().trunc_subsecs(6);
        let directory = self.directory.current();
        let today = self.accounts.day_of(now);
        let until = wanted.until.unwrap_or(today.0 - TimeDelta::days(1));
        let nothing = |why: String| PayoverError::Nothing(why);
        let account = directory.bank_account(&wanted.account).ok_or_else(|| {
            nothing(format!("the registers hold no bank account {}", wanted.account))
        })?;
        let currency = Currency::Vnd;
        let since = wanted.seen_since.unwrap_or(until - TimeDelta::days(LOOK_BACK));
        let since = day::from_local(since.and_hms_opt(0, 0, 0).unwrap_or_default());
        let of = (account.number.as_str(), currency.as_str());

        let mut tx = self.pool.begin().await?;
        crate::ledger::store::days::take_time(&mut tx).await?;
        let mut ids = candidates::invoices_banked(&mut tx, of, until, since, MOST).await?;
        ids.sort_unstable();
        ids.dedup();
        candidates::invoices_hold(&mut tx, &ids).await?;
        // Under their locks: what is read now is what is left until the commit.
        let found = candidates::candidates(&mut tx, of, until, &ids).await?;
        let (groups, left_out) = groups(&directory, today, found);
        let mut lines = Vec::with_capacity(groups.len());
        let mut items: Vec<(PayoverLineId, Item)> = Vec::new();
        let id = PayoverId::new(now);
        let mut total = Money::zero(currency);
        for (place, (to, of_line)) in (1..).zip(groups) {
            let line = PayoverLineId::new(now);
            let mut amount = Money::zero(currency);
            for candidate in &of_line {
                let left = Money::new(candidate.left, currency).map_err(undecodable)?;
                amount = amount.checked_add(left).map_err(undecodable)?;
                items.push((line, item(candidate, left)));
            }
            total = total.checked_add(amount).map_err(undecodable)?;
            lines.push(RunLine {
                id: line,
                run: id,
                place,
                partner: to.partner,
                agency: to.agency,
                treasury_account: to.account,
                treasury_name: to.name,
                treasury_bank: to.bank,
                chapter: to.chapter,
                sub_item: to.sub_item,
                day: to.day,
                amount,
                items: i32::try_from(of_line.len()).unwrap_or(i32::MAX),
                status: LineStatus::Waiting,
                status_since: now,
                confirmed_by: None,
                value_date: None,
                statement_line: None,
                entry: None,
                case: None,
            });
        }
        if lines.is_empty() {
            let why = left_out.first().map_or_else(String::new, |l| format!(": {}", l.reason));
            let of = &wanted.account;
            return Err(nothing(format!(
                "nothing can be paid over out of {of} up to {until}{why}"
            )));
        }
        let run = Run {
            id,
            account: account.number.clone(),
            currency,
            until,
            amount: total,
            lines: i32::try_from(lines.len()).unwrap_or(i32::MAX),
            prepared_by: officer.email.clone(),
            prepared_at: now,
            status: RunStatus::Prepared,
            status_since: now,
            approved_by: None,
            sent_by: None,
            sent_at: None,
        };
        store::run_insert(&mut tx, &run, &lines, &items).await?;
        let kept: Vec<(Uuid, i32, Uuid)> =
            items.iter().map(|(of, item)| (item.invoice, item.line, of.0)).collect();
        paid_over::take_in(&mut tx, &kept).await?;
        let by = By { actor: &officer.email, at: now };
        let detail =
            json!({ "account": run.account, "amount": run.amount, "transfers": run.lines });
        audit::record_in(&mut tx, by, "payover.prepared", &id.to_string(), &detail).await?;
        let items = store::items_of(&mut tx, &run).await?;
        let proposal = Proposal {
            kind: About::Release.as_str(),
            subject: &id.to_string(),
            agency: EVERYTHING,
            content: &content(&run, &lines, &items),
        };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        tx.commit().await?;
        count(&run);
        Ok(Prepared { run, lines, approval, left_out })
    }
}

fn item(candidate: &Candidate, amount: Money) -> Item {
    Item { invoice: candidate.invoice, line: candidate.line, cycle: candidate.cycle, amount }
}

/// Where one transfer goes, and of what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct To {
    agency: String,
    account: String,
    name: String,
    bank: String,
    chapter: String,
    sub_item: String,
    day: NaiveDate,
    partner: String,
}

/// Puts candidates together by where they go.
fn groups(
    directory: &Directory,
    today: BusinessDay,
    found: Vec<Candidate>,
) -> (BTreeMap<To, Vec<Candidate>>, Vec<LeftOut>) {
    let mut accounts: HashMap<String, Option<TreasuryAccount>> = HashMap::new();
    let mut groups: BTreeMap<To, Vec<Candidate>> = BTreeMap::new();
    let mut left: BTreeMap<String, LeftOut> = BTreeMap::new();
    for candidate in found {
        let to = accounts
            .entry(candidate.agency.clone())
            .or_insert_with(|| treasury_account(directory, &candidate.agency, today).cloned());
        if let Some(to) = to {
            let to = To {
                agency: candidate.agency.clone(),
                account: to.number.clone(),
                name: to.treasury_name.clone(),
                bank: bank_of(to).to_owned(),
                chapter: candidate.chapter.clone(),
                sub_item: candidate.sub_item.clone(),
                day: candidate.day,
                partner: candidate.partner.clone(),
            };
            groups.entry(to).or_default().push(candidate);
        } else {
            let out = left.entry(candidate.agency.clone()).or_insert_with(|| LeftOut {
                reason: format!("the registers hold no treasury account of {}", candidate.agency),
                agency: candidate.agency,
                lines: 0,
                amount: Decimal::ZERO,
            });
            out.lines += 1;
            out.amount += candidate.left;
        }
    }
    (groups, left.into_values().collect())
}

/// The treasury account of an agency; of several the one with the smallest number, so that every run
/// pays into the same.
pub(super) fn treasury_account<'a>(
    directory: &'a Directory,
    agency: &str,
    day: BusinessDay,
) -> Option<&'a TreasuryAccount> {
    directory.treasury_accounts(agency, day).into_iter().next()
}

/// The bank through which the Treasury is reached, or the Treasury office itself.
fn bank_of(account: &TreasuryAccount) -> &str {
    if account.bank_bin.is_empty() { &account.treasury_code } else { &account.bank_bin }
}
