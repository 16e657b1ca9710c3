//! The floors: what PostgreSQL and RabbitMQ do by themselves on these servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use super::BenchError;
use super::load::as_f64;
use crate::platform::broker;
use crate::platform::settings::BrokerSettings;

const SCHEMA: &str = include_str!("../../../benches/schema.sql");
const ONE_STATEMENT: &str = include_str!("../../../benches/clear_cte.sql");
/// Messages that a floor's publisher has under way at once.
const UNDER_WAY: usize = 512;
/// About the size of a message of ours.
const BODY: [u8; 160] = [b'x'; 160];

/// pgbench on a scratch database.
#[derive(Debug)]
pub struct Pgbench {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    scripts: PathBuf,
}

impl Pgbench {
    /// Makes the scratch database and fills it; none when pgbench is not installed here.
    pub async fn prepare(owner_url: &str) -> Result<Option<Self>, BenchError> {
        let Some(folder) = newest_pgbench() else { return Ok(None) };
        let mut conn = PgConnection::connect(owner_url).await?;
        sqlx::raw_sql("drop database if exists payclear_bench_floor with (force)")
            .execute(&mut conn)
            .await?;
        sqlx::raw_sql("create database payclear_bench_floor").execute(&mut conn).await?;
        conn.close().await?;
        let scripts = std::env::temp_dir().join(format!("payclear-bench-{}", std::process::id()));
        tokio::fs::create_dir_all(&scripts).await?;
        tokio::fs::write(scripts.join("schema.sql"), SCHEMA).await?;
        tokio::fs::write(scripts.join("one-statement.sql"), ONE_STATEMENT).await?;
        let this = Self { folder, environment: environment(owner_url)?, scripts };
        this.run("pgbench", &["-i", "-q", "-s", "20"]).await?;
        let schema = this.scripts.join("schema.sql");
        this.run("psql", &["-qX", "-v", "ON_ERROR_STOP=1", "-f", &schema.to_string_lossy()])
            .await?;
        Ok(Some(this))
    }

    /// TPC-B transactions in a second, 8 clients.
    pub async fn tpcb(&self, seconds: u64) -> Result<f64, BenchError> {
        self.tps(8, seconds, &["-b", "tpcb-like"]).await
    }

    /// Payments cleared in a second by one statement each, 32 clients.
    pub async fn one_statement(&self, seconds: u64) -> Result<f64, BenchError> {
        let script = self.scripts.join("one-statement.sql");
        self.tps(32, seconds, &["-f", &script.to_string_lossy()]).await
    }

    async fn tps(&self, clients: u32, seconds: u64, what: &[&str]) -> Result<f64, BenchError> {
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let mut arguments = vec!["-n", "-M", "prepared", "-c", &clients, "-j", "2", "-T", &seconds];
        arguments.extend_from_slice(what);
        let told = self.run("pgbench", &arguments).await?;
        let tps = told.lines().find_map(|line| line.strip_prefix("tps = "));
        tps.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .ok_or_else(|| BenchError::Floor(format!("pgbench told no tps: {told}")))
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Result<String, BenchError> {
        let output = Command::new(self.folder.join(program))
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(BenchError::Floor(format!("{program}: {}", told.trim())))
    }

    /// Leaves nothing behind.
    pub async fn drop(self, owner_url: &str) -> Result<(), BenchError> {
        drop(tokio::fs::remove_dir_all(&self.scripts).await);
        let mut conn = PgConnection::connect(owner_url).await?;
        sqlx::raw_sql("drop database if exists payclear_bench_floor with (force)")
            .execute(&mut conn)
            .await?;
        conn.close().await?;
        Ok(())
    }
}

/// The newest of Debian's folders that has pgbench, else what is on PATH.
fn newest_pgbench() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| has_pgbench(bin))
        .collect();
    versions.sort();
    let path = crate::platform::settings::variable("PATH").unwrap_or_default();
    versions
        .pop()
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&path).find(|bin| has_pgbench(bin)))
}

fn has_pgbench(bin: &Path) -> bool {
    bin.join("pgbench").is_file() && bin.join("psql").is_file()
}

/// How PostgreSQL's own programs are told where to go: a password is no argument.
fn environment(url: &str) -> Result<Vec<(&'static str, String)>, BenchError> {
    let url = url::Url::parse(url).map_err(|e| BenchError::Floor(e.to_string()))?;
    let plain = |text: &str| {
        let text = format!("x={}", text.replace('+', "%2B"));
        let first = url::form_urlencoded::parse(text.as_bytes()).next();
        first.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    Ok(vec![
        ("PGHOST", url.host_str().unwrap_or("127.0.0.1").to_owned()),
        ("PGPORT", url.port().unwrap_or(5432).to_string()),
        ("PGUSER", plain(url.username())),
        ("PGPASSWORD", url.password().map(plain).unwrap_or_default()),
        ("PGDATABASE", "payclear_bench_floor".to_owned()),
    ])
}

/// Messages in a second through a quorum queue of its own: published persistent, confirmed,
/// delivered, acknowledged.
pub async fn broker(url: &str, seconds: u64) -> Result<f64, BenchError> {
    let settings = BrokerSettings { url: url.to_owned(), prefix: String::new() };
    let connection = broker::connect(&settings, "bench").await?;
    let (publish, consume) =
        (connection.create_channel().await?, connection.create_channel().await?);
    publish.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = format!("payclear.bench.{:016x}", rand::random::<u64>());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    publish.queue_declare(queue.as_str().into(), durable, arguments).await?;
    let taken = Arc::new(AtomicU64::new(0));
    let taking = tokio::spawn(take(consume, queue.clone(), Arc::clone(&taken)));
    let measured = send(&publish, &queue, seconds, &taken).await;
    // What is still on its way is acknowledged first: then the queue, and with it the consumer, can
    // go without a word on a channel that is no longer listening.
    tokio::time::sleep(Duration::from_millis(500)).await;
    publish.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
    drop(tokio::time::timeout(Duration::from_secs(5), taking).await);
    connection.close(200, "bye".into()).await?;
    measured
}

async fn send(
    channel: &Channel,
    queue: &str,
    seconds: u64,
    taken: &AtomicU64,
) -> Result<f64, BenchError> {
    let began = Instant::now();
    let window = Duration::from_secs(seconds);
    let mut confirms = futures_util::stream::FuturesUnordered::new();
    while began.elapsed() < window {
        while confirms.len() < UNDER_WAY {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions::default();
            confirms.push(
                channel.basic_publish("".into(), queue.into(), options, &BODY, properties).await?,
            );
        }
        if let Some(confirmed) = confirms.next().await {
            confirmed?;
        }
    }
    let (elapsed, taken) = (super::load::micros(began.elapsed()), taken.load(Ordering::Relaxed));
    while let Some(confirmed) = confirms.next().await {
        confirmed?;
    }
    Ok(as_f64(taken) * 1e6 / as_f64(elapsed))
}

async fn take(channel: Channel, queue: String, taken: Arc<AtomicU64>) -> Result<(), lapin::Error> {
    channel.basic_qos(512, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries = channel
        .basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default())
        .await?;
    while let Some(delivery) = deliveries.next().await {
        delivery?.acker.ack(BasicAckOptions::default()).await?;
        taken.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
