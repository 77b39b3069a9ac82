//! What the writer and the readers of one log share, and the store's way in.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::chunk::Maker;
use super::index::{Index, Shape};
use super::state::Captured;
use super::{Log, recover};
use crate::env::Env;
use crate::error::StoreError;
use crate::group::{Engine, Group, Kind, Replay, Saved};
use crate::record::{self, Kind as RecordKind, Message, Salt};

/// Segments in memory are small, so that making one anew is quick.
const MEMORY_SEGMENT_BYTES: u32 = 1 << 20;
const MEMORY_SLOTS_MAX: usize = 16 << 10;
/// Slots of a segment that lives in a file.
const FILE_SLOTS_MAX: usize = 128 << 10;
/// Committed bytes that are not in files: more than that is written without waiting for the clock.
const UNFLUSHED_MAX: u64 = 4 << 20;

pub(crate) struct Core {
    pub(crate) group: Arc<Group>,
    pub(crate) index: RwLock<Index>,
    pub(crate) env: Arc<Env>,
    pub(crate) maker: Maker,
    pub(crate) files: Mutex<Files>,
    /// There is a writer.
    written: AtomicBool,
    /// A flush is on its way.
    flushing: AtomicBool,
    /// Something was committed since the last flush.
    touched: AtomicBool,
    /// What of `Counters::unflushed_bytes` is of this log.
    unflushed: AtomicU64,
    /// The last flush failed, or there will be no other: nobody is to wait for the next.
    stuck: AtomicBool,
}

/// Held by who writes files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The directory is there.
    pub(crate) has_dir: bool,
    /// Names were made or changed that are not safe yet.
    pub(crate) new_names: bool,
    /// Segments whose files are to be removed.
    pub(crate) garbage: Vec<u64>,
    /// A sync failed: what was written since the last checkpoint may be gone.
    pub(crate) broken: bool,
    pub(crate) closed: bool,
    /// Bytes of records in memory that are in files, too.
    pub(crate) tail: u64,
    /// Bytes in files that no message needs, as they were last published.
    pub(crate) dead: u64,
    /// Segments to be written anew because of something in them.
    pub(crate) rewrite: Vec<u64>,
    /// Segment and chunk that are checked next.
    pub(crate) scrub: (u64, usize),
    /// The last flush left nothing to do.
    pub(crate) settled: bool,
    /// When everything had been checked.
    pub(crate) scrubbed: Option<Instant>,
}

/// Opens the log of a group with what the last checkpoint left.
pub(crate) fn open(group: Arc<Group>, env: &Arc<Env>, saved: Saved) -> io::Result<Arc<Core>> {
    let salt = Salt::new(group.id.0);
    let segment_bytes = u32::try_from(env.options.segment_bytes).unwrap_or(1 << 30);
    let (shape, compress) = match group.kind {
        Kind::Memory => (
            Shape {
                segment_bytes: segment_bytes.min(MEMORY_SEGMENT_BYTES),
                segment_slots: MEMORY_SLOTS_MAX,
                message_bytes: 16,
                headers_bytes: 0,
                salt: None,
            },
            false,
        ),
        Kind::File { compress, .. } => (
            Shape {
                segment_bytes,
                segment_slots: FILE_SLOTS_MAX,
                message_bytes: 30,
                headers_bytes: 4,
                salt: Some(salt),
            },
            compress,
        ),
    };
    let compress = Arc::new(AtomicBool::new(compress));
    let maker = Maker { group: group.id.0, salt, compress, cipher: env.cipher.clone() };
    let index = RwLock::new(Index::new(shape, group.first_seq, Arc::clone(&env.memory)));
    let core = Core {
        group,
        index,
        env: Arc::clone(env),
        maker,
        files: Mutex::default(),
        written: AtomicBool::new(false),
        flushing: AtomicBool::new(false),
        touched: AtomicBool::new(true),
        unflushed: AtomicU64::new(0),
        stuck: AtomicBool::new(false),
    };
    if core.group.kind != Kind::Memory {
        recover::recover(&core, saved)?;
    }
    Ok(Arc::new(core))
}

// === impl Core ===

impl Core {
    /// The writer, if there is none.
    pub(crate) fn writer(self: &Arc<Core>) -> Result<Log, StoreError> {
        if self.written.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Busy);
        }
        self.settle_missing();
        Ok(Log::new(Arc::clone(self)))
    }

    /// The writer is gone.
    pub(crate) fn release_writer(&self) {
        self.written.store(false, Ordering::Release);
    }

    /// Everything up to number `upto` is committed, and with it all sequences up to `mark`.
    pub(crate) fn commit(self: &Arc<Core>, upto: u64, mark: u64) {
        let (unflushed, dropped) = {
            let mut index = self.index.write();
            index.commit(upto, mark);
            self.tell_unflushed(index.unflushed);
            (index.unflushed, !index.dropped.is_empty() || !index.erasures.is_empty())
        };
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Release);
        }
        if (unflushed > UNFLUSHED_MAX || dropped)
            && self.group.kind != Kind::Memory
            && !self.flushing.swap(true, Ordering::AcqRel)
        {
            let core = Arc::clone(self);
            self.env.writes.run(move || {
                core.flushing.store(false, Ordering::Release);
                if let Err(error) = core.flush() {
                    let stream = &core.group.name;
                    tracing::warn!(%error, stream, "messages could not be written yet");
                }
            });
        }
    }

    /// Tells the store how much waits for this log to be flushed, which is under way if it is too
    /// much. Call it with the index locked, or a later call may be undone by an earlier one.
    pub(crate) fn tell_unflushed(&self, bytes: u64) {
        let waits = self.group.kind != Kind::Memory && !self.stuck.load(Ordering::Relaxed);
        let bytes = if waits { bytes.saturating_sub(UNFLUSHED_MAX) } else { 0 };
        let before = self.unflushed.swap(bytes, Ordering::Relaxed);
        let counter = &self.env.counters.unflushed_bytes;
        counter.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Notes whether flushes succeed.
    fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::Relaxed);
        if stuck {
            self.tell_unflushed(0);
        }
    }

    /// Counts damaged records.
    pub(crate) fn report(&self, count: u64) {
        self.env.counters.damaged.fetch_add(count, Ordering::Relaxed);
    }

    /// What the last checkpoint knew of, no segment holds and nobody removed since, is lost.
    fn settle_missing(&self) {
        let mut index = self.index.write();
        let missing = std::mem::take(&mut index.missing);
        for (from, to) in missing.iter() {
            index.lost.insert(from, to);
        }
        drop(index);
        if !missing.is_empty() {
            let (account, stream) = (&self.group.account, &self.group.name);
            self.report(missing.count());
            let count = missing.count();
            tracing::error!(account, stream, count, "messages are not where they should be: lost");
        }
    }
}

impl Engine for Core {
    fn replay(&self, batch: Replay) {
        let records = batch.records.and_then(|records| self.maker.unseal(records));
        let salvaged = if records.is_none() {
            let last = self.index.read().last;
            self.salvage(last + 1, batch.mark)
        } else {
            BTreeMap::new()
        };
        let mut index = self.index.write();
        let (mut rest, salt) = (records.as_deref().unwrap_or(&[]), self.maker.salt);
        while let Ok(head) = record::check(rest, salt) {
            let (record, after) = rest.split_at(head.len as usize);
            rest = after;
            match head.kind {
                RecordKind::Message => {
                    if let Some(message) = Message::parse(record).filter(|m| m.seq > index.last) {
                        index.append_record(&message, record);
                    }
                }
                RecordKind::Skip if head.seq > index.last => index.skip(head.seq),
                RecordKind::Remove => {
                    for (from, to) in record::removed(record) {
                        index.missing.remove(from, to);
                        index.remove_range(from, to);
                    }
                }
                RecordKind::Skip => {}
            }
        }
        if batch.mark > index.last {
            // They were there; nothing more is known of them than what segments may hold.
            let from = index.last + 1;
            index.missing.insert(from, batch.mark);
            for (seq, record) in &salvaged {
                if let Some(message) = Message::parse(record) {
                    index.append_record(&message, record);
                    index.missing.remove(*seq, *seq);
                }
            }
            index.skip(batch.mark);
        }
        index.committed = index.last;
    }

    fn capture(&self) -> Box<dyn Any + Send> {
        Box::new(Captured::of(&self.index.read()))
    }

    fn secure(&self, captured: Box<dyn Any + Send>) -> io::Result<Bytes> {
        let captured = captured.downcast::<Captured>();
        let captured = captured.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.make_safe(*captured).map(Bytes::from)
    }

    fn flush(&self) -> io::Result<()> {
        let mut files = self.files.lock();
        if files.closed || files.broken {
            self.set_stuck(true);
            return Ok(());
        }
        if self.touched.swap(false, Ordering::AcqRel) || !files.settled {
            files.settled = false;
            let written = self.write_out(&mut files, false);
            self.set_stuck(written.is_err());
            written?;
            self.remove_garbage(&mut files);
            self.erase(&mut files)?;
            files.settled = !self.compact(&mut files)?;
            let dead = self.dead_bytes();
            let more = dead.wrapping_sub(files.dead);
            self.env.counters.dead_bytes.fetch_add(more, Ordering::Relaxed);
            files.dead = dead;
        }
        if files.settled && self.env.memory.may_scrub(files.scrubbed) {
            let more = self.scrub(&mut files);
            if !more {
                files.scrubbed = Some(Instant::now());
            }
        }
        Ok(())
    }

    fn close(&self) {
        self.files.lock().closed = true;
        self.set_stuck(true);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.env.memory.keep(self.files.get_mut().tail, 0);
        self.tell_unflushed(0);
    }
}
