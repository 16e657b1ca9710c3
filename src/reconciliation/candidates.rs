//! What is known that has to do with the lines of a chunk, gathered in a few questions for all of them.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::dossier;
use super::rules::{Back, Batch, Candidate, Found, Out, Seen};
use super::store::candidates::{self as store, Layer, NamedRow};
use super::store::place;
use crate::partners::SettlingSource;
use crate::statements::read::{Kind, Line, Nature, Standing, Statement};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day;

/// Words of a text that may be a name of something.
fn words(memo: &str) -> impl Iterator<Item = &str> {
    memo.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':'))
        .filter(|word| (4..=64).contains(&word.len()))
        .take(16)
}

/// The names that a line goes by.
#[derive(Default)]
struct Asked {
    places: Vec<i32>,
    names: Vec<String>,
}

impl Asked {
    fn add(&mut self, n: usize, name: &str) {
        if !name.is_empty() {
            self.places.push(i32::try_from(n).unwrap_or(i32::MAX));
            self.names.push(name.to_owned());
        }
    }
}

/// Gathers what is known, one [`Seen`] for each line. `transactions` are the lines' transaction ids.
pub(super) async fn gather(
    conn: &mut PgConnection,
    (statement, source): (&Statement, SettlingSource),
    lines: &[Line],
    transactions: &[String],
) -> Result<Vec<Seen>, sqlx::Error> {
    let layer = if statement.kind == Kind::Report { Layer::Line } else { Layer::Funds };
    let mut seen: Vec<Seen> = lines.iter().map(|_| Seen::default()).collect();
    let comes_in = |line: &Line| {
        line.amount.is_sign_positive()
            && line.standing != Standing::Pending
            && !matches!(line.nature, Nature::Refund | Nature::Reversal | Nature::Fee)
    };
    let mut asked = Asked::default();
    for (n, line) in lines.iter().enumerate() {
        if comes_in(line) && line.nature != Nature::Lump {
            asked.add(n, &transactions[n]);
        }
    }
    // What a bank account's statement settled before is found again by its own word.
    let mut sources = vec![source.to_string()];
    if layer == Layer::Funds && source != SettlingSource::Statement {
        sources.push(SettlingSource::Statement.to_string());
    }
    let of = (statement.partner.as_str(), sources.as_slice());
    for row in store::by_transaction(conn, of, layer, &asked.places, &asked.names).await? {
        if let Some(seen) = seen.get_mut(place(row.n)) {
            seen.settlements.push(Candidate {
                settlement: row.settlement,
                invoice: row.invoice,
                amount: row.amount,
                account: row.account,
                pay_date: day::to_local(row.value_time).date(),
                taken: row.taken,
                reversed: row.reversed,
                by: Found::Transaction,
            });
        }
    }
    let rest = |seen: &[Seen], n: usize, line: &Line| {
        comes_in(line) && line.nature != Nature::Lump && seen[n].settlements.is_empty()
    };
    let mut asked = Asked::default();
    for (n, line) in lines.iter().enumerate() {
        if rest(&seen, n, line) {
            asked.add(n, &line.order_reference);
        }
    }
    let rows =
        store::by_reference(conn, &statement.partner, layer, &asked.places, &asked.names).await?;
    name(&mut seen, rows, Found::Reference);
    let mut asked = Asked::default();
    for (n, line) in lines.iter().enumerate() {
        if rest(&seen, n, line) && seen[n].invoices.is_empty() {
            let mut codes = InvoiceCode::candidates(&line.order_reference);
            codes.extend(InvoiceCode::candidates(&line.memo));
            codes.sort();
            codes.dedup();
            for code in &codes {
                asked.add(n, code.as_str());
            }
        }
    }
    let rows = store::by_code(conn, &statement.partner, layer, &asked.places, &asked.names).await?;
    name(&mut seen, rows, Found::Code);
    if layer == Layer::Funds {
        dossiers(conn, lines, &mut seen, |seen, n, line| {
            rest(seen, n, line) && seen[n].invoices.is_empty()
        })
        .await?;
        batches(conn, lines, &mut seen, comes_in).await?;
    }
    backs(conn, &statement.partner, layer, (lines, transactions), &mut seen).await?;
    Ok(seen)
}

fn name(seen: &mut [Seen], rows: Vec<NamedRow>, by: Found) {
    for row in rows {
        let Some(seen) = seen.get_mut(place(row.n)) else { continue };
        seen.invoices.insert(row.invoice);
        seen.order_failed |= row.failed && row.settlement.is_none();
        if let (Some(settlement), Some(amount), Some(account), Some(at)) =
            (row.settlement, row.amount, row.account, row.value_time)
        {
            seen.settlements.push(Candidate {
                settlement,
                invoice: Some(row.invoice),
                amount,
                account,
                pay_date: day::to_local(at).date(),
                taken: row.taken,
                reversed: row.reversed,
                by,
            });
        }
    }
}

async fn dossiers(
    conn: &mut PgConnection,
    lines: &[Line],
    seen: &mut [Seen],
    wanted: impl Fn(&[Seen], usize, &Line) -> bool,
) -> Result<(), sqlx::Error> {
    let mut asked = Asked::default();
    let mut amounts = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        if wanted(seen, n, line) {
            for code in dossier::candidates(&line.memo) {
                asked.add(n, &code);
                amounts.push(line.amount);
            }
        }
    }
    for (n, invoice) in store::by_dossier(conn, &asked.places, &asked.names, &amounts).await? {
        if let Some(seen) = seen.get_mut(place(n)) {
            seen.dossiers.insert(invoice);
        }
    }
    Ok(())
}

async fn batches(
    conn: &mut PgConnection,
    lines: &[Line],
    seen: &mut [Seen],
    comes_in: impl Fn(&Line) -> bool,
) -> Result<(), sqlx::Error> {
    let (mut named, mut summed) = (Asked::default(), (Vec::new(), Vec::new()));
    for (n, line) in lines.iter().enumerate() {
        if !comes_in(line) || !seen[n].settlements.is_empty() {
            continue;
        }
        named.add(n, &line.batch);
        // Few banks say of a credit that it is of many payments: the batch is named in its text.
        if seen[n].invoices.is_empty() {
            words(&line.memo).for_each(|word| named.add(n, word));
        }
        if line.nature == Nature::Lump {
            summed.0.push(i32::try_from(n).unwrap_or(i32::MAX));
            summed.1.push(line.amount);
        }
    }
    let mut rows = store::batches_named(conn, &named.places, &named.names).await?;
    rows.extend(store::batches_of_sum(conn, &summed.0, &summed.1).await?);
    let mut by_line: HashMap<i32, Vec<Batch>> = HashMap::new();
    for row in rows {
        let batches = by_line.entry(row.n).or_default();
        // Named goes before summed.
        if batches.iter().any(|b| b.report == row.statement && b.batch == row.batch) {
            continue;
        }
        batches.push(Batch {
            report: row.statement,
            batch: row.batch,
            partner: row.partner,
            named: row.named,
            day: row.day,
            net: row.net,
            fee: row.fee,
            contract_fee: row.contract_fee,
        });
    }
    for (n, mut batches) in by_line {
        batches.sort();
        if let Some(seen) = seen.get_mut(place(n)) {
            seen.batches = batches;
        }
    }
    Ok(())
}

async fn backs(
    conn: &mut PgConnection,
    partner: &str,
    layer: Layer,
    (lines, transactions): (&[Line], &[String]),
    seen: &mut [Seen],
) -> Result<(), sqlx::Error> {
    let mut asked = Asked::default();
    for (n, line) in lines.iter().enumerate() {
        if line.amount.is_sign_negative() && line.nature != Nature::Fee {
            asked.add(n, &line.order_reference);
            asked.add(n, &transactions[n]);
            words(&line.memo).for_each(|word| asked.add(n, word));
        }
    }
    let layer = if layer == Layer::Line { "line" } else { "funds" };
    for row in store::backs(conn, partner, layer, &asked.places, &asked.names).await? {
        let n = place(row.n);
        let Some(seen) = seen.get_mut(n) else { continue };
        let what = match row.what.as_str() {
            "refund" => Out::Refund { on_its_way: row.on_its_way },
            "reversal" => Out::Reversal,
            _ => Out::Original,
        };
        let known: &[Back] = &seen.backs;
        if !known.iter().any(|b: &Back| b.id == row.id && b.what == what) {
            let (id, amount, taken): (Uuid, _, _) = (row.id, row.amount, row.taken);
            seen.backs.push(Back { id, what, amount, taken });
        }
    }
    Ok(())
}
