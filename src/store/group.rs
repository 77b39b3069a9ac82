//! A group: a log and a table that change together, in batches whose order is the group's index.
//!
//! `Log` and `Table` submit [`Change`]s; the group numbers them, sends them to the write-ahead log
//! and, when they are durable, applies them in order: first the log's part ([`Change::apply`]),
//! then the table's, both under one lock, so that a checkpoint sees both at the same index.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;

use crate::crypt::Cipher;
use crate::error::CommitError;
use crate::store::GroupInfo;
use crate::store::snapshot::Birth;
use crate::table::{Shared, TableOp, codec};
use crate::wal::format::{FLAG_BEGINS, FLAG_SEALED};
use crate::wal::{Batch, Wal};

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

/// Never used again for another group.
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
    /// It adds messages: refused as long as there is hardly any room.
    pub(crate) grows: bool,
    /// What [`Group::chain`] was when the writer last knew that nothing of its own had failed. If a
    /// batch before this one fails, this one does, too: it was made on top of it.
    pub(crate) chain: Option<u64>,
    /// The log's part of the commit, called only if it succeeded.
    pub(crate) apply: Option<Apply>,
    pub(crate) done: Done,
}

pub(crate) type Apply = Box<dyn FnOnce() + Send>;

/// What a log does for the store.
pub(crate) trait Engine: Send + Sync {
    /// A batch found in the write-ahead log: applied as it was when it was committed. Batches come
    /// in the order of `index`, all above that of the state the log was opened with.
    fn replay(&self, batch: Replay);
    /// Called under the lock under which changes are applied: remembers what `secure` is to make
    /// safe. Must be short.
    fn capture(&self) -> Box<dyn Any + Send>;
    /// Writes all that was captured to the segments and syncs them. What it returns is kept with
    /// the table and handed back when the log is opened again; batches up to then are not replayed.
    fn secure(&self, captured: Box<dyn Any + Send>) -> io::Result<Bytes>;
    /// Writes what is committed, as far as that is worth while, without syncing it.
    fn flush(&self) -> io::Result<()>;
    /// The group is deleted: once this returns, nothing in its directory is made or written any
    /// more. What is open may still be read.
    fn close(&self);
}

pub(crate) struct Replay {
    pub(crate) mark: u64,
    /// `None`: they were there and can't be read. `mark` tells up to where, if it isn't 0.
    pub(crate) records: Option<Bytes>,
}

/// What a log is opened with.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    /// What `Engine::secure` returned at the last checkpoint that can be read.
    pub(crate) state: Option<Bytes>,
    /// There was a later checkpoint, which can't be read. Batches between the two are not in the
    /// write-ahead log any more: what the segments hold beyond `state` counts.
    pub(crate) stale: bool,
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
    /// None: in memory.
    backing: Option<Backing>,
    /// The index that was given out last.
    index: AtomicU64,
    /// Some batch succeeded, in this run or an earlier one.
    begun: AtomicBool,
    /// The index up to which everything is applied or refused. The lock orders both, and
    /// checkpoints.
    applied: Mutex<u64>,
    /// The index up to which everything is safe without the write-ahead log.
    safe: AtomicU64,
    deleted: AtomicBool,
    /// Counts the failures of batches of the log.
    chain: Arc<AtomicU64>,
    /// Held by what writes to the directory of the group apart from its log.
    files: Mutex<Files>,
}

/// The files of a group that the store writes.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Of the newest checkpoint.
    pub(crate) generation: u64,
    /// Nothing is made in the directory any more.
    pub(crate) closed: bool,
}

/// What makes a group durable.
#[derive(Clone)]
pub(crate) struct Backing {
    pub(crate) wal: Wal,
    pub(crate) cipher: Option<Cipher>,
}

// === impl Group ===

impl Group {
    pub(crate) fn new(
        info: GroupInfo,
        first_seq: u64,
        backing: Option<(PathBuf, Backing)>,
    ) -> Group {
        let (dir, backing) = backing.unzip();
        Group {
            id: info.id,
            account: info.account,
            name: info.name,
            kind: info.kind,
            first_seq,
            dir: dir.unwrap_or_default(),
            entries: RwLock::default(),
            backing,
            index: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            applied: Mutex::new(0),
            safe: AtomicU64::new(0),
            deleted: AtomicBool::new(false),
            chain: Arc::default(),
            files: Mutex::default(),
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
    pub(crate) fn submit(self: &Arc<Group>, change: Change) {
        let Change { records, table, mark, mode, grows, chain, apply, done } = change;
        if self.deleted.load(Relaxed) {
            return done(Err(CommitError::Gone));
        }
        let Some(backing) = &self.backing else {
            let index = self.index.fetch_add(1, Relaxed) + 1;
            return self.settle(index, Ok(()), table, apply, done);
        };
        let section = encode(&table, self.id, backing.cipher.as_ref());
        let table_len = section.len() as u32;
        let mut body = SmallVec::with_capacity(records.len() + 1);
        if !section.is_empty() {
            body.push(section.freeze());
        }
        body.extend(records);
        let mut flags = if backing.cipher.is_some() { FLAG_SEALED } else { 0 };
        if !self.begun.load(Relaxed) {
            flags |= FLAG_BEGINS;
        }
        let group = Arc::clone(self);
        let settle = Box::new(move |index, result: Result<(), CommitError>| {
            if let (Err(_), Some(at)) = (result, chain) {
                // Once, however many fail because of it.
                let _ = group.chain.compare_exchange(at, at + 1, Relaxed, Relaxed);
            }
            group.settle(index, result, table, apply, done);
        });
        let chain = chain.map(|at| (Arc::clone(&self.chain), at));
        let group = self.id.0;
        let batch = Batch { group, mark, table_len, flags, body, mode, grows, chain, settle };
        backing.wal.submit(&self.index, batch);
    }

    /// `index` is 0 if it was refused at once.
    fn settle(
        &self,
        index: u64,
        result: Result<(), CommitError>,
        ops: Vec<TableOp>,
        apply: Option<Apply>,
        done: Done,
    ) {
        let mut applied = self.applied.lock();
        if result.is_ok() {
            self.begun.store(true, Relaxed);
            if let Some(apply) = apply {
                apply();
            }
            self.apply(ops);
        }
        // One that is refused may overtake those before it, which a checkpoint must not take for
        // applied.
        if result.is_ok() || index == *applied + 1 {
            *applied = index.max(*applied);
        }
        drop(applied);
        done(result);
    }

    fn apply(&self, ops: Vec<TableOp>) {
        if !ops.is_empty() {
            let mut entries = self.entries.write();
            ops.into_iter().for_each(|op| entries.apply(op));
        }
    }

    /// Sets the state that a checkpoint left, before anything is replayed.
    pub(crate) fn restore(&self, index: u64, ops: Vec<TableOp>) {
        self.apply(ops);
        *self.applied.lock() = index;
        self.index.store(index, Relaxed);
        self.safe.store(index, Relaxed);
        self.begun.store(index > 0, Relaxed);
    }

    /// Applies the table's part of a batch from the write-ahead log. False: it can't be read.
    pub(crate) fn replay(&self, index: u64, flags: u32, section: Bytes) -> bool {
        self.replayed(index);
        match decode(section, self.id, flags, self.backing.as_ref()) {
            Some(ops) => {
                self.apply(ops);
                true
            }
            None => false,
        }
    }

    /// For [`Change::chain`].
    pub(crate) fn chain(&self) -> u64 {
        self.chain.load(Relaxed)
    }

    /// A position that holds still as long as the guard lives.
    pub(crate) fn hold(&self) -> MutexGuard<'_, u64> {
        self.applied.lock()
    }

    pub(crate) fn safe(&self) -> u64 {
        self.safe.load(Relaxed)
    }

    pub(crate) fn set_safe(&self, index: u64) {
        self.safe.fetch_max(index, Relaxed);
    }

    /// Whether anything happened since the last checkpoint.
    pub(crate) fn is_dirty(&self) -> bool {
        *self.applied.lock() > self.safe()
    }

    /// All up to `index` is there again.
    pub(crate) fn replayed(&self, index: u64) {
        *self.applied.lock() = index;
        self.index.store(index, Relaxed);
        self.begun.store(true, Relaxed);
    }

    pub(crate) fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock()
    }

    pub(crate) fn birth(&self) -> Birth {
        Birth { info: self.info(), first_seq: self.first_seq }
    }

    /// Whether changes are refused.
    pub(crate) fn set_deleted(&self, deleted: bool) {
        self.deleted.store(deleted, Relaxed);
    }
}

fn encode(ops: &[TableOp], id: GroupId, cipher: Option<&Cipher>) -> BytesMut {
    let mut section = BytesMut::new();
    codec::encode(ops, &mut section);
    if let Some(cipher) = cipher
        && !section.is_empty()
    {
        cipher.seal(&id.0.to_le_bytes(), &mut section, 0);
    }
    section
}

fn decode(
    section: Bytes,
    id: GroupId,
    flags: u32,
    backing: Option<&Backing>,
) -> Option<Vec<TableOp>> {
    if section.is_empty() || flags & FLAG_SEALED == 0 {
        return codec::decode(section);
    }
    let cipher = backing?.cipher.as_ref()?;
    let mut sealed = BytesMut::from(section);
    let text = cipher.open(&id.0.to_le_bytes(), &mut sealed).ok()?;
    codec::decode(Bytes::copy_from_slice(text))
}

// === impl Change ===

impl Default for Change {
    fn default() -> Change {
        Change {
            records: SmallVec::new(),
            table: Vec::new(),
            mark: 0,
            mode: Mode::Durable,
            grows: false,
            chain: None,
            apply: None,
            done: Box::new(|_| {}),
        }
    }
}
