//! Which segments are full, and which groups have something in them that is nowhere else yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::files::Files;
use crate::stats::Counters;

/// The segments that wait for a checkpoint, oldest first.
pub(crate) struct Ledger {
    sealed: Mutex<VecDeque<Sealed>>,
    changed: Condvar,
    files: Arc<Files>,
    counters: Arc<Counters>,
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
        let sealed = Mutex::new(VecDeque::from(sealed));
        let ledger = Ledger { sealed, changed: Condvar::new(), files, counters };
        ledger.count();
        ledger
    }

    pub(super) fn push(&self, sealed: Sealed) {
        self.sealed.lock().push_back(sealed);
        self.count();
        self.changed.notify_all();
    }

    /// Waits until there is a segment to free, or `timeout` is over.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut sealed = self.sealed.lock();
        if sealed.is_empty() {
            self.changed.wait_for(&mut sealed, timeout);
        }
        !sealed.is_empty()
    }

    /// Wakes those who wait.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// The groups that keep the oldest segment, with the index that each must have made safe.
    pub(crate) fn oldest(&self) -> Vec<(u64, u64)> {
        let sealed = self.sealed.lock();
        let groups = sealed.front().map(|oldest| oldest.groups.iter().map(|(g, i)| (*g, *i)));
        groups.into_iter().flatten().collect()
    }

    /// Frees the oldest segments of which `is_safe` says, for every group in them, that it is safe
    /// up to that index or gone.
    pub(crate) fn release(&self, mut is_safe: impl FnMut(u64, u64) -> bool) -> usize {
        let mut freed = 0;
        loop {
            let mut sealed = self.sealed.lock();
            let Some(oldest) = sealed.front() else { break };
            if !oldest.groups.iter().all(|(group, index)| is_safe(*group, *index)) {
                break;
            }
            let Some(oldest) = sealed.pop_front() else { break };
            drop(sealed);
            self.count();
            self.changed.notify_all();
            self.files.give_back(oldest.number, if oldest.bad { 0 } else { oldest.len });
            freed += 1;
        }
        freed
    }

    /// Waits until less than `bytes_max` wait for a checkpoint, or `timeout` is over.
    pub(super) fn wait_below(&self, bytes_max: u64, timeout: Duration) {
        let mut sealed = self.sealed.lock();
        let debt = |sealed: &VecDeque<Sealed>| sealed.iter().map(|s| s.len).sum::<u64>();
        while debt(&sealed) > bytes_max {
            if self.changed.wait_for(&mut sealed, timeout).timed_out() {
                return;
            }
        }
    }

    fn count(&self) {
        let debt = self.sealed.lock().iter().map(|sealed| sealed.len).sum();
        self.counters.debt_bytes.store(debt, Relaxed);
    }
}
