//! Which segments are full, and which groups have something in them that is nowhere else yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::files::Files;
use crate::stats::Counters;

/// The segments that wait for a checkpoint, oldest first.
pub(crate) struct Ledger {
    state: Mutex<State>,
    changed: Condvar,
    files: Arc<Files>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    sealed: VecDeque<Sealed>,
    ended: bool,
}

/// A segment that is no longer written.
pub(crate) struct Sealed {
    pub(crate) number: u64,
    pub(crate) len: u64,
    /// The index of the last batch of each group in it.
    pub(crate) groups: HashMap<u64, u64>,
    /// A sync of it failed: it can't be used again.
    pub(crate) bad: bool,
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn new(files: Arc<Files>, counters: Arc<Counters>, sealed: Vec<Sealed>) -> Ledger {
        let state = Mutex::new(State { sealed: sealed.into(), ended: false });
        let ledger = Ledger { state, changed: Condvar::new(), files, counters };
        ledger.count();
        ledger
    }

    pub(super) fn push(&self, sealed: Sealed) {
        self.state.lock().sealed.push_back(sealed);
        self.count();
        self.changed.notify_all();
    }

    /// Waits until there is a segment to free, or `timeout` is over.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        if state.sealed.is_empty() && !state.ended {
            self.changed.wait_for(&mut state, timeout);
        }
        !state.sealed.is_empty()
    }

    /// Nobody waits here any more.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for `time`, or until the end.
    pub(crate) fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.ended && !self.changed.wait_until(&mut state, until).timed_out() {}
    }

    /// The groups that keep the oldest segment, with the index that each must have made safe.
    pub(crate) fn oldest(&self) -> Vec<(u64, u64)> {
        let state = self.state.lock();
        let groups = state.sealed.front().map(|oldest| oldest.groups.iter().map(|(g, i)| (*g, *i)));
        groups.into_iter().flatten().collect()
    }

    /// Frees the oldest segments of which `is_safe` says, for every group in them, that it is safe
    /// up to that index or gone.
    pub(crate) fn release(&self, mut is_safe: impl FnMut(u64, u64) -> bool) -> usize {
        let mut freed = 0;
        loop {
            let mut state = self.state.lock();
            let Some(oldest) = state.sealed.front() else { break };
            if !oldest.groups.iter().all(|(group, index)| is_safe(*group, *index)) {
                break;
            }
            let Some(oldest) = state.sealed.pop_front() else { break };
            drop(state);
            self.count();
            self.changed.notify_all();
            let reuse = !oldest.bad && self.files.is_regular(oldest.len);
            self.files.give_back(oldest.number, reuse);
            freed += 1;
        }
        freed
    }

    /// Waits until less than `bytes_max` wait for a checkpoint, or `timeout` is over.
    pub(super) fn wait_below(&self, bytes_max: u64, timeout: Duration) {
        let until = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.debt() > bytes_max && !state.ended {
            if self.changed.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }

    fn count(&self) {
        self.counters.debt_bytes.store(self.state.lock().debt(), Relaxed);
    }
}

impl State {
    fn debt(&self) -> u64 {
        self.sealed.iter().map(|sealed| sealed.len).sum()
    }
}
