//! What a turn was done with, for a stream that keeps messages only as long as they are wanted.

/// Sequences as ranges, first and last included, in the order in which they came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    ranges: Vec<(u64, u64)>,
}

// === impl Done ===

impl Done {
    /// A message is done.
    pub(crate) fn push(&mut self, seq: u64) {
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.ranges.push((seq, seq)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What was done since the last call.
    pub(crate) fn take(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        let mut done = Done::default();
        [1, 2, 3, 7, 8, 5].into_iter().for_each(|seq| done.push(seq));
        assert_eq!(done.take(), [(1, 3), (7, 8), (5, 5)]);
        assert!(done.is_empty());
    }
}
