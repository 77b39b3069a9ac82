//! The write-ahead log: every change of every group, in one sequence of files.
//!
//! One thread takes all that is queued, writes it with one call, syncs once and completes it, while
//! the next lot gathers: under load many batches share a sync, and a lone one waits for nothing but
//! its own. See [`mod@format`] for the files, [`scan`] for what is read back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;

use crate::error::CommitError;
use crate::group::Mode;
use crate::stats::Counters;

mod files;
pub(crate) mod format;
mod ledger;
pub(crate) mod recover;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

pub(crate) use ledger::Ledger;
use recover::Recovered;

/// Called with the index of the batch when it is durable, or when it will not be; the index is 0 if
/// it got none.
pub(crate) type Settle = Box<dyn FnOnce(u64, Result<(), CommitError>) + Send>;

/// What a group wants to be written, all or nothing.
pub(crate) struct Batch {
    pub(crate) group: u64,
    pub(crate) mark: u64,
    /// How much of the body is about the table.
    pub(crate) table_len: u32,
    pub(crate) flags: u32,
    pub(crate) body: SmallVec<[Bytes; 3]>,
    pub(crate) mode: Mode,
    /// It adds messages.
    pub(crate) grows: bool,
    /// Refused if the number is not the same any more when its turn comes.
    pub(crate) chain: Option<(Arc<AtomicU64>, u64)>,
    pub(crate) settle: Settle,
}

/// The way into the log. Clones lead to the same one; it ends when the last is gone.
#[derive(Clone)]
pub(crate) struct Wal {
    shared: Arc<Shared>,
    thread: Arc<Thread>,
}

/// What the submitters and the writer share.
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    counters: Arc<Counters>,
    ledger: Arc<Ledger>,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Queued>,
    /// The writer sleeps, so it must be woken.
    asleep: bool,
    closed: bool,
}

struct Queued {
    batch: Batch,
    index: u64,
    body_len: usize,
    body_crc: u32,
}

// === impl Batch ===

impl Batch {
    /// Whether one that it was made on top of failed.
    fn is_behind(&self) -> bool {
        self.chain.as_ref().is_some_and(|(now, at)| now.load(Relaxed) != *at)
    }
}

struct Thread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

// === impl Wal ===

impl Wal {
    /// Queues a batch. It gets the next index of its group, so that the order of the indexes is
    /// that of the log. Fails later, through `settle`, but at once if the log is closed.
    pub(crate) fn submit(&self, index: &AtomicU64, batch: Batch) {
        let body_len = batch.body.iter().map(Bytes::len).sum();
        let body_crc = batch.body.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        let counters = &self.shared.counters;
        let refused = if body_len > format::BODY_BYTES_MAX {
            Some(CommitError::TooLarge(body_len))
        } else {
            let mut queue = self.shared.queue.lock();
            if queue.closed {
                Some(CommitError::Stopped)
            } else {
                let index = index.fetch_add(1, Relaxed) + 1;
                counters.queued_bytes.fetch_add(body_len as u64, Relaxed);
                queue.batches.push_back(Queued { batch, index, body_len, body_crc });
                if queue.asleep {
                    queue.asleep = false;
                    drop(queue);
                    self.shared.wake.notify_one();
                }
                return;
            }
        };
        if let Some(error) = refused {
            counters.failed.fetch_add(1, Relaxed);
            (batch.settle)(0, Err(error));
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Writes what is queued and ends. Whatever comes later fails.
    pub(crate) fn close(&self) {
        self.thread.end();
    }
}

impl Thread {
    fn end(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.wake.notify_all();
        let handle = self.handle.lock().take();
        if let Some(handle) = handle
            && handle.thread().id() != std::thread::current().id()
            && handle.join().is_err()
        {
            tracing::error!("the writer of the write-ahead log panicked");
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.end();
    }
}
