//! What the server counts, a set for each arbiter so that no two cores write one cache line.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sums that only grow.
#[derive(Default)]
#[repr(align(128))]
pub struct Counters {
    pub in_msgs: AtomicU64,
    pub in_bytes: AtomicU64,
    pub out_msgs: AtomicU64,
    pub out_bytes: AtomicU64,
    /// Subjects looked up in the interest index because the cache did not know them.
    pub lookups: AtomicU64,
    /// Subjects that the cache knows now.
    pub cached: AtomicU64,
    /// Most subscriptions found for one subject.
    pub widest: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }
}

/// The sum over all arbiters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub lookups: u64,
    pub cached: u64,
    /// The largest, not the sum.
    pub widest: u64,
}

impl Totals {
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Counters>) -> Self {
        all.into_iter().fold(Self::default(), |sum, one| Self {
            in_msgs: sum.in_msgs + one.in_msgs.load(Relaxed),
            in_bytes: sum.in_bytes + one.in_bytes.load(Relaxed),
            out_msgs: sum.out_msgs + one.out_msgs.load(Relaxed),
            out_bytes: sum.out_bytes + one.out_bytes.load(Relaxed),
            lookups: sum.lookups + one.lookups.load(Relaxed),
            cached: sum.cached + one.cached.load(Relaxed),
            widest: sum.widest.max(one.widest.load(Relaxed)),
        })
    }
}
