//! The books against plain maps: whatever happens, and however often the consumer is restored from
//! its base and deltas, both say the same of every message.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Deliver(u64),
    Ack(u64),
    Nak(u64, i64),
    Touch(u64),
    Pass(i64),
    Redeliver(usize),
    WriteBase,
    Restart,
    Reset(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let seq = || 1u64..60;
    prop_oneof![
        6 => (1u64..3).prop_map(Step::Deliver),
        4 => seq().prop_map(Step::Ack),
        2 => (seq(), 0i64..20).prop_map(|(seq, delay)| Step::Nak(seq, delay)),
        1 => seq().prop_map(Step::Touch),
        3 => (1i64..25).prop_map(Step::Pass),
        3 => (1usize..5).prop_map(Step::Redeliver),
        1 => Just(Step::WriteBase),
        2 => Just(Step::Restart),
        1 => seq().prop_map(Step::Reset),
    ]
}

/// A message not settled: how often delivered, and when due.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Open {
    deliveries: u32,
    due: i64,
}

/// The consumer as one would write it without a thought for cost, and what the disk holds.
struct Bench {
    terms: Terms,
    state: State,
    base: Vec<u8>,
    deltas: Vec<Vec<u8>>,
    now: i64,
    last: u64,
    dseq: u64,
    open: BTreeMap<u64, Open>,
    exhausted: BTreeMap<u64, u32>,
}

impl Bench {
    fn new(terms: Terms) -> Self {
        let mut state = State::new(terms.clone(), 1);
        let base = state.base();
        let (open, exhausted) = (BTreeMap::new(), BTreeMap::new());
        Self { terms, state, base, deltas: vec![], now: 0, last: 0, dseq: 0, open, exhausted }
    }

    fn settle(&mut self, seq: u64) -> Vec<u64> {
        let known = match self.terms.ack {
            AckMode::Explicit => seq..=seq,
            _ if seq > self.last => return Vec::new(),
            _ => 0..=seq,
        };
        let mut all: Vec<u64> = Vec::new();
        let keys: Vec<u64> = self.open.keys().chain(self.exhausted.keys()).copied().collect();
        for key in keys.into_iter().filter(|key| known.contains(key)) {
            all.push(key);
            self.open.remove(&key);
            self.exhausted.remove(&key);
        }
        all.sort_unstable();
        all
    }

    fn due_again(&mut self, seq: u64) {
        let open = self.open[&seq];
        if self.terms.is_last(open.deliveries) {
            self.open.remove(&seq);
            self.exhausted.insert(seq, open.deliveries);
        }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::Deliver(gap) => {
                self.last += gap;
                self.dseq += 1;
                let got = self.state.deliver(self.last, now);
                assert_eq!(got, Delivery { dseq: self.dseq, deliveries: 1 });
                let due = now + self.terms.wait_ns(1);
                self.open.insert(self.last, Open { deliveries: 1, due });
            }
            Step::Ack(seq) => {
                let mut told = Vec::new();
                self.state.on_ack(seq, now, &mut |slot| told.push(slot.seq));
                told.sort_unstable();
                assert_eq!(told, self.settle(seq));
            }
            Step::Nak(seq, delay) => {
                self.state.on_nak(seq, delay, now);
                let Some(open) = self.open.get_mut(&seq) else { return };
                // What is due already is not put off.
                if open.due > now || delay == 0 {
                    open.due = now + delay;
                }
                if delay == 0 {
                    self.due_again(seq);
                }
            }
            Step::Touch(seq) => {
                self.state.on_progress(seq, now);
                if let Some(open) = self.open.get_mut(&seq) {
                    open.due = now + self.terms.wait_ns(open.deliveries);
                }
            }
            Step::Pass(time) => self.pass(time),
            Step::Redeliver(limit) => self.redeliver(limit),
            Step::WriteBase => {
                self.base = self.state.base();
                self.deltas.clear();
            }
            Step::Restart => self.restart(),
            Step::Reset(seq) => {
                self.state.reset(seq, now);
                (self.last, self.dseq) = (seq - 1, 0);
                self.open.clear();
                self.exhausted.clear();
            }
        }
    }

    fn pass(&mut self, time: i64) {
        self.now += time;
        self.state.on_time(self.now, usize::MAX);
        let now = self.now;
        let due: Vec<u64> =
            self.open.iter().filter(|(_, open)| open.due <= now).map(|(seq, _)| *seq).collect();
        due.into_iter().for_each(|seq| self.due_again(seq));
    }

    fn redeliver(&mut self, limit: usize) {
        for _ in 0..limit {
            let due = self.open.values().any(|open| open.due <= self.now);
            let next = self.state.peek_again().map(|slot| slot.seq);
            assert_eq!(next.is_some(), due);
            let Some(seq) = next else { return };
            self.dseq += 1;
            let got = self.state.deliver_again(seq, self.now).unwrap();
            let open = self.open.get_mut(&seq).unwrap();
            assert!(open.due <= self.now);
            open.deliveries += 1;
            open.due = self.now + self.terms.wait_ns(open.deliveries);
            assert_eq!(got, Delivery { dseq: self.dseq, deliveries: open.deliveries });
        }
    }

    fn restart(&mut self) {
        self.deltas.extend(self.state.take_delta());
        self.state = State::restore(self.terms.clone(), &self.base).unwrap();
        for delta in &self.deltas {
            self.state.replay(delta).unwrap();
        }
        assert!(!self.state.has_news());
        self.state.on_time(self.now, usize::MAX);
    }

    fn check(&self) {
        let slots: BTreeMap<u64, u32> =
            self.state.pending().iter().map(|slot| (slot.seq, slot.deliveries)).collect();
        let open: BTreeMap<u64, u32> = self.open.iter().map(|(k, v)| (*k, v.deliveries)).collect();
        assert_eq!(slots, open);
        let again = self.open.values().filter(|open| open.deliveries > 1).count();
        assert_eq!(self.state.redelivered(), again + self.exhausted.len());
        assert_eq!(self.state.delivered(), Mark { consumer: self.dseq, stream: self.last });
        let floor = self.state.floor().stream;
        assert!(self.open.keys().all(|seq| *seq > floor), "floor {floor} above what is open");
    }
}

proptest! {
    #[test]
    fn books_agree_with_plain_maps(
        all in any::<bool>(),
        deliver_max in proptest::option::of(1u32..4),
        backoff in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..250),
    ) {
        let backoff_ns: Box<[i64]> = if backoff { [3, 12, 5].into() } else { [].into() };
        let ack = if all { AckMode::All } else { AckMode::Explicit };
        let terms = Terms { ack, ack_wait_ns: 10, backoff_ns, deliver_max, pending_max: None };
        let mut bench = Bench::new(terms);
        for step in steps {
            bench.take(&step);
            bench.state.on_time(bench.now, usize::MAX);
            bench.check();
        }
    }
}
