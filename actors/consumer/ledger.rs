//! Writing progress down: deltas to the stream's table, a base when they have grown too long, and
//! answers that wait until what they confirm is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use vagus_jetstream::api::ConsumerCreateResponse;
use vagus_jetstream::codes;
use vagus_runtime::Cx;
use vagus_store::{Mode, TableOp};

use super::Consumer;
use super::messages::{Nudge, Seat, Volatile};
use super::record::Keys;
use crate::delivery::Post;
use crate::jetstream::Caller;
use crate::stream::messages::Expired;

/// See the module's text.
#[derive(Default)]
pub(super) struct Ledger {
    keys: Option<Box<Keys>>,
    /// Bytes of the last base, and of deltas since; none: the next write is a base.
    base_len: Option<u32>,
    deltas_len: u32,
    /// Writes that are followed by answers, numbered.
    number: u64,
    waiting: VecDeque<Waits>,
    /// Answers of this turn.
    answers: Vec<Answer>,
    /// Something was written that may not be durable yet.
    unsettled: bool,
    /// The record is written with the next base.
    with_record: bool,
    /// The picks are.
    with_picks: bool,
}

/// Answers that wait for a write.
struct Waits {
    number: u64,
    answers: Vec<Answer>,
}

/// What is sent once it is durable.
pub(super) enum Answer {
    /// An empty message, to who wants to know that an acknowledgement counts.
    Ack(Box<[u8]>),
    /// A response of the API.
    Call(Caller, Told),
}

/// Which response.
pub(super) enum Told {
    Created,
    Paused,
    Reset(u64),
}

/// Deltas are replaced by a base when they are longer than this, and than the base.
const DELTAS_MAX: u32 = 4 << 10;

// === impl Ledger ===

impl Ledger {
    /// An answer goes out once what this turn writes is durable.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// The next write is a base, with the record: for a new configuration.
    pub(super) fn write_record(&mut self) {
        self.base_len = None;
        self.with_record = true;
    }

    /// Gives memory back that an idle consumer does not need.
    pub(super) fn shrink(&mut self) {
        self.keys = None;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// The next write is a base, with the picks.
    pub(super) fn write_picks(&mut self) {
        self.base_len = None;
        self.with_picks = true;
    }

    /// The next write is a base.
    pub(super) fn rewrite(&mut self) {
        self.base_len = None;
    }

    /// Writes are numbered from the time on: what becomes of the writes of an earlier incarnation
    /// is told to this one, and must not be taken for an answer to its own.
    pub(super) fn begin(&mut self, now_ns: i64) {
        self.number = now_ns.unsigned_abs();
    }

    /// Whether it is time for a base.
    fn is_long(&self) -> bool {
        self.base_len.is_none_or(|base| self.deltas_len > DELTAS_MAX.max(base))
    }
}

// === impl Consumer ===

impl Consumer {
    /// Writes what this turn did. Durable if somebody is to be answered or the record changes.
    pub(super) fn write(&mut self, cx: &mut Cx<'_, Self>) {
        let ops = self.take_ops();
        let answers = std::mem::take(&mut self.ledger.answers);
        let wait = !answers.is_empty();
        if ops.is_empty() && !wait {
            return;
        }
        if self.seat.is_volatile() || (ops.is_empty() && !self.ledger.unsettled) {
            keep(&self.seat, ops);
            return self.send_answers(answers, cx);
        }
        self.ledger.unsettled = true;
        self.ledger.number += 1;
        let number = self.ledger.number;
        if wait {
            self.ledger.waiting.push_back(Waits { number, answers });
        }
        let mode = if wait { Mode::Durable } else { Mode::Lazy };
        let handle = cx.handle();
        let done = move |outcome: Result<(), _>| {
            // Nobody waits for a lazy write, unless it fails.
            if wait || outcome.is_err() {
                let _ = handle.send_urgent(Nudge::Written { number, ok: outcome.is_ok() });
            }
        };
        self.home.table.write(ops, mode, Box::new(done));
    }

    fn take_ops(&mut self) -> Vec<TableOp> {
        let all = self.ledger.with_record || self.ledger.with_picks;
        if !all && !self.state.has_news() {
            return Vec::new();
        }
        let keys = self.ledger.keys.get_or_insert_with(|| Box::new(Keys::of(&self.seat.name)));
        let keys = (**keys).clone();
        if !self.ledger.is_long()
            && let Some(delta) = self.state.take_delta()
        {
            self.ledger.deltas_len = self.ledger.deltas_len.saturating_add(delta.len() as u32);
            return vec![TableOp::Merge(keys.state, delta.into())];
        }
        let base = self.state.base();
        self.ledger.base_len = Some(base.len() as u32);
        self.ledger.deltas_len = 0;
        let mut ops = vec![TableOp::Put(keys.state, base.into())];
        if std::mem::take(&mut self.ledger.with_record) {
            ops.push(TableOp::Put(keys.config, self.seat.record().to_json().into()));
        }
        if std::mem::take(&mut self.ledger.with_picks) {
            ops.push(match &self.picks {
                Some(picks) => TableOp::Put(keys.picks, picks.encode().into()),
                None => TableOp::Delete(keys.picks),
            });
        }
        ops
    }

    /// A write that was waited for is over.
    pub(super) fn on_written(&mut self, number: u64, ok: bool, cx: &mut Cx<'_, Self>) {
        if number == self.ledger.number {
            self.ledger.unsettled = false;
        }
        if !ok {
            // What follows must not build on it, and may have to make up for it.
            self.ledger.write_record();
            self.ledger.write_picks();
        }
        let index = self.ledger.waiting.iter().position(|waits| waits.number == number);
        let Some(waits) = index.and_then(|index| self.ledger.waiting.remove(index)) else { return };
        if ok {
            self.send_answers(waits.answers, cx);
        } else {
            self.send_failures(waits.answers, cx);
        }
    }

    fn send_answers(&mut self, answers: Vec<Answer>, cx: &mut Cx<'_, Self>) {
        if answers.is_empty() {
            return;
        }
        let js = Arc::clone(&self.home.js);
        js.turn(cx.cell().arbiter(), |out| {
            for answer in answers {
                match answer {
                    Answer::Ack(subject) => {
                        let subject = &*subject;
                        out.publish(Post { subject, reply: None, headers: None, payload: b"" });
                    }
                    Answer::Call(caller, told) => self.tell(&caller, &told, out),
                }
            }
        });
        if std::mem::take(&mut self.unborn) {
            self.turn(cx, |_, _, _| {});
        }
    }
}

impl Consumer {
    /// What was asked for is not durable: acknowledgements are not answered, requests with an
    /// error.
    fn send_failures(&self, answers: Vec<Answer>, cx: &mut Cx<'_, Self>) {
        let (js, stream, name) = (&self.home.js, &*self.home.stream, &*self.seat.name);
        let unsent = answers.len();
        tracing::error!(stream, consumer = name, unsent, "progress can't be written");
        js.turn(cx.cell().arbiter(), |out| {
            for answer in answers {
                let Answer::Call(caller, _) = answer else { continue };
                let error = codes::CONSUMER_STORE_FAILED.with("it can't be written");
                caller.answer::<ConsumerCreateResponse>(js, out, Err(error));
            }
        });
        if self.unborn {
            // Who made it was told that there is none.
            let _ = self.home.expired.send_urgent(Expired { consumer: self.seat.id });
        }
    }
}

/// Keeps the progress of a consumer that is not to be on disk, for its next incarnation.
fn keep(seat: &Seat, ops: Vec<TableOp>) {
    if ops.is_empty() {
        return;
    }
    let keys = Keys::of(&seat.name);
    let mut volatile = seat.volatile.lock();
    let Volatile { base, deltas, picks } = &mut **volatile.get_or_insert_default();
    for op in ops {
        match op {
            TableOp::Put(key, value) if key == keys.state => {
                *base = value;
                deltas.clear();
            }
            TableOp::Merge(_, delta) => deltas.push(delta),
            TableOp::Put(key, value) if key == keys.picks => *picks = value,
            TableOp::Delete(_) => *picks = Bytes::new(),
            TableOp::Put(..) => {}
        }
    }
}
