//! One batch: what may be sent before the server acks more, and what its acks say.

use std::time::Instant;

use serde_json::Value;

use super::super::api::{error_text, inbox, random_name};
use super::super::args::JsFastArgs;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::Flow;
use crate::frames::push_decimal;
use crate::inbound::Msg;
use crate::publisher::Quota;
use crate::verify::Stamper;

const WRITE_BYTES: usize = 128 * 1024;

/// What the last part but one of a reply subject asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Start = 0,
    Append = 1,
    /// Commits, and is not stored itself.
    End = 3,
}

/// A batch under way.
pub(super) struct Batch {
    /// `PUB <subject> <inbox>.<id>.<flow>.fail.`.
    head: Vec<u8>,
    inbox: String,
    payload: Vec<u8>,
    stamper: Option<Stamper>,
    /// Acks that may be outstanding.
    acks: u64,
    sent: u64,
    acked: u64,
    /// Messages between two acks, as the server says; 0 before it has said so.
    per_ack: u64,
    flow_acks: u64,
    committed: Option<u64>,
}

/// A batch that is over.
pub(super) struct Done {
    pub(super) msgs: u64,
    pub(super) flow_acks: u64,
    pub(super) at: Instant,
}

impl Batch {
    pub(super) fn new(subject: &str, args: &JsFastArgs, publisher: u16) -> Self {
        let inbox = format!("{}.{}", inbox(), random_name(22));
        // In this mode a gap ends the batch, so that none goes unnoticed.
        let head = format!("PUB {subject} {inbox}.{}.fail.", args.flow).into_bytes();
        let stamped = args.size >= crate::verify::STAMP_BYTES;
        Self {
            head,
            inbox,
            payload: (b'a'..=b'z').cycle().take(args.size).collect(),
            stamper: stamped.then(|| Stamper::new(publisher, None)),
            acks: u64::from(args.acks),
            sent: 0,
            acked: 0,
            per_ack: 0,
            flow_acks: 0,
            committed: None,
        }
    }

    pub(super) fn reply_subject(&self) -> String {
        format!("{}.>", self.inbox)
    }

    /// Messages that may be sent now: one until the server has said how many.
    fn room(&self) -> u64 {
        if self.per_ack == 0 {
            return u64::from(self.sent == 0);
        }
        (self.acked + self.per_ack * self.acks).saturating_sub(self.sent)
    }

    fn push(&mut self, op: Op, out: &mut Vec<u8>) {
        let number = self.sent + 1;
        if op != Op::End {
            self.sent = number;
        }
        out.extend_from_slice(&self.head);
        push_decimal(out, usize::try_from(number).unwrap_or(usize::MAX));
        out.push(b'.');
        out.push(b'0' + op as u8);
        out.extend_from_slice(b".$FI ");
        if op == Op::End {
            out.extend_from_slice(b"0\r\n\r\n");
            return;
        }
        push_decimal(out, self.payload.len());
        out.extend_from_slice(b"\r\n");
        if let Some(stamper) = &mut self.stamper {
            stamper.stamp(&mut self.payload);
        }
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(b"\r\n");
    }

    /// Takes what the server says of the batch.
    fn take(&mut self, msg: &Msg<'_>) -> Result<(), BenchError> {
        super::super::api::refuse_no_responders(msg.headers)?;
        let value: Value = serde_json::from_slice(msg.payload)
            .map_err(|error| BenchError::Protocol(format!("bad answer to a batch: {error}")))?;
        if let Some(error) = value.get("error") {
            return Err(BenchError::Server(error_text(error)));
        }
        let number = |name: &str| value[name].as_u64().unwrap_or(0);
        match value["type"].as_str() {
            Some("ack") => {
                self.flow_acks += 1;
                self.acked = self.acked.max(number("seq"));
                self.per_ack = number("msgs").max(1);
                Ok(())
            }
            Some("gap") => {
                let (due, got) = (number("last_seq"), number("seq"));
                let text = format!("the server saw message {got} of a batch where {due} was due");
                Err(BenchError::Verify(text))
            }
            None if value.get("batch").is_some() => {
                self.committed = Some(number("count"));
                Ok(())
            }
            _ => Err(BenchError::Protocol(format!("answer to a batch: {value}"))),
        }
    }

    /// Sends until the quota is used up, and commits.
    pub(super) fn run(
        mut self,
        connection: &mut Connection,
        index: usize,
        quota: Quota,
        flow: &Flow,
    ) -> Result<Done, BenchError> {
        let start = flow.wait_for_start();
        let aborted = || flow.is_aborted();
        let mut patience = Patience::until(flow.stall_timeout, &aborted);
        let mut out = Vec::with_capacity(WRITE_BYTES * 2);
        let mut moved_at = start;
        let mut ended = false;
        while self.committed.is_none() {
            let room = usize::try_from(self.room()).unwrap_or(usize::MAX);
            let wanted = quota.left(start, self.sent, room.max(1));
            let before = self.sent;
            while self.sent - before < wanted.min(room) as u64 && out.len() < WRITE_BYTES {
                let op = if self.sent == 0 { Op::Start } else { Op::Append };
                self.push(op, &mut out);
            }
            flow.add_published(self.sent - before);
            if wanted == 0 && !ended {
                self.push(Op::End, &mut out);
                ended = true;
            }
            connection.write(&out, &mut patience)?;
            out.clear();
            let is_full = ended || self.room() == 0;
            let read = if is_full { connection.fill()? } else { connection.fill_now()? };
            if read {
                connection.drain(|msg| self.take(msg))?;
                moved_at = Instant::now();
                flow.set_delivered(index, self.acked);
            } else if flow.is_aborted() {
                return Err(BenchError::Aborted);
            } else if is_full && moved_at.elapsed() > flow.stall_timeout {
                return Err(BenchError::Stalled {
                    what: "acked",
                    got: self.acked,
                    expected: self.sent,
                    seconds: flow.stall_timeout.as_secs(),
                });
            }
        }
        flow.publisher_done(index, self.sent);
        if self.committed != Some(self.sent) {
            let (got, sent) = (self.committed.unwrap_or(0), self.sent);
            let text = format!("{got} messages of a batch were committed, {sent} were sent");
            return Err(BenchError::Verify(text));
        }
        Ok(Done { msgs: self.sent, flow_acks: self.flow_acks, at: moved_at })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::args::{AmountArgs, Storage, StreamArgs};
    use super::*;

    fn batch() -> Batch {
        let stream = StreamArgs {
            stream: None,
            storage: Storage::File,
            replicas: 1,
            keep: false,
            existing: false,
        };
        let amount = AmountArgs { msgs: None, seconds: None, errors_max: 0 };
        let args = JsFastArgs { stream, amount, size: 2, pubs: 1, flow: 50, acks: 2 };
        Batch::new("s", &args, 0)
    }

    fn say(batch: &mut Batch, payload: &str) -> Result<(), BenchError> {
        let payload = payload.as_bytes();
        batch.take(&Msg { subject: b"r", reply: None, headers: b"", payload })
    }

    #[test]
    fn a_message_tells_its_place_in_the_reply_subject() {
        let mut batch = batch();
        let mut out = Vec::new();
        for op in [Op::Start, Op::Append, Op::End] {
            batch.push(op, &mut out);
        }
        let reply = format!("{}.50.fail", batch.inbox);
        let expected = format!(
            "PUB s {reply}.1.0.$FI 2\r\nab\r\nPUB s {reply}.2.1.$FI 2\r\nab\r\n\
             PUB s {reply}.3.3.$FI 0\r\n\r\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(batch.sent, 2);
    }

    #[test]
    fn the_server_says_how_much_may_be_under_way() {
        let mut batch = batch();
        assert_eq!(batch.room(), 1);
        batch.push(Op::Start, &mut Vec::new());
        assert_eq!(batch.room(), 0);
        say(&mut batch, r#"{"type":"ack","seq":0,"msgs":10}"#).unwrap();
        assert_eq!(batch.room(), 19);
        batch.sent = 20;
        say(&mut batch, r#"{"type":"ack","seq":10,"msgs":20}"#).unwrap();
        assert_eq!(batch.room(), 30);
        say(&mut batch, r#"{"type":"ack","seq":20,"msgs":1}"#).unwrap();
        assert_eq!(batch.room(), 2);
        say(&mut batch, r#"{"stream":"S","seq":20,"batch":"b","count":20}"#).unwrap();
        assert_eq!((batch.committed, batch.flow_acks), (Some(20), 3));
    }

    #[test]
    fn gaps_and_errors_end_it() {
        let gap = r#"{"type":"gap","last_seq":3,"seq":5}"#;
        assert!(say(&mut batch(), gap).unwrap_err().to_string().contains("message 5"));
        let error = r#"{"type":"err","seq":1,"error":{"err_code":10205,"description":"off"}}"#;
        assert!(say(&mut batch(), error).unwrap_err().to_string().contains("off (10205)"));
        assert!(say(&mut batch(), r#"{"type":"new"}"#).is_err());
        assert!(say(&mut batch(), "+OK").is_err());
    }
}
