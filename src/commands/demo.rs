//! `payclear demo`: fees from end to end on the running stack, told as they happen.
//!
//! It is a portal and a payer, and then two officers, nothing more: it asks through the signed API,
//! pays through the simulators, reconciles and signs through the officers' doors, and believes only
//! the bank's journal, the portal's journal, the recomputed ledger and the recomputed snapshot.
//!
//! Only a day that is over can be closed. On a stack of its own the demo therefore begins two
//! evenings ago and comes to the present in two nights (`night`); on any other it plays its fees
//! now and closes the days that have ended.

mod day;
mod files;
mod night;
mod people;
mod stories;
mod treasury;
mod witnesses;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use self::night::Night;
use self::people::People;
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
    /// The program that sets the clock of a stack of our own; without it the clock is left alone.
    #[arg(long, conflicts_with = "leave_open")]
    clock: Option<String>,
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
    /// Four eyes were asked for, and two were enough.
    #[error("one person alone was answered with {0} on what they had proposed, not 403")]
    OneAlone(u16),
    /// The clock could not be set.
    #[error("the clock of the stack: {0}")]
    Clock(String),
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
    let (breaks_before, money_before) = (breaks(&pool).await?, stage.money(&pool).await?);

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

    // One was paid and taken back, which is two notices more; one was given back.
    let told_of = |paid: usize| paid + 3;
    let mut closed = true;
    if let Some(program) = &command.clock {
        let night = Night { program: program.clone() };
        stage.wait_for_notices(told_of(stage.count_paid().await?)).await?;
        closed = stage.two_days(&night, &pool).await?;
    } else if !command.leave_open {
        closed = stage.days_that_ended(&pool).await?;
    }

    let paid = stage.count_paid().await?;
    let expected = told_of(paid);
    let verified = stage.wait_for_notices(expected).await?;
    let opened = breaks(&pool).await? - breaks_before;
    let report = verify::verify(&pool).await?;
    let issued = stage.issued.len();
    let money_agrees = stage.money_agrees(&pool, money_before).await?;
    let balanced =
        if report.holds && money_agrees { "ledger balanced" } else { "LEDGER NOT IN ORDER" };
    println!(
        "demo: {issued} fees issued, {paid} paid, {verified} notices verified by the portal, \
         {opened} breaks opened, {balanced}"
    );
    // Paid: all but the one that was cancelled and the one that its bank took back.
    let as_told = closed && paid + 2 == issued && verified == expected && opened >= 6;
    Ok(if as_told && report.holds && money_agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Stage {
    /// The evening's mishaps, the morning after, and the morning after that.
    async fn two_days(&mut self, night: &Night, pool: &sqlx::PgPool) -> Result<bool, DemoError> {
        println!("In the evening one more pays, and the terms of the wallets are agreed on.");
        let people = People::sign_in(self).await?;
        self.terms(&people).await?;
        let unnamed = self.unnamed_money().await?;
        let first = day::today(self.clock.now());

        println!("Next morning two officers look at the day: files, matching, breaks, signature.");
        night.pass(self).await?;
        let people = People::sign_in(self).await?;
        // Planted: a wallet tells one payment with 1,000 đồng too much.
        self.files(&people.officer, first, Some(("zalopay", "amount"))).await?;
        self.matched(&people.officer, first).await?;
        self.sums(&people.officer, first).await?;
        let wish = json!({
            "way": "place", "invoice": unnamed["code"],
            "reason": "người nộp đã đưa uỷ nhiệm chi",
        });
        self.resolve_one(&people, Some(&wish)).await?;
        self.wait_for(&unnamed, "paid").await?;
        self.owned(&people).await?;
        let mut closed = self.close(&people, pool, first).await?;
        self.positions(&people).await?;
        let runs = self.pay_over(&people).await?;
        let second = day::today(self.clock.now());

        println!("The morning after, the banks' statements show what went to the Treasury.");
        night.pass(self).await?;
        let people = People::sign_in(self).await?;
        self.files(&people.officer, second, None).await?;
        self.matched(&people.officer, second).await?;
        self.remitted(&people, &runs).await?;
        self.positions(&people).await?;
        self.owned(&people).await?;
        closed &= self.close(&people, pool, second).await?;
        night.come_to_now(self).await?;
        Ok(closed)
    }

    /// Without a clock of our own: what officers can close now they close, and nothing else.
    async fn days_that_ended(&self, pool: &sqlx::PgPool) -> Result<bool, DemoError> {
        println!("Two officers look at the days that have ended.");
        let people = People::sign_in(self).await?;
        self.terms(&people).await?;
        let mut closed = true;
        let over = self.unclosed(&people.officer).await?;
        for day in &over {
            say(&format!("{day} is over and not closed"));
            self.files(&people.officer, *day, None).await?;
            self.matched(&people.officer, *day).await?;
            self.sums(&people.officer, *day).await?;
            if Some(day) == over.last() {
                self.resolve_one(&people, None).await?;
            }
            self.owned(&people).await?;
            closed &= self.close(&people, pool, *day).await?;
        }
        let today = day::today(self.clock.now());
        if over.is_empty() {
            say("every day that is over is closed");
            if let Some(last) = self.last_closed(&people.officer).await? {
                closed &= self.proved(pool, last).await?;
            }
        }
        say(&format!("these fees are of {today}, which can be closed when it is over"));
        Ok(closed)
    }
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
