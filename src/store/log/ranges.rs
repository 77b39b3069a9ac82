//! Sets of sequences as ranges, both ends included, ascending and apart from each other.

use crate::varint::{put, take};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

// === impl Ranges ===

impl Ranges {
    /// Adds a sequence behind all others.
    #[inline]
    pub(crate) fn push(&mut self, seq: u64) {
        self.push_range(seq, seq);
    }

    /// Adds a range behind all others.
    #[inline]
    pub(crate) fn push_range(&mut self, from: u64, to: u64) {
        match self.0.last_mut() {
            Some(last) if last.1 + 1 == from => last.1 = to,
            _ => self.0.push((from, to)),
        }
    }

    /// Adds ranges behind all others.
    pub(crate) fn append(&mut self, other: &Ranges) {
        other.iter().for_each(|(from, to)| self.push_range(from, to));
    }

    pub(crate) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Adds a range anywhere.
    pub(crate) fn insert(&mut self, from: u64, to: u64) {
        let begin = self.0.partition_point(|(_, end)| end.saturating_add(1) < from);
        let end = self.0.partition_point(|(start, _)| *start <= to.saturating_add(1));
        let mut range = (from, to);
        if begin < end {
            range = (from.min(self.0[begin].0), to.max(self.0[end - 1].1));
        }
        self.0.splice(begin..end, [range]);
    }

    /// Takes a range away.
    pub(crate) fn remove(&mut self, from: u64, to: u64) {
        let begin = self.0.partition_point(|(_, end)| *end < from);
        let end = self.0.partition_point(|(start, _)| *start <= to);
        if begin >= end {
            return;
        }
        let (first, last) = (self.0[begin].0, self.0[end - 1].1);
        let before = (first < from).then(|| (first, from - 1));
        let behind = (last > to).then(|| (to + 1, last));
        self.0.splice(begin..end, before.into_iter().chain(behind));
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end < seq);
        self.0.get(at).is_some_and(|(start, _)| *start <= seq)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// How many sequences there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that [`Ranges::load`] reads.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put(out, self.0.len() as u64);
        let mut at = 0;
        for (from, to) in &self.0 {
            put(out, from - at);
            put(out, to - from);
            at = *to;
        }
    }

    pub(crate) fn load(input: &mut &[u8]) -> Option<Ranges> {
        let count = take(input);
        let mut ranges = Ranges::default();
        let mut at: u64 = 0;
        for _ in 0..count {
            if input.is_empty() {
                return None;
            }
            let from = at.checked_add(take(input))?;
            at = from.checked_add(take(input))?;
            ranges.0.push((from, at));
        }
        Some(ranges)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(steps in vec((any::<bool>(), 0u64..60, 0u64..9), 0..40)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (insert, from, len) in steps {
                if insert {
                    ranges.insert(from, from + len);
                    set.extend(from..=from + len);
                } else {
                    ranges.remove(from, from + len);
                    set.retain(|seq| !(from..=from + len).contains(seq));
                }
                let listed = ranges.iter().flat_map(|(from, to)| from..=to);
                prop_assert!(listed.eq(set.iter().copied()), "{ranges:?}");
                prop_assert!((0..80).all(|seq| ranges.contains(seq) == set.contains(&seq)));
                prop_assert_eq!(ranges.count(), set.len() as u64);
                let apart = ranges.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
                prop_assert!(apart, "{ranges:?}");
            }
            let mut saved = Vec::new();
            ranges.save(&mut saved);
            prop_assert_eq!(Ranges::load(&mut &saved[..]), Some(ranges));
        }
    }
}
