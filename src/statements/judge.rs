//! What a file says, held against what is known: whose account it is, what came before it, whether
//! the same statement stands already.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::finding::FindingCode;
use super::model::{Kind, ReadFile, ReadStatement, plain};
use super::store::{self, Standing};
use crate::registers::directory::Directory;

/// Whose statement it is.
#[derive(Debug, Clone, Default)]
pub struct Placed {
    /// The partner.
    pub partner: String,
    /// The account, as the registers write it.
    pub account: String,
    /// The statement of the same id that stands.
    pub supersedes: Option<Uuid>,
    /// By how much the opening balance differs from the closing balance before it.
    pub jump: Decimal,
}

/// Places every statement of a file; what is wrong is added to its findings. `only` narrows the
/// partners; `sha256` tells the file's own statements from others.
pub async fn judge(
    conn: &mut PgConnection,
    directory: &Directory,
    file: &mut ReadFile,
    only: Option<&str>,
    sha256: &[u8; 32],
) -> Result<Vec<Placed>, sqlx::Error> {
    let mut placed = Vec::with_capacity(file.statements.len());
    let statements = std::mem::take(&mut file.statements);
    let mut seen: Vec<(Kind, String, String)> = Vec::new();
    for (place, read) in statements.iter().enumerate() {
        let owner = owner_of(directory, read, only);
        let Some((partner, account)) = owner.clone().ok().flatten() else {
            // What is kept for information needs no owner.
            if read.kind != Kind::Information {
                let detail = match owner {
                    Err(()) => {
                        format!("{:?} is an account of several partners: name one", read.account)
                    }
                    Ok(_) => {
                        format!("{:?} is no collecting account that is known here", read.account)
                    }
                };
                file.findings.add(FindingCode::Account, read.at, "account", detail);
            }
            placed.push(Placed::default());
            continue;
        };
        let mut one = Placed { partner, account, supersedes: None, jump: Decimal::ZERO };
        if read.kind == Kind::Information {
            placed.push(one);
            continue;
        }
        if read.currency != "VND" && !(read.currency.is_empty() && read.lines == 0) {
            let detail = format!("{:?}: the account is kept in VND", read.currency);
            file.findings.add(FindingCode::Currency, read.at, "currency", detail);
        }
        let key = (read.kind, one.account.clone(), read.reference.clone());
        if seen.contains(&key) {
            let detail = format!("{:?} stands twice in this file", read.reference);
            file.findings.add(FindingCode::Totals, read.at, "Id", detail);
        }
        seen.push(key);
        let standing = store::statement_standing(
            conn,
            (read.kind.as_str(), &one.partner),
            (&one.account, &read.reference),
        )
        .await?;
        if let Some(standing) = standing {
            let detail = if standing.sha256 == sha256 {
                format!("{:?} came with these very bytes before", read.reference)
            } else {
                format!("{:?} stands with other content", read.reference)
            };
            file.findings.add(FindingCode::SameId, read.at, &read.reference, detail);
            one.supersedes = Some(standing.statement_id);
        }
        if let (Kind::Account, Some(day)) = (read.kind, read.to) {
            // Statements of one file follow each other.
            let earlier = statements[..place]
                .iter()
                .zip(&placed)
                .filter(|(_, p)| p.account == one.account && p.partner == one.partner)
                .map(|(earlier, _)| earlier)
                .rfind(|earlier| earlier.kind == Kind::Account);
            let (before, after) = if let Some(earlier) = earlier {
                (Some(standing_of(earlier)), None)
            } else {
                let (who, when) = ((&*one.partner, &*one.account), (day, read.number, read.page));
                store::statement_neighbours(conn, who, when).await?
            };
            let replaced = |other: &Standing| Some(other.statement_id) == one.supersedes;
            let before = before.filter(|b| !replaced(b));
            let after = after.filter(|a| !replaced(a));
            let opened = if before.is_none() {
                store::kept::opening_of(conn, &one.partner, &one.account).await?
            } else {
                None
            };
            one.jump = follows(read, before.as_ref(), opened.map(|(_, amount)| amount), file);
            precedes(read, after.as_ref(), file);
        }
        placed.push(one);
    }
    file.statements = statements;
    Ok(placed)
}

fn standing_of(read: &ReadStatement) -> Standing {
    Standing {
        statement_id: Uuid::nil(),
        sha256: Vec::new(),
        number: read.number,
        page: read.page,
        day: read.to.unwrap_or_default(),
        reference: read.reference.clone(),
        opening: read.opening,
        closing: read.closing,
    }
}

/// The gap before a statement; by how much the balances differ.
fn follows(
    read: &ReadStatement,
    before: Option<&Standing>,
    opened: Option<Decimal>,
    file: &mut ReadFile,
) -> Decimal {
    if let (Some(before), Some(number)) = (before, read.number)
        && let Some(last) = before.number
    {
        // Pages of one statement share its number; a new year begins anew.
        let next = number == last || number == last + 1 || number == 1;
        if !next {
            let detail = if number > last {
                format!("number {number} follows {last}: {} are missing", number - last - 1)
            } else {
                format!("number {number} follows {last}")
            };
            file.findings.add(FindingCode::Gap, read.at, &read.reference, detail);
        }
    }
    let last = before.and_then(|before| before.closing).or(opened);
    let (Some(opening), Some(last)) = (read.opening, last) else { return Decimal::ZERO };
    if opening == last {
        return Decimal::ZERO;
    }
    let whose = before.map_or_else(
        || "what stood on the account at first".to_owned(),
        |before| format!("the closing balance of {:?}", before.reference),
    );
    let detail = format!("it opens with {}, {whose} is {}", plain(opening), plain(last));
    file.findings.add(FindingCode::Opening, read.at, &read.reference, detail);
    opening.saturating_sub(last)
}

/// One that comes late must fit what stands after it, too.
fn precedes(read: &ReadStatement, after: Option<&Standing>, file: &mut ReadFile) {
    let Some(after) = after else { return };
    if let (Some(closing), Some(next)) = (read.closing, after.opening)
        && closing != next
    {
        let detail = format!(
            "it closes with {}, {:?} after it opens with {}",
            plain(closing),
            after.reference,
            plain(next)
        );
        file.findings.add(FindingCode::Opening, read.at, &read.reference, detail);
    }
}

/// The partner and the account of the registers; an error when several partners have it.
fn owner_of(
    directory: &Directory,
    read: &ReadStatement,
    only: Option<&str>,
) -> Result<Option<(String, String)>, ()> {
    let partners = directory.partners().iter().filter(|p| only.is_none_or(|only| p.code == only));
    let mut found: Option<(String, String)> = None;
    for partner in partners {
        for written in spellings(&read.account) {
            if let Some(account) = directory.account_ever(&partner.code, written) {
                if found.as_ref().is_some_and(|(other, _)| *other != partner.code) {
                    return Err(());
                }
                found = Some((partner.code.clone(), account.number.clone()));
                break;
            }
        }
    }
    Ok(found)
}

/// An account as it is written, and without what banks put around it: `970418/1200…`, `1200…VND`.
fn spellings(account: &str) -> Vec<&str> {
    let mut spellings = vec![account];
    let bare = account.rsplit('/').next().unwrap_or(account).trim();
    spellings.push(bare);
    if let Some(without) = bare.strip_suffix("VND") {
        spellings.push(without.trim());
    }
    spellings
}
