//! A group: a log and a table that change together, in batches whose order is the group's index.
//!
//! `Log` and `Table` submit [`Change`]s; the group numbers them, sends them to the write-ahead log
//! and, when they are durable, applies them in order: first the log's part ([`Change::apply`]), then
//! the table's, both under one lock, so that a checkpoint sees both at the same index.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use crate::error::CommitError;
use crate::store::GroupInfo;
use crate::table::{Entries, Shared, TableOp};

/// What is called when a batch is durable, or will not be: on a thread of the store, or before the
/// call that takes it returns. It must not block.
pub type Done = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// When a batch counts as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// With the next sync, which it causes.
    #[default]
    Durable,
    /// With the next sync, which it waits for: 10 ms at most.
    Lazy,
}

/// Where a group keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File {
        /// Sealed segments are compressed.
        compress: bool,
        /// Messages are acknowledged before they are durable.
        lazy: bool,
    },
    /// Gone when the server stops.
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub(crate) u64);

/// One atomic change of a log and its table.
pub(crate) struct Change {
    /// The records of the log, back to back, just as its segments hold them.
    pub(crate) records: SmallVec<[Bytes; 2]>,
    pub(crate) table: Vec<TableOp>,
    /// The last sequence of the log after this change; 0 where the log doesn't change. If the
    /// records are damaged later, this is what remains known.
    pub(crate) mark: u64,
    pub(crate) mode: Mode,
    /// The log's part of the commit, called only if it succeeded.
    pub(crate) apply: Option<Box<dyn FnOnce() + Send>>,
    pub(crate) done: Done,
}

/// What a log does for the store. Of a group in memory only the first matters.
pub(crate) trait Engine: Send + Sync {
    /// A batch found in the write-ahead log: applied as it was when it was committed. Batches come
    /// in the order of `index`, all above that of the state the log was opened with.
    fn replay(&self, batch: Replay);
    /// Called under the lock under which changes are applied: remembers what `secure` is to make
    /// safe. Must be short.
    fn capture(&self) -> Box<dyn std::any::Any + Send>;
    /// Writes all that was captured to the segments and syncs them. What it returns is kept with
    /// the table and handed back when the log is opened again; batches up to then are not replayed.
    fn secure(&self, captured: Box<dyn std::any::Any + Send>) -> std::io::Result<Bytes>;
    /// Writes what is committed, as far as that is worth while, without syncing it.
    fn flush(&self) -> std::io::Result<()>;
}

pub(crate) struct Replay {
    pub(crate) index: u64,
    pub(crate) mark: u64,
    /// `None`: they were there and can't be read. `mark` tells up to where.
    pub(crate) records: Option<Bytes>,
}

pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) first_seq: u64,
    /// Where its files are; the log makes the directory when it first needs it.
    pub(crate) dir: PathBuf,
    entries: Shared,
    index: AtomicU64,
    /// The index up to which everything is applied. The lock orders `apply` and checkpoints.
    applied: Mutex<u64>,
}

// === impl Group ===

impl Group {
    pub(crate) fn memory(
        id: GroupId,
        account: &str,
        name: &str,
        kind: Kind,
        first_seq: u64,
    ) -> Group {
        Group {
            id,
            account: account.to_owned(),
            name: name.to_owned(),
            kind,
            first_seq,
            dir: PathBuf::new(),
            entries: RwLock::default(),
            index: AtomicU64::new(0),
            applied: Mutex::new(0),
        }
    }

    pub(crate) fn info(&self) -> GroupInfo {
        GroupInfo {
            id: self.id,
            account: self.account.clone(),
            name: self.name.clone(),
            kind: self.kind,
        }
    }

    pub(crate) fn entries(&self) -> &Shared {
        &self.entries
    }

    /// Sends a change on its way. Hold no lock that `apply` or `done` take.
    pub(crate) fn submit(&self, change: Change) {
        let index = self.index.fetch_add(1, Ordering::Relaxed) + 1;
        self.apply(index, change.table, change.apply);
        (change.done)(Ok(()));
    }

    fn apply(&self, index: u64, ops: Vec<TableOp>, log: Option<Box<dyn FnOnce() + Send>>) {
        let mut applied = self.applied.lock();
        if let Some(log) = log {
            log();
        }
        if !ops.is_empty() {
            let mut entries: parking_lot::RwLockWriteGuard<'_, Entries> = self.entries.write();
            for op in ops {
                entries.apply(op);
            }
        }
        *applied = index;
    }
}

// === impl Change ===

impl Default for Change {
    fn default() -> Change {
        Change {
            records: SmallVec::new(),
            table: Vec::new(),
            mark: 0,
            mode: Mode::Durable,
            apply: None,
            done: Box::new(|_| {}),
        }
    }
}
