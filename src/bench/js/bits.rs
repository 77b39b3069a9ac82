//! A set of sequence numbers, one bit each.

/// Grows with the largest number in it.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Adds a number; `false` if it was there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize((word + 1).max(self.0.len() * 2), 0);
        }
        let had = self.0[word] & bit != 0;
        self.0[word] |= bit;
        !had
    }

    /// How many numbers are in at least one of `sets`.
    pub(super) fn union_len<'a>(sets: impl Iterator<Item = &'a Self> + Clone) -> u64 {
        let words = sets.clone().map(|set| set.0.len()).max().unwrap_or(0);
        let union = |word: usize| {
            sets.clone().fold(0, |bits: u64, set| bits | set.0.get(word).copied().unwrap_or(0))
        };
        (0..words).map(|word| u64::from(union(word).count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_once() {
        let (mut a, mut b) = (Bits::default(), Bits::default());
        assert!(a.insert(1) && a.insert(64) && a.insert(1000));
        assert!(!a.insert(64));
        assert!(b.insert(64) && b.insert(2));
        assert_eq!(Bits::union_len([&a, &b].into_iter()), 4);
        assert_eq!(Bits::union_len([&b].into_iter()), 2);
        assert_eq!(Bits::union_len(std::iter::empty()), 0);
    }
}
