//! When messages expire that say so themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Times (ns) with the sequences whose messages expire then. Messages that were removed in the
/// meantime are found out when their time comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expiries {
    heap: BinaryHeap<Reverse<(i64, u64)>>,
    /// Those of removed messages that may come back.
    aside: Vec<(i64, u64)>,
}

// === impl Expiries ===

impl Expiries {
    pub(crate) fn add(&mut self, expires_ns: i64, seq: u64) {
        self.heap.push(Reverse((expires_ns, seq)));
    }

    /// The next one for which `is_live` holds; those before it are put aside.
    pub(crate) fn next(&mut self, is_live: impl Fn(u64) -> bool) -> Option<(i64, u64)> {
        while let Some(Reverse((expires_ns, seq))) = self.heap.peek().copied() {
            if is_live(seq) {
                return Some((expires_ns, seq));
            }
            self.heap.pop();
            self.aside.push((expires_ns, seq));
        }
        None
    }

    /// No removed message comes back any more.
    #[inline]
    pub(crate) fn settle(&mut self) {
        self.aside.clear();
    }

    /// Removed messages have come back. Of sequence `below` and behind it there is none.
    pub(crate) fn restore(&mut self, below: u64) {
        self.heap.extend(self.aside.drain(..).map(Reverse));
        self.heap.retain(|Reverse((_, seq))| *seq < below);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.heap.iter().map(|Reverse(entry)| *entry).chain(self.aside.iter().copied())
    }
}
