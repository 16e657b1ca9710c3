//! Registers say to which account money goes and what a procedure costs: a folder of them waits for
//! another person, who sees what it changes.

use std::path::Path;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::entries::Entries;
use super::import::{self, Folder, ImportError, Loaded, News};
use super::store::{waiting_put, waiting_take};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Maker, Making, Proposal, ProposeError, propose_in};
use crate::approvals::store::bootstrap_is_open;
use crate::partners::certification::{Opening, openings};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::By;
use crate::platform::directory_version;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::ApprovalId;

const IMPORT: &str = "registers.import";
/// So many changes are written out for who decides; the rest is counted.
const SHOWN: usize = 200;

/// Why a folder was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The files.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Payers would be sent to partners that nobody has put through their paces.
    #[error(
        "{} not passed `payclear partner certify` with the settings in force: import {} closed, \
         configure and certify, then open; or say why not with --uncertified",
        have(.0), if .0.len() == 1 { "it" } else { "them" }
    )]
    Uncertified(Vec<String>),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn have(partners: &[String]) -> String {
    format!("{} {}", partners.join(", "), if partners.len() == 1 { "has" } else { "have" })
}

/// Takes a folder in, or lays it aside for another person: what it changes, and the approval that it
/// waits for. The same content again changes nothing and asks nobody.
///
/// A partner is opened by a run of `payclear partner certify` that it passed as it is configured now;
/// `uncertified` is the reason why it is opened without one, for who approves and for the audit.
pub async fn take(
    pool: &PgPool,
    maker: Maker<'_>,
    dir: &Path,
    uncertified: Option<&str>,
) -> Result<(Loaded, Option<ApprovalId>), TakeError> {
    let folder = Folder::read(dir)?;
    let mut tx = pool.begin().await?;
    let news = import::news(&mut tx, &folder, BusinessDay::of(maker.by.at, None).0).await?;
    let waits = Loaded { rows: news.rows, load: None, changed: news.changed() };
    if waits.changed.is_empty() {
        return Ok((waits, None));
    }
    if maker.making == Making::Bootstrap {
        if !bootstrap_is_open(&mut tx).await? {
            return Err(ProposeError::BootstrapOver.into());
        }
        drop(tx);
        return Ok((import::load(pool, maker.by, &folder).await?, None));
    }
    let openings = openings(&mut tx, &news.opens, uncertified).await?;
    let openings = openings.map_err(TakeError::Uncertified)?;
    let digest = folder.digest();
    let subject = hex::encode(&digest);
    let proposal = Proposal {
        kind: IMPORT,
        subject: &subject,
        agency: EVERYTHING,
        content: &content(&subject, &news, &openings),
    };
    let approval = propose_in(&mut tx, maker.by, &proposal).await?;
    waiting_put(&mut tx, &digest, &json!(folder.texts()), maker.by.at).await?;
    tx.commit().await?;
    Ok((waits, Some(approval)))
}

/// What is decided on: the files by their digest, what they change, accounts first, and by which run
/// partners are opened.
fn content(digest: &str, news: &News, openings: &[Opening]) -> Value {
    let lines = lines(&news.entries);
    let changed: serde_json::Map<_, _> =
        news.changed().into_iter().map(|(file, n)| (file.to_owned(), json!(n))).collect();
    json!({
        "sha256": digest, "rows": news.rows, "changed": changed, "opens": openings,
        "more": lines.len().saturating_sub(SHOWN),
        "lines": lines.into_iter().take(SHOWN).collect::<Vec<_>>(),
    })
}

/// What is new or changed, a line each, in the order of its weight.
fn lines(new: &Entries) -> Vec<String> {
    let ends = |closed: bool| if closed { " ends" } else { "" };
    let mut lines = Vec::with_capacity(new.count());
    lines.extend(new.treasury_accounts.iter().map(|a| {
        let (of, number, office, from) = (&a.agency, &a.number, &a.treasury_code, a.valid_from);
        format!("treasury account of {of}: {number} at {office}{} from {from}", ends(a.closed))
    }));
    lines.extend(new.collecting_accounts.iter().map(|a| {
        let (of, number, holder, from) = (&a.partner, &a.number, &a.holder, a.valid_from);
        let source = a.settling_source;
        let closed = ends(a.closed);
        format!("collecting account of {of}: {number}, {holder}, booked by {source},{closed} from {from}")
    }));
    lines.extend(
        new.partners.iter().map(|p| {
            format!("partner {}: {}, speaks {}{}", p.code, p.name, p.dialect, ends(!p.open))
        }),
    );
    lines.extend(
        new.portals.iter().map(|p| format!("portal {}: {}{}", p.code, p.name, ends(!p.open))),
    );
    lines.extend(new.fee_lines.iter().map(|f| {
        let (of, line, from) = (&f.procedure, f.line, f.valid_from);
        format!("fee of {of}, line {line}: {} {} from {from}", f.amount, f.kind)
    }));
    lines.extend(
        new.agencies.iter().map(|a| {
            format!("agency {}: {}{} from {}", a.code, a.name, ends(a.closed), a.valid_from)
        }),
    );
    lines.extend(new.procedures.iter().map(|p| {
        format!("procedure {}: {}{} from {}", p.code, p.name, ends(p.closed), p.valid_from)
    }));
    lines.extend(new.receipt_ranges.iter().map(|r| {
        let closed = ends(r.closed);
        format!("receipts of {}: {} {} {}-{}{closed}", r.agency, r.form, r.symbol, r.first, r.last)
    }));
    lines.extend(new.holidays.iter().map(|h| {
        let what = if h.working { "worked" } else { "off" };
        format!("calendar: {} {what}, {}{}", h.day, h.name, ends(h.closed))
    }));
    lines
}

/// A folder of registers.
#[derive(Debug, Clone, Copy)]
pub struct RegistersKind;

impl Kind for RegistersKind {
    fn name(&self) -> &'static str {
        IMPORT
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver, Role::Admin]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            directory_version::raise_in(conn).await?;
            let digest = hex::decode(&approval.subject).map_err(|_| ApplyError::Changed)?;
            let files = waiting_take(conn, &digest).await?.ok_or(ApplyError::Changed)?;
            let texts = serde_json::from_value(files).map_err(|_| ApplyError::Changed)?;
            let folder = Folder::of_texts(texts);
            let today = BusinessDay::of(by.at, None).0;
            let news = match import::news(conn, &folder, today).await {
                Ok(news) => news,
                Err(ImportError::Store(error)) => return Err(error.into()),
                Err(ImportError::Mistakes(mistakes)) => {
                    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
                    let why = format!("the files fit no more: {first}; import them anew");
                    return Err(ApplyError::Impossible(why));
                }
                Err(error) => return Err(ApplyError::Impossible(error.to_string())),
            };
            let proposed = approval.value();
            // One that was certified, or configured anew, since then is not opened by what was looked
            // at: what it is opened by now would be something else.
            let mut opens = proposed["opens"].as_array().into_iter().flatten();
            let reason = opens.find_map(|opening| opening["uncertified"].as_str());
            let Ok(openings) = openings(conn, &news.opens, reason).await? else {
                return Err(ApplyError::Changed);
            };
            // Against other registers the same files change something else.
            if proposed != content(&hex::encode(folder.digest()), &news, &openings) {
                return Err(ApplyError::Changed);
            }
            import::enter_in(conn, by, &news, &openings).await?;
            Ok(())
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        _: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let digest = hex::decode(&approval.subject).unwrap_or_default();
            waiting_take(conn, &digest).await?;
            Ok(())
        })
    }
}
