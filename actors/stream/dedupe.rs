//! Message ids seen within the duplicate window, oldest first.
//!
//! What is remembered is what the log holds: an id leaves when its window is over, or when the
//! commit of its message failed. After a restart it is filled again from the log.

use std::collections::VecDeque;

use hashbrown::HashTable;
use smallvec::SmallVec;

/// Ids of up to this many bytes (a UUID as text has 36) take no allocation.
const INLINE: usize = 36;

struct Seen {
    id: SmallVec<[u8; INLINE]>,
    hash: u32,
    seq: u64,
    time_ns: i64,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Dedupe {
    window_ns: i64,
    seen: VecDeque<Seen>,
    /// Number of `seen[0]` among all that were ever here.
    base: u64,
    /// Numbers of those in `seen`, by the hash of the id.
    index: HashTable<u64>,
}

// === impl Dedupe ===

impl Dedupe {
    pub(super) fn new(window_ns: i64) -> Self {
        Self { window_ns, ..Self::default() }
    }

    /// Another window; 0 ends the search for duplicates.
    pub(super) fn set_window(&mut self, window_ns: i64) {
        self.window_ns = window_ns;
        if window_ns <= 0 {
            *self = Self::new(0);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The sequence under which this id was stored within the window.
    pub(super) fn find(&self, id: &[u8], now_ns: i64) -> Option<u64> {
        if self.seen.is_empty() {
            return None;
        }
        let seen =
            self.index.find(spread(hash(id)), |n| *self.at(*n).id == *id).map(|n| self.at(*n))?;
        (now_ns.saturating_sub(seen.time_ns) < self.window_ns).then_some(seen.seq)
    }

    /// Remembers an id. Times and sequences are expected to grow.
    pub(super) fn insert(&mut self, id: &[u8], seq: u64, time_ns: i64) {
        if self.window_ns <= 0 {
            return;
        }
        let hash = hash(id);
        let number = self.base + self.seen.len() as u64;
        let (seen, base) = (&self.seen, self.base);
        let of = |n: &u64| &seen[(*n - base) as usize];
        // An id whose window is over may still be here: the newer one takes its place.
        if let Ok(old) = self.index.find_entry(spread(hash), |n| *of(n).id == *id) {
            old.remove();
        }
        let entry = Seen { id: id.into(), hash, seq, time_ns };
        self.seen.push_back(entry);
        let (seen, base) = (&self.seen, self.base);
        let rehash = |n: &u64| spread(seen[(*n - base) as usize].hash);
        self.index.insert_unique(spread(hash), number, rehash);
    }

    /// Forgets those whose window is over, `most` of them; true when more are left to forget.
    pub(super) fn expire(&mut self, now_ns: i64, most: usize) -> bool {
        for _ in 0..most {
            let Some(front) = self.seen.front() else { return false };
            if now_ns.saturating_sub(front.time_ns) < self.window_ns {
                return false;
            }
            self.pop_front();
        }
        true
    }

    /// When the oldest window is over.
    pub(super) fn next_expiry(&self) -> Option<i64> {
        self.seen.front().map(|seen| seen.time_ns.saturating_add(self.window_ns))
    }

    /// Forgets what was stored behind `seq`: it was never committed.
    pub(super) fn forget_after(&mut self, seq: u64) {
        while let Some(last) = self.seen.back().filter(|last| last.seq > seq) {
            let number = self.base + self.seen.len() as u64 - 1;
            let hash = spread(last.hash);
            if let Ok(entry) = self.index.find_entry(hash, |n| *n == number) {
                entry.remove();
            }
            self.seen.pop_back();
        }
    }

    fn pop_front(&mut self) {
        let Some(front) = self.seen.pop_front() else { return };
        let number = self.base;
        if let Ok(entry) = self.index.find_entry(spread(front.hash), |n| *n == number) {
            entry.remove();
        }
        self.base += 1;
    }

    fn at(&self, number: u64) -> &Seen {
        &self.seen[(number - self.base) as usize]
    }
}

fn hash(id: &[u8]) -> u32 {
    vagus_subject::hash(id) as u32
}

/// The table looks at the highest bits of a hash first; only 32 are kept.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_for_the_window() {
        let mut dedupe = Dedupe::new(100);
        dedupe.insert(b"a", 1, 0);
        dedupe.insert(b"b", 2, 50);
        assert_eq!(dedupe.find(b"a", 99), Some(1));
        assert_eq!(dedupe.find(b"a", 100), None);
        assert_eq!(dedupe.find(b"b", 100), Some(2));
        assert_eq!(dedupe.find(b"c", 100), None);
        assert_eq!(dedupe.next_expiry(), Some(100));
        // The id comes again before the old one is swept away.
        dedupe.insert(b"a", 3, 120);
        assert_eq!(dedupe.find(b"a", 130), Some(3));
        assert!(!dedupe.expire(130, 10));
        assert_eq!((dedupe.len(), dedupe.find(b"a", 130)), (2, Some(3)));
        dedupe.expire(1000, 10);
        assert_eq!((dedupe.len(), dedupe.index.len()), (0, 0));
    }

    #[test]
    fn what_was_not_committed_is_forgotten() {
        let mut dedupe = Dedupe::new(1000);
        for seq in 1..=500 {
            dedupe.insert(format!("id-{seq}").as_bytes(), seq, seq as i64);
        }
        dedupe.forget_after(100);
        assert_eq!(dedupe.len(), 100);
        assert_eq!(dedupe.find(b"id-100", 600), Some(100));
        assert_eq!(dedupe.find(b"id-101", 600), None);
        dedupe.insert(b"id-101", 101, 600);
        assert_eq!(dedupe.find(b"id-101", 600), Some(101));
        assert!(dedupe.expire(1090, 50));
        assert_eq!(dedupe.len(), 51);
        assert_eq!(dedupe.find(b"id-60", 1000), Some(60));
    }

    #[test]
    fn without_a_window_nothing_is_kept() {
        let mut dedupe = Dedupe::new(10);
        dedupe.insert(b"a", 1, 0);
        dedupe.set_window(0);
        dedupe.insert(b"a", 1, 0);
        assert_eq!((dedupe.len(), dedupe.find(b"a", 0)), (0, None));
    }
}
