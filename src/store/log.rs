//! The log of a stream: its messages in order, an index over them, and one writer.
//!
//! What is staged with a [`Log`] can be seen in the state at once; its content can be read when it
//! is committed. All that is staged between two commits is one atomic batch. A batch that fails
//! takes all later ones with it, until [`Log::abort`] has undone what is not durable.
//!
//! - [`index`] over [`segment`]s, [`subjects`], [`facts`], [`ttl`] and [`removals`]: what is there;
//! - [`undo`]: what is not there for good yet, and not gone for good yet;
//! - [`reader`], with [`filter`], [`walk`] and [`pending`]: how it is read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::group::{Change, Done, Kind, Mode};
use crate::record::{self, HEAD_BYTES, Message, RECORD_BYTES_MAX};
use crate::table::{Table, TableOp};

mod blocks;
mod chunk;
mod cold;
mod compact;
mod core;
mod erase;
mod facts;
mod file;
pub mod filter;
mod flush;
mod footer;
mod index;
mod memory;
pub mod peek;
pub mod pending;
mod ranges;
pub mod reader;
mod records;
mod recover;
mod removals;
mod salvage;
mod segment;
mod state;
mod subjects;
mod take;
mod ttl;
mod undo;
mod walk;

#[cfg(test)]
pub(crate) mod tests;

use self::records::Records;
use self::undo::Undo;

pub(crate) use self::core::{Core, open};
pub use self::filter::Filter;
pub use self::index::Removed;
pub(crate) use self::memory::Memory;
pub use self::peek::{Listed, Placed};
pub use self::pending::PendingCache;
pub use self::reader::{End, Got, Load, Reader, State, Stored, Visited};

/// Messages that are unlinked under one hold of the lock.
const PURGE_STEP: usize = 1024;

/// The writer of a log: there is one at a time. Whatever it staged and did not commit is undone
/// when it is dropped.
pub struct Log {
    core: Arc<Core>,
    /// The records of the next batch.
    records: Records,
    /// Removals of the next batch: ranges of sequences.
    removed: Vec<(u64, u64)>,
    table: Vec<TableOp>,
    /// Tells a batch that was made on top of one that failed.
    chain: u64,
    /// Whether there is anything in the next batch that concerns the log.
    changed: bool,
}

/// A message to be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// For a copy of another log: the sequence it has there. What lies between is skipped.
    pub seq: Option<u64>,
    /// When it is stored, ns since 1970.
    pub time_ns: i64,
    /// When it expires, ns since 1970; 0 if never.
    pub expires_ns: i64,
    pub subject: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    /// It carries an id for the detection of duplicates: noted, so that a scan for ids is quick.
    pub has_id: bool,
}

/// Why a message can't be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("message too large")]
    TooLarge,
    #[error("a subject has at least one byte and at most 65535")]
    Subject,
    #[error("sequence {seq} is not behind the last one, {last}")]
    Order { seq: u64, last: u64 },
}

/// What a purge removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    pub messages: u64,
    /// What they counted.
    pub bytes: u64,
    /// Ranges of sequences none of which is there any more, ascending.
    pub ranges: Vec<(u64, u64)>,
}

// === impl Log ===

impl Log {
    fn new(core: Arc<Core>) -> Log {
        let records = Records::new(core.maker.cipher.is_some());
        let chain = core.group.chain();
        Log { core, records, removed: Vec::new(), table: Vec::new(), chain, changed: false }
    }

    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.core))
    }

    pub fn table(&self) -> Table {
        Table::new(Arc::clone(&self.core.group))
    }

    /// Stages a message; returns its sequence.
    pub fn append(&mut self, entry: Entry<'_>) -> Result<u64, AppendError> {
        let Entry { time_ns, expires_ns, subject, headers, payload, has_id, .. } = entry;
        if subject.is_empty() || subject.len() > usize::from(u16::MAX) {
            return Err(AppendError::Subject);
        }
        let mut index = self.core.index.write();
        let (last, time) = (index.last, index.last_time);
        let seq = entry.seq.unwrap_or(last + 1);
        if seq <= last {
            return Err(AppendError::Order { seq, last });
        }
        let message = Message { seq, time_ns, expires_ns, has_id, subject, headers, payload };
        let len = message.record_len();
        if len > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        let copy = index.shape.salt.is_some().then_some(&mut self.records);
        index.append(&message, copy);
        index.note_append(seq, last, time);
        self.changed = true;
        Ok(seq)
    }

    /// Stages the removal of a message; `None` if there is none.
    pub fn remove(&mut self, seq: u64) -> Option<Removed> {
        let mut index = self.core.index.write();
        let (segment, slot) = index.find(seq)?;
        if !index.segments[segment].is_live(slot) {
            return None;
        }
        let removed = index.unlink(segment, slot);
        index.note_remove(seq);
        note(&mut self.removed, seq, seq);
        self.changed = true;
        Some(removed)
    }

    /// Stages the removal of the messages that match `filter` (all if there is none) and are below
    /// sequence `below` (if given), but for the newest `keep` of them (if given).
    pub fn purge(
        &mut self,
        below: Option<u64>,
        keep: Option<u64>,
        filter: Option<&[u8]>,
    ) -> Purged {
        let filter = filter.map_or_else(Filter::all, Filter::new);
        let mut purged = Purged::default();
        let below = below.unwrap_or(u64::MAX);
        let mut left = self.reader().count(&filter, below).saturating_sub(keep.unwrap_or(0));
        let mut from = 0;
        while left > 0 {
            let mut index = self.core.index.write();
            let step = index.matching(from, below, &filter, PURGE_STEP.min(left as usize));
            let Some(last) = step.last() else { break };
            from = index.segments[last.0].seq(last.1) + 1;
            left -= step.len() as u64;
            for (segment, slot) in step {
                let seq = index.segments[segment].seq(slot);
                let removed = index.unlink(segment, slot);
                index.note_remove(seq);
                note(&mut purged.ranges, seq, seq);
                purged.messages += 1;
                purged.bytes += removed.bytes;
            }
        }
        for (from, to) in &purged.ranges {
            note(&mut self.removed, *from, *to);
        }
        self.changed |= purged.messages > 0;
        purged
    }

    /// Stages that the log goes on behind `seq`: what lies between is nothing.
    pub fn skip_to(&mut self, seq: u64) {
        let mut index = self.core.index.write();
        if seq <= index.last {
            return;
        }
        let (last, first) = (index.last, index.first);
        index.skip(seq);
        index.undo.push_back(Undo::Skip { last, first });
        if let Some(salt) = index.shape.salt {
            record::encode_skip(self.records.room(HEAD_BYTES), seq, salt);
        }
        self.changed = true;
    }

    /// When the next message expires that says so itself, ns since 1970, and its sequence.
    pub fn next_expiring(&self) -> Option<(i64, u64)> {
        let mut index = self.core.index.write();
        let mut expiries = std::mem::take(&mut index.expiries);
        let next = expiries.next(|seq| index.is_live(seq));
        index.expiries = expiries;
        next
    }

    /// Whether what is written to segments from now on is compressed, whatever the group was made
    /// with.
    pub fn set_compression(&self, compress: bool) {
        self.core.maker.compress.store(compress, Ordering::Relaxed);
    }

    /// Adds a change of the table to the next batch.
    pub fn stage_table(&mut self, op: TableOp) {
        self.table.push(op);
    }

    /// Everything staged since the last commit, as one batch. `done` is called when it is durable.
    pub fn commit(&mut self, done: Done) {
        let table = std::mem::take(&mut self.table);
        if !self.changed {
            if table.is_empty() {
                done(Ok(()));
            } else {
                self.core.group.submit(Change {
                    table,
                    chain: Some(self.chain),
                    done,
                    ..Change::default()
                });
            }
            return;
        }
        self.changed = false;
        let mut index = self.core.index.write();
        let (upto, mark) = (index.noted(), index.last);
        index.submitted = upto;
        let salt = index.shape.salt;
        drop(index);
        let grows = !self.records.is_empty();
        let mut records = SmallVec::new();
        if let Some(salt) = salt {
            if !self.removed.is_empty() {
                record::encode_remove(self.records.room(HEAD_BYTES), &self.removed, salt);
            }
            records = self.records.take(&self.core.maker);
        }
        self.removed.clear();
        if let Kind::File { lazy: true, .. } = self.core.group.kind {
            // Acknowledged before it is durable, and never undone: what can't be written to the
            // write-ahead log is still on its way to the segments.
            self.core.commit(upto, mark);
            let mode = Mode::Lazy;
            let change = Change { records, table, mark, mode, grows, ..Change::default() };
            self.core.group.submit(change);
            return done(Ok(()));
        }
        let core = Arc::clone(&self.core);
        let apply = Box::new(move || core.commit(upto, mark));
        let (mode, chain, apply) = (Mode::Durable, Some(self.chain), Some(apply as _));
        let change = Change { records, table, mark, mode, grows, chain, apply, done };
        self.core.group.submit(change);
    }

    /// Undoes all that is not durable: for after a commit that failed. Sequences are given again.
    pub fn abort(&mut self) {
        self.forget_staged();
        let mut index = self.core.index.write();
        let chain = self.core.group.chain();
        // Without a failure what was submitted takes its way.
        let from = if chain == self.chain { index.submitted } else { index.done };
        index.undo(from);
        self.chain = chain;
    }

    fn forget_staged(&mut self) {
        self.records.clear();
        self.removed.clear();
        self.table.clear();
        self.changed = false;
    }
}

/// Adds a range to ranges, to the last one if it goes on there.
fn note(ranges: &mut Vec<(u64, u64)>, from: u64, to: u64) {
    match ranges.last_mut() {
        Some(last) if last.1 + 1 == from => last.1 = to,
        _ => ranges.push((from, to)),
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut index = self.core.index.write();
        let submitted = index.submitted;
        index.undo(submitted);
        drop(index);
        self.core.release_writer();
    }
}
