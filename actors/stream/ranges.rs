//! A set of sequences, kept as ranges: what a consumer is done with is mostly contiguous.

use std::collections::BTreeMap;

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

// === impl Ranges ===

impl Ranges {
    pub(super) fn contains(&self, seq: u64) -> bool {
        self.0.range(..=seq).next_back().is_some_and(|(_, last)| *last >= seq)
    }

    /// Adds `first..=last`.
    pub(super) fn insert_range(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        // One that begins at or before, and touches.
        if let Some((start, end)) = self.0.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            (first, last) = (*start, last.max(*end));
        }
        while let Some((start, end)) = self.0.range(first..=last.saturating_add(1)).next() {
            let (start, end) = (*start, *end);
            last = last.max(end);
            self.0.remove(&start);
        }
        self.0.insert(first, last);
    }

    /// Takes out everything up to `floor`; then the floor moves on over what follows it directly.
    /// The answer is where it ends up.
    pub(super) fn settle(&mut self, mut floor: u64) -> u64 {
        while let Some(entry) = self.0.first_entry() {
            if *entry.key() > floor.saturating_add(1) {
                break;
            }
            floor = floor.max(entry.remove());
        }
        floor
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_set(
            adds in proptest::collection::vec((1u64..60, 0u64..5), 0..30), floor in 0u64..30,
        ) {
            let (mut ranges, mut plain) = (Ranges::default(), BTreeSet::new());
            for (first, more) in adds {
                ranges.insert_range(first, first + more);
                plain.extend(first..=first + more);
                let runs = plain.iter().filter(|n| !plain.contains(&(**n + 1))).count();
                prop_assert_eq!(ranges.0.len(), runs);
            }
            for n in 0..70 {
                prop_assert_eq!(ranges.contains(n), plain.contains(&n));
            }
            let settled = ranges.settle(floor);
            let mut wanted = floor;
            while plain.contains(&(wanted + 1)) {
                wanted += 1;
            }
            prop_assert_eq!(settled, wanted);
            for n in 0..70 {
                prop_assert_eq!(ranges.contains(n), n > settled && plain.contains(&n));
            }
        }
    }
}
