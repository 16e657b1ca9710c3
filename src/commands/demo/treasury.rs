//! What was collected goes to the Treasury: released by two, made by the banks, seen on their
//! statements.

use serde_json::{Value, json};

use super::people::People;
use super::{DemoError, Stage, say, text};
use crate::commands::client::reply;

/// The bank accounts of the sample.
const ACCOUNTS: [&str; 3] = ["1200099887766", "0560009988776", "0011009988776"];

impl Stage {
    /// Makes a run out of each account that holds something; their ids.
    pub async fn pay_over(&self, people: &People) -> Result<Vec<String>, DemoError> {
        let mut runs = Vec::new();
        for account in ACCOUNTS {
            let asked = people.officer.ask("/v1/payovers", &json!({ "account": account })).await?;
            if asked.status == 409 {
                continue;
            }
            let run = asked.success("preparing a run")?;
            people.approve(text(&run, "approval")).await?;
            let path = format!("/v1/payovers/{}", text(&run, "id"));
            let file = people.officer.get_text(&format!("{path}/pain001")).await?;
            let to_bank = self.web.post(format!("{}/control/payments", self.simulators)).body(file);
            let made = reply(to_bank).await?.success("handing pain.001 to the bank")?;
            people.officer.post(&format!("{path}/sent"), &json!({})).await?;
            say(&format!(
                "pain.001 out of {account} to the Treasury: transfers {}, đồng {}; the bank says {}",
                run["count"],
                text(&run["amount"], "amount"),
                text(&made, "status"),
            ));
            runs.push(text(&run, "id").to_owned());
        }
        Ok(runs)
    }

    /// The statements have shown the debits: every run is confirmed, and money of paid fees is where
    /// it belongs.
    pub async fn remitted(&self, people: &People, runs: &[String]) -> Result<(), DemoError> {
        for run in runs {
            self.until(&format!("the run {run} to be confirmed"), async || {
                let run = people.officer.get(&format!("/v1/payovers/{run}")).await?;
                Ok(text(&run, "status") == "confirmed")
            })
            .await?;
        }
        let mut at = [("reported", 0), ("banked", 0), ("remitted", 0)];
        for invoice in &self.issued {
            let read = self.read(invoice).await?;
            let cash = |(name, _): &&mut (&str, i32)| *name == text(&read, "cash");
            if let Some((_, count)) = at.iter_mut().find(cash) {
                *count += 1;
            }
        }
        let told: Vec<String> = at.iter().map(|(name, count)| format!("{count} {name}")).collect();
        say(&format!(
            "the banks' statements show every transfer; fees' money: {}",
            told.join(", ")
        ));
        if runs.is_empty() || at[2].1 == 0 {
            return Err(DemoError::InVain("money at the Treasury".to_owned()));
        }
        Ok(())
    }

    /// Net positions, by partner; with the books they are off by nothing.
    pub async fn positions(&self, people: &People) -> Result<(), DemoError> {
        let found = people.officer.get("/v1/positions").await?;
        let of = found["positions"].as_array().into_iter().flatten();
        let told = |p: &Value| format!("{} {}", text(p, "partner"), text(p, "net"));
        let told: Vec<String> = of.map(told).collect();
        say(&format!("net positions, đồng: {}", told.join(", ")));
        match found["differences"].as_array() {
            Some(off) => Err(DemoError::InVain(format!("positions that add up, off by {off:?}"))),
            None => Ok(()),
        }
    }
}
