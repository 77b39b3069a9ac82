//! Working through input: one operation after the other, until it ends or something has to be
//! waited for.

use std::sync::atomic::Ordering::Relaxed;

use vagus_wire::{Op, ParseError, Step, parse};

use super::Connection;
use super::belonging::Refusal;
use crate::delivery::desk::Delivery;
use crate::delivery::reading::{Turn, Worked};
use crate::delivery::{Counters, Reason, Target};

/// How to go on after an operation.
pub(super) enum Next {
    Go,
    /// Not before what the operation asked for is done.
    Gate,
    /// The connection ends, with this text if any.
    End(Option<&'static str>, Reason),
}

/// What came in by publishes, counted once for all of one piece of input.
#[derive(Default)]
pub(super) struct Tally {
    pub msgs: u64,
    pub bytes: u64,
    /// Subscriptions were asked for, or ended.
    pub interest: bool,
}

impl Connection {
    /// Works through `input` as far as that goes.
    pub(super) fn work(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked {
        let mut tally = Tally::default();
        let worked = self.work_counting(input, delivery, &mut tally);
        if tally.msgs > 0 || tally.interest {
            // Pings alone do not make a client active.
            self.out.stats.active_ns.store(self.clock.heard_at(), Relaxed);
        }
        if tally.msgs > 0 {
            self.out.stats.in_msgs.fetch_add(tally.msgs, Relaxed);
            self.out.stats.in_bytes.fetch_add(tally.bytes, Relaxed);
            Counters::add(&self.counters.in_msgs, tally.msgs);
            Counters::add(&self.counters.in_bytes, tally.bytes);
        }
        worked
    }

    fn work_counting(
        &mut self,
        input: &[u8],
        delivery: &mut Delivery,
        tally: &mut Tally,
    ) -> Worked {
        let mut at = 0;
        if self.client.must_authenticate()
            && let Err(Refusal(text, reason)) = self.may_speak(input)
        {
            return self.end_here(Some(text), reason, delivery);
        }
        loop {
            // What waits for the shards has to be in force before anything that follows.
            if !self.interest.has_changes() {
                at = self.publish_repeats(input, at, delivery, tally);
            }
            if at == input.len() {
                return self.worked(at, 0, Turn::Again);
            }
            if delivery.batch.work() > WORK_MAX {
                return self.worked(at, 0, Turn::Yield);
            }
            let rest = &input[at..];
            match parse(rest, self.limits()) {
                Ok(Step::Partial { total }) => return self.worked(at, total, Turn::Again),
                Ok(Step::Op { op, used }) => {
                    if self.interest.has_changes() && !is_interest(&op) {
                        return self.worked(at, 0, Turn::Gated);
                    }
                    let next = self.operate(op, rest, delivery, tally);
                    at += used;
                    match next {
                        Next::Go => {}
                        Next::Gate => return self.worked(at, 0, Turn::Gated),
                        Next::End(text, reason) => return self.end_here(text, reason, delivery),
                    }
                }
                Err(error) => return self.bad_input(rest, error, delivery),
            }
        }
    }

    /// Nothing that was asked of the shards stays behind at the end of some input.
    fn worked(&self, used: usize, need: usize, turn: Turn) -> Worked {
        let turn = if self.interest.has_changes() { Turn::Gated } else { turn };
        Worked { used, need, turn }
    }

    /// Ends the connection behind what it has published so far.
    fn end_here(
        &mut self,
        text: Option<&'static str>,
        reason: Reason,
        delivery: &mut Delivery,
    ) -> Worked {
        delivery.batch.flush_with_last(self.out.slot());
        match text {
            Some(text) => self.refuse(text, reason),
            None => self.end(reason),
        }
        Worked { used: 0, need: 0, turn: Turn::Ended }
    }

    fn bad_input(&mut self, rest: &[u8], error: ParseError, delivery: &mut Delivery) -> Worked {
        tracing::error!("{}{}", self.prefix(), describe(rest, error));
        self.trace_too_large(rest, error, delivery);
        let reason = match error {
            ParseError::ControlLine => Reason::MaxControlLine,
            ParseError::Payload { .. } => Reason::MaxPayload,
            ParseError::UnknownOperation | ParseError::Arguments { .. } => {
                Reason::ProtocolViolation
            }
            ParseError::ClientError => Reason::ParseError,
        };
        self.end_here(error.text(), reason, delivery)
    }

    /// Of a client that has to show credentials only the first byte decides: it begins a
    /// `CONNECT`, or there is a user for those who show none.
    fn may_speak(&mut self, input: &[u8]) -> Result<(), Refusal> {
        match input.first() {
            Some(byte) if !byte.eq_ignore_ascii_case(&b'C') => self.admit_anonymous(),
            _ => Ok(()),
        }
    }

    /// `rest` starts with the operation's own bytes.
    fn operate(
        &mut self,
        op: Op<'_>,
        rest: &[u8],
        delivery: &mut Delivery,
        tally: &mut Tally,
    ) -> Next {
        if self.settings.trace {
            self.trace_in(&op);
        }
        if self.client.must_authenticate()
            && !matches!(op, Op::Connect(_))
            && let Err(Refusal(text, reason)) = self.admit_anonymous()
        {
            return Next::End(Some(text), reason);
        }
        tally.interest |= is_interest(&op);
        match op {
            Op::Publish(publish) => self.publish(&publish, rest, delivery, tally),
            Op::Subscribe { subject, queue, sid } => {
                self.subscribe(subject, queue, sid, delivery);
                Next::Go
            }
            Op::Unsubscribe { sid, max } => {
                self.unsubscribe(sid, max);
                self.confirm(delivery);
                Next::Go
            }
            Op::Ping => {
                self.answer(b"PONG\r\n", delivery);
                self.after_pong(delivery);
                Next::Go
            }
            Op::Pong => {
                self.clock.answered(self.broker.now_ns(), &self.out);
                Next::Go
            }
            Op::Connect(json) => self.hello(json, delivery),
            Op::Info(json) if serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err() => {
                Next::End(None, Reason::ProtocolViolation)
            }
            Op::Info(_) | Op::Ignored => Next::Go,
        }
    }

    /// Queues protocol text for the client itself, behind what it was sent so far.
    pub(super) fn answer(&self, text: &[u8], delivery: &mut Delivery) {
        if self.settings.trace {
            self.trace_out(text);
        }
        delivery.batch.text(&Target::Connection(self.out.clone()), text);
    }

    /// `+OK` in verbose mode.
    pub(super) fn confirm(&self, delivery: &mut Delivery) {
        if self.client.connect.verbose {
            self.answer(b"+OK\r\n", delivery);
        }
    }

    pub(super) fn complain(&self, text: &str, delivery: &mut Delivery) {
        self.answer(&vagus_wire::encode::error(text), delivery);
    }
}

/// Deliveries in one turn, after which other connections of the arbiter get theirs.
pub(super) const WORK_MAX: u64 = 1 << 18;

fn is_interest(op: &Op<'_>) -> bool {
    matches!(op, Op::Subscribe { .. } | Op::Unsubscribe { .. })
}

/// The words of nats-server's log.
fn describe(rest: &[u8], error: ParseError) -> String {
    let line = rest.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let shown = String::from_utf8_lossy(&line[..line.len().min(128)]);
    let arguments = shown.split_once([' ', '\t']).map_or("", |(_, arguments)| arguments.trim());
    match error {
        ParseError::UnknownOperation => {
            format!("Client parser ERROR, state=0, i=0: proto='{:?}...'", shown)
        }
        ParseError::Arguments { operation } => {
            let operation = match operation {
                "PUB" => "processPub",
                "HPUB" => "processHeaderPub",
                "SUB" => "processSub",
                _ => "processUnsub",
            };
            format!("{operation} Parse Error: {arguments:?}")
        }
        ParseError::ControlLine => "maximum control line exceeded".to_owned(),
        ParseError::Payload { size, max } => format!("maximum payload exceeded: {size} vs {max}"),
        ParseError::ClientError => format!("Client error {arguments}"),
    }
}
