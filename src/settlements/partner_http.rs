//! The doors of partners that speak a dialect: their callbacks, and the page that the payer's
//! browser comes back to. The browser proves nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use sqlx::PgPool;

use super::group::{Reported, Request as SettleRequest, Settling};
use super::http::changed_lately;
use super::outcome::Outcome as Booked;
use super::refused::{BILL, CALLBACK, count};
use super::report_failed::report_failed;
use super::settlement::Settlement;
use crate::callers::doors::Doors;
use crate::invoices::status::Step;
use crate::invoices::store as invoice_store;
use crate::partners::dialects::{
    Bill, BillQuestion, Callback, Dialect, Outcome, Report, Said, Unheard, Verdict,
};
use crate::partners::mask::KeptMessage;
use crate::partners::{CollectingAccount, Partner, SettlingSource};
use crate::platform::group::Writer;
use crate::platform::http::{BODY, client_address, read_body};
use crate::platform::problem::{Problem, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::platform::{faults, telemetry};
use crate::registers::directory::Directory;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::SettlementId;

/// Questions about bills of one partner in a second.
const BILLS: u32 = 500;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct PartnerDoors {
    /// Registers and clock.
    pub doors: Doors,
    /// For attempts and kept exchanges.
    pub pool: PgPool,
    /// The settling writer.
    pub settling: Writer<Settling>,
    /// To seal counter-accounts.
    pub keys: Arc<MasterKeys>,
    /// The header in which a trusted proxy names the address of who calls.
    pub client_address_header: Arc<str>,
}

/// The routes.
pub fn routes(doors: PartnerDoors) -> Router {
    Router::new()
        .route("/partners/{partner}/webhook", post(callback))
        .route("/partners/{partner}/ipn", get(callback).post(callback))
        .route("/partners/{partner}/bill", post(bill))
        .route("/partners/{partner}/return", get(back))
        .with_state(doors)
}

fn said(said: Said) -> Response {
    let status = StatusCode::from_u16(said.status).unwrap_or(StatusCode::OK);
    if said.body.is_empty() {
        // Some partners take nothing but an answer without a body, which then has no type.
        return status.into_response();
    }
    let mut response = (status, said.body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(said.content_type));
    response
}

fn partner_of(directory: &Directory, code: &str) -> Option<(Arc<Partner>, Arc<dyn Dialect>)> {
    let partner = Arc::clone(directory.partner(code)?);
    let dialect = Arc::clone(partner.dialect.as_ref()?);
    Some((partner, dialect))
}

async fn callback(
    State(doors): State<PartnerDoors>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let directory = doors.doors.directory();
    let Some((partner, dialect)) = partner_of(&directory, &code) else {
        return Problem::new(ProblemType::NotFound).into_response();
    };
    let address = client_address(&request, &doors.client_address_header);
    let query = request.uri().query().unwrap_or("").to_owned();
    if !partner.calls_from(&address) {
        // Whatever it says is not read.
        let callback = Callback { query: &query, headers: &[], body: b"" };
        let why = (Unheard::Stranger, address.as_str());
        return match doors.refuse(&partner, CALLBACK, why, query.as_bytes()).await {
            Ok(verdict) => said(dialect.say_to(&callback, verdict)),
            Err(problem) => problem.into_response(),
        };
    }
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let (parts, body) = request.into_parts();
    // What is too long to be read is answered like what cannot be read: in the partner's words.
    let (body, too_long) = match read_body(body, &parts.headers, BODY).await {
        Ok(body) => (body, false),
        Err(_) => (Vec::new(), true),
    };
    let raw = if body.is_empty() { query.clone().into_bytes() } else { body.clone() };
    let callback = Callback { query: &query, headers: &headers, body: &body };
    let heard = if too_long {
        Err(Unheard::Malformed { why: "no body of at most 64 KiB".to_owned() })
    } else {
        dialect.hear_callback(&callback).and_then(|report| {
            let stale = dialect.is_stale(&callback, doors.doors.clock().now());
            if stale { Err(Unheard::Signature) } else { Ok(report) }
        })
    };
    let verdict = match heard {
        Ok(report) => {
            let verdict = doors.take(&directory, &partner, &report, &raw).await;
            count(&code, verdict);
            verdict
        }
        Err(unheard) => match doors.refuse(&partner, CALLBACK, (unheard, &address), &raw).await {
            Ok(verdict) => verdict,
            Err(problem) => return problem.into_response(),
        },
    };
    faults::point("callback.before_answer");
    said(dialect.say_to(&callback, verdict))
}

/// A partner asks what is owed before it takes money. Nothing changes by it.
async fn bill(
    State(doors): State<PartnerDoors>,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let directory = doors.doors.directory();
    let Some((partner, dialect)) = partner_of(&directory, &code) else {
        return Problem::new(ProblemType::NotFound).into_response();
    };
    if let Err(problem) = doors.doors.allow_address(&format!("bill/{code}"), BILLS) {
        return problem.into_response();
    }
    let address = client_address(&request, &doors.client_address_header);
    let query = request.uri().query().unwrap_or("").to_owned();
    let (parts, body) = request.into_parts();
    let body = match read_body(body, &parts.headers, BODY).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let callback = Callback { query: &query, headers: &[], body: &body };
    let heard = if partner.calls_from(&address) {
        dialect.hear_bill_question(&callback)
    } else {
        Err(Unheard::Stranger)
    };
    let question = match heard {
        Ok(question) => question,
        Err(unheard) => {
            let raw = if body.is_empty() { query.as_bytes() } else { &body };
            return match doors.refuse(&partner, BILL, (unheard, &address), raw).await {
                Ok(verdict) => said(dialect.say_to(&callback, verdict)),
                Err(problem) => problem.into_response(),
            };
        }
    };
    let bill = doors.bill(&partner, &question).await.unwrap_or_else(|error| {
        tracing::error!(partner.code = code, %error, "a bill could not be looked up");
        Bill::CannotSay
    });
    said(dialect.say_bill(&question, &bill))
}

impl PartnerDoors {
    /// What is owed for the attempt that is asked about, while it can still be paid.
    async fn bill(&self, partner: &Partner, asked: &BillQuestion) -> Result<Bill, sqlx::Error> {
        let now = self.doors.clock().now();
        let mut conn = self.pool.acquire().await?;
        let mut attempts = invoice_store::attempts_of_references(
            &mut conn,
            std::slice::from_ref(&partner.code),
            std::slice::from_ref(&asked.reference),
        )
        .await?;
        let Some(attempt) = attempts.pop() else { return Ok(Bill::Unknown) };
        let invoice = invoice_store::invoice_read(&mut conn, attempt.invoice).await?;
        let payable = invoice.filter(|invoice| {
            invoice.code.as_str() == asked.bill
                && !attempt.status.is_final()
                && now < attempt.expires_at
                && invoice.amount.checked_sub(invoice.held).is_ok_and(|owed| owed == attempt.amount)
                && invoice.status.after(Step::Attempt).is_ok()
        });
        Ok(payable.map_or(Bill::Unknown, |_| Bill::Owed(attempt.amount)))
    }

    /// Takes a partner's verified word in, whichever way it came.
    pub async fn take(
        &self,
        directory: &Directory,
        partner: &Partner,
        report: &Report,
        raw: &[u8],
    ) -> Verdict {
        let taken = match report.outcome {
            Outcome::Collected => self.settle(directory, partner, report, raw).await,
            Outcome::Failed { .. } | Outcome::Unknown { .. } => {
                let now = self.doors.clock().now();
                report_failed(&self.pool, &partner.code, report, now).await.map_err(Problem::from)
            }
        };
        match taken {
            Ok(verdict) => {
                // What is booked is kept with its settlement; that no money moved stands nowhere
                // else in the partner's own words.
                let booked = report.outcome == Outcome::Collected
                    && matches!(verdict, Verdict::Recorded | Verdict::Repeat);
                if !booked {
                    let about = (report.reference.as_deref(), verdict.as_str());
                    self.keep(&partner.code, CALLBACK, about, raw).await;
                }
                verdict
            }
            Err(problem) => {
                tracing::error!(
                    partner.code = partner.code,
                    ?problem,
                    "a callback could not be taken in"
                );
                Verdict::TryLater
            }
        }
    }

    async fn settle(
        &self,
        directory: &Directory,
        partner: &Partner,
        report: &Report,
        raw: &[u8],
    ) -> Result<Verdict, Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.doors.clock().now(), 6);
        let day = BusinessDay::of(now, None);
        let Some(account) = account_of(directory, partner, report, day) else {
            // Signed, but of an account that was never ours: not our money. Answered once it is kept.
            tracing::warn!(partner.code = partner.code, "a credit on an account that is not ours");
            let about = (report.reference.as_deref(), "foreign account");
            let kept = self.keep(&partner.code, CALLBACK, about, raw).await;
            let named = report.account.is_some();
            return Ok(if kept && named { Verdict::Recorded } else { Verdict::TryLater });
        };
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(1000).collect();
        let memo: String = clean(&report.memo);
        let id = SettlementId::new(now);
        let counter_account = report.counter_account.as_ref().map(|counter| {
            let text = serde_json::to_vec(counter).unwrap_or_default();
            self.keys.seal(&format!("counter-account/{id}"), &text)
        });
        let reported = Reported {
            candidates: InvoiceCode::candidates(&memo),
            timed: report.value_time.is_some(),
            reference: report.reference.clone(),
            settles: account.settling_source == SettlingSource::Webhook,
            changed_source: changed_lately(directory, &partner.code, &account.number, day),
            trace: telemetry::current_trace(),
            settlement: Settlement {
                id,
                partner: partner.code.clone(),
                source: SettlingSource::Webhook,
                transaction_id: clean(&report.transaction_id),
                account: account.number.clone(),
                amount: report.amount,
                memo,
                value_time: report.value_time.unwrap_or(now),
                received_at: now,
                outcome: Booked::Suspense,
                invoice: None,
                attempt: None,
                applied_cycle: None,
                entry: None,
                raw: KeptMessage::of(raw),
                counter_account,
            },
        };
        let request = SettleRequest { nonce: None, reports: vec![reported] };
        let settled = self.settling.submit(request).await?;
        let verdict = settled.and_then(|mut s| s.pop()).map(|s| s.verdict);
        Ok(verdict.unwrap_or(Verdict::TryLater))
    }
}

/// The collecting account that was credited: the one named, or the partner's only one; of closed
/// ones too, for an old QR is still paid.
fn account_of<'d>(
    directory: &'d Directory,
    partner: &Partner,
    report: &Report,
    day: BusinessDay,
) -> Option<&'d CollectingAccount> {
    match &report.account {
        Some(number) => directory
            .account_numbered(&partner.code, number, day)
            .or_else(|| directory.account_ever(&partner.code, number)),
        None => directory
            .collecting_accounts(&partner.code, day)
            .into_iter()
            .next()
            .or_else(|| directory.accounts_ever(&partner.code).next_back()),
    }
}

/// The payer's browser comes back: it is sent on to the pay page, which shows what is known.
async fn back(
    State(doors): State<PartnerDoors>,
    Path(code): Path<String>,
    request: Request<Body>,
) -> Response {
    let directory = doors.doors.directory();
    let Some((partner, dialect)) = partner_of(&directory, &code) else {
        return Problem::new(ProblemType::NotFound).into_response();
    };
    let query = request.uri().query().unwrap_or("");
    let reference = dialect.hear_return(query).filter(|r| r.genuine).map(|r| r.reference);
    let Some(reference) = reference else {
        return Problem::new(ProblemType::NotFound).into_response();
    };
    let found = async {
        let mut conn = doors.pool.acquire().await?;
        let mut attempts = invoice_store::attempts_of_references(
            &mut conn,
            std::slice::from_ref(&partner.code),
            &[reference],
        )
        .await?;
        let Some(attempt) = attempts.pop() else { return Ok(None) };
        let invoice = invoice_store::invoice_read(&mut conn, attempt.invoice).await?;
        Ok::<_, sqlx::Error>(invoice.map(|invoice| (invoice, attempt.language)))
    };
    match found.await {
        Ok(Some((invoice, language))) => {
            let more = if language == "en" { "&lang=en" } else { "" };
            Redirect::to(&format!("{}?returned={code}{more}", invoice.pay_path())).into_response()
        }
        Ok(None) => Problem::new(ProblemType::NotFound).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}
