//! What was found, as one JSON object or as a table.

use serde_json::{Map, Value, json};

use super::Only;
use super::door::OutboxDepth;
use super::floors::Floor;
use super::load::{Measured, as_f64};
use super::mixed::Mixed;
use super::watch::Written;

/// The rounds of everything, in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Findings {
    /// TPC-B transactions in a second.
    pub tpcb: Vec<Floor>,
    /// Payments cleared by one statement each, in a second.
    pub one_statement: Vec<Floor>,
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
    /// Fees over all channels at once.
    pub mixed: Vec<Mixed>,
    /// The same while one partner was slow.
    pub mixed_slow: Vec<Mixed>,
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

/// Channel by channel, medians of the rounds.
fn mixed(rounds: &[Mixed]) -> Value {
    let Some(first) = rounds.first() else { return Value::Null };
    let of_channel = first.channels.iter().enumerate().map(|(place, channel)| {
        let of = rounds.iter().filter_map(|round| round.channels.get(place));
        let known: Vec<Measured> = of.clone().map(|of| of.known.clone()).collect();
        let notified: Vec<Measured> = of.map(|of| of.notified.clone()).collect();
        let told = json!({
            "share": channel.share,
            "order": channel.order,
            "orders": known.iter().map(|round| round.operations).sum::<u64>(),
            "orders_per_s": rounded(rate(&known), 1),
            "order_p50_ms": rounded(percentile(&known, 500), 1),
            "order_p99_ms": rounded(percentile(&known, 990), 1),
            "paid_to_notified_p50_ms": rounded(percentile(&notified, 500), 1),
            "paid_to_notified_p99_ms": rounded(percentile(&notified, 990), 1),
            "errors": known.iter().map(|round| round.errors).sum::<u64>(),
        });
        (channel.partner.to_owned(), told)
    });
    Value::Object(of_channel.collect())
}

/// What all channels do together: orders that adapters carry, those with a call, and payments that
/// need no order.
fn insert_rates(object: &mut Map<String, Value>, suffix: &str, rounds: &[Mixed]) {
    type Rate = fn(&Mixed) -> f64;
    let rates: [(&str, Rate); 3] = [
        ("orders_per_s", Mixed::orders_per_second),
        ("orders_called_per_s", Mixed::called_per_second),
        ("without_order_per_s", Mixed::without_order_per_second),
    ];
    for (name, rate) in rates {
        object.insert(format!("{name}{suffix}"), rounded(median(rounds.iter().map(rate)), 1));
    }
}

impl Findings {
    fn all(&self) -> impl Iterator<Item = &Measured> {
        let mixed = self.mixed.iter().chain(&self.mixed_slow);
        let mixed = mixed.flat_map(|round| round.channels.iter().map(|of| &of.known));
        let one = [&self.invoices, &self.settlements, &self.fees, &self.notified];
        one.into_iter().flatten().chain(mixed)
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
        let tps = |rounds: &[Floor]| median(rounds.iter().map(|round| round.tps));
        let floor_cpu = |rounds: &[Floor]| median(rounds.iter().map(|round| round.cpu_us));
        let (tpcb, one) = (tps(&self.tpcb), tps(&self.one_statement));
        let settlement_cpu = median(self.settlements.iter().map(Measured::our_cpu));
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
            "tpcb_cpu_us": rounded(floor_cpu(&self.tpcb), 0),
            "one_statement_cpu_us": rounded(floor_cpu(&self.one_statement), 0),
            "settlement_cpu_us": rounded(settlement_cpu, 0),
            "settlements_over_tpcb_by_cpu": rounded(ratio(floor_cpu(&self.tpcb), settlement_cpu), 3),
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
        if !self.mixed.is_empty() {
            insert_rates(object, "", &self.mixed);
            object.insert("mixed".to_owned(), mixed(&self.mixed));
        }
        if let Some(round) = self.mixed_slow.first() {
            object.insert("slow".to_owned(), json!(round.slow));
            insert_rates(object, "_with_slow", &self.mixed_slow);
            object.insert("mixed_with_slow".to_owned(), mixed(&self.mixed_slow));
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
            ("the same by CPU, whatever others used", "settlements_over_tpcb_by_cpu"),
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
        for (what, suffix) in [("mixed", ""), ("mixed_with_slow", "_with_slow")] {
            let Some(channels) = found[what].as_object() else { continue };
            let rate = |name: &str| number(&format!("{name}{suffix}"));
            println!(
                "{what}: payment orders/s that adapters carry {}, of them with a call {}; \
                 payments/s without an order {}",
                rate("orders_per_s"),
                rate("orders_called_per_s"),
                rate("without_order_per_s"),
            );
            for (partner, of) in channels {
                println!(
                    "  {partner:<12} {:>3} %  {:>8}/s  order p99 {:>8} ms  notified p99 {:>8} ms",
                    of["share"],
                    of["orders_per_s"].to_string(),
                    of["order_p99_ms"].to_string(),
                    of["paid_to_notified_p99_ms"].to_string(),
                );
            }
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
