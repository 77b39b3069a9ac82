//! Latencies in a fixed number of buckets: recording is two relaxed additions and never allocates.
//!
//! Buckets are log-linear: every power of two is cut into [`STEPS`] equal parts, so a quantile is
//! at most one part in eight above the true value, from nanoseconds to eighteen minutes. Longer
//! values land in the last bucket; their sum and maximum stay exact.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Parts that a power of two is cut into.
pub const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: usize = 3;
/// Values at or above 2^40 ns (about 18 minutes) share the last bucket.
const TOP_BITS: usize = 40;
/// Number of buckets of every histogram.
pub const BUCKETS: usize = (TOP_BITS - STEP_BITS + 1) * STEPS + 1;

/// A latency histogram of bounded size (about 2.5 KiB), shared by reference between threads.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// Nanoseconds in total; wraps after 584 years of latency.
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    buckets: [u64; BUCKETS],
    sum_ns: u64,
    max_ns: u64,
}

// === impl Histogram ===

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
        }
    }

    /// Records one latency.
    #[inline]
    pub fn record(&self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[index_of(ns)].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
        // A plain load first: the maximum seldom moves, and a shared line that is only read is
        // free.
        if ns > self.max_ns.load(Relaxed) {
            self.max_ns.fetch_max(ns, Relaxed);
        }
    }

    /// Copies the present state for reading at leisure.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            buckets: std::array::from_fn(|i| self.buckets[i].load(Relaxed)),
            sum_ns: self.sum_ns.load(Relaxed),
            max_ns: self.max_ns.load(Relaxed),
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// How many latencies were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// The longest of them.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    /// The latency that the share `q` (0 to 1) did not exceed, at most an eighth too high.
    /// Zero when nothing was recorded.
    pub fn quantile(&self, q: f64) -> Duration {
        let count = self.count();
        // Truncation is meant: ranks are whole.
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Duration::from_nanos(last_of(i).min(self.max_ns));
            }
        }
        self.max()
    }
}

/// The bucket that holds `ns`.
#[inline]
fn index_of(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let exponent = ns.ilog2() as usize;
    if exponent >= TOP_BITS {
        return BUCKETS - 1;
    }
    let shift = exponent - STEP_BITS;
    // The leading one bit of `ns >> shift` adds the STEPS that the exponent term leaves out.
    shift * STEPS + (ns >> shift) as usize
}

/// The largest value that bucket `i` holds.
fn last_of(i: usize) -> u64 {
    if i == BUCKETS - 1 {
        return u64::MAX;
    }
    if i < STEPS {
        return i as u64;
    }
    let shift = i / STEPS - 1;
    let part = (i % STEPS + STEPS) as u64;
    ((part + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_contiguous() {
        let mut first = 0;
        for i in 0..BUCKETS - 1 {
            assert_eq!(index_of(first), i, "first of {i}");
            assert_eq!(index_of(last_of(i)), i, "last of {i}");
            first = last_of(i) + 1;
        }
        assert_eq!(first, 1 << TOP_BITS);
        assert_eq!(index_of(first), BUCKETS - 1);
        assert_eq!(index_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn empty_is_zero() {
        let s = Histogram::new().snapshot();
        assert_eq!((s.count(), s.quantile(0.99), s.max()), (0, Duration::ZERO, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn quantiles_are_close_to_the_sorted_values(
            mut values in prop::collection::vec(0u64..5_000_000_000, 1..200),
            q in 0.0f64..=1.0,
        ) {
            let h = Histogram::new();
            for v in &values {
                h.record(Duration::from_nanos(*v));
            }
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let found = h.snapshot().quantile(q).as_nanos() as u64;
            let most = exact + exact / STEPS as u64;
            prop_assert!((exact..=most).contains(&found), "{found} {exact}");
        }
    }
}
