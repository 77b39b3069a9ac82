//! [`Usage`]: what JetStream takes, counted for account information and monitoring, and held
//! against limits: of one account, and with it of the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// What is taken now, and what was asked. Bytes are counted as streams count them.
#[derive(Debug, Default)]
pub struct Counts {
    memory: AtomicI64,
    storage: AtomicI64,
    /// What streams reserved by `max_bytes`.
    reserved_memory: AtomicI64,
    reserved_storage: AtomicI64,
    streams: AtomicI64,
    consumers: AtomicI64,
    /// Requests answered, and those of them that failed.
    requests: AtomicU64,
    errors: AtomicU64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Usage {
    /// Of the account.
    own: Counts,
    /// Of all accounts.
    total: Arc<Counts>,
}

// === impl Usage ===

impl Usage {
    /// Of an account that takes nothing yet; `total` is what all take together.
    #[must_use]
    pub fn new(total: Arc<Counts>) -> Self {
        Self { own: Counts::default(), total }
    }

    fn both(&self) -> [&Counts; 2] {
        [&self.own, &self.total]
    }

    fn add(&self, count: i64, to: impl Fn(&Counts) -> &AtomicI64) {
        for counts in self.both() {
            to(counts).fetch_add(count, Relaxed);
        }
    }

    /// A request was answered.
    pub fn count_request(&self, failed: bool) {
        for counts in self.both() {
            counts.requests.fetch_add(1, Relaxed);
            counts.errors.fetch_add(u64::from(failed), Relaxed);
        }
    }

    /// Adds to what streams take; negative: takes off.
    pub fn add_bytes(&self, in_memory: bool, bytes: i64) {
        self.add(bytes, |counts| counts.bytes_of(in_memory));
    }

    /// Adds to what streams have reserved; negative: takes off.
    pub fn reserve(&self, in_memory: bool, bytes: i64) {
        self.add(bytes, |counts| counts.reserved_of(in_memory));
    }

    /// Adds to how many streams there are; negative: takes off.
    pub fn add_streams(&self, count: i64) {
        self.add(count, |counts| &counts.streams);
    }

    pub fn add_consumers(&self, count: i64) {
        self.add(count, |counts| &counts.consumers);
    }
}

impl std::ops::Deref for Usage {
    type Target = Counts;

    /// Of the account.
    fn deref(&self) -> &Counts {
        &self.own
    }
}

// === impl Counts ===

impl Counts {
    fn bytes_of(&self, in_memory: bool) -> &AtomicI64 {
        if in_memory { &self.memory } else { &self.storage }
    }

    fn reserved_of(&self, in_memory: bool) -> &AtomicI64 {
        if in_memory { &self.reserved_memory } else { &self.reserved_storage }
    }

    /// Below zero for a moment, when something is taken off before it was added.
    #[must_use]
    pub fn bytes(&self, in_memory: bool) -> i64 {
        self.bytes_of(in_memory).load(Relaxed)
    }

    #[must_use]
    pub fn reserved(&self, in_memory: bool) -> i64 {
        self.reserved_of(in_memory).load(Relaxed)
    }

    #[must_use]
    pub fn streams(&self) -> u64 {
        u64::try_from(self.streams.load(Relaxed)).unwrap_or(0)
    }

    #[must_use]
    pub fn consumers(&self) -> u64 {
        u64::try_from(self.consumers.load(Relaxed)).unwrap_or(0)
    }

    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_accounts_take_adds_up() {
        let total = Arc::new(Counts::default());
        let (a, b) = (Usage::new(Arc::clone(&total)), Usage::new(Arc::clone(&total)));
        a.add_bytes(true, 10);
        b.add_bytes(true, 5);
        b.add_bytes(false, 7);
        a.reserve(false, 100);
        b.add_streams(2);
        b.add_consumers(3);
        a.count_request(true);
        b.count_request(false);
        assert_eq!((a.bytes(true), b.bytes(true), total.bytes(true)), (10, 5, 15));
        assert_eq!((a.bytes(false), total.bytes(false), total.reserved(false)), (0, 7, 100));
        assert_eq!((a.streams(), total.streams(), total.consumers()), (0, 2, 3));
        assert_eq!((a.errors(), b.errors(), total.requests(), total.errors()), (1, 0, 2, 1));
        b.add_streams(-2);
        assert_eq!(total.streams(), 0);
    }
}
