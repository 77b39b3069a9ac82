//! What a consumer writes down about its progress: a base now and then, small deltas in between.
//!
//! ```text
//! base   1, delivered and floor (consumer, stream), clock, last active, pending.., exhausted..
//! delta  1, then operations: a tag, then numbers
//! ```
//! Numbers are LEB128; those that can be negative are zigzag. A delta says what happened, and
//! [`State`](super::state::State) does it again: what follows from it (due times, floors) is not
//! written. Runs of neighbours are one operation.

use thiserror::Error;

/// What happened, in the order in which it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// All that follows happened at this time, in unix nanoseconds.
    Clock(i64),
    /// New messages were delivered, from this sequence on, without a gap.
    Delivered { seq: u64, count: u64 },
    /// A message was delivered once more.
    Again(u64),
    /// Messages were settled, from this sequence on, without a gap.
    Settled { seq: u64, count: u64 },
    /// All up to this sequence were acknowledged.
    SettledThrough(u64),
    /// A message is to be delivered again after so many nanoseconds.
    Delayed { seq: u64, after_ns: i64 },
    /// A client is at work on a message.
    Touched(u64),
    /// A message was delivered as often as it may be.
    Exhausted(u64),
    /// Starts over behind this sequence.
    Reset(u64),
}

/// What was read is no progress of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("progress of a consumer can't be read at byte {at}")]
pub(crate) struct Unreadable {
    pub at: usize,
}

/// Gathers operations of one turn.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    out: Vec<u8>,
    clock_ns: i64,
    /// Where the last operation's numbers count from.
    at: u64,
    run: Option<Run>,
    muted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    tag: u8,
    seq: u64,
    count: u64,
}

/// Reads numbers, and operations made of them.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
    seq: u64,
}

/// Version of both forms.
pub(super) const VERSION: u8 = 1;

/// Longer runs than a turn can make are no runs of ours.
const RUN_MAX: u64 = 1 << 24;

const CLOCK: u8 = 1;
const DELIVERED: u8 = 2;
const AGAIN: u8 = 3;
const SETTLED: u8 = 4;
const SETTLED_THROUGH: u8 = 5;
const DELAYED: u8 = 6;
const TOUCHED: u8 = 7;
const EXHAUSTED: u8 = 8;
const RESET: u8 = 9;

// === numbers ===

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)) as u64);
}

// === impl Recorder ===

impl Recorder {
    /// Whether nothing happened since [`Recorder::take`].
    pub(crate) fn is_empty(&self) -> bool {
        self.out.is_empty() && self.run.is_none()
    }

    /// Whether nothing is to be written down.
    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Writes one operation down.
    pub(crate) fn record(&mut self, now_ns: i64, op: Op) {
        if self.muted {
            return;
        }
        if self.is_empty() {
            self.out.push(VERSION);
        }
        if self.clock_ns != now_ns {
            self.end_run();
            self.clock_ns = now_ns;
            self.out.push(CLOCK);
            put_signed(&mut self.out, now_ns);
        }
        match op {
            Op::Clock(_) => {}
            Op::Delivered { seq, count } => self.extend(DELIVERED, seq, count),
            Op::Settled { seq, count } => self.extend(SETTLED, seq, count),
            Op::Again(seq) => self.single(AGAIN, seq),
            Op::SettledThrough(seq) => self.single(SETTLED_THROUGH, seq),
            Op::Touched(seq) => self.single(TOUCHED, seq),
            Op::Exhausted(seq) => self.single(EXHAUSTED, seq),
            Op::Reset(seq) => self.single(RESET, seq),
            Op::Delayed { seq, after_ns } => {
                self.single(DELAYED, seq);
                put_signed(&mut self.out, after_ns);
            }
        }
    }

    fn extend(&mut self, tag: u8, seq: u64, count: u64) {
        if let Some(run) = &mut self.run
            && run.tag == tag
            && run.seq + run.count == seq
            && run.count < RUN_MAX
        {
            run.count += count;
            return;
        }
        self.end_run();
        self.run = Some(Run { tag, seq, count });
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        self.single(run.tag, run.seq);
        put(&mut self.out, run.count);
        self.at = run.seq + run.count;
    }

    fn single(&mut self, tag: u8, seq: u64) {
        self.end_run();
        self.out.push(tag);
        put_signed(&mut self.out, seq.wrapping_sub(self.at) as i64);
        self.at = seq;
    }

    /// The delta of what happened since the last call, if anything did.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        self.end_run();
        (self.clock_ns, self.at) = (0, 0);
        Some(std::mem::take(&mut self.out))
    }
}

// === impl Reading ===

impl<'a> Reading<'a> {
    /// Reads a base or a delta.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        match bytes.first() {
            Some(&VERSION) => Ok(Self { bytes, at: 1, seq: 0 }),
            _ => Err(Unreadable { at: 0 }),
        }
    }

    pub(super) fn unreadable(&self) -> Unreadable {
        Unreadable { at: self.at }
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        let byte = self.bytes.get(self.at).copied().ok_or(self.unreadable())?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.unreadable())
    }

    pub(super) fn signed(&mut self) -> Result<i64, Unreadable> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn seq(&mut self) -> Result<u64, Unreadable> {
        self.seq = self.seq.wrapping_add(self.signed()? as u64);
        Ok(self.seq)
    }

    fn run(&mut self) -> Result<(u64, u64), Unreadable> {
        let seq = self.seq()?;
        let count = self.number()?;
        let end = seq.checked_add(count).filter(|_| count <= RUN_MAX);
        self.seq = end.ok_or(self.unreadable())?;
        Ok((seq, count))
    }

    /// The next operation of a delta; none at its end.
    pub(crate) fn op(&mut self) -> Result<Option<Op>, Unreadable> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let op = match self.byte()? {
            CLOCK => Op::Clock(self.signed()?),
            DELIVERED => {
                let (seq, count) = self.run()?;
                Op::Delivered { seq, count }
            }
            SETTLED => {
                let (seq, count) = self.run()?;
                Op::Settled { seq, count }
            }
            AGAIN => Op::Again(self.seq()?),
            SETTLED_THROUGH => Op::SettledThrough(self.seq()?),
            DELAYED => Op::Delayed { seq: self.seq()?, after_ns: self.signed()? },
            TOUCHED => Op::Touched(self.seq()?),
            EXHAUSTED => Op::Exhausted(self.seq()?),
            RESET => Op::Reset(self.seq()?),
            _ => return Err(self.unreadable()),
        };
        Ok(Some(op))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ops(delta: &[u8]) -> Vec<Op> {
        let mut reading = Reading::new(delta).unwrap();
        std::iter::from_fn(|| reading.op().unwrap()).collect()
    }

    #[test]
    fn neighbours_are_one_operation() {
        let mut recorder = Recorder::default();
        for seq in 1001..1501 {
            recorder.record(77, Op::Delivered { seq, count: 1 });
        }
        recorder.record(77, Op::SettledThrough(1500));
        let delta = recorder.take().unwrap();
        assert!(delta.len() < 16, "{} bytes", delta.len());
        let wanted =
            [Op::Clock(77), Op::Delivered { seq: 1001, count: 500 }, Op::SettledThrough(1500)];
        assert_eq!(ops(&delta), wanted);
        assert_eq!(recorder.take(), None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Reading::new(b"").err(), Some(Unreadable { at: 0 }));
        assert_eq!(Reading::new(&[9]).err(), Some(Unreadable { at: 0 }));
        let cut = Reading::new(&[VERSION, DELIVERED, 2]).unwrap().op();
        assert_eq!(cut, Err(Unreadable { at: 3 }));
        assert!(Reading::new(&[VERSION, 99]).unwrap().op().is_err());
    }

    fn op() -> impl Strategy<Value = Op> {
        let seq = || prop_oneof![1u64..50, 1u64..u64::MAX / 2];
        prop_oneof![
            (seq(), 1u64..9).prop_map(|(seq, count)| Op::Delivered { seq, count }),
            (seq(), 1u64..9).prop_map(|(seq, count)| Op::Settled { seq, count }),
            seq().prop_map(Op::Again),
            seq().prop_map(Op::SettledThrough),
            (seq(), any::<i64>()).prop_map(|(seq, after_ns)| Op::Delayed { seq, after_ns }),
            seq().prop_map(Op::Touched),
            seq().prop_map(Op::Exhausted),
            seq().prop_map(Op::Reset),
        ]
    }

    /// Operations with runs taken apart.
    fn apart(ops: &[Op]) -> Vec<Op> {
        let mut all = Vec::new();
        for op in ops {
            match *op {
                Op::Clock(_) => {}
                Op::Delivered { seq, count } => {
                    all.extend((seq..seq + count).map(|seq| Op::Delivered { seq, count: 1 }));
                }
                Op::Settled { seq, count } => {
                    all.extend((seq..seq + count).map(|seq| Op::Settled { seq, count: 1 }));
                }
                other => all.push(other),
            }
        }
        all
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(list in proptest::collection::vec(op(), 1..60)) {
            let mut recorder = Recorder::default();
            list.iter().for_each(|op| recorder.record(5, *op));
            let delta = recorder.take().unwrap();
            prop_assert_eq!(apart(&ops(&delta)), apart(&list));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(mut reading) = Reading::new(&bytes) {
                while let Ok(Some(_)) = reading.op() {}
            }
        }
    }
}
