//! A file that comes in is laid aside on disk and hashed as it passes, so that no size of it fills
//! the memory, and it is known before it is read. What lies there has no name: it goes with the
//! process.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256, Sha512};
use sqlx::PgConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use super::stage::StageError;
use super::store;
use crate::platform::settings::StatementsSettings;

/// Why it was not laid aside.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// More bytes than are taken.
    #[error("the file is larger than {most} MiB (statements.most_megabytes)")]
    TooLarge {
        /// The limit (MiB).
        most: u64,
    },
    /// The disk.
    #[error("the file cannot be laid aside in {folder}: {source}")]
    Disk {
        /// Where.
        folder: String,
        /// Why not.
        source: std::io::Error,
    },
    /// What is read from.
    #[error("{name} cannot be read: {source}")]
    Unreadable {
        /// What.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// A file under way.
pub struct SpoolWriter {
    file: tokio::fs::File,
    folder: PathBuf,
    sha_256: Sha256,
    sha_512: Option<Sha512>,
    size: u64,
    most: u64,
}

/// A whole file.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Of its bytes.
    pub sha256: [u8; 32],
    /// The same, when it was asked for.
    pub sha512: [u8; 64],
    /// Bytes.
    pub size: u64,
}

impl SpoolWriter {
    /// Opens a nameless file; SHA-512 costs time and is only computed when it is asked for.
    pub async fn open(settings: &StatementsSettings, sha_512: bool) -> Result<Self, SpoolError> {
        let folder = if settings.spool.is_empty() {
            std::env::temp_dir()
        } else {
            PathBuf::from(&settings.spool)
        };
        let name = folder.join(format!("payclear-{:032x}", rand::random::<u128>()));
        let made = tokio::task::spawn_blocking(move || {
            use std::os::unix::fs::OpenOptionsExt;
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600);
            let file = options.open(&name)?;
            std::fs::remove_file(&name)?;
            Ok(file)
        })
        .await;
        let disk = |source| SpoolError::Disk { folder: folder.display().to_string(), source };
        let file = made.map_err(|error| disk(std::io::Error::other(error)))?.map_err(disk)?;
        Ok(Self {
            file: tokio::fs::File::from_std(file),
            folder,
            sha_256: Sha256::new(),
            sha_512: sha_512.then(Sha512::new),
            size: 0,
            most: settings.most_megabytes,
        })
    }

    /// Takes some bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.size += bytes.len() as u64;
        if self.size > self.most << 20 {
            return Err(SpoolError::TooLarge { most: self.most });
        }
        self.sha_256.update(bytes);
        if let Some(hash) = &mut self.sha_512 {
            hash.update(bytes);
        }
        self.file.write_all(bytes).await.map_err(|source| self.disk(source))
    }

    fn disk(&self, source: std::io::Error) -> SpoolError {
        SpoolError::Disk { folder: self.folder.display().to_string(), source }
    }

    /// All bytes are there.
    pub async fn end(mut self) -> Result<Spool, SpoolError> {
        self.file.flush().await.map_err(|source| self.disk(source))?;
        Ok(Spool {
            file: self.file.into_std().await,
            sha256: self.sha_256.finalize().into(),
            sha512: self.sha_512.map_or([0; 64], |hash| hash.finalize().into()),
            size: self.size,
        })
    }
}

/// Lays kept bytes aside once more.
#[derive(Debug, Clone, Copy)]
pub struct Spooling<'a>(pub &'a StatementsSettings);

impl Spooling<'_> {
    /// The bytes of a file that is kept.
    pub async fn of_kept(&self, conn: &mut PgConnection, file: Uuid) -> Result<Spool, StageError> {
        let other = |error: SpoolError| StageError::Spool(std::io::Error::other(error));
        let mut writer = SpoolWriter::open(self.0, false).await.map_err(other)?;
        for place in 0.. {
            let Some(piece) = store::piece_read(conn, file, place).await? else { break };
            writer.write(&piece).await.map_err(other)?;
        }
        writer.end().await.map_err(other)
    }
}

impl Spool {
    /// Lays a file of the disk aside.
    pub async fn of_file(path: &Path, settings: &StatementsSettings) -> Result<Self, SpoolError> {
        let unreadable =
            |source| SpoolError::Unreadable { name: path.display().to_string(), source };
        let mut from = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let about = from.metadata().await.map_err(unreadable)?;
        if !about.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a file")));
        }
        let mut writer = SpoolWriter::open(settings, false).await?;
        let mut bytes = vec![0; 1 << 18];
        loop {
            let read = from.read(&mut bytes).await.map_err(unreadable)?;
            if read == 0 {
                return writer.end().await;
            }
            writer.write(&bytes[..read]).await?;
        }
    }

    /// A second handle that reads from the front. One reads at a time: the place is shared.
    pub fn from_front(&self) -> std::io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}
