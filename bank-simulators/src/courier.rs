//! Carries callbacks to the service, with each partner's retries and with the faults asked for.
//!
//! A fault spoils the first try only: the bank did move the money, so what follows is honest.

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use serde_json::json;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::{clock, deeds::Fault, journal::Journal, settings::RetryScale};

/// A delayed callback comes so long after the merchant asked: the answer is there first.
const AFTER_THE_ANSWER: Duration = Duration::from_secs(1);

/// What a callback looks like on one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As the bank means it.
    Honest,
    /// With a wrong signature.
    Tampered,
    /// Naming an order that nobody knows.
    UnknownOrder,
    /// With another amount.
    ChangedAmount,
}

/// A request ready to go.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// POST or GET.
    pub method: reqwest::Method,
    /// The address with its query.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body's bytes; none for GET.
    pub body: Option<String>,
}

/// One callback to bring.
pub struct Delivery {
    /// payos, vnpay, momo, zalopay or plain.
    pub channel: &'static str,
    /// The partner code.
    pub partner: String,
    /// The merchant's reference of the order.
    pub reference: String,
    /// The bank's id of the transaction.
    pub transaction_id: String,
    /// How it goes wrong.
    pub fault: Option<Fault>,
    /// How long a delayed one waits at most.
    pub delay_ms: u64,
    /// The partner's own pauses between tries, in seconds.
    pub pauses_seconds: &'static [u64],
    /// Makes the request anew for each try (a signature may need a new nonce).
    pub make: Box<dyn Fn(Form) -> Outgoing + Send + Sync>,
    /// Whether the answer ends the retries.
    pub accepted: fn(u16, &str) -> bool,
}

/// What the service answered to one try.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// 1 for the first try.
    pub attempt: usize,
    /// What the try looked like.
    pub form: Form,
    /// The address called.
    pub url: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The answer's body, cut at 4,000 characters.
    pub body: Option<String>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// Whether the bank stops here.
    pub accepted: bool,
}

/// The one client of all banks.
pub struct Courier {
    client: reqwest::Client,
    journal: Arc<Journal>,
    scale: RetryScale,
    under_way: Semaphore,
    /// Raised by a reset of the simulators: deliveries of an older age stop.
    age: AtomicU64,
    passed: Mutex<HashMap<String, Arc<Notify>>>,
    asked: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Courier {
    /// A courier with kept-alive connections that follows no redirects.
    pub fn new(
        journal: Arc<Journal>,
        scale: RetryScale,
        timeout_ms: u64,
        at_once: usize,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(at_once)
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            journal,
            scale,
            under_way: Semaphore::new(at_once),
            age: AtomicU64::new(0),
            passed: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    /// Starts a delivery; the receiver gets the first try's answer, or none if nothing was sent.
    pub fn deliver(self: &Arc<Self>, delivery: Delivery) -> oneshot::Receiver<Option<Answer>> {
        let (first, receiver) = oneshot::channel();
        let courier = Arc::clone(self);
        tokio::spawn(async move { courier.run(delivery, first).await });
        receiver
    }

    /// The merchant asked about this order: a delayed callback may come now.
    pub fn was_asked(&self, reference: &str) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = asked.get(reference) {
            notify.notify_waiters();
        }
    }

    /// Stops all deliveries under way at their next pause.
    pub fn forget(&self) {
        self.age.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls once, without retries.
    pub async fn call_once(&self, delivery: &Delivery) -> Answer {
        self.attempt(delivery, 1, Form::Honest).await
    }

    async fn run(&self, delivery: Delivery, first: oneshot::Sender<Option<Answer>>) {
        let age = self.age.load(Ordering::Relaxed);
        if delivery.fault == Some(Fault::Lost) {
            let line = json!({
                "kind": "callback_lost", "time": clock::precise(clock::now()),
                "channel": delivery.channel, "partner": delivery.partner,
                "reference": delivery.reference, "transaction_id": delivery.transaction_id,
            });
            if self.journal.record(vec![line]).await.is_err() {
                tracing::error!(reference = delivery.reference, "a lost callback is not journaled");
            }
            let _ = first.send(None);
            return;
        }
        self.hold_back(&delivery).await;
        let mut first = Some(first);
        let mut attempt = 1;
        loop {
            let form = if attempt == 1 { first_form(delivery.fault) } else { Form::Honest };
            let answer = self.attempt(&delivery, attempt, form).await;
            let accepted = answer.accepted;
            if let Some(first) = first.take() {
                let _ = first.send(Some(answer));
                self.gate(&self.passed, &delivery.partner).notify_waiters();
            }
            if accepted {
                break;
            }
            let Some(seconds) = delivery.pauses_seconds.get(attempt - 1) else {
                tracing::warn!(
                    channel = delivery.channel,
                    reference = delivery.reference,
                    "given up after {attempt} tries"
                );
                return;
            };
            tokio::time::sleep(Duration::from_millis(self.scale.milliseconds(*seconds))).await;
            if self.age.load(Ordering::Relaxed) != age {
                return;
            }
            attempt += 1;
        }
        if delivery.fault == Some(Fault::Duplicate) {
            self.attempt(&delivery, attempt + 1, Form::Honest).await;
        }
    }

    async fn hold_back(&self, delivery: &Delivery) {
        let longest = Duration::from_millis(delivery.delay_ms);
        match delivery.fault {
            Some(Fault::Delayed) => {
                let gate = self.gate(&self.asked, &delivery.reference);
                if tokio::time::timeout(longest, gate.notified()).await.is_ok() {
                    tokio::time::sleep(AFTER_THE_ANSWER).await;
                }
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.remove(&delivery.reference);
            }
            Some(Fault::Reordered) => {
                let gate = self.gate(&self.passed, &delivery.partner);
                let _ = tokio::time::timeout(longest, gate.notified()).await;
            }
            _ => {}
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one of the courier's gates")]
    fn gate(&self, gates: &Mutex<HashMap<String, Arc<Notify>>>, name: &str) -> Arc<Notify> {
        let mut gates = gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(name.to_owned()).or_default())
    }

    async fn attempt(&self, delivery: &Delivery, attempt: usize, form: Form) -> Answer {
        let permit = self.under_way.acquire().await;
        let outgoing = (delivery.make)(form);
        let mut answer = self.send(delivery, outgoing, attempt, form).await;
        drop(permit);
        if delivery.fault == Some(Fault::ResetAfterCommit) && attempt == 1 {
            // The service has answered, so it has committed; this bank never saw the answer.
            answer.status = None;
            answer.body = None;
            answer.error = Some("connection reset before the answer was read".to_owned());
            answer.accepted = false;
        }
        let line = json!({
            "kind": "callback", "time": clock::precise(clock::now()),
            "channel": delivery.channel, "partner": delivery.partner,
            "reference": delivery.reference, "transaction_id": delivery.transaction_id,
            "fault": delivery.fault, "attempt": answer.attempt, "form": answer.form,
            "url": answer.url, "status": answer.status, "body": answer.body,
            "error": answer.error, "accepted": answer.accepted,
        });
        // Whoever waits for this answer must find it in the journal; the permit is free already.
        if self.journal.record(vec![line]).await.is_err() {
            tracing::error!(reference = delivery.reference, "a callback is missing in the journal");
        }
        answer
    }

    async fn send(&self, what: &Delivery, out: Outgoing, attempt: usize, form: Form) -> Answer {
        let mut answer = Answer {
            attempt,
            form,
            url: out.url.clone(),
            status: None,
            body: None,
            error: None,
            accepted: false,
        };
        let mut request = self.client.request(out.method, out.url);
        for (name, value) in out.headers {
            request = request.header(name, value);
        }
        if let Some(body) = out.body {
            request = request.body(body);
        }
        let received = match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                response.text().await.map(|body| (status, body))
            }
            Err(error) => Err(error),
        };
        match received {
            Ok((status, body)) => {
                answer.accepted = (what.accepted)(status, &body);
                answer.status = Some(status);
                answer.body = Some(body.chars().take(1_000_000).collect());
            }
            Err(error) => answer.error = Some(reasons(&error.without_url())),
        }
        answer
    }
}

/// An error and what caused it, in one line.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn first_form(fault: Option<Fault>) -> Form {
    match fault {
        Some(Fault::Tampered) => Form::Tampered,
        Some(Fault::UnknownOrder) => Form::UnknownOrder,
        Some(Fault::ChangedAmount) => Form::ChangedAmount,
        _ => Form::Honest,
    }
}
