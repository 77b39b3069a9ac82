//! Counters and gauges that any thread bumps and the monitor reads now and then.
//!
//! All operations are relaxed: a reader sees each number somewhere between "now" and "a moment
//! ago", and two numbers need not be of the same moment. Each value fills its own pair of cache
//! lines (the adjacent-line prefetcher of x86 couples two), so that neighbours in a struct do not
//! make the threads that bump them fight for one line.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A number that only grows (it wraps after 2^64).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counter(AtomicU64);

/// A number that goes up and down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Gauge(AtomicI64);

// === impl Counter ===

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The present value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

// === impl Gauge ===

impl Gauge {
    /// A gauge at zero.
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// The present value.
    #[inline]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_values_share_a_line() {
        assert_eq!(std::mem::size_of::<[Counter; 2]>(), 256);
        assert_eq!(std::mem::align_of::<Gauge>(), 128);
    }

    #[test]
    fn threads_lose_no_count() {
        let (counter, gauge) = (Counter::new(), Gauge::new());
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..1000 {
                        counter.inc();
                        gauge.add(3);
                        gauge.dec();
                    }
                });
            }
        });
        assert_eq!((counter.get(), gauge.get()), (4000, 8000));
        gauge.set(-5);
        assert_eq!(gauge.get(), -5);
    }
}
