//! What was found, as one JSON object or as a table.

use serde_json::{Map, Value, json};

use super::Only;
use super::door::OutboxDepth;
use super::load::{Measured, as_f64};
use super::watch::Written;

/// The rounds of everything, in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Findings {
    /// TPC-B transactions in a second.
    pub tpcb: Vec<f64>,
    /// Payments cleared by one statement each, in a second.
    pub one_statement: Vec<f64>,
    /// Messages through a quorum queue in a second.
    pub broker: Vec<f64>,
    /// `fdatasync` calls in a second.
    pub fdatasync: Vec<f64>,
    /// Invoices.
    pub invoices: Vec<Measured>,
    /// Settlements.
    pub settlements: Vec<Measured>,
    /// The outbox while settlements were measured.
    pub outbox: Vec<OutboxDepth>,
    /// Fees from end to end.
    pub fees: Vec<Measured>,
    /// Fees at a rate.
    pub notified: Vec<Measured>,
    /// What fees wrote, and how many they were.
    pub written: Option<(Written, u64)>,
    /// What the whole run wrote.
    pub all_written: Written,
}

/// The value in the middle; of an even number the lower one.
fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn rate(rounds: &[Measured]) -> Option<f64> {
    median(rounds.iter().map(Measured::per_second))
}

fn percentile(rounds: &[Measured], per_mille: usize) -> Option<f64> {
    median(rounds.iter().filter_map(|round| round.percentile_ms(per_mille)))
}

fn rounded(value: Option<f64>, digits: i32) -> Value {
    let scale = 10_f64.powi(digits);
    value.map_or(Value::Null, |value| json!((value * scale).round() / scale))
}

fn ratio(ours: Option<f64>, floor: Option<f64>) -> Option<f64> {
    ours.zip(floor).filter(|(_, floor)| *floor > 0.0).map(|(ours, floor)| ours / floor)
}

/// CPU for one operation by part, over all rounds (microseconds).
fn cpu(rounds: &[Measured]) -> Value {
    let mut parts: Map<String, Value> = Map::new();
    let names: Vec<&'static str> =
        rounds.iter().flat_map(Measured::cpu_per_operation).map(|(part, _)| part).collect();
    for name in names {
        let of_part = rounds.iter().filter_map(|round| {
            round.cpu_per_operation().into_iter().find(|(part, _)| *part == name).map(|(_, us)| us)
        });
        parts.insert(name.to_owned(), rounded(median(of_part), 0));
    }
    Value::Object(parts)
}

impl Findings {
    fn all(&self) -> impl Iterator<Item = &Measured> {
        [&self.invoices, &self.settlements, &self.fees, &self.notified].into_iter().flatten()
    }

    /// Operations that failed, in all rounds.
    pub fn errors(&self) -> u64 {
        self.all().map(|round| round.errors).sum()
    }

    /// What the first failure said.
    pub fn first_error(&self) -> Option<&str> {
        self.all().find_map(|round| round.first_error.as_deref())
    }

    /// The one object.
    pub fn json(&self) -> Value {
        let (tpcb, one) =
            (median(self.tpcb.iter().copied()), median(self.one_statement.iter().copied()));
        let (settlements, fees) = (rate(&self.settlements), rate(&self.fees));
        let mut found = json!({
            "fees_per_s": rounded(fees, 1),
            "settlements_per_s": rounded(settlements, 1),
            "invoices_per_s": rounded(rate(&self.invoices), 1),
            "tpcb_tps": rounded(tpcb, 1),
            "one_statement_tps": rounded(one, 1),
            "broker_messages_per_s": rounded(median(self.broker.iter().copied()), 1),
            "fdatasync_per_s": rounded(median(self.fdatasync.iter().copied()), 0),
            "settlements_over_tpcb": rounded(ratio(settlements, tpcb), 3),
            "settlements_over_one_statement": rounded(ratio(settlements, one), 3),
            "fees_over_tpcb": rounded(ratio(fees, tpcb), 3),
            "errors": self.errors(),
            "outbox_most": self.outbox.iter().map(|depth| depth.most).max(),
            "outbox_at_end": self.outbox.iter().map(|depth| depth.last).max(),
            "one_fee": super::fees::ONE_FEE,
        });
        let Some(object) = found.as_object_mut() else { return found };
        for (name, rounds) in [
            ("invoice", &self.invoices),
            ("settlement", &self.settlements),
            ("paid_to_notified_under_load", &self.fees),
            ("paid_to_notified", &self.notified),
        ] {
            for (label, per_mille) in [("p50", 500), ("p99", 990), ("p999", 999)] {
                object.insert(
                    format!("{name}_{label}_ms"),
                    rounded(percentile(rounds, per_mille), 2),
                );
            }
        }
        object.insert(
            "cpu_us".to_owned(),
            json!({ "invoice": cpu(&self.invoices), "settlement": cpu(&self.settlements),
                    "fee": cpu(&self.fees) }),
        );
        if let Some((written, fees)) = &self.written {
            let each = |count: i64| rounded(Some(signed(count) / as_f64((*fees).max(1))), 2);
            object.insert("rows_per_fee".to_owned(), each(written.rows));
            object.insert("index_entries_per_fee".to_owned(), each(written.index_entries));
            let mut tables = Map::new();
            for (table, rows) in written.by_table.iter().filter(|(_, rows)| **rows > 0) {
                tables.insert(table.clone(), each(*rows));
            }
            object.insert("rows_per_fee_by_table".to_owned(), Value::Object(tables));
        }
        let all = &self.all_written;
        let share = ratio(Some(signed(all.invoice_heap_only)), Some(signed(all.invoice_updates)));
        object.insert("invoice_heap_only_share".to_owned(), rounded(share, 4));
        found
    }

    /// The same for people.
    pub fn print(&self, only: Option<&[Only]>) {
        let found = self.json();
        let number = |key: &str| match &found[key] {
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let rows: &[(&str, &str)] = &[
            ("fees/s, end to end", "fees_per_s"),
            ("settlements/s at the signed door", "settlements_per_s"),
            ("invoices/s at the signed door", "invoices_per_s"),
            ("TPC-B tps, 8 clients", "tpcb_tps"),
            ("one-statement clearing tps, 32 clients", "one_statement_tps"),
            ("RabbitMQ messages/s, quorum queue", "broker_messages_per_s"),
            ("fdatasync/s", "fdatasync_per_s"),
            ("settlements over TPC-B", "settlements_over_tpcb"),
            ("settlements over one statement", "settlements_over_one_statement"),
            ("fees over TPC-B", "fees_over_tpcb"),
            ("paid to notified p50 ms", "paid_to_notified_p50_ms"),
            ("paid to notified p99 ms", "paid_to_notified_p99_ms"),
            ("settlement p50 ms", "settlement_p50_ms"),
            ("settlement p99 ms", "settlement_p99_ms"),
            ("invoice p99 ms", "invoice_p99_ms"),
            ("outbox, most rows", "outbox_most"),
            ("rows written per fee", "rows_per_fee"),
            ("index entries per fee", "index_entries_per_fee"),
            ("heap-only updates of invoices", "invoice_heap_only_share"),
            ("errors", "errors"),
        ];
        for (label, key) in rows {
            println!("{label:<42} {:>12}", number(key));
        }
        for (what, parts) in found["cpu_us"].as_object().into_iter().flatten() {
            let parts: Vec<String> = parts
                .as_object()
                .into_iter()
                .flatten()
                .map(|(part, us)| format!("{part} {us}"))
                .collect();
            if !parts.is_empty() {
                println!("CPU us per {what:<31} {}", parts.join(", "));
            }
        }
        if only.is_none() {
            println!("one fee: {}", super::fees::ONE_FEE);
        }
        if let Some(error) = self.first_error() {
            println!("first error: {error}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench stay far below 2^52")]
fn signed(count: i64) -> f64 {
    count as f64
}
