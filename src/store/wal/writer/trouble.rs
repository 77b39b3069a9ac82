//! What the writer does when the disk refuses.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{RESERVE, Writer};
use crate::error::{CommitError, is_full};
use crate::wal::Queued;

/// How often a full disk is looked at again.
const TIGHT: Duration = Duration::from_millis(100);

// === impl Writer ===

impl Writer {
    /// Whether what is left of the segment is all there is.
    pub(super) fn is_tight(&mut self) -> bool {
        if self.prepared && self.is_ending() {
            // What is left must not be used up before it is known whether it is all there is.
            self.files.await_answer();
        }
        if !self.prepared || self.files.is_ready() {
            if self.tight.take().is_some() {
                tracing::info!("there is room on the disk again");
            }
            return false;
        }
        let full = self.files.failure().is_some_and(|kind| is_full(&kind.into()));
        let now = Instant::now();
        if full && self.tight.is_none_or(|at| at <= now) {
            if self.tight.is_none() {
                tracing::error!("the disk is full: nothing is stored until there is room");
            }
            self.shared.counters.full.store(true, Relaxed);
            self.tight = Some(now + TIGHT);
            self.files.prepare(self.last_number, false);
        }
        self.tight.is_some()
    }

    fn is_ending(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| {
            segment.file.len.saturating_sub(segment.at) < segment.file.len / RESERVE
        })
    }

    /// Refuses what was made on top of something that failed.
    pub(super) fn without_behind(&mut self, lot: Vec<Queued>) -> Vec<Queued> {
        if !lot.iter().any(|queued| queued.batch.is_behind()) {
            return lot;
        }
        let (behind, good) = lot.into_iter().partition(|queued| queued.batch.is_behind());
        self.refuse(behind, CommitError::Behind);
        good
    }

    /// The segment can't be trusted any more.
    pub(super) fn fence(&mut self, why: CommitError) {
        if !self.waiting.is_empty() {
            // They fail, so they must not come back: they lie behind the fence of the next segment.
            self.written = self.durable;
        }
        self.settle_waiting(Err(why));
        self.retire(true);
    }

    /// A write failed: what was written before it may still become safe.
    pub(super) fn end_failed(&mut self, why: CommitError) {
        let strikes = self.strikes;
        self.sync();
        // That sync says nothing about whether writing works again.
        self.strikes = self.strikes.max(strikes);
        let counters = &self.shared.counters;
        let flag = if why == CommitError::Full { &counters.full } else { &counters.failing };
        flag.store(true, Relaxed);
        self.retire(true);
    }

    /// Counts a failure, and finds out what it means for those who wait.
    pub(super) fn failed(&mut self, error: &io::Error) -> CommitError {
        let counters = &self.shared.counters;
        if is_full(error) {
            if !counters.full.swap(true, Relaxed) {
                tracing::error!(%error, "the disk of the write-ahead log is full");
            }
            return CommitError::Full;
        }
        self.strikes += 1;
        counters.failing.store(true, Relaxed);
        tracing::error!(%error, strikes = self.strikes, "the write-ahead log could not be written");
        if self.strikes > 1 {
            self.broken = true;
            counters.broken.store(true, Relaxed);
            tracing::error!("nothing can be written until the server is started again");
        }
        CommitError::Failed(error.kind())
    }

    pub(super) fn refuse(&mut self, lot: Vec<Queued>, why: CommitError) {
        self.shared.counters.failed.fetch_add(lot.len() as u64, Relaxed);
        for queued in lot {
            let settle = queued.batch.settle;
            if catch_unwind(AssertUnwindSafe(|| settle(queued.index, Err(why)))).is_err() {
                tracing::error!("the completion of a batch panicked");
            }
        }
    }
}
