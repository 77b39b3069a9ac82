//! [`Usage`]: what JetStream takes, counted for account information and monitoring, and held
//! against limits.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// See the module's text. Of one account; bytes are counted as streams count them.
#[derive(Debug, Default)]
pub struct Usage {
    pub memory: AtomicI64,
    pub storage: AtomicI64,
    /// What streams reserved by `max_bytes`.
    pub reserved_memory: AtomicI64,
    pub reserved_storage: AtomicI64,
    pub streams: AtomicI64,
    pub consumers: AtomicI64,
    /// Requests answered, and those of them that failed.
    pub requests: AtomicU64,
    pub errors: AtomicU64,
    /// Batches of publishers that are open.
    pub atomic_batches: AtomicUsize,
    pub fast_batches: AtomicUsize,
}

impl Usage {
    pub fn count_request(&self, failed: bool) {
        self.requests.fetch_add(1, Relaxed);
        if failed {
            self.errors.fetch_add(1, Relaxed);
        }
    }

    /// Adds to what streams take; negative: takes off.
    pub fn add_bytes(&self, in_memory: bool, bytes: i64) {
        let counter = if in_memory { &self.memory } else { &self.storage };
        counter.fetch_add(bytes, Relaxed);
    }

    pub fn reserve(&self, in_memory: bool, bytes: i64) {
        let counter = if in_memory { &self.reserved_memory } else { &self.reserved_storage };
        counter.fetch_add(bytes, Relaxed);
    }

    #[must_use]
    pub fn bytes(&self, in_memory: bool) -> i64 {
        let counter = if in_memory { &self.memory } else { &self.storage };
        counter.load(Relaxed)
    }

    #[must_use]
    pub fn reserved(&self, in_memory: bool) -> i64 {
        let counter = if in_memory { &self.reserved_memory } else { &self.reserved_storage };
        counter.load(Relaxed)
    }
}
