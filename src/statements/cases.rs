//! The cases that a file opens, one for each code, however many findings there are; and what closes
//! them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::finding::{Finding, FindingCode};
use super::judge::Placed;
use super::model::{Kind, ReadFile};
use super::store::reads;
use crate::breaks::store::files::breaks_close_of_files;
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

/// A file is taken: what was wrong with it is answered by that, and so is what was wrong with files
/// that were not taken and held a statement of the same sender, account and id.
pub async fn taken_in(
    conn: &mut PgConnection,
    file: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let codes = BreakCode::OF_FILES;
    breaks_close_of_files(conn, &[file], &codes, ("the file was taken", now)).await?;
    answered_in(conn, file, now).await
}

/// A file stands: what was wrong with files that were not taken and held a statement of the same
/// sender, account and id is answered by it, and so is the gap before others that it fills.
pub async fn answered_in(
    conn: &mut PgConnection,
    file: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let before = reads::files_rejected_before(conn, file).await?;
    let why = ("the same statement came in another file", now);
    breaks_close_of_files(conn, &before, &BreakCode::OF_FILES, why).await?;
    let follow = reads::files_that_follow(conn, file).await?;
    let why = ("what was missing between the statements came", now);
    breaks_close_of_files(conn, &follow, &[BreakCode::StatementGap], why).await?;
    Ok(())
}

/// A file does not stand any more: another does.
pub async fn superseded_in(
    conn: &mut PgConnection,
    file: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let why = ("another file stands for it", now);
    breaks_close_of_files(conn, &[file], &BreakCode::OF_FILES, why).await?;
    Ok(())
}

/// A file was not taken: which of two stands is decided by that. What else was wrong with it waits
/// until the same statement comes as it should be.
pub async fn rejected_in(
    conn: &mut PgConnection,
    file: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let why = ("the file was not taken: the earlier one stands", now);
    breaks_close_of_files(conn, &[file], &[BreakCode::FileDuplicate], why).await?;
    Ok(())
}

/// By how much opening, entries and closing differ.
fn missing(file: &ReadFile) -> Decimal {
    let accounts = file.statements.iter().filter(|s| s.kind == Kind::Account);
    accounts
        .filter_map(|s| Some((s.opening?.saturating_add(s.total)).saturating_sub(s.closing?).abs()))
        .fold(Decimal::ZERO, Decimal::saturating_add)
}
