//! [`Kept`]: whose claims a cache has on disk, in the order in which they were last asked for.
//!
//! in: what is used, when; out: what has to go.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// See the module's text.
#[derive(Default)]
pub(super) struct Kept {
    /// From the one that was unused for longest.
    by_turn: BTreeMap<u64, (String, Instant)>,
    turns: HashMap<String, u64>,
    next: u64,
}

// === impl Kept ===

impl Kept {
    /// An account's claims were read or written.
    pub(super) fn used(&mut self, account: &str, now: Instant) {
        self.gone(account);
        self.next += 1;
        self.by_turn.insert(self.next, (account.to_owned(), now));
        self.turns.insert(account.to_owned(), self.next);
    }

    pub(super) fn gone(&mut self, account: &str) {
        if let Some(turn) = self.turns.remove(account) {
            self.by_turn.remove(&turn);
        }
    }

    /// Takes out those that are one too many.
    pub(super) fn beyond(&mut self, limit: usize) -> Vec<String> {
        let surplus = self.turns.len().saturating_sub(limit);
        self.take_out(surplus)
    }

    /// Takes out those that were not used for this time.
    pub(super) fn unused_for(&mut self, ttl: Duration, now: Instant) -> Vec<String> {
        let is_old = |used: &Instant| now.saturating_duration_since(*used) >= ttl;
        let old = self.by_turn.values().take_while(|(_, used)| is_old(used)).count();
        self.take_out(old)
    }

    fn take_out(&mut self, count: usize) -> Vec<String> {
        let first = (0..count).map_while(|_| self.by_turn.pop_first());
        let taken: Vec<String> = first.map(|(_, (account, _))| account).collect();
        taken.iter().for_each(|account| {
            self.turns.remove(account);
        });
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (mut kept, start) = (Kept::default(), Instant::now());
        ["a", "b", "c", "a"].iter().for_each(|account| kept.used(account, start));
        kept.gone("nobody");
        assert!(kept.beyond(3).is_empty());
        assert_eq!(kept.beyond(2), ["b"]);
        assert_eq!(kept.beyond(0), ["c", "a"]);
        assert_eq!(kept.len(), 0);
    }

    #[test]
    fn what_is_old_goes() {
        let (mut kept, start) = (Kept::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        kept.used("a", at(0));
        kept.used("b", at(1));
        kept.used("a", at(2));
        let ttl = Duration::from_secs(10);
        assert!(kept.unused_for(ttl, at(10)).is_empty());
        assert_eq!(kept.unused_for(ttl, at(11)), ["b"]);
        assert_eq!(kept.unused_for(ttl, at(12)), ["a"]);
    }
}
