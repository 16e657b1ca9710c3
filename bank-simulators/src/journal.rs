//! The journal: what truly happened, one JSON object per line, durable before it is told.
//!
//! One thread writes. Whatever waits when it wakes is written together and shares one fsync, so
//! that many callers cost one trip to the disk.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// The journal could not be written: nothing may be told.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written")]
pub struct Unwritten;

struct Line {
    /// The object's text without its opening brace; the writer puts the number before it.
    tail: String,
    durable: oneshot::Sender<u64>,
}

/// Where each line starts, and where the last durable one ends.
#[derive(Default)]
struct Index {
    starts: Vec<u64>,
    end: u64,
}

/// An append-only file of JSON lines numbered from 1 (`seq`).
pub struct Journal {
    lines: mpsc::UnboundedSender<Line>,
    index: Arc<RwLock<Index>>,
    path: PathBuf,
}

impl Journal {
    /// Opens the file, drops a line that a crash tore, and starts the writing thread.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).read(true).append(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut found = Index::default();
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' {
                found.starts.push(found.end);
                found.end = at as u64 + 1;
            }
        }
        file.set_len(found.end)?;
        file.sync_all()?;
        let index = Arc::new(RwLock::new(found));
        let (lines, waiting) = mpsc::unbounded_channel();
        let shared = Arc::clone(&index);
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            if let Err(error) = write_groups(file, waiting, &shared) {
                // Every later caller finds the channel closed and tells nobody anything.
                tracing::error!(%error, "the journal stopped");
            }
        })?;
        Ok(Self { lines, index, path: path.to_owned() })
    }

    /// Writes objects in this order and returns once all are durable.
    pub async fn record(&self, entries: Vec<Value>) -> Result<(), Unwritten> {
        let mut last = None;
        for entry in entries {
            last = Some(self.enqueue(&entry)?);
        }
        if let Some(durable) = last {
            durable.await.map_err(|_| Unwritten)?;
        }
        Ok(())
    }

    /// Takes the place in the order now; the receiver says when it is durable.
    pub fn enqueue(&self, entry: &Value) -> Result<oneshot::Receiver<u64>, Unwritten> {
        let (durable, receiver) = oneshot::channel();
        let text = entry.to_string();
        let tail = text.strip_prefix('{').unwrap_or(&text).to_owned();
        self.lines.send(Line { tail, durable }).map_err(|_| Unwritten)?;
        Ok(receiver)
    }

    /// The durable lines after number `since`, at most `limit`, each with its newline.
    pub fn lines_after(&self, since: usize, limit: usize) -> io::Result<Vec<u8>> {
        let (from, to) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let Some(from) = index.starts.get(since) else { return Ok(Vec::new()) };
            let to = index.starts.get(since.saturating_add(limit)).unwrap_or(&index.end);
            (*from, *to)
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(to - from).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn write_groups(
    mut file: File,
    mut waiting: mpsc::UnboundedReceiver<Line>,
    index: &RwLock<Index>,
) -> io::Result<()> {
    const GROUP_BYTES: usize = 1 << 20;
    let mut next = {
        let index = index.read().unwrap_or_else(PoisonError::into_inner);
        (index.starts.len() as u64 + 1, index.end)
    };
    while let Some(first) = waiting.blocking_recv() {
        let (mut bytes, mut starts, mut told) = (Vec::new(), Vec::new(), Vec::new());
        let mut line = Some(first);
        while let Some(Line { tail, durable }) = line {
            starts.push(next.1 + bytes.len() as u64);
            writeln!(bytes, "{{\"seq\":{},{tail}", next.0)?;
            told.push((durable, next.0));
            next.0 += 1;
            line = if bytes.len() < GROUP_BYTES { waiting.try_recv().ok() } else { None };
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        next.1 += bytes.len() as u64;
        {
            let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
            index.starts.extend(starts);
            index.end = next.1;
        }
        for (durable, number) in told {
            // A caller that went away no longer needs to know.
            let _ = durable.send(number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn lines_are_numbered_across_a_restart_and_a_torn_line_is_dropped() {
        let path = std::env::temp_dir().join(format!("journal-{}.jsonl", rand::random::<u64>()));
        let journal = Journal::open(&path).unwrap();
        journal.record(vec![json!({"a": 1}), json!({"a": 2})]).await.unwrap();
        drop(journal);
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"seq\":3,\"to")
            .unwrap();
        let journal = Journal::open(&path).unwrap();
        journal.record(vec![json!({"a": 3})]).await.unwrap();
        let text = String::from_utf8(journal.lines_after(1, 10).unwrap()).unwrap();
        assert_eq!(text, "{\"seq\":2,\"a\":2}\n{\"seq\":3,\"a\":3}\n");
        assert!(journal.lines_after(3, 10).unwrap().is_empty());
        std::fs::remove_file(path).unwrap();
    }
}
