//! The latest removals, for those who count messages and would rather not count anew.

use std::collections::VecDeque;

/// A ring of the latest removals. Every removal has a number, the first one 0.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    ring: VecDeque<(u64, u32)>,
    total: u64,
}

// === impl Removals ===

impl Removals {
    /// So many are kept.
    pub(crate) const KEPT: u64 = 4096;

    #[inline]
    pub(crate) fn add(&mut self, seq: u64, subject: u32) {
        if self.ring.len() as u64 == Removals::KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back((seq, subject));
        self.total += 1;
    }

    /// How many there were; also the number of the next one.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Sequence and subject of every removal from number `from` on. `None`: not all are known.
    pub(crate) fn since(&self, from: u64) -> Option<impl Iterator<Item = (u64, u32)> + '_> {
        let back = usize::try_from(self.total.checked_sub(from)?).ok()?;
        let skip = self.ring.len().checked_sub(back)?;
        Some(self.ring.iter().skip(skip).copied())
    }

    /// Something else happened, which nobody can follow.
    pub(crate) fn forget(&mut self) {
        self.many(1);
    }

    /// `count` messages were removed in a way that nobody can follow one by one.
    pub(crate) fn many(&mut self, count: u64) {
        self.ring.clear();
        self.total += count;
    }
}
