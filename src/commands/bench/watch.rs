//! What a measurement costs: CPU by process, rows written, messages waiting.
//!
//! Processes are found by the ports of the environment file, so those of another stack on the same
//! machine do not count; what is on another machine is not seen and not told.

use std::collections::BTreeMap;
use std::fs;

use sqlx::PgPool;

/// A tick of `/proc` in microseconds: `USER_HZ` is 100 on every Linux.
const TICK_US: u64 = 10_000;

/// Which processes belong to which part.
#[derive(Debug, Clone)]
pub struct Processes {
    pids: BTreeMap<&'static str, u32>,
}

/// CPU used so far, in microseconds: by part, and by the whole machine.
#[derive(Debug, Clone, Default)]
pub struct Cpu {
    /// By part.
    pub by_part: BTreeMap<&'static str, u64>,
    /// By everything on the machine.
    pub all: u64,
}

impl Cpu {
    /// What was used since an earlier look.
    pub fn since(&self, before: &Self) -> Self {
        let by_part = self.by_part.iter().map(|(part, used)| {
            (*part, used.saturating_sub(before.by_part.get(part).copied().unwrap_or(0)))
        });
        Self { by_part: by_part.collect(), all: self.all.saturating_sub(before.all) }
    }
}

impl Processes {
    /// Finds who listens on the ports of these addresses.
    pub fn find(parts: &[(&'static str, &str)]) -> Self {
        let mut pids = BTreeMap::from([("bench", std::process::id())]);
        for (part, address) in parts {
            let port = url::Url::parse(address).ok().and_then(|url| url.port_or_known_default());
            if let Some(pid) = port.and_then(listening).and_then(|inode| holder(&inode)) {
                pids.insert(*part, pid);
            }
        }
        Self { pids }
    }

    /// CPU used so far. A part's children count: PostgreSQL serves each connection by one.
    pub fn cpu(&self) -> Cpu {
        let all_processes = processes();
        let by_part = self.pids.iter().map(|(part, root)| {
            let used = all_processes
                .iter()
                .filter(|process| process.pid == *root || process.parent == *root)
                .map(|process| process.own + if process.pid == *root { process.gone } else { 0 })
                .sum::<u64>();
            (*part, used * TICK_US)
        });
        Cpu { by_part: by_part.collect(), all: machine() * TICK_US }
    }
}

/// The socket that listens on a port.
fn listening(port: u16) -> Option<String> {
    let suffix = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        fs::read_to_string(table).ok()?.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields.get(3) == Some(&"0A");
            let is_it = listens && fields.get(1)?.ends_with(&suffix);
            is_it.then(|| fields.get(9).copied().map(str::to_owned))?
        })
    })
}

/// Who holds a socket. A server's children inherit it: the oldest holder is the server.
fn holder(inode: &str) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let holds = |pid: &u32| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*wanted))
    };
    let mut pids: Vec<u32> = processes().iter().map(|process| process.pid).collect();
    pids.sort_unstable();
    pids.into_iter().find(holds)
}

struct Process {
    pid: u32,
    parent: u32,
    /// Ticks of its own.
    own: u64,
    /// Ticks of its children that are gone.
    gone: u64,
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter_map(process).collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        gone: number(13)? + number(14)?,
    })
}

/// Busy ticks of the machine: all but idle and waiting for a disk.
fn machine() -> u64 {
    let Ok(stat) = fs::read_to_string("/proc/stat") else { return 0 };
    let Some(line) = stat.lines().next() else { return 0 };
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    ticks
        .iter()
        .enumerate()
        .filter(|(place, _)| ![3, 4].contains(place))
        .take(6)
        .map(|(_, n)| n)
        .sum()
}

/// How often a file on this disk can be written through in a second.
pub fn fdatasyncs() -> std::io::Result<u64> {
    use std::io::Write;
    let folder = if fs::exists(".run")? { ".run" } else { "." };
    let path = format!("{folder}/fdatasync-probe-{}", std::process::id());
    let mut file = fs::File::create(&path)?;
    let began = std::time::Instant::now();
    let mut done = 0;
    while began.elapsed().as_millis() < 500 {
        file.write_all(&[7; 512])?;
        file.sync_data()?;
        done += 1;
    }
    fs::remove_file(&path)?;
    Ok(done * 2)
}

/// Rows and index entries that the application's tables have taken in.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Rows written: inserted, updated, deleted.
    pub rows: i64,
    /// Index entries made: by inserts, and by updates that were not heap-only.
    pub index_entries: i64,
    /// Updates of invoices.
    pub invoice_updates: i64,
    /// Those of them that touched no index.
    pub invoice_heap_only: i64,
    /// Rows by table.
    pub by_table: BTreeMap<String, i64>,
}

impl Written {
    /// What was written since an earlier look.
    pub fn since(&self, before: &Self) -> Self {
        let by_table = self.by_table.iter().map(|(table, rows)| {
            (table.clone(), rows - before.by_table.get(table).copied().unwrap_or(0))
        });
        Self {
            rows: self.rows - before.rows,
            index_entries: self.index_entries - before.index_entries,
            invoice_updates: self.invoice_updates - before.invoice_updates,
            invoice_heap_only: self.invoice_heap_only - before.invoice_heap_only,
            by_table: by_table.collect(),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Counted {
    name: String,
    inserted: i64,
    updated: i64,
    heap_only: i64,
    deleted: i64,
    indexes: i64,
}

/// Looks at the counters of all tables. A connection tells its numbers when it has been idle for
/// ten seconds at the latest: look after a pause.
pub async fn written(pool: &PgPool) -> Result<Written, sqlx::Error> {
    // Of the indexes on some rows only, those of settlements take every settlement of the bench and
    // the others take nothing of it.
    let tables: Vec<Counted> = sqlx::query_as(
        "select t.schemaname || '.' || t.relname as name, t.n_tup_ins as inserted,
                t.n_tup_upd as updated, t.n_tup_hot_upd as heap_only, t.n_tup_del as deleted,
                (select count(*) from pg_index i
                  where i.indrelid = t.relid
                    and (i.indpred is null or t.relname = 'settlement')) as indexes
           from pg_stat_user_tables t",
    )
    .fetch_all(pool)
    .await?;
    let mut written = Written::default();
    for table in tables {
        let rows = table.inserted + table.updated + table.deleted;
        written.rows += rows;
        written.index_entries += (table.inserted + table.updated - table.heap_only) * table.indexes;
        if table.name == "public.invoice" {
            written.invoice_updates = table.updated;
            written.invoice_heap_only = table.heap_only;
        }
        written.by_table.insert(table.name, rows);
    }
    Ok(written)
}

/// Messages that wait in the outbox.
pub async fn outbox_depth(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from outbox").fetch_one(pool).await
}

/// Events that receipts and statistics have not followed yet, and payments since `since` whose notice is
/// not counted: only then all rows of a fee are written.
///
/// Receipts that wait for an officer (a unit without a number left) are not waited for.
pub async fn not_followed(
    pool: &PgPool,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select (select count(*) from event where made_by_tx >= coalesce(
                    (select to_tx from event_batch order by batch_id desc limit 1), '0'::xid8))
              + (select count(*) from event_batch
                  where batch_id > (select batch_id from receipt_progress))
              + (select count(*) from event_batch
                  where batch_id > (select batch_id from statistic_progress))
              + (select count(*) from statistic_notice where paid_at >= $1)",
    )
    .bind(since)
    .fetch_one(pool)
    .await
}

/// Orders made since `since` that are not yet known to their partner.
pub async fn orders_under_way(
    pool: &PgPool,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<i64, sqlx::Error> {
    // The ids of attempts begin with their time.
    let milliseconds = u64::try_from(since.timestamp_millis()).unwrap_or(0);
    let from = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid();
    sqlx::query_scalar(
        "select count(*) from attempt where attempt_id >= $1 and status in ('created', 'sent')",
    )
    .bind(from)
    .fetch_one(pool)
    .await
}
