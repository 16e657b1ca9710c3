//! The officers' day: files, cases, signing, and the proof of what was signed.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::files::number;
use super::people::{People, Person};
use super::{DemoError, Stage, say, text};
use crate::commands::verify::verify_day;
use crate::vocabulary::day::BusinessDay;

/// The business day of an instant, of an installation whose days end at midnight.
pub fn today(at: DateTime<Utc>) -> NaiveDate {
    BusinessDay::of(at, None).0
}

/// What an officer writes beside a case that stays open.
fn reason_for(code: &str) -> &'static str {
    match code {
        "B03" => "chờ hoàn số tiền nộp thừa",
        "B05" => "chờ hoàn khoản nộp trùng",
        "B06" => "chờ hoàn khoản nộp muộn",
        "B07" | "B08" => "đang tìm người nộp tiền",
        "B09" | "B10" | "B11" => "đã hỏi ví về lô thanh toán",
        "B13" => "đã báo cổng; chờ người nộp nộp lại",
        code if code.starts_with('F') => "đã yêu cầu đối tác gửi lại tệp",
        _ => "đang kiểm tra với đối tác",
    }
}

/// The first case that has a way out; the one that matters most comes first.
fn with_way<'c>(cases: &'c [Value], way: &str) -> Option<&'c Value> {
    let has = |case: &&Value| case["ways"].as_array().is_some_and(|w| w.iter().any(|w| w == way));
    cases.iter().find(has)
}

fn told(case: &Value) -> String {
    format!(
        "{} {} ({}, {} đồng)",
        text(case, "code"),
        text(case, "name"),
        text(case, "partner"),
        text(&case["amount"], "amount")
    )
}

async fn open_cases(officer: &Person) -> Result<Vec<Value>, DemoError> {
    let found = officer.get("/v1/breaks?limit=500").await?;
    Ok(found["breaks"].as_array().cloned().unwrap_or_default())
}

impl Stage {
    /// One case is resolved by two people, who see its entries before they are booked: by what is
    /// wished, or one is accepted as it is.
    pub async fn resolve_one(
        &self,
        people: &People,
        wish: Option<&Value>,
    ) -> Result<(), DemoError> {
        let cases = open_cases(&people.officer).await?;
        for case in &cases {
            say(&format!("  case {}: {}", told(case), text(case, "detail")));
        }
        let accept = json!({ "way": "accept", "reason": "đã đối chiếu với sao kê của ngân hàng" });
        let (wish, needed) = (wish.unwrap_or(&accept), wish.is_some());
        let way = text(wish, "way");
        let Some(case) = with_way(&cases, way) else {
            let missing = || DemoError::InVain(format!("a case with the way out `{way}`"));
            return if needed { Err(missing()) } else { Ok(()) };
        };
        let path = format!("/v1/breaks/{}", text(case, "id"));
        let preview = people.officer.post(&format!("{path}/preview"), wish).await?;
        say(&format!("two officers resolve {} by `{way}`, which would book:", told(case)));
        let entries = preview["entries"].as_array().into_iter().flatten();
        for line in entries.flat_map(|entry| entry["lines"].as_array().into_iter().flatten()) {
            say(&format!(
                "  {:<6} {:>10}  {} {} {}",
                text(line, "side"),
                text(line, "amount"),
                text(line, "account"),
                text(line, "owner"),
                text(line, "detail"),
            ));
        }
        let asked = json!({ "wish": wish, "content_hash": preview["content_hash"] });
        let proposed = people.officer.post(&format!("{path}/propose"), &asked).await?;
        people.approve(text(&proposed, "approval")).await?;
        let after = people.officer.get(&path).await?;
        say(&format!(
            "  {} alone is refused, with {} it is {}",
            people.officer.email,
            people.approver.email,
            text(&after["break"], "state")
        ));
        Ok(())
    }

    /// Every case that is open has somebody, and a reason.
    pub async fn owned(&self, people: &People) -> Result<(), DemoError> {
        let mut given = 0;
        for case in open_cases(&people.officer).await? {
            if text(&case, "state") != "open" {
                continue;
            }
            let body = json!({
                "owner": people.officer.email, "reason": reason_for(text(&case, "code")),
            });
            let path = format!("/v1/breaks/{}/assign", text(&case, "id"));
            people.officer.post(&path, &body).await?;
            given += 1;
        }
        if given > 0 {
            say(&format!("{given} open cases have an owner and a reason now"));
        }
        Ok(())
    }

    /// One prepares a day, another signs it; what was signed is computed anew from the books.
    pub async fn close(
        &self,
        people: &People,
        pool: &PgPool,
        day: NaiveDate,
    ) -> Result<bool, DemoError> {
        let path = format!("/v1/days/{day}");
        let prepared = people.officer.post(&format!("{path}/prepare"), &json!({})).await?;
        let hash = text(&prepared, "snapshot_sha256");
        say(&format!(
            "{} prepares {day}: snapshot {}…",
            people.officer.email,
            hash.get(..16).unwrap_or(hash)
        ));
        people.approve(text(&prepared, "approval")).await?;
        let closed = people.officer.get(&path).await?;
        let roll = &closed["roll_forward"];
        let count = |name: &str| number(&roll[name]["count"]);
        say(&format!(
            "{} approves: {day} is {}; cases {} before + {} new − {} cleared = {} open",
            people.approver.email,
            text(&closed["day"], "status").to_uppercase(),
            count("before"),
            count("new"),
            count("cleared"),
            count("open")
        ));
        Ok(closed["day"]["status"] == "closed" && self.proved(pool, day).await?)
    }

    /// `payclear verify --day`.
    pub async fn proved(&self, pool: &PgPool, day: NaiveDate) -> Result<bool, DemoError> {
        let report = verify_day(pool, (day, None), None).await?;
        let Some(report) = report else { return Ok(false) };
        let checks: Vec<&str> = report.checks.iter().map(|check| check.what).collect();
        say(&format!(
            "payclear verify --day {day}: {} {}, and every event up to number {}; seal {}…",
            checks.join(", "),
            if report.holds { "hold" } else { "DO NOT HOLD" },
            report.events_to.0,
            report.seal.get(..16).unwrap_or(&report.seal)
        ));
        for differs in report.checks.iter().flat_map(|check| &check.differs) {
            say(&format!("  {differs}"));
        }
        Ok(report.holds)
    }

    /// The days that are over and not closed, the oldest first.
    pub async fn unclosed(&self, officer: &Person) -> Result<Vec<NaiveDate>, DemoError> {
        let days = officer.get("/v1/days?limit=500").await?;
        let now = self.clock.now();
        let mut over = Vec::new();
        for day in days["days"].as_array().into_iter().flatten() {
            let date: Option<NaiveDate> = text(day, "day").parse().ok();
            let Some(date) = date.filter(|_| day["status"] != "closed") else { continue };
            let looked = officer.get(&format!("/v1/days/{date}")).await?;
            let to: Option<DateTime<Utc>> = text(&looked, "to").parse().ok();
            if to.is_some_and(|to| to <= now) {
                over.push(date);
            }
        }
        over.sort_unstable();
        Ok(over)
    }

    /// The last day that is closed.
    pub async fn last_closed(&self, officer: &Person) -> Result<Option<NaiveDate>, DemoError> {
        let days = officer.get("/v1/days?limit=500").await?;
        let closed = days["days"].as_array().into_iter().flatten();
        let closed = closed.filter(|day| day["status"] == "closed");
        Ok(closed.filter_map(|day| text(day, "day").parse().ok()).max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_case_that_has_the_way_out_is_taken() {
        let case = |code: &str, ways: &[&str]| json!({ "code": code, "ways": ways });
        let cases = [
            case("B05", &["wait", "refund"]),
            case("B07", &["wait", "place", "return"]),
            case("B13", &["wait", "accept"]),
            case("B08", &["wait", "place"]),
        ];
        let chosen = |way| with_way(&cases, way).map(|case| text(case, "code"));
        assert_eq!(chosen("place"), Some("B07"));
        assert_eq!(chosen("accept"), Some("B13"));
        assert_eq!(chosen("post"), None);
    }
}
