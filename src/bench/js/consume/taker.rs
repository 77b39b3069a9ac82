//! One connection that receives from a consumer: asks for more in time, acks, answers what the
//! server asks, and checks what it gets.

use std::time::Instant;

use serde_json::json;

use super::super::acksubject::AckSubjects;
use super::super::args::{AckMode, JsConsumeArgs, Mode};
use super::super::bits::Bits;
use super::super::fill::number_in;
use super::{Consumer, GROUP, SECOND_NANOS};
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::Flow;
use crate::inbound::Msg;

/// Seconds that a pull request waits for messages, as that of clients.
const EXPIRES_SECONDS: u64 = 30;

/// The state of one connection.
pub(super) struct Taker {
    mode: Mode,
    ack: AckMode,
    inbox: String,
    group: Option<&'static str>,
    /// A whole pull request.
    request: Vec<u8>,
    batch: u64,
    /// Messages that may be asked for at once.
    wanted_max: u64,
    /// Messages asked for that have not come.
    wanted: u64,
    /// Whether the consumer sends to nobody else.
    alone: bool,
    size: usize,
    /// Whether payloads carry their number.
    numbered: bool,
    subjects: AckSubjects,
    last_consumer_seq: u64,
    last_stream_seq: u64,
    /// What goes to the server with the next write.
    out: Vec<u8>,
    /// The reply subject of the last delivery, for acks of all up to it.
    last_reply: Vec<u8>,
    unacked: u64,
    taken: Taken,
}

/// What a connection got.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Messages that came for the first time.
    pub(super) count: u64,
    pub(super) seen: Bits,
    pub(super) last_at: Option<Instant>,
    pub(super) requests: u64,
    pub(super) flow_controls: u64,
    pub(super) redelivered: u64,
    pub(super) acks: u64,
}

impl Taker {
    pub(super) fn new(args: &JsConsumeArgs, stream: &str, consumer: &Consumer) -> Self {
        // Members of one pull consumer ask from inboxes of their own.
        let inbox = match args.mode {
            Mode::Pull => super::inbox(),
            Mode::Push => consumer.inbox.clone(),
        };
        let expires = EXPIRES_SECONDS * SECOND_NANOS;
        let body = json!({"batch": args.batch, "expires": expires}).to_string();
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", consumer.name);
        let request = format!("PUB {subject} {inbox} {}\r\n{body}\r\n", body.len());
        let batch = u64::from(args.batch);
        Self {
            mode: args.mode,
            ack: args.ack,
            inbox,
            group: (args.shared && args.mode == Mode::Push).then_some(GROUP),
            request: request.into_bytes(),
            batch,
            wanted_max: batch * u64::from(args.requests),
            wanted: 0,
            alone: !args.shared,
            size: args.size,
            numbered: !args.stream.existing,
            subjects: AckSubjects::default(),
            last_consumer_seq: 0,
            last_stream_seq: 0,
            out: Vec::new(),
            last_reply: Vec::new(),
            unacked: 0,
            taken: Taken::default(),
        }
    }

    /// Subscribes to answers of pull requests. Who is pushed to subscribes when the time runs.
    pub(super) fn subscribe_early(&self, connection: &mut Connection) -> Result<(), BenchError> {
        match self.mode {
            Mode::Pull => connection.subscribe(&self.inbox, None, 1),
            Mode::Push => Ok(()),
        }
    }

    /// Receives until all that is due has come.
    pub(super) fn run(
        mut self,
        connection: &mut Connection,
        index: usize,
        flow: &Flow,
    ) -> Result<Taken, BenchError> {
        let aborted = || flow.is_aborted();
        let mut patience = Patience::until(flow.stall_timeout, &aborted);
        let mut moved_at = flow.wait_for_start();
        if self.mode == Mode::Push {
            connection.subscribe(&self.inbox, self.group, 1)?;
        }
        let due = flow.due(index).unwrap_or(u64::MAX);
        loop {
            self.ask_for_more();
            connection.write(&self.out, &mut patience)?;
            self.out.clear();
            if flow.received(self.taken.count) >= due {
                break;
            }
            if !connection.fill()? {
                if flow.is_aborted() {
                    return Err(BenchError::Aborted);
                }
                if moved_at.elapsed() > flow.stall_timeout {
                    let (got, seconds) = (flow.delivered(), flow.stall_timeout.as_secs());
                    let what = "delivered";
                    return Err(BenchError::Stalled { what, got, expected: due, seconds });
                }
                continue;
            }
            let before = self.taken.count;
            connection.drain(|msg| self.take(msg))?;
            self.ack_all(self.taken.count >= due);
            if self.taken.count > before {
                moved_at = Instant::now();
                self.taken.last_at = Some(moved_at);
                flow.set_delivered(index, self.taken.count);
            }
        }
        // The server has then handled all acks that went before.
        connection.flush(flow.stall_timeout, |_| Ok(()))?;
        Ok(self.taken)
    }

    /// Requests the next batch when another fits.
    fn ask_for_more(&mut self) {
        while self.mode == Mode::Pull && self.wanted + self.batch <= self.wanted_max {
            self.out.extend_from_slice(&self.request);
            self.wanted += self.batch;
            self.taken.requests += 1;
        }
    }

    fn take(&mut self, msg: &Msg<'_>) -> Result<(), BenchError> {
        if let Some(status) = msg.headers.strip_prefix(b"NATS/1.0 ") {
            return self.take_status(status, msg.reply);
        }
        let delivery = self.subjects.read(msg.reply)?;
        let seq = delivery.stream_seq;
        self.wanted = self.wanted.saturating_sub(1);
        let wrong = |what: &str| Err(BenchError::Verify(format!("message {seq} {what}")));
        if msg.payload.len() != self.size {
            return wrong(&format!("has {} bytes, not {}", msg.payload.len(), self.size));
        }
        if self.numbered && number_in(msg.payload).is_some_and(|number| number + 1 != seq) {
            return wrong("is another than was published");
        }
        if self.alone && delivery.consumer_seq != self.last_consumer_seq + 1 {
            let (got, last) = (delivery.consumer_seq, self.last_consumer_seq);
            return wrong(&format!("came as delivery {got} after {last}"));
        }
        self.last_consumer_seq = delivery.consumer_seq;
        if delivery.count > 1 {
            self.taken.redelivered += 1;
        } else {
            if seq <= self.last_stream_seq {
                return wrong(&format!("came after {}", self.last_stream_seq));
            }
            self.last_stream_seq = seq;
            if !self.alone {
                self.taken.seen.insert(seq);
            }
            self.taken.count += 1;
        }
        self.ack_one(msg.reply.unwrap_or_default());
        Ok(())
    }

    fn ack_one(&mut self, reply: &[u8]) {
        match self.ack {
            AckMode::None => {}
            AckMode::Explicit => {
                push_ack(&mut self.out, reply);
                self.taken.acks += 1;
            }
            AckMode::All => {
                self.unacked += 1;
                self.last_reply.clear();
                self.last_reply.extend_from_slice(reply);
            }
        }
    }

    /// Acks all that came, once it is a batch or there is no more.
    fn ack_all(&mut self, is_over: bool) {
        if self.unacked >= self.batch || (is_over && self.unacked > 0) {
            push_ack(&mut self.out, &self.last_reply);
            self.taken.acks += 1;
            self.unacked = 0;
        }
    }

    /// A message without a message: `status` is what follows `NATS/1.0 `.
    fn take_status(&mut self, status: &[u8], reply: Option<&[u8]>) -> Result<(), BenchError> {
        let text = String::from_utf8_lossy(status);
        let line = text.lines().next().unwrap_or_default();
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        match line.get(..3) {
            Some("100") => {
                let stalled = header("Nats-Consumer-Stalled: ").map(str::as_bytes);
                if let Some(subject) = reply.or(stalled) {
                    self.taken.flow_controls += 1;
                    self.out.extend_from_slice(b"PUB ");
                    self.out.extend_from_slice(subject);
                    self.out.extend_from_slice(b" 0\r\n\r\n");
                }
                Ok(())
            }
            Some("404" | "408") => {
                let pending = header("Nats-Pending-Messages: ").and_then(|text| text.parse().ok());
                self.wanted = self.wanted.saturating_sub(pending.unwrap_or(self.batch));
                Ok(())
            }
            _ => Err(BenchError::Server(format!("a pull request was answered with {line}"))),
        }
    }
}

fn push_ack(out: &mut Vec<u8>, reply: &[u8]) {
    out.extend_from_slice(b"PUB ");
    out.extend_from_slice(reply);
    out.extend_from_slice(b" 4\r\n+ACK\r\n");
}

#[cfg(test)]
#[path = "taker_tests.rs"]
mod tests;
