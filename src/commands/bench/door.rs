//! The two signed doors: invoices issued one by one, settlements posted one by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{self, Done, Measured, micros};
use super::{BenchError, Stage, watch};

/// Callers of a closed loop.
pub const CALLERS: usize = 128;
/// The partner that settles by the signed API, and its sample account.
const PARTNER: &str = "directbank";
const ACCOUNT: &str = "0011009988776";
/// Rows of one batch when stock is laid in.
const BATCH: usize = 500;

/// The body of a request for one fee, of a dossier that nobody has asked for yet.
pub fn invoice_request(stage: &Stage, channel: &str) -> Value {
    json!({
        "dossier": stage.dossier(), "agency": "G01.01", "procedure": "1.001193",
        "payer": { "name": "Nguyễn Thị Minh An", "id_number": "001199012345" },
        "channels": [channel],
    })
}

/// Issues one fee through the signed door.
pub async fn issue(stage: &Stage, channel: &str) -> Result<Value, String> {
    let body = invoice_request(stage, channel);
    let key = format!("bench-{}", body["dossier"].as_str().unwrap_or_default());
    let now = stage.clock.now();
    let reply = stage.portal.post("/v1/invoices", &key, body.to_string().into_bytes(), now).await;
    reply.and_then(|reply| reply.success("issuing")).map_err(|e| e.to_string())
}

/// Invoices in a second: one signed `POST /v1/invoices` each.
pub async fn invoices(stage: &Arc<Stage>, seconds: u64) -> Measured {
    let shared = Arc::clone(stage);
    load::closed(CALLERS, seconds, &stage.processes, move || {
        let stage = Arc::clone(&shared);
        async move {
            let began = Instant::now();
            let done: Done = match issue(&stage, PARTNER).await {
                Ok(invoice) => {
                    stage.lay_in(&invoice);
                    Ok(micros(began.elapsed()))
                }
                Err(why) => Err(why),
            };
            Some(done)
        }
    })
    .await
}

/// What was seen of the outbox while the door was measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutboxDepth {
    /// The most that waited.
    pub most: i64,
    /// What waited at the end.
    pub last: i64,
}

/// Settlements in a second: one signed `POST /v1/settlements` each, for an invoice each, while
/// relay and notices run.
pub async fn settlements(
    stage: &Arc<Stage>,
    seconds: u64,
) -> Result<(Measured, OutboxDepth), BenchError> {
    let stock = Arc::new(stage.take_stock());
    let next = Arc::new(AtomicUsize::new(0));
    let sampling = tokio::spawn(sample(Arc::clone(stage)));
    let shared = Arc::clone(stage);
    let measured = load::closed(CALLERS, seconds, &stage.processes, move || {
        let (stage, stock) = (Arc::clone(&shared), Arc::clone(&stock));
        let place = next.fetch_add(1, Ordering::Relaxed);
        async move {
            let (code, amount) = stock.get(place)?;
            let began = Instant::now();
            Some(settle(&stage, code, amount).await.map(|()| micros(began.elapsed())))
        }
    })
    .await;
    sampling.abort();
    let mut depth = *stage.outbox.lock().unwrap_or_else(PoisonError::into_inner);
    depth.last = watch::outbox_depth(&stage.pool).await?;
    Ok((measured, depth))
}

/// Posts one settlement through the signed door.
pub async fn settle(stage: &Stage, code: &str, amount: &Value) -> Result<(), String> {
    let transaction = format!("BENCH{code}");
    let now = stage.clock.now();
    let body = json!({
        "transaction_id": transaction, "account": ACCOUNT, "amount": amount,
        "memo": format!("NGUYEN THI MINH AN nop le phi {code}"), "value_time": now,
    });
    let reply =
        stage.bank.post("/v1/settlements", &transaction, body.to_string().into_bytes(), now);
    let answer = reply.await.and_then(|r| r.success("settling")).map_err(|e| e.to_string())?;
    match answer["outcome"].as_str() {
        Some("applied") => Ok(()),
        other => Err(format!("settled as {other:?}")),
    }
}

async fn sample(stage: Arc<Stage>) {
    *stage.outbox.lock().unwrap_or_else(PoisonError::into_inner) = OutboxDepth::default();
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        if let Ok(waiting) = watch::outbox_depth(&stage.pool).await {
            let mut depth = stage.outbox.lock().unwrap_or_else(PoisonError::into_inner);
            depth.most = depth.most.max(waiting);
        }
    }
}

/// Issues in batches until so many invoices are there to be settled.
pub async fn lay_in(stage: &Arc<Stage>, wanted: usize) -> Result<(), BenchError> {
    while stage.stock() < wanted {
        let rows: Vec<Value> = (0..BATCH).map(|_| invoice_request(stage, PARTNER)).collect();
        let key = format!("bench-batch-{}", stage.dossier());
        let body = Value::Array(rows).to_string().into_bytes();
        let reply = stage.portal.post("/v1/invoices/batch", &key, body, stage.clock.now()).await?;
        let results = reply.success("issuing a batch")?;
        for row in results["results"].as_array().into_iter().flatten() {
            stage.lay_in(&row["body"]);
        }
    }
    Ok(())
}
