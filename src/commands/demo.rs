//! `payclear demo`: fees from end to end on the running stack, told as they happen.
//!
//! It is a portal and a payer, nothing more: it asks through the signed API, pays through the
//! simulators, and believes only the bank's journal, the portal's journal and the recomputed ledger.

mod stories;
mod witnesses;

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
    /// Fees only: no day is closed.
    #[arg(long)]
    leave_open: bool,
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
    /// Another person at the portal, who approves refunds.
    approver: Client,
    bank: Client,
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
    let caller = |id, secret| -> Result<Client, ClientError> {
        Client::new(web.clone(), &url, &needed(id)?, &needed(secret)?)
    };
    let mut stage = Stage {
        portal: caller("PORTAL_KEY_ID", "PORTAL_SECRET")?,
        approver: caller("PORTAL_APPROVAL_KEY_ID", "PORTAL_APPROVAL_SECRET")?,
        bank: caller("BANK_KEY_ID", "BANK_SECRET")?,
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
    // Asked after half a minute later: begun first, so that nobody has to wait for it.
    let unknown = stage.unknown().await?;
    for n in 0..command.fees {
        stage.plain(n).await?;
    }
    for (partner, name) in [("vnpay", "VNPAY"), ("momo", "MoMo"), ("zalopay", "ZaloPay")] {
        stage.at_the_partners_page(partner, &format!("a fee, paid at {name}")).await?;
    }
    stage.by_transfer_to("sepay", "a bank account that SePay watches").await?;
    stage.by_transfer_to("directbank", "a bank that signs what it reports").await?;
    stage.twice().await?;
    stage.wrong_amount().await?;
    stage.in_parts().await?;
    stage.late().await?;
    stage.cancelled().await?;
    stage.refunded().await?;
    stage.taken_back().await?;
    stage.found_by_asking(&unknown).await?;

    if command.leave_open {
        println!("The day stays open.");
    }
    let paid = stage.count_paid().await?;
    // One was paid and taken back, which is two notices more; one was given back.
    let expected = paid + 3;
    let verified = stage.wait_for_notices(expected).await?;
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
    // Paid: all but the one that was cancelled and the one that its bank took back.
    let as_told = paid + 2 == issued && verified == expected && opened >= 6;
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

    /// Waits for something a minute at most.
    async fn until(
        &self,
        what: &str,
        mut so: impl AsyncFnMut() -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        let began = tokio::time::Instant::now();
        while !so().await? {
            if began.elapsed() > Duration::from_mins(1) {
                return Err(DemoError::InVain(what.to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn wait_for(&self, invoice: &Value, status: &str) -> Result<(), DemoError> {
        let code = text(invoice, "code");
        self.until(&format!("{code} to be {status}"), async || {
            Ok(text(&self.read(invoice).await?, "status") == status)
        })
        .await?;
        say(&format!("  invoice {code} is {status}"));
        Ok(())
    }
}
