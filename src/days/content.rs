//! What is signed of a day: canonical JSON that the same ledger, cases and files always make again.
//!
//! Amounts are decimals in strings, instants are UTC with microseconds, lists are sorted. Nothing in
//! it is of the moment: while payments go on, a day that is over says the same.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::Hours;
use super::banks::Compared;
use super::checklist::{self, Checklist};
use super::store::{self, Day, Snapshot};
use crate::breaks::store::days::{OpenCase, RollForward, Rolled};
use crate::ledger::store::Balance;
use crate::ledger::store::days as ledger;
use crate::ledger::store::days::Movement;
use crate::payover::positions;
use crate::payover::store::positions::Position;
use crate::registers::directory::Directory;

/// The form of the content.
pub const FORM: &str = "payclear.day/1";

/// A day as it is to be signed.
#[derive(Debug)]
pub struct Content {
    /// The JSON.
    pub value: Value,
    /// What it was made of.
    pub checklist: Checklist,
    /// The positions up to its end.
    pub positions: Vec<Position>,
    /// How many of its entries were made by transactions that ran when it was looked at, and the
    /// oldest of those: to be asked again under the lock.
    pub recent: (String, i64),
}

/// An instant in the form of the content.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn decimal(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// Makes the content of a day anew, as it was when it was prepared: who had which case, and why it
/// was still open, is of that instant.
pub async fn make(
    conn: &mut PgConnection,
    (directory, hours): (&Directory, Hours),
    day: Day,
    (prepared_by, prepared_at): (&str, DateTime<Utc>),
) -> Result<Content, sqlx::Error> {
    // First: what comes in from here on is seen to have come.
    let running = ledger::oldest_running(conn).await?;
    let recent = ledger::entries_since(conn, day.day, &running).await?;
    let previous = store::snapshot_before(conn, day.day).await?;
    let looked = checklist::look(conn, (directory, hours), day, prepared_at).await?;
    let date = looked.day.day;
    let positions = positions::up_to(conn, date).await?;
    let value = json!({
        "form": FORM,
        "day": date,
        "revision": looked.day.revision,
        "zone": "Asia/Ho_Chi_Minh",
        "from": instant(looked.from),
        "to": instant(looked.to),
        "previous": previous.as_ref().map(|of| hex::encode(&of.seal_hash)),
        "prepared": { "by": prepared_by, "at": instant(prepared_at) },
        "files": files(&looked),
        "banks": looked.banks.iter().map(Compared::content).collect::<Vec<_>>(),
        "channels": channels(conn, date).await?,
        "breaks": breaks(&looked.by_code, &looked.open),
        "ledger": ledger_of(conn, date, previous.as_ref()).await?,
        "positions": positions.iter().map(position).collect::<Vec<_>>(),
    });
    Ok(Content { value, checklist: looked, positions, recent: (running, recent) })
}

fn files(day: &Checklist) -> Vec<Value> {
    day.files
        .iter()
        .map(|file| {
            let received = file.received.as_ref().map(|of| {
                json!({
                    "statement": of.id, "reference": of.reference, "day": of.day,
                    "state": of.state, "lines": of.lines, "total": decimal(of.total),
                    "opening": of.opening.map(decimal), "closing": of.closing.map(decimal),
                    "currency": of.currency, "sha256": hex::encode(&of.sha256),
                })
            });
            let case = day.of_files.iter().find(|case| file.case == Some(case.id));
            json!({
                "partner": file.partner, "account": file.account, "kind": file.kind,
                "received": received, "case": case.map(answered),
            })
        })
        .collect()
}

/// What came in by partner and channel.
pub async fn channels(conn: &mut PgConnection, day: NaiveDate) -> Result<Value, sqlx::Error> {
    let all = store::channels_of(conn, day).await?;
    Ok(all
        .iter()
        .map(|of| {
            json!({
                "partner": of.partner, "channel": of.channel, "currency": of.currency,
                "payments": of.payments, "amount": decimal(of.amount),
            })
        })
        .collect())
}

/// Who has a case, and why it is open.
fn answered(case: &OpenCase) -> Value {
    json!({
        "case": case.id, "code": case.code, "state": case.state, "owner": case.owner,
        "reason": case.reason,
    })
}

/// Cases: how they went on, together and by code, and those open, with who had them and why when the
/// day was prepared.
pub fn breaks(by_code: &[Rolled], open: &[OpenCase]) -> Value {
    let roll = RollForward::of(by_code);
    let sum =
        |(count, amount): (i64, Decimal)| json!({ "count": count, "amount": decimal(amount) });
    let cases: Vec<Value> = open
        .iter()
        .map(|case| {
            json!({
                "case": case.id, "code": case.code, "partner": case.partner,
                "agency": case.agency, "amount": decimal(case.amount), "currency": case.currency,
                "opened_at": instant(case.opened_at), "ages_from": case.ages_from,
                "state": case.state, "owner": case.owner, "reason": case.reason,
            })
        })
        .collect();
    let codes: Vec<Value> = by_code
        .iter()
        .map(|of| {
            json!({
                "code": of.code, "currency": of.currency,
                "before": sum((of.before, of.before_amount)), "new": sum((of.new, of.new_amount)),
                "cleared": sum((of.cleared, of.cleared_amount)),
                "open": sum((of.after, of.after_amount)),
            })
        })
        .collect();
    json!({
        "before": sum(roll.before), "new": sum(roll.new), "cleared": sum(roll.cleared),
        "open": sum(roll.open), "by_code": codes, "cases": cases,
    })
}

/// A position in the form of the content.
pub fn position(of: &Position) -> Value {
    json!({
        "partner": of.partner, "agency": of.agency, "currency": of.currency,
        "collected": decimal(of.collected), "refunded": decimal(of.refunded),
        "fees": decimal(of.fees), "paid_over": decimal(of.paid_over), "net": decimal(of.net()),
    })
}

type Account = (String, String, String, String);

/// The ledger of a day: what was booked, and every account's opening and closing.
async fn ledger_of(
    conn: &mut PgConnection,
    day: NaiveDate,
    previous: Option<&Snapshot>,
) -> Result<Value, sqlx::Error> {
    // Signed with the day before it; the first day adds up what came before.
    let kept = match previous {
        Some(of) => store::preparation_read(conn, of.preparation).await?,
        None => None,
    };
    let opening = match kept {
        // Days between the two have no entries: they would not be closed otherwise.
        Some(prepared) => closings(&prepared.content)
            .ok_or_else(|| super::defect("a snapshot without balances"))?,
        None => balances(ledger::balances_before(conn, day).await?),
    };
    ledger_value(conn, day, opening).await
}

/// The same from the first entry on, believing no snapshot.
pub async fn ledger_recomputed(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Value, sqlx::Error> {
    let opening = balances(ledger::balances_before(conn, day).await?);
    ledger_value(conn, day, opening).await
}

fn balances(all: Vec<Balance>) -> BTreeMap<Account, Decimal> {
    all.into_iter().map(|b| ((b.kind, b.owner, b.detail, b.currency), b.amount)).collect()
}

/// The closing balances of a content.
fn closings(content: &str) -> Option<BTreeMap<Account, Decimal>> {
    let content: Value = serde_json::from_str(content).ok()?;
    let text = |of: &Value, name: &str| of[name].as_str().map(str::to_owned);
    let one = |of: &Value| {
        let account =
            (text(of, "kind")?, text(of, "owner")?, text(of, "detail")?, text(of, "currency")?);
        let closing: Decimal = of["closing"].as_str()?.parse().ok()?;
        Some((account, closing))
    };
    let all: Option<BTreeMap<_, _>> =
        content["ledger"]["balances"].as_array()?.iter().map(one).collect();
    all.map(|all| all.into_iter().filter(|(_, closing)| !closing.is_zero()).collect())
}

async fn ledger_value(
    conn: &mut PgConnection,
    day: NaiveDate,
    opening: BTreeMap<Account, Decimal>,
) -> Result<Value, sqlx::Error> {
    let (entries, lines, digest) = ledger::digest_of(conn, day).await?;
    let acts: Vec<Value> = ledger::acts_of(conn, day)
        .await?
        .into_iter()
        .map(|of| {
            json!({
                "act": of.act, "currency": of.currency, "entries": of.entries,
                "amount": decimal(of.amount),
            })
        })
        .collect();
    let movements = ledger::movements_of(conn, day).await?;
    Ok(json!({
        "entries": entries, "lines": lines, "digest": hex::encode(digest), "acts": acts,
        "balances": trial(opening, movements),
    }))
}

/// The trial balance: every account that has a balance or moved.
fn trial(opening: BTreeMap<Account, Decimal>, movements: Vec<Movement>) -> Vec<Value> {
    let mut all: BTreeMap<Account, (Decimal, Decimal, Decimal)> = opening
        .into_iter()
        .map(|(account, amount)| (account, (amount, Decimal::ZERO, Decimal::ZERO)))
        .collect();
    for moved in movements {
        let account = (moved.kind, moved.owner, moved.detail, moved.currency);
        let sums = all.entry(account).or_default();
        sums.1 += moved.debit;
        sums.2 += moved.credit;
    }
    all.into_iter()
        .map(|((kind, owner, detail, currency), (opening, debit, credit))| {
            json!({
                "kind": kind, "owner": owner, "detail": detail, "currency": currency,
                "opening": decimal(opening), "debit": decimal(debit), "credit": decimal(credit),
                "closing": decimal(opening + debit - credit),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_closes_with_what_it_began_with_and_what_moved() {
        let account = |owner: &str| {
            let name = str::to_owned;
            (name("suspense"), name(owner), String::new(), name("VND"))
        };
        let opening = BTreeMap::from([(account("a"), Decimal::from(-5))]);
        let moved = |owner: &str, debit: i64, credit: i64| Movement {
            kind: "suspense".to_owned(),
            owner: owner.to_owned(),
            detail: String::new(),
            currency: "VND".to_owned(),
            debit: debit.into(),
            credit: credit.into(),
        };
        let trial = trial(opening, vec![moved("a", 5, 0), moved("b", 0, 7)]);
        let closing: Vec<_> = trial.iter().map(|of| of["closing"].as_str()).collect();
        assert_eq!(closing, [Some("0"), Some("-7")]);
        let content = json!({ "ledger": { "balances": trial } }).to_string();
        let kept = closings(&content).expect("balances");
        assert_eq!(kept, BTreeMap::from([(account("b"), Decimal::from(-7))]));
        assert!(closings("{}").is_none());
    }
}
