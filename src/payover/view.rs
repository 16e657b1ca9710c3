//! Runs and positions as officers and partners see them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::positions::Positions;
use super::prepare::LeftOut;
use super::run::{Run, RunLine};
use super::store::positions::Position;
use crate::invoices::view::MoneySchema;
use crate::vocabulary::ids::ApprovalId;
use crate::vocabulary::money::Money;

/// One transfer.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferView<'a> {
    /// The transfer.
    id: Uuid,
    /// Its place in the run, from 1.
    place: i32,
    /// `EndToEndId` in the file, and on the bank's statement.
    reference: String,
    /// Through whom the money came to the account.
    partner: &'a str,
    /// Whose money.
    agency: &'a str,
    /// Where the Treasury takes it.
    treasury_account: &'a str,
    /// The Treasury office.
    treasury: &'a str,
    /// The bank's BIN, or the office's code.
    bank: &'a str,
    /// Budget chapter (chương).
    chapter: &'a str,
    /// Budget sub-item (tiểu mục).
    sub_item: &'a str,
    /// The business day on which it was collected.
    #[schema(value_type = String, format = Date)]
    day: NaiveDate,
    /// How much.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// Of how many lines of invoices.
    items: i32,
    /// `waiting`, `sent`, `confirmed` or `failed`.
    status: &'static str,
    /// Since when.
    status_since: DateTime<Utc>,
    /// The bank's day of the debit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    value_date: Option<NaiveDate>,
    /// Who saw the debit, or said that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<&'a str>,
    /// The entry that books it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<i64>,
    /// The case about it: `B16` not confirmed, `B17` another amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<Uuid>,
}

/// What could not be taken in.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeftOutView<'a> {
    /// Whose money.
    agency: &'a str,
    /// Why.
    reason: &'a str,
    /// How many lines of invoices.
    lines: u32,
    /// How much, in the run's currency.
    #[schema(value_type = String)]
    amount: Decimal,
}

/// What is paid out of one bank account, in one file.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoverView<'a> {
    /// The run.
    id: Uuid,
    /// The bank account that pays.
    account: &'a str,
    /// Of business days up to this one.
    #[schema(value_type = String, format = Date)]
    until: NaiveDate,
    /// The control sum: of all its transfers.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// How many transfers.
    count: i32,
    /// `prepared`, `approved`, `refused`, `sent`, `confirmed` or `failed`.
    status: &'static str,
    /// Since when.
    status_since: DateTime<Utc>,
    /// Who made it.
    prepared_by: &'a str,
    /// When.
    prepared_at: DateTime<Utc>,
    /// Who released it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'a str>,
    /// Who handed the file to the bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_by: Option<&'a str>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<DateTime<Utc>>,
    /// The transfers; not in a list of runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transfers: Vec<TransferView<'a>>,
    /// What could not be taken in, when it was just made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOutView<'a>>,
    /// The approval that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Uuid>,
}

impl<'a> PayoverView<'a> {
    /// A run, with its transfers when they are given.
    pub fn of(run: &'a Run, lines: &'a [RunLine]) -> Self {
        Self {
            id: run.id.0,
            account: &run.account,
            until: run.until,
            amount: run.amount,
            count: run.lines,
            status: run.status.as_str(),
            status_since: run.status_since,
            prepared_by: &run.prepared_by,
            prepared_at: run.prepared_at,
            approved_by: run.approved_by.as_deref(),
            sent_by: run.sent_by.as_deref(),
            sent_at: run.sent_at,
            transfers: lines.iter().map(transfer).collect(),
            left_out: Vec::new(),
            approval: None,
        }
    }

    /// With what it waits for, and what it left out.
    #[must_use]
    pub fn waits(mut self, approval: Option<ApprovalId>, left_out: &'a [LeftOut]) -> Self {
        self.approval = approval.map(|id| id.0);
        self.left_out = left_out
            .iter()
            .map(|out| LeftOutView {
                agency: &out.agency,
                reason: &out.reason,
                lines: out.lines,
                amount: out.amount,
            })
            .collect();
        self
    }
}

fn transfer(line: &RunLine) -> TransferView<'_> {
    TransferView {
        id: line.id.0,
        place: line.place,
        reference: line.reference(),
        partner: &line.partner,
        agency: &line.agency,
        treasury_account: &line.treasury_account,
        treasury: &line.treasury_name,
        bank: &line.treasury_bank,
        chapter: &line.chapter,
        sub_item: &line.sub_item,
        day: line.day,
        amount: line.amount,
        items: line.items,
        status: line.status.as_str(),
        status_since: line.status_since,
        value_date: line.value_date,
        confirmed_by: line.confirmed_by.as_deref(),
        entry: line.entry,
        case: line.case,
    }
}

/// A page of runs; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoverList<'a> {
    /// The newest first.
    pub payovers: Vec<PayoverView<'a>>,
}

/// What was collected through one partner for one agency, and what became of it. Decimals.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionView<'a> {
    /// Through whom.
    partner: &'a str,
    /// For whom.
    agency: &'a str,
    /// ISO 4217.
    currency: &'a str,
    /// Collected, less what was taken back.
    #[schema(value_type = String)]
    collected: Decimal,
    /// Given back out of what the agency was owed.
    #[schema(value_type = String)]
    refunded: Decimal,
    /// Kept by the partner as its fee.
    #[schema(value_type = String)]
    fees: Decimal,
    /// Paid over to the Treasury, as the bank has confirmed.
    #[schema(value_type = String)]
    paid_over: Decimal,
    /// `collected − refunded − fees − paid_over`.
    #[schema(value_type = String)]
    net: Decimal,
}

/// The books owe another sum than the positions say.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceView<'a> {
    /// ISO 4217.
    currency: &'a str,
    /// Positions less what the books owe to agencies.
    #[schema(value_type = String)]
    amount: Decimal,
}

/// Net positions.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionsView<'a> {
    /// The last closed day in them; what came after it is in them as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    closed: Option<NaiveDate>,
    /// By partner, agency and currency.
    positions: Vec<PositionView<'a>>,
    /// Empty, or the books are not in order. For officers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<DifferenceView<'a>>,
}

impl<'a> PositionsView<'a> {
    /// Positions, those that `seen` lets through.
    pub fn of(all: &'a Positions, seen: impl Fn(&Position) -> bool, whole: bool) -> Self {
        let view = |p: &'a Position| PositionView {
            partner: &p.partner,
            agency: &p.agency,
            currency: &p.currency,
            collected: p.collected,
            refunded: p.refunded,
            fees: p.fees,
            paid_over: p.paid_over,
            net: p.net(),
        };
        let difference = |(currency, amount): &'a (String, Decimal)| DifferenceView {
            currency,
            amount: *amount,
        };
        Self {
            closed: all.closed,
            positions: all.of.iter().filter(|p| seen(p)).map(view).collect(),
            differences: if whole {
                all.differences.iter().map(difference).collect()
            } else {
                Vec::new()
            },
        }
    }
}
