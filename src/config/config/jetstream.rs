//! The `jetstream` block.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Persistence: off, unless the file or the command line says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct JetStream {
    pub enabled: bool,
    /// The directory in which `jetstream` is made. `None`: `nats` in the system's directory for
    /// temporary files.
    pub store_dir: Option<PathBuf>,
    /// Bytes; `None`: three quarters of the machine's memory.
    pub max_memory_store: Option<u64>,
    /// Bytes; `None`: three quarters of what is free.
    pub max_file_store: Option<u64>,
    pub domain: Option<String>,
    pub sync_interval: SyncInterval,
    pub encryption_key: Option<Secret>,
    pub prev_encryption_key: Option<Secret>,
    pub cipher: Cipher,
    pub strict: bool,
    /// Messages that may wait for one stream.
    pub max_buffered_msgs: u64,
    /// Bytes that may wait for one stream.
    pub max_buffered_size: u64,
    /// Requests that may wait.
    pub request_queue_limit: u64,
    /// Requests for information that may wait; `None`: as many as of all.
    pub info_queue_limit: Option<u64>,
    pub limits: JetStreamLimits,
}

/// When data is synced to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncInterval {
    /// Before it is acknowledged: what is acknowledged is durable.
    #[default]
    Always,
    /// This long after it was acknowledged, at most: a power failure loses what came since.
    Every(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cipher {
    #[default]
    ChaCha,
    Aes,
}

/// Limits for all accounts; `None`: none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JetStreamLimits {
    pub max_ack_pending: Option<u64>,
    pub max_request_batch: Option<u64>,
    pub duplicate_window: Option<Duration>,
    pub batch: BatchLimits,
}

/// Limits of atomic batches; `None`: the default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchLimits {
    pub max_inflight_per_stream: Option<u64>,
    pub max_inflight_total: Option<u64>,
    pub max_msgs: Option<u64>,
    pub timeout: Option<Duration>,
}

impl Default for JetStream {
    fn default() -> Self {
        Self {
            enabled: false,
            store_dir: None,
            max_memory_store: None,
            max_file_store: None,
            domain: None,
            sync_interval: SyncInterval::Always,
            encryption_key: None,
            prev_encryption_key: None,
            cipher: Cipher::ChaCha,
            strict: true,
            max_buffered_msgs: 100_000,
            max_buffered_size: 128 << 20,
            request_queue_limit: 10_000,
            info_queue_limit: None,
            limits: JetStreamLimits::default(),
        }
    }
}

impl std::fmt::Display for SyncInterval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Every(time) => f.write_str(&crate::duration::format(*time)),
        }
    }
}

impl std::fmt::Display for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChaCha => "chacha",
            Self::Aes => "aes",
        })
    }
}
