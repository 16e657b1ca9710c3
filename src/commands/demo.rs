//! `payclear demo`: fees from end to end on the running stack, told as they happen.
//!
//! It is a portal and a payer, nothing more: it asks through the signed API, pays through the
//! simulators, and believes only the bank's journal, the portal's journal and the recomputed ledger.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, ClientError, http, reply};
use super::verify;
use crate::platform::database;
use crate::platform::settings::variable;
use crate::vocabulary::clock::SharedClock;

/// How much to show.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Plain fees besides the special ones.
    #[arg(long, default_value_t = 6)]
    fees: u32,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database.
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
    /// A statement.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Something that should have happened did not.
    #[error("waited in vain for: {0}")]
    InVain(String),
}

struct Stage {
    portal: Client,
    web: reqwest::Client,
    url: String,
    simulators: String,
    clock: SharedClock,
    run: String,
    issued: Vec<Value>,
}

fn needed(name: &'static str) -> Result<String, ClientError> {
    variable(name).ok_or(ClientError::Missing(name))
}

fn say(text: &str) {
    println!("  {text}");
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

/// Runs the command; exit code 0 only if what the last line says is true.
pub async fn run(command: &Demo, clock: &SharedClock) -> Result<ExitCode, DemoError> {
    let url = needed("PAYCLEAR_URL")?;
    let web = http()?;
    let portal =
        Client::new(web.clone(), &url, &needed("PORTAL_KEY_ID")?, &needed("PORTAL_SECRET")?)?;
    let mut stage = Stage {
        portal,
        web,
        url,
        simulators: needed("SIMULATORS_URL")?,
        clock: clock.clone(),
        run: format!("{:x}", clock.now().timestamp()),
        issued: Vec::new(),
    };
    let pool = database::open(&needed("DATABASE_URL")?, 2).await?;
    let breaks_before = breaks(&pool).await?;

    println!("A portal issues fees, citizens pay them, banks report, the portal is told.");
    for n in 0..command.fees {
        stage.plain(n).await?;
    }
    stage.twice().await?;
    stage.wrong_amount().await?;
    stage.in_parts().await?;
    stage.through_vnpay("paid").await?;
    stage.through_vnpay("debited_unknown").await?;
    stage.late().await?;
    stage.cancelled().await?;

    let paid = stage.count_paid().await?;
    let verified = stage.wait_for_notices(paid).await?;
    let opened = breaks(&pool).await? - breaks_before;
    let report = verify::verify(&pool).await?;
    let issued = stage.issued.len();
    let money_agrees = stage.money_agrees(&pool).await?;
    let balanced =
        if report.holds && money_agrees { "ledger balanced" } else { "LEDGER NOT IN ORDER" };
    println!(
        "demo: {issued} fees issued, {paid} paid, {verified} notices verified by the portal, \
         {opened} breaks opened, {balanced}"
    );
    // Paid: all but the one of an unknown outcome and the one that was cancelled.
    let as_told = paid + 2 == issued && verified >= paid && opened >= 4;
    Ok(if as_told && report.holds && money_agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn breaks(pool: &sqlx::PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "n!" from break_case"#).fetch_one(pool).await
}

impl Stage {
    async fn issue(&mut self, what: &str, more: &Value) -> Result<Value, DemoError> {
        let number = self.issued.len() + 1;
        let dossier = format!("DEMO-{}-{number:03}", self.run);
        let mut body = json!({
            "dossier": dossier, "agency": "G01.A", "procedure": "1.001234",
            "payer": { "name": "Nguyễn Thị Minh An", "id_number": "001199012345" },
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            for (key, value) in more {
                body.insert(key.clone(), value.clone());
            }
        }
        let bytes = body.to_string().into_bytes();
        let now = self.clock.now();
        let invoice = self
            .portal
            .post("/v1/invoices", &format!("demo-{dossier}"), bytes, now)
            .await?
            .success("issuing a fee")?;
        say(&format!(
            "{what}: dossier {dossier} owes {} {}, invoice {}",
            text(&invoice["amount"], "amount"),
            text(&invoice["amount"], "currency"),
            text(&invoice, "code"),
        ));
        self.issued.push(invoice.clone());
        Ok(invoice)
    }

    async fn pay(&self, order: &str, more: &Value) -> Result<Value, DemoError> {
        let mut body = json!({ "order": order, "outcome": "paid", "wait": true });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            for (key, value) in more {
                body.insert(key.clone(), value.clone());
            }
        }
        let request = self.web.post(format!("{}/control/pay", self.simulators)).json(&body);
        let did = reply(request).await?.success("paying at the simulator")?;
        let status = did["callback"]["status"].as_u64();
        say(&format!(
            "  bank: {} of {} {}; we answered {}",
            text(&did, "outcome"),
            text(&did, "amount"),
            if did["money_moved"] == true { "moved" } else { "did not move" },
            status.map_or_else(|| "nothing yet".to_owned(), |s| s.to_string()),
        ));
        Ok(did)
    }

    async fn read(&self, invoice: &Value) -> Result<Value, DemoError> {
        let path = format!("/v1/invoices/{}", text(invoice, "id"));
        Ok(self.portal.get(&path, self.clock.now()).await?.success("reading an invoice")?)
    }

    async fn wait_for(&self, invoice: &Value, status: &str) -> Result<(), DemoError> {
        let last = async {
            loop {
                let now = self.read(invoice).await?;
                if text(&now, "status") == status {
                    return Ok::<_, DemoError>(now);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), last).await {
            Ok(found) => {
                found.map(|_| say(&format!("  invoice {} is {status}", text(invoice, "code"))))
            }
            Err(_) => Err(DemoError::InVain(format!("{} to be {status}", text(invoice, "code")))),
        }
    }

    async fn plain(&mut self, n: u32) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid by VietQR", &json!({})).await?;
        // Some scan the QR of the invoice itself, some have their bank mangle the memo.
        let more = match n % 3 {
            1 => json!({ "outcome": "mangled_memo" }),
            2 => json!({ "fault": "duplicate" }),
            _ => json!({}),
        };
        self.pay(text(&invoice, "qr"), &more).await?;
        self.wait_for(&invoice, "paid").await
    }

    async fn twice(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid twice by mistake", &json!({})).await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_twice" })).await?;
        self.wait_for(&invoice, "paid").await
    }

    async fn wrong_amount(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid with too much", &json!({})).await?;
        let owed: u64 = text(&invoice["amount"], "amount").parse().unwrap_or(0);
        let amount = (owed + 50_000).to_string();
        let more = json!({ "outcome": "wrong_amount", "amount": amount });
        self.pay(text(&invoice, "qr"), &more).await?;
        self.wait_for(&invoice, "paid").await
    }

    async fn in_parts(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee, paid in two parts", &json!({})).await?;
        let owed: u64 = text(&invoice["amount"], "amount").parse().unwrap_or(0);
        for part in [owed / 4, owed - owed / 4] {
            let more = json!({ "outcome": "wrong_amount", "amount": part.to_string() });
            self.pay(text(&invoice, "qr"), &more).await?;
        }
        self.wait_for(&invoice, "paid").await
    }

    /// Chooses VNPAY on the pay page, as a browser would.
    async fn vnpay_url(&self, invoice: &Value) -> Result<String, DemoError> {
        let page = text(invoice, "pay_url");
        let path = page.strip_prefix(&self.url).unwrap_or(page);
        let request = self
            .web
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("partner=vnpay");
        let response = request.send().await.map_err(ClientError::from)?;
        let to = response.headers().get("location").and_then(|v| v.to_str().ok());
        match to {
            Some(to) if to.contains("vpcpay") => Ok(to.to_owned()),
            other => Err(DemoError::InVain(format!("the way to VNPAY, got {other:?}"))),
        }
    }

    async fn through_vnpay(&mut self, outcome: &str) -> Result<(), DemoError> {
        let invoice = self.issue(&format!("a fee, by VNPAY: {outcome}"), &json!({})).await?;
        let order = self.vnpay_url(&invoice).await?;
        self.pay(&order, &json!({ "outcome": outcome })).await?;
        if outcome == "paid" {
            self.wait_for(&invoice, "paid").await?;
        } else {
            self.wait_for(&invoice, "pending").await?;
            say("  debited but suspicious: neither paid nor failed until VNPAY says");
        }
        Ok(())
    }

    async fn late(&mut self) -> Result<(), DemoError> {
        let soon = self.clock.now() + chrono::Duration::seconds(3);
        let invoice = self.issue("a fee that expires", &json!({ "expires_at": soon })).await?;
        say("  nobody pays it in time");
        self.wait_for(&invoice, "expired").await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_late" })).await?;
        self.wait_for(&invoice, "paid").await
    }

    async fn cancelled(&mut self) -> Result<(), DemoError> {
        let invoice = self.issue("a fee that the portal withdraws", &json!({})).await?;
        let path = format!("/v1/invoices/{}/cancel", text(&invoice, "id"));
        let key = format!("cancel-{}", text(&invoice, "code"));
        let body = json!({ "reason": "the citizen withdrew the dossier" }).to_string().into_bytes();
        let now = self.clock.now();
        self.portal.post(&path, &key, body, now).await?.success("cancelling")?;
        self.wait_for(&invoice, "cancelled").await?;
        self.pay(text(&invoice, "qr"), &json!({ "outcome": "paid_late" })).await?;
        Ok(())
    }

    async fn count_paid(&self) -> Result<usize, DemoError> {
        let mut paid = 0;
        for invoice in &self.issued {
            if text(&self.read(invoice).await?, "status") == "paid" {
                paid += 1;
            }
        }
        Ok(paid)
    }

    /// Notices of these invoices' payment that the portal has verified with a library of its own.
    async fn wait_for_notices(&self, paid: usize) -> Result<usize, DemoError> {
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
                        of_ours && text(&body, "type") == "invoice.paid"
                    })
                    .count()
            });
            if told >= paid || began.elapsed() > Duration::from_secs(30) {
                return Ok(told);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the banks truly took is what is booked, to the đồng.
    async fn money_agrees(&self, pool: &sqlx::PgPool) -> Result<bool, DemoError> {
        let address = format!("{}/control/journal?kind=movement&limit=200000", self.simulators);
        let journal = reply(self.web.get(address)).await?.success("reading the banks' journal")?;
        let moved: u64 = journal
            .as_array()
            .into_iter()
            .flatten()
            .filter(|m| m["direction"] == "in")
            .filter_map(|m| match &m["amount"] {
                Value::String(text) => text.parse::<u64>().ok(),
                other => other.as_u64(),
            })
            .sum();
        let booked = sqlx::query_scalar!(
            r#"select coalesce(sum(amount), 0)::text as "n!" from settlement where outcome <> 'noted'"#
        )
        .fetch_one(pool)
        .await?;
        say(&format!("the banks took {moved} đồng, {booked} đồng are booked"));
        Ok(booked == moved.to_string())
    }
}

fn notice_body(notice: &Value) -> Value {
    match &notice["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}
