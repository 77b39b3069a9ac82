//! What all logs of a store share.

use std::sync::Arc;

use crate::crypt::Cipher;
use crate::disk::Disk;
use crate::log::Memory;
use crate::options::LogOptions;
use crate::pool::Pool;
use crate::stats::Counters;

pub(crate) struct Env {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: LogOptions,
    /// Set if what is written is encrypted. What was written before that is not.
    pub(crate) cipher: Option<Cipher>,
    /// For those who wait for bytes.
    pub(crate) reads: Pool,
    /// For flushes, checkpoints and removals.
    pub(crate) writes: Pool,
    pub(crate) counters: Arc<Counters>,
    /// The write-ahead log was damaged: what it should have brought again may be missing.
    pub(crate) wal_damaged: bool,
    /// What logs have in memory of what is on disk.
    pub(crate) memory: Arc<Memory>,
}
