//! Holds back a warning whose text was printed less than a second ago.
//!
//! The memory is a table of fixed size, one slot a hash: two texts that share a slot push each
//! other out, which prints a line too many, never one too few.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

const QUIET: Duration = Duration::from_secs(1);
const SLOTS: usize = 256;

pub(super) struct Repeats {
    /// Keyed at random: clients can shape texts, and must not be able to aim at a slot.
    hasher: RandomState,
    slots: Box<[Option<Slot>; SLOTS]>,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    printed: Instant,
    suppressed: u64,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { hasher: RandomState::new(), slots: Box::new([None; SLOTS]) }
    }
}

impl Repeats {
    /// Whether `text` may be printed now; if so, how many times it was held back before.
    pub(super) fn admit(&mut self, text: &str, now: Instant) -> Option<u64> {
        let hash = self.hasher.hash_one(text);
        let slot = &mut self.slots[hash as usize % SLOTS];
        let mut suppressed = 0;
        if let Some(seen) = slot
            && seen.hash == hash
        {
            if now.duration_since(seen.printed) < QUIET {
                seen.suppressed += 1;
                return None;
            }
            suppressed = seen.suppressed;
        }
        *slot = Some(Slot { hash, printed: now, suppressed: 0 });
        Some(suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_and_then_with_the_count() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(repeats.admit("slow", at(0)), Some(0));
        assert_eq!(repeats.admit("slow", at(10)), None);
        assert_eq!(repeats.admit("slow", at(999)), None);
        assert_eq!(repeats.admit("slow", at(1000)), Some(2));
        assert_eq!(repeats.admit("slow", at(2500)), Some(0));
    }

    #[test]
    fn other_texts_pass() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        assert_eq!(repeats.admit("a", now), Some(0));
        for i in 0..10_000 {
            assert_eq!(repeats.admit(&format!("text {i}"), now), Some(0));
        }
    }
}
