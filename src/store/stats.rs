//! What the store counts, and how it feels.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) wal_writes: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    /// Time spent in syncs of the write-ahead log.
    pub(crate) sync_ns: AtomicU64,
    pub(crate) queued_bytes: AtomicU64,
    pub(crate) debt_bytes: AtomicU64,
    /// Of committed records that wait in memory for a flush that is under way.
    pub(crate) unflushed_bytes: AtomicU64,
    pub(crate) segment_bytes: AtomicU64,
    /// In segments, of which no message needs anything.
    pub(crate) dead_bytes: AtomicU64,
    /// Read again to see whether they are still what they were.
    pub(crate) scrubbed_bytes: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    /// Records that should be there and can't be read: in the write-ahead log or in segments.
    pub(crate) damaged: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    /// Groups that can't be read at all.
    pub(crate) unreadable: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) groups_ready: AtomicU64,
    /// No batch since has succeeded.
    pub(crate) failing: AtomicBool,
    pub(crate) full: AtomicBool,
    pub(crate) broken: AtomicBool,
}

/// Numbers since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Batches that became durable, or were written if syncs are at an interval.
    pub commits: u64,
    pub failed: u64,
    pub wal_writes: u64,
    pub wal_bytes: u64,
    /// Of the write-ahead log.
    pub syncs: u64,
    pub sync_ns: u64,
    /// Waiting to be written to the write-ahead log.
    pub queued_bytes: u64,
    /// Of the write-ahead log, that a restart would read again.
    pub debt_bytes: u64,
    /// Committed, and in memory until a flush that is under way has written them.
    pub unflushed_bytes: u64,
    /// Written to the segments of streams.
    pub segment_bytes: u64,
    /// In the segments of streams, and of no use: what compaction has still to do.
    pub dead_bytes: u64,
    /// Of segments: read again to see whether they are still what they were.
    pub scrubbed_bytes: u64,
    pub checkpoints: u64,
    /// Records that should be there and can't be read.
    pub damaged: u64,
    /// Directories that belong to no group, moved aside.
    pub quarantined: u64,
    /// Groups that can't be read at all.
    pub unreadable: u64,
    pub groups: u64,
    /// Of `groups`: those that can be used without waiting for recovery.
    pub groups_ready: u64,
}

/// Whether the store can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Good,
    /// Groups are still being read: so many of so many are ready.
    Recovering {
        ready: u64,
        of: u64,
    },
    /// It works, but something was lost or moved aside; the words say what.
    Degraded(String),
    /// Nothing can be written at present.
    Full,
    Failing,
    /// Nothing can be written until the server is started again.
    Broken,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            commits: self.commits.load(Relaxed),
            failed: self.failed.load(Relaxed),
            wal_writes: self.wal_writes.load(Relaxed),
            wal_bytes: self.wal_bytes.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            sync_ns: self.sync_ns.load(Relaxed),
            queued_bytes: self.queued_bytes.load(Relaxed),
            debt_bytes: self.debt_bytes.load(Relaxed),
            unflushed_bytes: self.unflushed_bytes.load(Relaxed),
            segment_bytes: self.segment_bytes.load(Relaxed),
            dead_bytes: self.dead_bytes.load(Relaxed),
            scrubbed_bytes: self.scrubbed_bytes.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            groups: self.groups.load(Relaxed),
            groups_ready: self.groups_ready.load(Relaxed),
        }
    }

    pub(crate) fn health(&self) -> Health {
        let (ready, of) = (self.groups_ready.load(Relaxed), self.groups.load(Relaxed));
        let damaged = self.damaged.load(Relaxed);
        let quarantined = self.quarantined.load(Relaxed);
        let unreadable = self.unreadable.load(Relaxed);
        if self.broken.load(Relaxed) {
            Health::Broken
        } else if self.full.load(Relaxed) {
            Health::Full
        } else if self.failing.load(Relaxed) {
            Health::Failing
        } else if ready + unreadable < of {
            Health::Recovering { ready, of }
        } else if damaged + quarantined + unreadable > 0 {
            Health::Degraded(format!(
                "{damaged} damaged records, {unreadable} unreadable streams, {quarantined} unknown \
                 directories moved aside"
            ))
        } else {
            Health::Good
        }
    }
}
