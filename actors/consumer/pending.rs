//! Messages that were delivered and not yet settled, in stream order, and when each is due again.
//!
//! First deliveries arrive in stream order and fall due in that order too, so a queue with holes
//! is the whole structure: constant time in the usual case, a binary search otherwise. What falls
//! due out of order (backoff, delays, work in progress) has an entry in a heap besides.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A message that waits for its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Sequence in the stream.
    pub seq: u64,
    /// Sequence of the consumer at its first delivery.
    pub dseq: u64,
    /// When it was delivered last, in unix nanoseconds.
    pub at_ns: i64,
    /// When it is to be delivered again, in unix nanoseconds.
    pub due_ns: i64,
    /// When this slot's own timer entry comes up; never after `due_ns` while it waits.
    timer_ns: i64,
    /// How often it was delivered.
    pub deliveries: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Falls due behind all before it.
    InOrder,
    /// Has an entry in the heap.
    Heaped,
    /// Is due, and waits for its turn to be delivered again.
    Queued,
    /// Was settled; kept as a hole.
    Settled,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    slots: VecDeque<Slot>,
    live: usize,
    /// Live slots that were delivered more than once.
    again: usize,
    /// Slots that went from the front, ever: what indices are counted from.
    gone: u64,
    /// All slots before this index have come up, or sit in the heap.
    walked: u64,
    /// Timer of the last slot that was put in order.
    ordered_ns: i64,
    heap: BinaryHeap<Reverse<(i64, u64)>>,
}

/// Holes are closed when there are more than this and more than live ones.
const HOLES_MAX: usize = 64;

// === impl Slot ===

impl Slot {
    /// A slot that was delivered `deliveries` times, last at `at_ns`.
    pub(crate) fn new(seq: u64, dseq: u64, at_ns: i64, due_ns: i64, deliveries: u32) -> Self {
        let place = Place::InOrder;
        Self { seq, dseq, at_ns, due_ns, timer_ns: due_ns, deliveries, place }
    }

    /// Whether it waits to be delivered again.
    pub(crate) fn is_queued(&self) -> bool {
        self.place == Place::Queued
    }
}

// === impl Pending ===

impl Pending {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self {
            slots: VecDeque::new(),
            live: 0,
            again: 0,
            gone: 0,
            walked: 0,
            ordered_ns: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// Messages not settled.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Messages not settled that were delivered more than once.
    pub(crate) fn redelivered(&self) -> usize {
        self.again
    }

    /// Adds a message.
    pub(crate) fn insert(&mut self, mut slot: Slot) {
        self.live += 1;
        self.again += usize::from(slot.deliveries > 1);
        let last = self.slots.back().is_none_or(|back| back.seq < slot.seq);
        if last && slot.due_ns >= self.ordered_ns {
            slot.place = Place::InOrder;
            self.ordered_ns = slot.due_ns;
            self.slots.push_back(slot);
            return;
        }
        slot.place = Place::Heaped;
        self.heap.push(Reverse((slot.due_ns, slot.seq)));
        match self.slots.binary_search_by_key(&slot.seq, |one| one.seq) {
            // A hole of the same sequence, after a reset.
            Ok(index) => self.slots[index] = slot,
            Err(index) => {
                self.slots.insert(index, slot);
                if (index as u64) + self.gone < self.walked {
                    self.walked += 1;
                }
            }
        }
    }

    fn index_of(&self, seq: u64) -> Option<usize> {
        let first = self.slots.front()?.seq;
        let guess = usize::try_from(seq.checked_sub(first)?).ok()?;
        let index = match self.slots.get(guess) {
            Some(slot) if slot.seq == seq => guess,
            _ => self.slots.binary_search_by_key(&seq, |slot| slot.seq).ok()?,
        };
        (self.slots[index].place != Place::Settled).then_some(index)
    }

    /// The message with this sequence.
    pub(crate) fn get(&self, seq: u64) -> Option<&Slot> {
        self.index_of(seq).map(|index| &self.slots[index])
    }

    /// The message with the lowest sequence.
    pub(crate) fn first(&self) -> Option<&Slot> {
        // The front is never a hole.
        self.slots.front()
    }

    /// All of them, in stream order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.place != Place::Settled)
    }

    /// The sequences from `first` to `last` that are pending.
    pub(crate) fn within(&self, first: u64, last: u64) -> Vec<u64> {
        let from = self.slots.partition_point(|slot| slot.seq < first);
        let slots = self.slots.range(from..).take_while(|slot| slot.seq <= last);
        slots.filter(|slot| slot.place != Place::Settled).map(|slot| slot.seq).collect()
    }

    /// Takes a settled message out.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<Slot> {
        let index = self.index_of(seq)?;
        let slot = self.slots[index];
        self.slots[index].place = Place::Settled;
        self.live -= 1;
        self.again -= usize::from(slot.deliveries > 1);
        self.tidy();
        Some(slot)
    }

    /// Takes the first message out if its sequence is not above `seq`.
    pub(crate) fn pop_through(&mut self, seq: u64) -> Option<Slot> {
        let first = self.first().filter(|slot| slot.seq <= seq)?.seq;
        self.remove(first)
    }

    /// Drops holes: all in front, and those in between once they are the majority.
    fn tidy(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.place == Place::Settled) {
            self.slots.pop_front();
            self.gone += 1;
        }
        if self.live == 0 {
            self.clear();
        } else if self.slots.len() - self.live > HOLES_MAX.max(self.live) {
            let walked = self.walked.saturating_sub(self.gone) as usize;
            let kept = self.slots.iter().take(walked).filter(|s| s.place != Place::Settled).count();
            self.slots.retain(|slot| slot.place != Place::Settled);
            self.walked = self.gone + kept as u64;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.heap.clear();
        (self.live, self.again, self.gone, self.walked, self.ordered_ns) = (0, 0, 0, 0, 0);
    }

    /// Sets when a message is due. False when it is not pending.
    pub(crate) fn set_due(&mut self, seq: u64, due_ns: i64) -> bool {
        let Some(index) = self.index_of(seq) else { return false };
        let slot = &mut self.slots[index];
        slot.due_ns = due_ns;
        // A later time is found out when the timer comes up; an earlier one needs a new entry.
        let listed = matches!(slot.place, Place::InOrder | Place::Heaped);
        if !listed || due_ns < slot.timer_ns {
            slot.timer_ns = due_ns;
            slot.place = Place::Heaped;
            self.heap.push(Reverse((due_ns, seq)));
        }
        true
    }

    /// A message was delivered once more.
    pub(crate) fn deliver_again(&mut self, seq: u64, at_ns: i64, due_ns: i64) -> Option<u32> {
        let index = self.index_of(seq)?;
        let slot = &mut self.slots[index];
        self.again += usize::from(slot.deliveries == 1);
        slot.deliveries += 1;
        slot.at_ns = at_ns;
        let deliveries = slot.deliveries;
        self.set_due(seq, due_ns);
        Some(deliveries)
    }

    /// Its client is at work on it: counts as delivered at `at_ns`.
    pub(crate) fn touch(&mut self, seq: u64, at_ns: i64, due_ns: i64) -> bool {
        let Some(index) = self.index_of(seq) else { return false };
        self.slots[index].at_ns = at_ns;
        self.set_due(seq, due_ns)
    }

    /// Marks a message as waiting for its turn to be delivered again. False when it does already,
    /// or is not pending.
    pub(crate) fn queue(&mut self, seq: u64) -> bool {
        let Some(index) = self.index_of(seq) else { return false };
        let slot = &mut self.slots[index];
        let fresh = slot.place != Place::Queued;
        slot.place = Place::Queued;
        fresh
    }

    /// The next message that is due. It counts as queued from here on.
    pub(crate) fn pop_due(&mut self, now_ns: i64) -> Option<u64> {
        self.walked = self.walked.max(self.gone);
        while let Some(&slot) = self.slots.get((self.walked - self.gone) as usize) {
            if slot.place != Place::InOrder {
                self.walked += 1;
                continue;
            }
            if slot.timer_ns > now_ns {
                break;
            }
            self.walked += 1;
            if let Some(seq) = self.come_up(slot, now_ns) {
                return Some(seq);
            }
        }
        while let Some(&Reverse((timer_ns, seq))) = self.heap.peek() {
            if timer_ns > now_ns {
                break;
            }
            self.heap.pop();
            let slot = self.get(seq).copied();
            let own = slot.filter(|s| s.place == Place::Heaped && s.timer_ns == timer_ns);
            if let Some(seq) = own.and_then(|slot| self.come_up(slot, now_ns)) {
                return Some(seq);
            }
        }
        None
    }

    /// A timer came up: the message is due, or gets another timer.
    fn come_up(&mut self, slot: Slot, now_ns: i64) -> Option<u64> {
        let index = self.index_of(slot.seq)?;
        let own = &mut self.slots[index];
        if slot.due_ns <= now_ns {
            own.place = Place::Queued;
            return Some(slot.seq);
        }
        own.place = Place::Heaped;
        own.timer_ns = slot.due_ns;
        self.heap.push(Reverse((slot.due_ns, slot.seq)));
        None
    }

    /// When the next timer comes up, in unix nanoseconds: a message may be due then, none before.
    pub(crate) fn next_due(&mut self) -> Option<i64> {
        self.walked = self.walked.max(self.gone);
        let mut in_order = None;
        while let Some(slot) = self.slots.get((self.walked - self.gone) as usize) {
            if slot.place == Place::InOrder {
                in_order = Some(slot.timer_ns);
                break;
            }
            self.walked += 1;
        }
        let heaped = self.heap.peek().map(|Reverse((timer_ns, _))| *timer_ns);
        in_order.into_iter().chain(heaped).min()
    }

    /// The message that waits longest for its acknowledgement.
    pub(crate) fn oldest(&self) -> Option<&Slot> {
        self.iter().min_by_key(|slot| slot.at_ns)
    }
}

#[cfg(test)]
#[path = "pending_tests.rs"]
mod tests;
