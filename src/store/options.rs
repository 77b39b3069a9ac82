//! What the store is told by the configuration.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a store is opened with. Only `dir` has no default worth keeping.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store directory; all lies under `<dir>/jetstream`.
    pub dir: PathBuf,
    pub sync: Sync,
    pub wal: WalOptions,
    pub log: LogOptions,
    pub encryption: Option<Encryption>,
}

/// When what is written is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// Before it counts as written.
    #[default]
    Always,
    /// At this interval; what came since the last time can be lost with the power.
    Every(Duration),
}

#[derive(Debug, Clone)]
pub struct WalOptions {
    /// Length of a segment.
    pub segment_bytes: u64,
    /// Written to one file at once.
    pub write_bytes_max: usize,
    /// How much of the log may wait for a checkpoint before writers are slowed down.
    pub debt_bytes_max: u64,
    /// Committed bytes that may wait in memory, over all streams, before writers are slowed down.
    pub unflushed_bytes_max: u64,
    /// How long a lazy batch waits for another to sync with.
    pub lazy_wait: Duration,
}

#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Length of a segment of a stream.
    pub segment_bytes: u64,
    /// Messages kept in memory for readers, over all streams.
    pub cache_bytes: usize,
    /// How often committed messages are written to their segments.
    pub flush_every: Duration,
}

/// The key that wraps the keys of the store.
#[derive(Clone)]
pub struct Encryption {
    pub cipher: CipherKind,
    pub key: String,
    /// The key before that, if it was changed: the store changes over when it is opened.
    pub prev_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CipherKind {
    #[default]
    ChaCha20Poly1305,
    Aes256Gcm,
}

// === impl Options ===

impl Options {
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            sync: Sync::Always,
            wal: WalOptions::default(),
            log: LogOptions::default(),
            encryption: None,
        }
    }
}

impl Default for WalOptions {
    fn default() -> WalOptions {
        WalOptions {
            segment_bytes: 64 << 20,
            write_bytes_max: 8 << 20,
            debt_bytes_max: 1 << 30,
            unflushed_bytes_max: 64 << 20,
            lazy_wait: Duration::from_millis(10),
        }
    }
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: 8 << 20,
            cache_bytes: 256 << 20,
            flush_every: Duration::from_secs(1),
        }
    }
}

// === impl Encryption ===

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The keys stay out of logs.
        f.debug_struct("Encryption").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}
