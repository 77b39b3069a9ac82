//! The books of one consumer: what was delivered, what is pending, what is due again. No I/O and
//! no clock: everything that happens is told with its time, and is written down as it happens.

mod snapshot;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use super::pending::{Pending, Slot};
use super::progress::{Op, Reading, Recorder, Unreadable};
use super::redelivery::Redelivery;
use super::terms::{AckMode, Terms};

/// A place in both sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Sequence of the consumer: counts deliveries.
    pub consumer: u64,
    /// Sequence in the stream.
    pub stream: u64,
}

/// One delivery of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub dseq: u64,
    /// How often the message was delivered, this time included.
    pub deliveries: u32,
}

/// A message that was delivered as often as it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted {
    pub seq: u64,
    pub deliveries: u32,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct State {
    terms: Terms,
    delivered: Mark,
    floor: Mark,
    /// When something was delivered last, in unix nanoseconds; 0: never.
    delivered_ns: i64,
    /// When something was acknowledged last.
    acked_ns: i64,
    /// What is under way; an idle consumer has nothing.
    work: Lazy,
    recorder: Recorder,
}

/// What was delivered and is not settled.
#[derive(Debug, Default)]
struct Work {
    pending: Pending,
    again: Redelivery,
    /// What was delivered as often as it may be and never acknowledged, with how often.
    exhausted: BTreeMap<u64, u32>,
}

/// Work that takes memory only while there is some.
#[derive(Debug, Default)]
struct Lazy(Option<Box<Work>>);

static NOTHING: Work =
    Work { pending: Pending::new(), again: Redelivery::new(), exhausted: BTreeMap::new() };

// === impl Lazy ===

impl Deref for Lazy {
    type Target = Work;

    fn deref(&self) -> &Work {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Lazy {
    fn deref_mut(&mut self) -> &mut Work {
        self.0.get_or_insert_default()
    }
}

// === impl State ===

impl State {
    /// A consumer whose first message is the first one from `start` on.
    pub(crate) fn new(terms: Terms, start: u64) -> Self {
        let mark = Mark { consumer: 0, stream: start.saturating_sub(1) };
        Self { terms, delivered: mark, floor: mark, ..Self::default() }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Other terms hold from now on, for what is pending too. Write a base afterwards: deltas
    /// assume the terms under which they happened.
    pub(crate) fn set_terms(&mut self, terms: Terms) {
        let waits = self.terms.ack_wait_ns != terms.ack_wait_ns
            || self.terms.backoff_ns != terms.backoff_ns;
        self.terms = terms;
        if !waits {
            return;
        }
        let slots: Vec<Slot> = self.work.pending.iter().copied().collect();
        for slot in slots.iter().filter(|slot| !slot.is_queued()) {
            let due_ns = slot.at_ns.saturating_add(self.terms.wait_ns(slot.deliveries));
            self.work.pending.set_due(slot.seq, due_ns);
        }
    }

    pub(crate) fn delivered(&self) -> Mark {
        self.delivered
    }

    pub(crate) fn floor(&self) -> Mark {
        self.floor
    }

    /// When something was delivered, and acknowledged, last; in unix nanoseconds, 0: never.
    pub(crate) fn last_active_ns(&self) -> (i64, i64) {
        (self.delivered_ns, self.acked_ns)
    }

    pub(crate) fn pending(&self) -> &Pending {
        &self.work.pending
    }

    /// Messages that were delivered more than once and never acknowledged.
    pub(crate) fn redelivered(&self) -> usize {
        self.work.pending.redelivered() + self.work.exhausted.len()
    }

    /// The first sequence that was not looked at yet.
    pub(crate) fn next_seq(&self) -> u64 {
        self.delivered.stream + 1
    }

    /// Messages that may be delivered for the first time before some are acknowledged.
    pub(crate) fn room(&self) -> usize {
        let max = self.terms.pending_max.filter(|_| self.terms.acks()).unwrap_or(usize::MAX);
        max.saturating_sub(self.work.pending.len())
    }

    /// Whether anything was written down since [`State::take_delta`].
    pub(crate) fn has_news(&self) -> bool {
        !self.recorder.is_empty()
    }

    /// What happened since the last call, as [`State::replay`] reads it.
    pub(crate) fn take_delta(&mut self) -> Option<Vec<u8>> {
        self.recorder.take()
    }

    /// Gives memory back that an idle consumer does not need.
    pub(crate) fn shrink(&mut self) {
        if self.work.pending.is_empty() && self.work.exhausted.is_empty() {
            self.work = Lazy::default();
        }
    }

    /// A new message was delivered.
    pub(crate) fn deliver(&mut self, seq: u64, now_ns: i64) -> Delivery {
        self.recorder.record(now_ns, Op::Delivered { seq, count: 1 });
        self.delivered = Mark { consumer: self.delivered.consumer + 1, stream: seq };
        self.delivered_ns = now_ns;
        let dseq = self.delivered.consumer;
        if self.terms.acks() {
            let due_ns = now_ns.saturating_add(self.terms.wait_ns(1));
            self.work.pending.insert(Slot::new(seq, dseq, now_ns, due_ns, 1));
        } else {
            self.floor = self.delivered;
        }
        Delivery { dseq, deliveries: 1 }
    }

    /// Nothing up to here is for this consumer. Found out again after a restart, so not written.
    pub(crate) fn skip_to(&mut self, seq: u64) {
        if seq > self.delivered.stream {
            if !self.terms.acks() || self.floor == self.delivered {
                self.floor.stream = seq;
            }
            self.delivered.stream = seq;
        }
    }

    /// The message whose turn it is to be delivered again.
    pub(crate) fn peek_again(&mut self) -> Option<&Slot> {
        let Work { pending, again, .. } = self.work.0.as_deref_mut()?;
        let seq = again.peek(pending)?;
        pending.get(seq)
    }

    /// That message was delivered again.
    pub(crate) fn deliver_again(&mut self, seq: u64, now_ns: i64) -> Option<Delivery> {
        let deliveries = self.work.pending.get(seq)?.deliveries + 1;
        let due_ns = now_ns.saturating_add(self.terms.wait_ns(deliveries));
        self.recorder.record(now_ns, Op::Again(seq));
        self.work.again.pop_if(seq);
        self.work.pending.deliver_again(seq, now_ns, due_ns);
        self.delivered.consumer += 1;
        self.delivered_ns = now_ns;
        Some(Delivery { dseq: self.delivered.consumer, deliveries })
    }

    /// One message was acknowledged, terminated, or is gone. Tells `settled` what it was, if it
    /// was pending or exhausted.
    pub(crate) fn settle(&mut self, seq: u64, now_ns: i64, settled: &mut dyn FnMut(&Slot)) -> bool {
        let Some(_) = self.work.0 else { return false };
        let first = self.work.pending.first().map(|slot| slot.seq);
        let slot = self.work.pending.remove(seq).or_else(|| {
            let deliveries = self.work.exhausted.remove(&seq)?;
            Some(Slot::new(seq, 0, 0, 0, deliveries))
        });
        let Some(slot) = slot else { return false };
        self.recorder.record(now_ns, Op::Settled { seq, count: 1 });
        self.acked_ns = now_ns;
        match self.work.pending.first() {
            None => self.floor = self.delivered,
            Some(next) if first == Some(seq) => {
                self.floor = Mark { consumer: next.dseq - 1, stream: next.seq - 1 };
            }
            Some(_) => {}
        }
        settled(&slot);
        true
    }

    /// All messages up to this one were acknowledged.
    pub(crate) fn settle_through(
        &mut self,
        seq: u64,
        now_ns: i64,
        settled: &mut dyn FnMut(&Slot),
    ) -> bool {
        if seq > self.delivered.stream || seq <= self.floor.stream {
            return false;
        }
        self.recorder.record(now_ns, Op::SettledThrough(seq));
        self.acked_ns = now_ns;
        let mut consumer = self.floor.consumer;
        while let Some(slot) = self.work.pending.pop_through(seq) {
            consumer = slot.dseq;
            settled(&slot);
        }
        if !self.work.exhausted.is_empty() {
            let exhausted = &mut self.work.exhausted;
            let above = exhausted.split_off(&(seq + 1));
            for (seq, deliveries) in std::mem::replace(exhausted, above) {
                settled(&Slot::new(seq, 0, 0, 0, deliveries));
            }
        }
        self.floor = Mark { consumer, stream: seq };
        true
    }

    /// An acknowledgement of `seq`, as the consumer's mode takes it. True when it settled anything.
    pub(crate) fn on_ack(&mut self, seq: u64, now_ns: i64, settled: &mut dyn FnMut(&Slot)) -> bool {
        match self.terms.ack {
            AckMode::None => false,
            AckMode::Explicit => self.settle(seq, now_ns, settled),
            AckMode::All | AckMode::Flow => self.settle_through(seq, now_ns, settled),
        }
    }

    /// A client could not handle a message: it is due at once, or after a delay. Says so when
    /// that was the last time that it may be delivered.
    pub(crate) fn on_nak(&mut self, seq: u64, delay_ns: i64, now_ns: i64) -> Option<Exhausted> {
        let slot = *self.work.pending.get(seq)?;
        if slot.is_queued() {
            return None;
        }
        self.recorder.record(now_ns, Op::Delayed { seq, after_ns: delay_ns });
        if delay_ns > 0 {
            self.work.pending.set_due(seq, now_ns.saturating_add(delay_ns));
            return None;
        }
        self.queue(slot, now_ns)
    }

    fn queue(&mut self, slot: Slot, now_ns: i64) -> Option<Exhausted> {
        if self.terms.is_last(slot.deliveries) {
            return self.exhaust(slot, now_ns);
        }
        self.work.pending.queue(slot.seq);
        self.work.again.push(slot.seq);
        None
    }

    fn exhaust(&mut self, slot: Slot, now_ns: i64) -> Option<Exhausted> {
        let Slot { seq, deliveries, .. } = slot;
        self.recorder.record(now_ns, Op::Exhausted(seq));
        self.work.pending.remove(seq)?;
        self.work.exhausted.insert(seq, deliveries);
        Some(Exhausted { seq, deliveries })
    }

    /// A client is still at work on a message.
    pub(crate) fn on_progress(&mut self, seq: u64, now_ns: i64) -> bool {
        let Some(slot) = self.work.pending.get(seq) else { return false };
        let due_ns = now_ns.saturating_add(self.terms.wait_ns(slot.deliveries));
        self.recorder.record(now_ns, Op::Touched(seq));
        self.work.pending.touch(seq, now_ns, due_ns)
    }

    /// Queues what is due for redelivery, up to `limit` messages, in stream order; says what was
    /// delivered as often as it may be.
    pub(crate) fn on_time(&mut self, now_ns: i64, limit: usize) -> Vec<Exhausted> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(seq) = self.work.pending.pop_due(now_ns) else { break };
            due.push(seq);
        }
        due.sort_unstable();
        let mut exhausted = Vec::new();
        for seq in due {
            let Some(slot) = self.work.pending.get(seq).copied() else { continue };
            exhausted.extend(self.queue(slot, now_ns));
        }
        exhausted
    }

    /// When [`State::on_time`] has something to do next, in unix nanoseconds, at the earliest.
    pub(crate) fn next_due(&mut self) -> Option<i64> {
        self.work.0.as_mut()?.pending.next_due()
    }

    /// What the stream no longer holds can't be acknowledged: exhausted messages below its first.
    pub(crate) fn forget_below(&mut self, first_seq: u64) {
        if self.work.exhausted.first_key_value().is_some_and(|(seq, _)| *seq < first_seq) {
            let exhausted = &mut self.work.exhausted;
            *exhausted = exhausted.split_off(&first_seq);
        }
    }

    /// The floor below which nothing is left to be done: [`State::floor`], unless a message below
    /// it was given up.
    pub(crate) fn done_floor(&self) -> u64 {
        let given_up = self.work.exhausted.keys().next().map_or(u64::MAX, |seq| seq - 1);
        self.floor.stream.min(given_up)
    }

    /// What is done with: all up to a floor, and ranges above it.
    pub(crate) fn settled(&self) -> (u64, Vec<(u64, u64)>) {
        let floor = self.done_floor();
        let mut open: Vec<u64> = self.work.pending.iter().map(|slot| slot.seq).collect();
        open.extend(self.work.exhausted.keys());
        open.sort_unstable();
        let (mut done, mut next) = (Vec::new(), floor + 1);
        for seq in open.into_iter().chain([self.delivered.stream + 1]) {
            if seq > next {
                done.push((next, seq - 1));
            }
            next = next.max(seq + 1);
        }
        (floor, done)
    }

    /// Starts over: the next message is the first one from `seq` on.
    pub(crate) fn reset(&mut self, seq: u64, now_ns: i64) {
        let stream = seq.saturating_sub(1);
        self.recorder.record(now_ns, Op::Reset(stream));
        self.delivered = Mark { consumer: 0, stream };
        self.floor = self.delivered;
        (self.delivered_ns, self.acked_ns) = (0, 0);
        self.work = Lazy::default();
    }

    /// Does again what a delta says.
    pub(crate) fn replay(&mut self, delta: &[u8]) -> Result<(), Unreadable> {
        let mut reading = Reading::new(delta)?;
        let mut now_ns = 0;
        // What is read is written already.
        self.recorder.mute(true);
        let outcome = loop {
            match reading.op() {
                Ok(Some(Op::Clock(at_ns))) => now_ns = at_ns,
                Ok(Some(op)) => self.repeat(op, now_ns),
                Ok(None) => break Ok(()),
                Err(unreadable) => break Err(unreadable),
            }
        };
        self.recorder.mute(false);
        outcome
    }

    fn repeat(&mut self, op: Op, now_ns: i64) {
        let nobody = &mut |_: &Slot| {};
        match op {
            Op::Clock(_) => {}
            Op::Delivered { seq, count } => {
                for seq in seq..seq.saturating_add(count) {
                    self.deliver(seq, now_ns);
                }
            }
            Op::Again(seq) => {
                self.deliver_again(seq, now_ns);
            }
            Op::Settled { seq, count } => {
                for seq in seq..seq.saturating_add(count) {
                    self.settle(seq, now_ns, nobody);
                }
            }
            Op::SettledThrough(seq) => {
                // What was skipped is not written down.
                self.delivered.stream = self.delivered.stream.max(seq);
                self.settle_through(seq, now_ns, nobody);
            }
            Op::Delayed { seq, after_ns } if after_ns > 0 => {
                self.work.pending.set_due(seq, now_ns.saturating_add(after_ns));
            }
            Op::Delayed { seq, .. } => {
                // Due at once; whether it is exhausted is written down by itself.
                self.work.pending.set_due(seq, now_ns);
            }
            Op::Touched(seq) => {
                self.on_progress(seq, now_ns);
            }
            Op::Exhausted(seq) => {
                if let Some(slot) = self.work.pending.get(seq).copied() {
                    self.exhaust(slot, now_ns);
                }
            }
            Op::Reset(stream) => self.reset(stream.saturating_add(1), now_ns),
        }
    }
}

#[cfg(test)]
mod tests;
