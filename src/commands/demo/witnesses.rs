//! What the demo believes: the portal's own journal, the banks' own journal, the invoices as read.

use std::time::Duration;

use serde_json::Value;

use super::{DemoError, Stage, say, text};
use crate::commands::client::reply;

/// Notices that tell of money.
const OF_MONEY: [&str; 3] = ["invoice.paid", "payment.reversed", "refund.confirmed"];

impl Stage {
    pub async fn count_paid(&self) -> Result<usize, DemoError> {
        let mut paid = 0;
        for invoice in &self.issued {
            if text(&self.read(invoice).await?, "status") == "paid" {
                paid += 1;
            }
        }
        Ok(paid)
    }

    /// Notices of money, in and back, that the portal has verified with a library of its own.
    pub async fn wait_for_notices(&self, expected: usize) -> Result<usize, DemoError> {
        let codes: Vec<&str> = self.issued.iter().map(|i| text(i, "code")).collect();
        let began = tokio::time::Instant::now();
        loop {
            let address = format!("{}/portal/journal?portal=dvc-mau&limit=200000", self.simulators);
            let journal =
                reply(self.web.get(address)).await?.success("reading the portal's journal")?;
            let told = journal.as_array().map_or(0, |notices| {
                notices
                    .iter()
                    .filter(|n| n["verified"] == true && n["effect"] == true)
                    .filter(|n| {
                        let body = notice_body(n);
                        let of_ours = codes.contains(&text(&body["data"], "code"))
                            || codes.contains(&text(&body, "code"));
                        of_ours && OF_MONEY.contains(&text(&body, "type"))
                    })
                    .count()
            });
            if told >= expected || began.elapsed() > Duration::from_secs(30) {
                return Ok(told);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the banks truly took since the beginning is what was booked since, to the đồng.
    pub async fn money_agrees(
        &self,
        pool: &sqlx::PgPool,
        before: (i64, i64),
    ) -> Result<bool, DemoError> {
        let now = self.money(pool).await?;
        let (moved, booked) = (now.0 - before.0, now.1 - before.1);
        say(&format!("the banks took {moved} đồng, {booked} đồng are booked"));
        Ok(booked == moved)
    }

    /// What the banks have taken so far, and what is booked of it, in đồng.
    pub async fn money(&self, pool: &sqlx::PgPool) -> Result<(i64, i64), DemoError> {
        let address = format!("{}/control/journal?kind=movement&limit=200000", self.simulators);
        let journal = reply(self.web.get(address)).await?.success("reading the banks' journal")?;
        let moved: i64 = journal
            .as_array()
            .into_iter()
            .flatten()
            .filter(|m| m["direction"] == "in")
            .filter_map(|m| match &m["amount"] {
                Value::String(text) => text.parse::<i64>().ok(),
                other => other.as_i64(),
            })
            .sum();
        let booked = sqlx::query_scalar!(
            // What is placed on an invoice was booked before, when it came.
            r#"select coalesce(sum(s.amount), 0)::bigint as "n!" from settlement s
                where s.outcome <> 'noted'
                  and not exists (select from placement l where l.settlement_id = s.settlement_id)"#
        )
        .fetch_one(pool)
        .await?;
        Ok((moved, booked))
    }
}

fn notice_body(notice: &Value) -> Value {
    match &notice["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}
