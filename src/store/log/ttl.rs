//! When messages expire that say so themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Times (ns) with the sequences whose messages expire then. Messages that were removed in the
/// meantime are found out when their time comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expiries {
    heap: BinaryHeap<Reverse<(i64, u64)>>,
}

// === impl Expiries ===

impl Expiries {
    pub(crate) fn add(&mut self, expires_ns: i64, seq: u64) {
        self.heap.push(Reverse((expires_ns, seq)));
    }

    /// The next one for which `is_live` holds; those before it are forgotten.
    pub(crate) fn next(&mut self, is_live: impl Fn(u64) -> bool) -> Option<(i64, u64)> {
        while let Some(Reverse((expires_ns, seq))) = self.heap.peek().copied() {
            if is_live(seq) {
                return Some((expires_ns, seq));
            }
            self.heap.pop();
        }
        None
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.heap.retain(|Reverse((_, seq))| keep(*seq));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.heap.iter().map(|Reverse(entry)| *entry)
    }
}
