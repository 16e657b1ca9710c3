//! What partners say of a day: fetched from the simulators, brought as each would be, matched.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::people::{People, Person};
use super::{DemoError, Stage, say, text};
use crate::commands::client::reply;

/// How each partner of the sample writes. The wallets' reports come first: a bank's credit of many
/// payments is found by what its report says.
const PARTNERS: [(&str, &str); 6] = [
    ("vnpay", "csv"),
    ("momo", "csv"),
    ("zalopay", "csv"),
    ("samplebank", "camt053"),
    ("sepay", "mt940"),
    ("directbank", "camt053"),
];
/// What a wallet keeps of a payment, in hundredths.
const FEE: &str = "0.5";

/// A whole number that may be told as text.
pub fn number(value: &Value) -> i64 {
    match value {
        Value::String(text) => text.parse().unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    }
}

/// The partners whose file a day needs and has not got, by its checklist; banks always write.
fn wanted(checklist: &Value) -> Vec<(&'static str, &'static str)> {
    let files = checklist["files"].as_array();
    let of = |partner: &str| files?.iter().find(|file| file["partner"] == partner);
    PARTNERS
        .into_iter()
        .filter(|(partner, format)| {
            let state = of(partner).map(|file| text(file, "state"));
            state == Some("missing") || (state.is_none() && *format != "csv")
        })
        .collect()
}

impl Stage {
    /// Two people agree on what the wallets keep, unless that is settled.
    pub async fn terms(&self, people: &People) -> Result<(), DemoError> {
        let known = people.officer.get("/v1/partner-terms").await?;
        let known = known["terms"].as_array();
        for partner in ["vnpay", "momo", "zalopay"] {
            if known.is_some_and(|terms| terms.iter().any(|t| t["partner"] == partner)) {
                continue;
            }
            let body = json!({
                "partner": partner, "valid_from": "2026-01-01", "fixed": "0", "percent": FEE,
                "window_days": 1,
            });
            let asked = people.officer.post("/v1/partner-terms", &body).await?;
            people.approve(text(&asked, "approval")).await?;
        }
        Ok(())
    }

    async fn file_of(
        &self,
        (partner, format): (&str, &str),
        day: NaiveDate,
        defect: Option<&str>,
    ) -> Result<Vec<u8>, DemoError> {
        let defect = defect.map(|defect| format!("&defect={defect}")).unwrap_or_default();
        let address = format!(
            "{}/control/statement?partner={partner}&day={day}&format={format}{defect}",
            self.simulators
        );
        let answer = reply(self.web.get(address)).await?;
        let bytes = answer.body.clone();
        answer.success("fetching a statement")?;
        Ok(bytes)
    }

    /// Brings the files that a day has not got. `spoiled`: whose is wrong, and how.
    pub async fn files(
        &self,
        officer: &Person,
        day: NaiveDate,
        spoiled: Option<(&str, &str)>,
    ) -> Result<(), DemoError> {
        let checklist = officer.get(&format!("/v1/days/{day}")).await?;
        for (partner, format) in wanted(&checklist) {
            let defect = spoiled.filter(|(whose, _)| *whose == partner).map(|(_, defect)| defect);
            let file = self.file_of((partner, format), day, defect).await?;
            let name = format!("{partner}-{day}.{format}");
            // One bank sends what it wrote, signed; the others' files are brought to the desk.
            let (how, verdict) = if partner == "directbank" {
                let path = format!("/v1/statements?name={name}");
                let key = format!("demo-{}-{name}", self.run);
                let sent = self.bank.post(&path, &key, file, self.clock.now()).await?;
                ("sent by", sent.json())
            } else {
                let path = format!("/v1/files?partner={partner}&name={name}");
                ("brought of", officer.bring(&path, file).await?)
            };
            say(&format!(
                "  {format} {how} {partner}: {}, {} payments",
                text(&verdict, "verdict"),
                number(&verdict["transactions"]),
            ));
        }
        Ok(())
    }

    /// Matches what is there until every line is placed.
    pub async fn matched(&self, officer: &Person, day: NaiveDate) -> Result<(), DemoError> {
        self.until(&format!("the lines of {day} to be placed"), async || {
            officer.post("/v1/matching/run", &json!({})).await?;
            let looked = officer.get(&format!("/v1/days/{day}")).await?;
            let in_hand = |file: &Value| ["booked", "missing"].contains(&text(file, "state"));
            let files = looked["files"].as_array();
            Ok(looked["unplaced"] == 0 && files.is_some_and(|files| files.iter().all(in_hand)))
        })
        .await
    }

    /// Tells a day in sums.
    pub async fn sums(&self, officer: &Person, day: NaiveDate) -> Result<(), DemoError> {
        let sums = officer.get(&format!("/v1/reconciliation?day={day}")).await?;
        for of in sums["accounts"].as_array().into_iter().flatten() {
            say(&format!(
                "  {}: booked {}, reported {}, seen in the bank {} đồng",
                text(of, "partner"),
                text(&of["expected"], "amount"),
                text(&of["reported"], "amount"),
                text(&of["banked"], "amount"),
            ));
        }
        let of = |name: &str| -> i64 {
            let all = sums["statements"].as_array().into_iter().flatten();
            all.map(|statement| number(&statement[name])).sum()
        };
        say(&format!(
            "{} lines: {} matched, {} open",
            of("lines"),
            of("matched"),
            of("open") + of("suggested"),
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_brought_what_it_has_not_got() {
        let names = |files: Value| -> Vec<&str> {
            wanted(&json!({ "files": files })).into_iter().map(|(partner, _)| partner).collect()
        };
        assert_eq!(names(json!([])), ["samplebank", "sepay", "directbank"]);
        let files = json!([
            { "partner": "momo", "state": "missing" },
            { "partner": "vnpay", "state": "quarantined" },
            { "partner": "sepay", "state": "booked" },
        ]);
        assert_eq!(names(files), ["momo", "samplebank", "directbank"]);
    }
}
