//! The cases that a file opens: one for each code, however many findings there are.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::finding::{Finding, FindingCode};
use super::judge::Placed;
use super::model::{Kind, ReadFile};
use crate::breaks::{Break, BreakCode, BreakState};
use crate::vocabulary::ids::BreakId;
use crate::vocabulary::money::{Currency, Money};

/// A batch without its details is no difference yet: the report of the batch may come.
fn opens(finding: &Finding) -> Option<BreakCode> {
    if finding.code == FindingCode::BatchOpaque {
        return None;
    }
    finding.case?.parse().ok()
}

/// The cases of a file that is somebody's.
pub fn of(file: &ReadFile, placed: &[Placed], name: &str, now: DateTime<Utc>) -> Vec<Break> {
    let Some(partner) = placed.iter().map(|p| &p.partner).find(|p| !p.is_empty()) else {
        return Vec::new();
    };
    let mut cases: Vec<Break> = Vec::new();
    for finding in file.findings.told() {
        let Some(code) = opens(finding) else { continue };
        if let Some(case) = cases.iter_mut().find(|case| case.code == code) {
            if case.detail.len() < 1500 {
                case.detail.push_str("; ");
                case.detail.push_str(&finding.detail);
            }
            continue;
        }
        let amount = match code {
            BreakCode::StatementArithmetic => missing(file),
            BreakCode::StatementGap => placed.iter().map(|p| p.jump.abs()).sum(),
            _ => Decimal::ZERO,
        };
        cases.push(Break {
            id: BreakId::new(now),
            code,
            state: BreakState::Open,
            opened_at: now,
            partner: partner.clone(),
            agency: String::new(),
            invoice: None,
            settlement: None,
            amount: Money::new(amount, Currency::Vnd).unwrap_or(Money::zero(Currency::Vnd)),
            detail: format!("file {name}, {}: {}", finding.place, finding.detail),
        });
    }
    cases
}

/// By how much opening, entries and closing differ.
fn missing(file: &ReadFile) -> Decimal {
    let accounts = file.statements.iter().filter(|s| s.kind == Kind::Account);
    accounts
        .filter_map(|s| Some((s.opening?.saturating_add(s.total)).saturating_sub(s.closing?).abs()))
        .fold(Decimal::ZERO, Decimal::saturating_add)
}
