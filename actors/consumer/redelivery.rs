//! Messages whose turn it is to be delivered again: before any new one, in the order in which they
//! fell due.

use std::collections::VecDeque;

use super::pending::Pending;

/// See the module's text. Entries whose message was settled meanwhile are passed over.
#[derive(Debug, Default)]
pub(crate) struct Redelivery {
    queue: VecDeque<u64>,
}

// === impl Redelivery ===

impl Redelivery {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    /// Appends a message that [`Pending`] has as queued.
    pub(crate) fn push(&mut self, seq: u64) {
        self.queue.push_back(seq);
    }

    /// The next one, which stays in front until [`Redelivery::pop_if`].
    pub(crate) fn peek(&mut self, pending: &Pending) -> Option<u64> {
        while let Some(&seq) = self.queue.front() {
            if pending.get(seq).is_some_and(|slot| slot.is_queued()) {
                return Some(seq);
            }
            self.queue.pop_front();
        }
        None
    }

    /// Takes the front out if it is this message.
    pub(crate) fn pop_if(&mut self, seq: u64) {
        if self.queue.front() == Some(&seq) {
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pending::Slot;
    use super::*;

    #[test]
    fn settled_messages_are_passed_over() {
        let mut pending = Pending::default();
        let mut again = Redelivery::default();
        for seq in 1..=3 {
            pending.insert(Slot::new(seq, seq, 0, 10, 1));
            pending.queue(seq);
            again.push(seq);
        }
        pending.remove(1);
        assert_eq!(again.peek(&pending), Some(2));
        assert_eq!(again.peek(&pending), Some(2));
        again.pop_if(2);
        pending.set_due(3, 50);
        assert_eq!(again.peek(&pending), None);
    }
}
