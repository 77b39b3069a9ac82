//! The thread that writes the log.
//!
//! What fails: a write that fails takes its batches and all behind them in the same lot with it;
//! the segment ends there and the next batch tries another. After a failed sync nobody knows what
//! is on disk, so the segment is never written or synced again, and all that waited for that sync
//! fails. If the next segment fails as well, before anything in it succeeded, the log is broken
//! until the server starts anew. A full disk breaks nothing: each batch tries again.
//!
//! As soon as there is no room for the next segment, what is left of this one is kept for changes
//! that add no messages, so that a full store can be emptied.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::files::{Files, SegmentFile};
use super::format::{self, BATCH_BYTES, BatchHeader, FIRST, FLAG_MARKER, SegmentHeader};
use super::ledger::{Ledger, Sealed};
use super::{Batch, Queue, Queued, Recovered, Settle, Shared, Thread, Wal};
use crate::error::CommitError;
use crate::group::Mode;
use crate::options::{Sync, WalOptions};
use crate::stats::Counters;

mod trouble;

/// How long the log is quiet before it notes that all in it is safe.
const QUIET: Duration = Duration::from_secs(1);
/// How long a new segment waits for old ones to be freed if there are too many.
const DEBT_WAIT: Duration = Duration::from_secs(2);
/// The same for the segments of streams, at each write.
const FLUSH_WAIT: Duration = Duration::from_millis(500);
const FLUSH_STEP: Duration = Duration::from_millis(1);
/// The next segment is made when such a part of the one in use is: not by those who write little.
const PREPARE_AT: u64 = 4;
/// Such a part of it is kept until it is known whether there is room for the next.
const RESERVE: u64 = 4;

struct Writer {
    shared: Arc<Shared>,
    files: Arc<Files>,
    options: WalOptions,
    sync: Sync,
    epoch: u64,
    segment: Option<Active>,
    last_number: u64,
    /// The next segment is being made, or is there.
    prepared: bool,
    /// There is no room for the next segment; when to look again.
    tight: Option<Instant>,
    next_lsn: u64,
    /// All up to here is safe.
    durable: u64,
    /// All up to here that was not refused is written.
    written: u64,
    /// Written, and waiting for a sync.
    waiting: Vec<(Settle, u64)>,
    /// When what is written must be synced.
    sync_at: Option<Instant>,
    /// The last position that the log itself says is safe.
    noted: u64,
    /// Failures since the last success.
    strikes: u32,
    broken: bool,
}

/// The segment that is written.
struct Active {
    file: SegmentFile,
    /// Where the next batch goes.
    at: u64,
    begun: bool,
    /// Written and not synced.
    dirty: bool,
    groups: HashMap<u64, u64, foldhash::fast::RandomState>,
}

/// Begins to write where `recovered` ends. Batches are taken at once.
pub(crate) fn start(
    recovered: Recovered,
    options: WalOptions,
    sync: Sync,
    counters: Arc<Counters>,
) -> io::Result<Wal> {
    let files = Arc::new(recovered.files);
    let ledger = Ledger::new(Arc::clone(&files), Arc::clone(&counters), recovered.sealed);
    let shared = Arc::new(Shared {
        queue: Mutex::new(Queue::default()),
        wake: parking_lot::Condvar::new(),
        counters,
        ledger: Arc::new(ledger),
    });
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        files,
        options,
        sync,
        epoch: recovered.epoch,
        segment: None,
        last_number: recovered.last_number,
        prepared: false,
        tight: None,
        next_lsn: recovered.last_lsn + 1,
        durable: recovered.last_lsn,
        written: recovered.last_lsn,
        waiting: Vec::new(),
        sync_at: None,
        noted: recovered.last_lsn,
        strikes: 0,
        broken: false,
    };
    writer.prepare(true);
    let handle = thread::Builder::new().name("store-wal".into()).spawn(move || writer.run())?;
    let handle = Mutex::new(Some(handle));
    Ok(Wal { thread: Arc::new(Thread { shared: Arc::clone(&shared), handle }), shared })
}

/// What the writer is to do next.
enum Next {
    Write(Vec<Queued>),
    Sync,
    Note,
    End,
}

// === impl Writer ===

impl Writer {
    fn run(&mut self) {
        loop {
            match self.next() {
                Next::Write(lot) => self.write(lot),
                Next::Sync => self.sync(),
                Next::Note => self.note(),
                Next::End => break,
            }
        }
        self.sync();
        self.note();
        self.seal();
    }

    fn next(&self) -> Next {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.queue.lock();
        loop {
            if !queue.batches.is_empty() {
                return Next::Write(self.take(&mut queue.batches));
            }
            if queue.closed {
                return Next::End;
            }
            queue.asleep = true;
            let quiet = (self.noted < self.durable).then(|| Instant::now() + QUIET);
            let timed_out = match self.sync_at.or(quiet) {
                Some(until) => shared.wake.wait_until(&mut queue, until).timed_out(),
                None => {
                    shared.wake.wait(&mut queue);
                    false
                }
            };
            queue.asleep = false;
            if timed_out && queue.batches.is_empty() {
                return if self.sync_at.is_some() { Next::Sync } else { Next::Note };
            }
        }
    }

    /// What is written at once: all there is, up to a limit.
    fn take(&self, queue: &mut VecDeque<Queued>) -> Vec<Queued> {
        let mut bytes = 0;
        let fits = queue.iter().take_while(|queued| {
            let first = bytes == 0;
            bytes += queued.body_len + BATCH_BYTES;
            first || bytes <= self.options.write_bytes_max
        });
        let count = fits.count();
        if count == queue.len() {
            // Keeps the room that the queue has grown to.
            return queue.drain(..).collect();
        }
        queue.drain(..count).collect()
    }

    /// Waits for the segments of streams to take what was written before: until then it stays in
    /// memory. Not for ever: whoever can't go on must not stop all others.
    fn await_flushes(&self) {
        let unflushed = || self.shared.counters.unflushed_bytes.load(Relaxed);
        let until = Instant::now() + FLUSH_WAIT;
        while unflushed() > self.options.unflushed_bytes_max && Instant::now() < until {
            self.shared.ledger.pause(FLUSH_STEP);
        }
    }

    fn write(&mut self, mut lot: Vec<Queued>) {
        self.await_flushes();
        let bytes: usize = lot.iter().map(|queued| queued.body_len).sum();
        self.shared.counters.queued_bytes.fetch_sub(bytes as u64, Relaxed);
        let now_durable = lot.iter().any(|queued| queued.batch.mode == Mode::Durable);
        while !lot.is_empty() {
            if self.broken {
                return self.refuse(lot, CommitError::Broken);
            }
            lot = self.without_behind(lot);
            if self.is_tight() {
                let (growing, good) = lot.into_iter().partition(|queued| queued.batch.grows);
                self.refuse(growing, CommitError::Full);
                lot = self.without_behind(good);
            }
            if lot.is_empty() {
                break;
            }
            let fits = self.fitting(&lot);
            if fits == 0 {
                if let Err(error) = self.rotate(format::room(lot[0].body_len)) {
                    let why = self.failed(&error);
                    return self.refuse(lot, why);
                }
                continue;
            }
            let rest = lot.split_off(fits);
            if let Err((part, error)) = self.write_part(lot) {
                let why = self.failed(&error);
                self.end_failed(why);
                self.refuse(part.into_iter().chain(rest).collect(), why);
                return;
            }
            lot = rest;
        }
        match self.sync {
            Sync::Always if now_durable => self.sync(),
            Sync::Always => self.sync_within(self.options.lazy_wait),
            Sync::Every(interval) => {
                self.settle_waiting(Ok(()));
                self.sync_within(interval);
            }
        }
        // A sync that is due must not wait for a pause.
        if self.sync_at.is_some_and(|at| at <= Instant::now()) {
            self.sync();
        }
    }

    /// How many batches the segment has room for.
    fn fitting(&self, lot: &[Queued]) -> usize {
        let Some(segment) = &self.segment else { return 0 };
        let mut at = segment.at;
        lot.iter()
            .take_while(|queued| {
                at += format::room(queued.body_len);
                at <= segment.file.len
            })
            .count()
    }

    /// Writes batches that fit. If it fails, they come back.
    fn write_part(&mut self, lot: Vec<Queued>) -> Result<(), (Vec<Queued>, io::Error)> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let first_lsn = self.next_lsn;
        self.next_lsn += lot.len() as u64;
        let frames: Vec<_> = (first_lsn..)
            .zip(&lot)
            .map(|(lsn, queued)| {
                queued.header(segment.file.number, lsn, self.durable).encode_frame()
            })
            .collect();
        let mut parts = Vec::with_capacity(lot.len() * 4);
        let mut bytes = 0;
        for (queued, (header, trailer)) in lot.iter().zip(&frames) {
            parts.push(IoSlice::new(header));
            parts.extend(queued.batch.body.iter().map(|part| IoSlice::new(part)));
            let room = format::room(queued.body_len);
            let rest = room as usize - BATCH_BYTES - queued.body_len;
            parts.push(IoSlice::new(&trailer[trailer.len() - rest..]));
            bytes += room;
        }
        let header = SegmentHeader {
            number: segment.file.number,
            first_lsn,
            fence: self.written,
            epoch: self.epoch,
            len: segment.file.len,
        };
        segment.dirty = true;
        let head =
            if segment.begun { Ok(()) } else { segment.file.file.write_at(&header.encode(), 0) };
        let written = head.and_then(|()| segment.file.file.append_at(&parts, segment.at));
        if let Err(error) = written {
            return Err((lot, error));
        }
        segment.begun = true;
        segment.at += bytes;
        self.written = self.next_lsn - 1;
        let counters = &self.shared.counters;
        counters.wal_writes.fetch_add(1, Relaxed);
        counters.wal_bytes.fetch_add(bytes, Relaxed);
        for queued in lot {
            if queued.batch.flags & FLAG_MARKER == 0 {
                segment.groups.insert(queued.batch.group, queued.index);
            }
            self.waiting.push((queued.batch.settle, queued.index));
        }
        if !self.prepared && segment.at - FIRST >= segment.file.len / PREPARE_AT {
            self.prepare(false);
        }
        Ok(())
    }

    fn sync_within(&mut self, time: Duration) {
        if self.sync_at.is_none() {
            self.sync_at = Some(Instant::now() + time);
        }
    }

    /// Makes all that is written safe, and completes it.
    fn sync(&mut self) {
        self.sync_at = None;
        let Some(segment) = self.segment.as_mut().filter(|segment| segment.dirty) else { return };
        let started = Instant::now();
        let synced = segment.file.file.sync_data();
        segment.dirty = false;
        let counters = &self.shared.counters;
        counters.syncs.fetch_add(1, Relaxed);
        counters.sync_ns.fetch_add(started.elapsed().as_nanos() as u64, Relaxed);
        match synced {
            Ok(()) => {
                self.durable = self.written;
                self.strikes = 0;
                let was_full = self.tight.is_none() && counters.full.swap(false, Relaxed);
                if counters.failing.swap(false, Relaxed) | was_full {
                    tracing::info!("the write-ahead log can be written again");
                }
                self.settle_waiting(Ok(()));
            }
            Err(error) => {
                let why = self.failed(&error);
                self.fence(why);
            }
        }
    }

    fn settle_waiting(&mut self, result: Result<(), CommitError>) {
        let count = self.waiting.len() as u64;
        let counters = &self.shared.counters;
        let counter = if result.is_ok() { &counters.commits } else { &counters.failed };
        counter.fetch_add(count, Relaxed);
        for (settle, index) in self.waiting.drain(..) {
            if catch_unwind(AssertUnwindSafe(|| settle(index, result))).is_err() {
                tracing::error!("the completion of a batch panicked");
            }
        }
    }

    /// Goes on in a new segment with room for a batch of `room` bytes.
    fn rotate(&mut self, room: u64) -> io::Result<()> {
        self.seal();
        if self.broken {
            return Err(io::Error::other("an earlier failure"));
        }
        self.shared.ledger.wait_below(self.options.debt_bytes_max, DEBT_WAIT);
        let mut file = match self.files.take() {
            Ok(file) => file,
            Err(_) => {
                // What failed then may work now.
                self.prepare(true);
                self.files.take()?
            }
        };
        if FIRST + room > file.len {
            // In the order of use, which is the order of the numbers.
            self.files.give_back(file.number, self.files.is_regular(file.len));
            self.last_number += 1;
            let len = (FIRST + room).next_multiple_of(FIRST);
            file = self.files.make_large(self.last_number, len)?;
        }
        self.segment = Some(Active {
            file,
            at: FIRST,
            begun: false,
            dirty: false,
            groups: HashMap::default(),
        });
        self.prepared = false;
        Ok(())
    }

    fn prepare(&mut self, urgent: bool) {
        self.last_number += 1;
        self.prepared = true;
        self.files.prepare(self.last_number, urgent);
    }

    /// Ends the segment in use, all of it safe.
    fn seal(&mut self) {
        self.sync();
        self.retire(false);
    }

    fn retire(&mut self, bad: bool) {
        let Some(segment) = self.segment.take() else { return };
        let SegmentFile { number, len, .. } = segment.file;
        let groups = segment.groups.into_iter().collect();
        self.shared.ledger.push(Sealed { number, len, groups, bad });
    }

    /// Writes down that all before is safe, so that damage to it is known for what it is.
    fn note(&mut self) {
        if self.noted >= self.durable || self.broken {
            return;
        }
        let room = format::room(0);
        let has_room = self.segment.as_ref().is_some_and(|s| s.at + room <= s.file.len);
        self.noted = self.durable;
        if !has_room {
            // The header of the next segment will say so.
            return;
        }
        let batch = Batch {
            group: 0,
            mark: 0,
            table_len: 0,
            flags: FLAG_MARKER,
            body: smallvec::SmallVec::new(),
            mode: Mode::Durable,
            grows: false,
            chain: None,
            settle: Box::new(|_, _| {}),
        };
        let marker = Queued { batch, index: 0, body_len: 0, body_crc: 0 };
        if let Err((_, error)) = self.write_part(vec![marker]) {
            let why = self.failed(&error);
            return self.end_failed(why);
        }
        self.sync();
        self.noted = self.durable;
    }
}

// === impl Queued ===

impl Queued {
    fn header(&self, segment: u64, lsn: u64, durable: u64) -> BatchHeader {
        BatchHeader {
            // `Wal::submit` refuses what does not fit.
            body_len: self.body_len as u32,
            segment,
            lsn,
            durable,
            group: self.batch.group,
            index: self.index,
            mark: self.batch.mark,
            term: 0,
            table_len: self.batch.table_len,
            body_crc: self.body_crc,
            flags: self.batch.flags,
        }
    }
}
