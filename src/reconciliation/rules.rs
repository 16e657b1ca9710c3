//! The rules: which line belongs to what, and what becomes of a line that belongs to nothing.
//!
//! No input, no output, no clock. Lines are looked at by value date, amount and number; the first
//! rule that fires wins; two candidates are never decided between. A rule that changes gets a new
//! [`VERSION`], which is written on each match.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::calendar::WorkingDays;
use super::fee::Terms;
use crate::breaks::BreakCode;
use crate::partners::SettlingSource;
use crate::statements::read::{Kind, Line, Nature, Standing};
use crate::text_enum;

/// The version of these rules.
pub const VERSION: i16 = 1;

text_enum! {
    /// A rule.
    pub enum Rule ("rule") {
        /// Not booked, or our own pay-over: left out.
        LeftOut = "R0",
        /// The provider's transaction id.
        Transaction = "R1",
        /// Our payment reference.
        Reference = "R2",
        /// The code in free text.
        Code = "R3",
        /// The dossier in free text.
        Dossier = "R4",
        /// The batch by its name.
        Batch = "R5",
        /// The batch by day and sum.
        BatchBySum = "R6",
        /// The batch less the contract's fee.
        BatchLessFee = "R7",
        /// Money that went back.
        Back = "R8",
        /// One transfer for several.
        Cart = "R9",
        /// Within the tolerance.
        Tolerance = "R10",
        /// By people.
        Hand = "hand",
    }
}

/// What is true of the whole statement.
#[derive(Debug)]
pub struct Ground<'a> {
    /// A bank account, or a partner's report.
    pub kind: Kind,
    /// The account that it is of.
    pub account: &'a str,
    /// Is its currency the one that the books of this account are in?
    pub currency_fits: bool,
    /// Whose word settles the account.
    pub source: SettlingSource,
    /// The contract.
    pub terms: Terms,
    /// The day on which this is decided.
    pub today: NaiveDate,
    /// The banks' working days.
    pub days: &'a WorkingDays,
}

/// How a settlement was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// Its transaction id is the line's.
    Transaction,
    /// The line names our reference.
    Reference,
    /// The line's text holds the invoice's code.
    Code,
}

/// A settlement that may be meant.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which.
    pub settlement: Uuid,
    /// Its invoice.
    pub invoice: Option<Uuid>,
    /// How much.
    pub amount: Decimal,
    /// The account it was collected on.
    pub account: String,
    /// The day it counts from.
    pub pay_date: NaiveDate,
    /// Matched before, in this layer.
    pub taken: bool,
    /// Taken back by the partner.
    pub reversed: bool,
    /// How it was found.
    pub by: Found,
}

/// What money that goes out may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields that are named for what they are")]
pub enum Out {
    /// A refund; `on_its_way` while nobody has said how it ended.
    Refund { on_its_way: bool },
    /// A reversal that the partner told before.
    Reversal,
    /// A settlement that is taken back by this line.
    Original,
}

/// A candidate for money that goes out.
#[derive(Debug, Clone)]
pub struct Back {
    /// The refund, the reversal or the settlement.
    pub id: Uuid,
    /// Which of them.
    pub what: Out,
    /// How much, positive.
    pub amount: Decimal,
    /// Matched before.
    pub taken: bool,
}

/// A batch of a report whose money has not been seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Batch {
    /// The report.
    pub report: Uuid,
    /// Its name in the report.
    pub batch: String,
    /// Whose report it is: who owes its money.
    pub partner: String,
    /// Did the bank's line name it?
    pub named: bool,
    /// The day of the report.
    pub day: NaiveDate,
    /// What its lines come to, less the fees that they state.
    pub net: Decimal,
    /// The fees that they state.
    pub fee: Decimal,
    /// The fees of the contract.
    pub contract_fee: Decimal,
}

/// What is known that has to do with one line.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Settlements.
    pub settlements: Vec<Candidate>,
    /// Invoices that its references and codes name.
    pub invoices: BTreeSet<Uuid>,
    /// The order that it names was told to have failed or expired.
    pub order_failed: bool,
    /// Open invoices of dossiers that its text names, of this very amount.
    pub dossiers: BTreeSet<Uuid>,
    /// Refunds and reversals.
    pub backs: Vec<Back>,
    /// Batches.
    pub batches: Vec<Batch>,
}

/// What a line is matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields that are named for what they are")]
pub enum With {
    /// Settlements, one or those of a cart.
    Settlements(Vec<(Uuid, Decimal)>),
    /// A batch.
    Batch { report: Uuid, batch: String, net: Decimal, fee: Decimal, difference: Decimal },
    /// A refund, which this ends when it is on its way.
    Refund { id: Uuid, ends: bool },
    /// A reversal that was told before.
    Reversal(Uuid),
    /// A settlement that this takes back.
    TakesBack(Uuid),
}

/// What becomes of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields that are named for what they are")]
pub enum Verdict {
    /// It belongs to something.
    Match {
        /// By which rule.
        rule: Rule,
        /// To what.
        with: With,
        /// A person must agree.
        suggested: bool,
        /// The fields that agreed.
        why: String,
        /// What else is to be looked at: the fee, how much.
        also: Option<(BreakCode, Decimal)>,
    },
    /// Its time is not over; then it is a case of this code.
    Wait { code: BreakCode, until: NaiveDate, why: String },
    /// A case.
    Case { code: BreakCode, amount: Decimal, why: String },
    /// Money that this statement settles: for an invoice, or into suspense; with the invoice that a
    /// dossier in the text suggests.
    Settle { for_invoice: bool, suggest: Option<Uuid> },
    /// A transfer of ours, for the pay-over.
    Payout,
    /// Nothing is to be done.
    Keep { why: &'static str },
}

/// What earlier lines of the same run have used up.
pub type Taken = BTreeSet<Uuid>;

/// The order in which lines are looked at.
pub fn in_order(lines: &mut [Line]) {
    lines.sort_by_key(|line| (line.value_date, line.amount, line.id));
}

/// Decides about one line. What it uses up is added to `taken`.
pub fn decide(line: &Line, seen: &Seen, ground: &Ground<'_>, taken: &mut Taken) -> Verdict {
    let verdict = judge(line, seen, ground, taken);
    match &verdict {
        Verdict::Match { with: With::Settlements(of), .. } => taken.extend(of.iter().map(|s| s.0)),
        Verdict::Match {
            with: With::Refund { id, .. } | With::Reversal(id) | With::TakesBack(id),
            ..
        } => {
            taken.insert(*id);
        }
        Verdict::Match { with: With::Batch { report, batch, .. }, .. } => {
            taken.insert(batch_key(*report, batch));
        }
        _ => {}
    }
    verdict
}

/// One name for a batch among those that are taken.
fn batch_key(report: Uuid, batch: &str) -> Uuid {
    let mut key = *report.as_bytes();
    for (place, byte) in batch.bytes().enumerate() {
        let at = place % 16;
        key[at] =
            key[at].rotate_left(3) ^ byte.wrapping_add(u8::try_from(place % 251).unwrap_or(0));
    }
    Uuid::from_bytes(key)
}

fn judge(line: &Line, seen: &Seen, ground: &Ground<'_>, taken: &Taken) -> Verdict {
    let case =
        |code, why: &str| Verdict::Case { code, amount: line.amount.abs(), why: why.to_owned() };
    if line.standing == Standing::Pending {
        return Verdict::Keep { why: "the bank has not booked it" };
    }
    if line.amount.is_zero() {
        return Verdict::Keep { why: "no money moves" };
    }
    if !ground.currency_fits {
        return case(BreakCode::AmountDiffers, "another currency than the account's");
    }
    if line.nature == Nature::Payout {
        // A refund by transfer is a transfer of ours as well.
        let refund = |b: &Back| matches!(b.what, Out::Refund { .. });
        return if seen.backs.iter().any(refund) {
            back(line, seen, taken)
        } else {
            Verdict::Payout
        };
    }
    if line.standing == Standing::Failed {
        return failed(line, seen);
    }
    match line.nature {
        Nature::Refund | Nature::Reversal => back(line, seen, taken),
        Nature::Fee => case(BreakCode::FeeDiffers, "a fee that is not of a payment"),
        _ if line.amount.is_sign_negative() => {
            let found = back(line, seen, taken);
            match found {
                Verdict::Match { .. } => found,
                _ => case(
                    BreakCode::RefundUnmatched,
                    "money went out, and no order of ours is known",
                ),
            }
        }
        Nature::Lump => lump(line, seen, ground, taken),
        Nature::Payment | Nature::Other | Nature::Payout => {
            let named = |batch: &Batch| {
                batch.named && !taken.contains(&batch_key(batch.report, &batch.batch))
            };
            if ground.kind == Kind::Account
                && seen.settlements.is_empty()
                && seen.batches.iter().any(named)
            {
                return lump(line, seen, ground, taken);
            }
            payment(line, seen, ground, taken)
        }
    }
}

/// The partner says that it failed; we say that it is paid.
fn failed(line: &Line, seen: &Seen) -> Verdict {
    let ours = |c: &&Candidate| c.by != Found::Code && !c.reversed;
    match seen.settlements.iter().find(ours) {
        Some(ours) => Verdict::Case {
            code: BreakCode::StatusDiffers,
            amount: ours.amount,
            why: format!(
                "the report says that {} failed, and it was told as paid",
                line.transaction_id
            ),
        },
        None => Verdict::Keep { why: "failed there, and not paid here" },
    }
}

fn payment(line: &Line, seen: &Seen, ground: &Ground<'_>, taken: &Taken) -> Verdict {
    for (by, rule) in [
        (Found::Transaction, Rule::Transaction),
        (Found::Reference, Rule::Reference),
        (Found::Code, Rule::Code),
    ] {
        let of: Vec<&Candidate> = seen.settlements.iter().filter(|c| c.by == by).collect();
        if by == Found::Code && named_invoices(seen) > 1 {
            return cart(line, seen, ground, taken);
        }
        if !of.is_empty() {
            return one_of(line, &of, rule, ground, taken);
        }
    }
    nothing_booked(line, seen, ground)
}

/// How many invoices the line names.
fn named_invoices(seen: &Seen) -> usize {
    seen.invoices.len()
}

fn one_of(
    line: &Line,
    of: &[&Candidate],
    rule: Rule,
    ground: &Ground<'_>,
    taken: &Taken,
) -> Verdict {
    let case =
        |code, amount: Decimal, why: String| Verdict::Case { code, amount: amount.abs(), why };
    let free = |c: &&&Candidate| !c.taken && !c.reversed && !taken.contains(&c.settlement);
    let equal: Vec<&&Candidate> = of.iter().filter(|c| c.amount == line.amount).collect();
    if equal.is_empty() {
        let ours = of.iter().find(free).or(of.first());
        let ours = ours.map_or(Decimal::ZERO, |c| c.amount);
        let why = format!("{} there, {ours} here", line.amount);
        return case(BreakCode::AmountDiffers, line.amount - ours, why);
    }
    let open: Vec<&&Candidate> = equal.iter().copied().filter(|c| free(c)).collect();
    if open.is_empty() {
        if let Some(back) = equal.iter().find(|c| c.reversed && !c.taken) {
            let why = format!("settlement {} was taken back", back.settlement);
            return case(BreakCode::StatusDiffers, line.amount, why);
        }
        return case(
            BreakCode::Duplicate,
            line.amount,
            "another line tells of the same".to_owned(),
        );
    }
    // A transaction id is the partner's own word; anything else must also fit the days.
    let fits = |c: &&&Candidate| {
        rule == Rule::Transaction
            || (c.pay_date <= line.value_date
                && line.value_date <= ground.days.window_end(c.pay_date, ground.terms.window_days))
    };
    let timely: Vec<&&Candidate> = open.iter().copied().filter(|c| fits(c)).collect();
    match timely.as_slice() {
        [] => {
            let why = format!("paid on {}, told of {}", open[0].pay_date, line.value_date);
            case(BreakCode::WrongPeriod, line.amount, why)
        }
        [one] if one.account != ground.account => {
            let why = format!("collected on {}, told of {}", one.account, ground.account);
            case(BreakCode::WrongBeneficiary, line.amount, why)
        }
        [one] => Verdict::Match {
            rule,
            with: With::Settlements(vec![(one.settlement, one.amount)]),
            suggested: false,
            why: why(rule).to_owned(),
            also: fee_differs(line, ground),
        },
        _ => case(BreakCode::Ambiguous, line.amount, format!("{} settlements fit", timely.len())),
    }
}

/// What a report's line states as fee is the contract's, or it is looked at.
fn fee_differs(line: &Line, ground: &Ground<'_>) -> Option<(BreakCode, Decimal)> {
    if ground.kind != Kind::Report || line.fee.is_zero() {
        return None;
    }
    let by_contract = ground.terms.fee_of(line.amount);
    (line.fee != by_contract).then(|| (BreakCode::FeeDiffers, (line.fee - by_contract).abs()))
}

/// The fields that agreed.
const fn why(rule: Rule) -> &'static str {
    match rule {
        Rule::Transaction => "transaction id, amount",
        Rule::Reference => "our reference, amount, days",
        Rule::Code => "code in the text, amount, days",
        Rule::Dossier => "dossier in the text, amount",
        Rule::Batch => "batch id, sum to the đồng",
        Rule::BatchBySum => "day and sum of the only such batch",
        Rule::BatchLessFee => "batch id, sum less the fee of the contract",
        Rule::Back => "reference of the original, amount",
        Rule::Cart => "the codes of one transfer, sum to the đồng",
        Rule::Tolerance => "batch id, sum within the tolerance",
        Rule::LeftOut | Rule::Hand => "",
    }
}

/// Several invoices in one text: all of them are meant when their settlements add up to the line, each
/// being the only one of its invoice. Otherwise nobody can say.
fn cart(line: &Line, seen: &Seen, ground: &Ground<'_>, taken: &Taken) -> Verdict {
    let free = |c: &&Candidate| {
        c.by != Found::Transaction
            && !c.taken
            && !c.reversed
            && !taken.contains(&c.settlement)
            && c.account == ground.account
    };
    let mut of: Vec<(Uuid, Decimal)> = Vec::new();
    for invoice in &seen.invoices {
        let theirs: Vec<&Candidate> =
            seen.settlements.iter().filter(free).filter(|c| c.invoice == Some(*invoice)).collect();
        if let [one] = theirs.as_slice() {
            of.push((one.settlement, one.amount));
        }
    }
    let sum: Decimal = of.iter().map(|s| s.1).sum();
    if ground.kind == Kind::Account && of.len() == seen.invoices.len() && sum == line.amount {
        return Verdict::Match {
            rule: Rule::Cart,
            with: With::Settlements(of),
            suggested: false,
            why: why(Rule::Cart).to_owned(),
            also: None,
        };
    }
    // A bank account's money that nobody told of stands in suspense; so the text is told too.
    if ground.kind == Kind::Account && seen.settlements.is_empty() {
        return Verdict::Settle { for_invoice: true, suggest: None };
    }
    let why = format!("the text names {} invoices", seen.invoices.len());
    Verdict::Case { code: BreakCode::Ambiguous, amount: line.amount, why }
}

/// No settlement is known of it.
fn nothing_booked(line: &Line, seen: &Seen, ground: &Ground<'_>) -> Verdict {
    if ground.kind == Kind::Account && ground.source == SettlingSource::Statement {
        let suggest = if seen.invoices.is_empty() { only(&seen.dossiers) } else { None };
        return Verdict::Settle { for_invoice: true, suggest };
    }
    if seen.order_failed {
        let why = "collected there, failed or expired here".to_owned();
        return Verdict::Case { code: BreakCode::StatusDiffers, amount: line.amount, why };
    }
    if ground.kind == Kind::Account && seen.invoices.is_empty() {
        return Verdict::Settle { for_invoice: false, suggest: only(&seen.dossiers) };
    }
    // The partner's own word may be on its way.
    let until = ground.days.window_end(line.value_date, ground.terms.window_days);
    let why = "collected there, not known here".to_owned();
    if ground.today <= until {
        Verdict::Wait { code: BreakCode::MissingHere, until, why }
    } else {
        Verdict::Case { code: BreakCode::MissingHere, amount: line.amount, why }
    }
}

fn only(of: &BTreeSet<Uuid>) -> Option<Uuid> {
    if of.len() == 1 { of.first().copied() } else { None }
}

fn back(line: &Line, seen: &Seen, taken: &Taken) -> Verdict {
    let case =
        |code, why: &str| Verdict::Case { code, amount: line.amount.abs(), why: why.to_owned() };
    let reversal = line.nature == Nature::Reversal;
    let unknown = if reversal { BreakCode::Reversed } else { BreakCode::RefundUnmatched };
    let kind = |b: &&Back| matches!(b.what, Out::Refund { .. }) != reversal;
    let of: Vec<&Back> = seen.backs.iter().filter(kind).collect();
    if line.amount.is_sign_positive() {
        return case(unknown, "it went back, and brings money in");
    }
    if of.is_empty() {
        return case(unknown, "no original is known");
    }
    let equal: Vec<&Back> = of.iter().copied().filter(|b| b.amount == -line.amount).collect();
    if equal.is_empty() {
        return case(BreakCode::AmountDiffers, "the original is of another amount");
    }
    // What the partner told before goes before what would be taken back now.
    let free = |b: &&Back| !b.taken && !taken.contains(&b.id);
    let mut open: Vec<&Back> = equal.into_iter().filter(free).collect();
    if open.iter().any(|b| b.what == Out::Reversal) {
        open.retain(|b| b.what == Out::Reversal);
    }
    let with = match open.as_slice() {
        [] => return case(BreakCode::Duplicate, "another line tells of the same"),
        [one] => match one.what {
            Out::Refund { on_its_way } => With::Refund { id: one.id, ends: on_its_way },
            Out::Reversal => With::Reversal(one.id),
            Out::Original => With::TakesBack(one.id),
        },
        _ => return case(BreakCode::Ambiguous, "several originals fit"),
    };
    let why = why(Rule::Back).to_owned();
    Verdict::Match { rule: Rule::Back, with, suggested: false, why, also: None }
}

/// Many payments in one credit.
fn lump(line: &Line, seen: &Seen, ground: &Ground<'_>, taken: &Taken) -> Verdict {
    let free = |b: &&Batch| !taken.contains(&batch_key(b.report, &b.batch));
    let named: Vec<&Batch> = seen.batches.iter().filter(|b| b.named).filter(free).collect();
    let with = |batch: &Batch, fee| With::Batch {
        report: batch.report,
        batch: batch.batch.clone(),
        net: batch.net,
        fee,
        difference: line.amount + fee - batch.net,
    };
    let matched = |rule, with, suggested| Verdict::Match {
        rule,
        with,
        suggested,
        why: why(rule).to_owned(),
        also: None,
    };
    match named.as_slice() {
        [one] if one.net == line.amount => matched(Rule::Batch, with(one, Decimal::ZERO), false),
        // The report tells no fees, and the contract's is what is missing.
        [one] if one.fee.is_zero() && one.net - one.contract_fee == line.amount => {
            matched(Rule::BatchLessFee, with(one, one.contract_fee), false)
        }
        // Off unless the contract sets a tolerance; never without a person.
        [one] if (line.amount - one.net).abs() <= ground.terms.tolerance => {
            matched(Rule::Tolerance, with(one, Decimal::ZERO), true)
        }
        [one] => {
            let off = line.amount - one.net;
            let code =
                if off.is_sign_negative() { BreakCode::FundsShort } else { BreakCode::FundsOver };
            let why =
                format!("batch {} comes to {}, the credit is {}", one.batch, one.net, line.amount);
            Verdict::Case { code, amount: off.abs(), why }
        }
        [] => {
            let within = |b: &&Batch| {
                b.day <= line.value_date
                    && line.value_date <= ground.days.window_end(b.day, ground.terms.window_days)
            };
            let sum = |b: &&Batch| b.net == line.amount;
            let of: Vec<&Batch> =
                seen.batches.iter().filter(free).filter(within).filter(sum).collect();
            match of.as_slice() {
                [one] => matched(Rule::BatchBySum, with(one, Decimal::ZERO), true),
                [] => Verdict::Case {
                    code: BreakCode::Unknown,
                    amount: line.amount,
                    why: "many payments in one credit, and no report of them".to_owned(),
                },
                _ => Verdict::Case {
                    code: BreakCode::Ambiguous,
                    amount: line.amount,
                    why: format!("{} batches have this sum", of.len()),
                },
            }
        }
        _ => Verdict::Case {
            code: BreakCode::Ambiguous,
            amount: line.amount,
            why: format!("{} batches have this name", named.len()),
        },
    }
}
