//! `STREAM.SNAPSHOT`: the stream as a file, sent in chunks that the receiver confirms.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use vagus_jetstream::api::{Snapshot, SnapshotResponse};
use vagus_jetstream::stream::StreamState;
use vagus_jetstream::{ApiError, Time, codes, json, status};
use vagus_runtime::Cx;
use vagus_store::{Load, Mode};
use vagus_subject::is_valid_literal;

use super::archive::pack::Packer;
use super::archive::record;
use super::archive::{META, Meta, STATE, Span, TABLE};
use super::messages::RESTORING;
use super::publish::SNAPSHOT_SID;
use super::{Life, Stream};
use crate::consumer::messages::record::PREFIX;
use crate::delivery::{Outlet, Post, Sub, Target};
use crate::jetstream::{Caller, keys};
use crate::shard::Roster;

/// A snapshot that is being sent.
pub(super) struct Sending {
    /// `None` before all that consumers wrote down is in the table.
    packer: Option<Packer>,
    no_consumers: bool,
    caller: Caller,
    started: Time,
    deliver: Vec<u8>,
    /// Begins the reply subjects.
    acks: String,
    /// Bytes of a chunk, and on their way at most.
    chunk: usize,
    window: usize,
    /// Bytes that were not confirmed.
    under_way: usize,
    /// Chunks sent.
    index: u64,
    /// When something was confirmed last, and until when somebody has to listen; in nanoseconds.
    heard_ns: i64,
    begun: bool,
    loading: bool,
    /// Confirmations came since the last step.
    pub stirred: bool,
    roster: Roster,
}

#[derive(Serialize)]
struct Created<'a> {
    state: StreamState,
    client: Option<&'a serde_json::value::RawValue>,
}

#[derive(Serialize)]
struct Completed<'a> {
    start: Time,
    end: Time,
    client: Option<&'a serde_json::value::RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

const SECOND: i64 = 1_000_000_000;
/// Time that nobody may listen at first, and that nothing may be confirmed.
const INTEREST_NS: i64 = 2 * SECOND;
const FLOW_NS: i64 = 5 * SECOND;
const LOOK: Duration = Duration::from_millis(100);
/// Pieces that are made in one turn.
const MOST: usize = 16;

impl Life {
    pub(super) fn begin_snapshot(
        &mut self,
        caller: &Caller,
        ask: &Snapshot,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        if let Err(error) = self.check_snapshot(ask) {
            return self.answer_with::<SnapshotResponse>(caller, Err(error), out);
        }
        let state = self.shown_state();
        let acks = format!("$JS.SNAPSHOT.ACK.{}.{}", self.state.name(), self.js.new_id());
        let target = Target::Actor(Arc::clone(&self.feed));
        let sub = Sub::new(target, format!("{acks}.>").as_bytes(), None, SNAPSHOT_SID);
        let roster = self.js.roster(vec![sub]);
        let registered = roster.register();
        let size = |asked: i64, default: usize, most: usize| {
            usize::try_from(asked).ok().filter(|n| *n > 0).unwrap_or(default).clamp(1 << 10, most)
        };
        self.sending = Some(Sending {
            packer: None,
            no_consumers: ask.no_consumers,
            caller: caller.clone(),
            started: Time::from_nanos(self.js.now_ns()),
            deliver: ask.deliver_subject.as_bytes().to_vec(),
            acks,
            chunk: size(ask.chunk_size, 128 << 10, 1 << 20),
            window: size(ask.window_size, 8 << 20, 32 << 20),
            under_way: 0,
            index: 0,
            heard_ns: self.js.now_ns(),
            begun: false,
            loading: false,
            stirred: false,
            roster,
        });
        let config = Some((**self.state.config()).clone());
        let answer = SnapshotResponse { config, state: Some(state.clone()) };
        self.answer_with(caller, Ok(answer), out);
        let kind = "io.nats.jetstream.advisory.v1.snapshot_create";
        self.tell(kind, "SNAPSHOT_CREATE", Created { state, client: caller.client() }, out);
        let (tell, told) = tokio::sync::oneshot::channel();
        // Whoever waits may be gone.
        let done = Box::new(move |_| {
            let _ = tell.send(());
        });
        self.home.table.write(Vec::new(), Mode::Durable, done);
        let ready = async move {
            registered.await;
            // A store that says nothing any more has what it has.
            let _ = told.await;
        };
        cx.when(ready, |me, (), cx| {
            me.live(Life::pack);
            me.send_snapshot(cx);
        });
        cx.run_later(LOOK, |me, cx| me.watch_snapshot(cx));
    }

    fn check_snapshot(&self, ask: &Snapshot) -> Result<(), ApiError> {
        if !is_valid_literal(ask.deliver_subject.as_bytes()) {
            return Err(codes::SNAPSHOT_DELIVER_SUBJECT_INVALID.error());
        }
        if self.state.rules.in_memory {
            return Err(codes::STREAM_SNAPSHOT.with("no impl"));
        }
        if self.sending.is_some() {
            return Err(codes::STREAM_SNAPSHOT.with("snapshot already in progress"));
        }
        Ok(())
    }

    fn pack(&mut self) {
        let Some(no_consumers) = self.sending.as_ref().map(|one| one.no_consumers) else { return };
        let first_seq = self.state.reader.state().first_seq;
        let span = Span { first_seq, last_seq: self.state.reader.committed() };
        let packer = self.packer(span, no_consumers);
        if let Some(sending) = &mut self.sending {
            sending.packer = Some(packer);
        }
    }

    fn packer(&self, span: Span, no_consumers: bool) -> Packer {
        let config = (**self.state.config()).clone();
        let meta = json::to_vec(&Meta { config, created: self.created });
        let mut table = Vec::new();
        for (key, value) in self.home.table.scan(b"") {
            let own = [keys::CONFIG, keys::CREATED, RESTORING].contains(&&*key);
            if !(own || no_consumers && key.starts_with(PREFIX)) {
                record::entry(&mut table, &key, &value);
            }
        }
        Packer::new(span, &[(META, meta), (STATE, json::to_vec(&span)), (TABLE, table)])
    }

    /// A chunk of so many bytes was confirmed.
    pub(super) fn confirmed(&mut self, subject: &[u8]) {
        let Some(sending) = &mut self.sending else { return };
        let own =
            subject.strip_prefix(sending.acks.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
        let len = own.and_then(|rest| rest.split(|byte| *byte == b'.').next());
        let len = super::values::number(len).and_then(|len| usize::try_from(len).ok());
        if let Some(len) = len {
            sending.under_way = sending.under_way.saturating_sub(len);
            sending.heard_ns = self.js.now_ns();
            sending.stirred = true;
        }
    }

    /// Sends what may be sent. An error: this has to be read first.
    fn step_snapshot(&mut self, out: &mut Outlet<'_>) -> Result<(), Load> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        sending.stirred = false;
        if sending.loading || !out.interested(&sending.deliver, None) {
            return Ok(());
        }
        let Some(mut packer) = sending.packer.take() else { return Ok(()) };
        sending.begun = true;
        for _ in 0..MOST {
            while packer.ready() >= sending.chunk && sending.has_room() {
                sending.send_chunk(&packer.take(sending.chunk), out);
            }
            if !sending.has_room() {
                break;
            }
            if packer.is_done() {
                sending.send_end(&packer.take(usize::MAX), out);
                self.end_snapshot(None, out);
                return Ok(());
            }
            if let Err(load) = packer.go_on(&self.state.reader) {
                sending.packer = Some(packer);
                return Err(load);
            }
        }
        sending.stirred = sending.has_room();
        sending.packer = Some(packer);
        Ok(())
    }

    fn end_snapshot(&mut self, error: Option<&str>, out: &mut Outlet<'_>) {
        let Some(sending) = self.sending.take() else { return };
        let end = Time::from_nanos(self.js.now_ns());
        let client = sending.caller.client();
        let more = Completed { start: sending.started, end, client, error };
        let kind = "io.nats.jetstream.advisory.v1.snapshot_complete";
        self.tell(kind, "SNAPSHOT_COMPLETE", more, out);
        drop(sending.roster);
    }

    /// Whether the receiver is still there. False: there is nothing to watch any more.
    fn look_after_snapshot(&mut self, out: &mut Outlet<'_>) -> bool {
        let Some(sending) = &mut self.sending else { return false };
        let silent = self.js.now_ns().saturating_sub(sending.heard_ns);
        let interested = out.interested(&sending.deliver, None);
        let status = if !interested && (sending.begun || silent > INTEREST_NS) {
            status::SNAPSHOT_NO_INTEREST
        } else if sending.under_way > 0 && silent > FLOW_NS {
            status::SNAPSHOT_NO_FLOW
        } else {
            sending.stirred |= interested && !sending.begun;
            return true;
        };
        tell(out, &sending.deliver, None, Some(status), b"");
        let text = String::from_utf8_lossy(status);
        let text = text.trim_start_matches("NATS/1.0 408 ").trim_end().to_owned();
        self.end_snapshot(Some(&text), out);
        false
    }
}

impl Sending {
    fn has_room(&self) -> bool {
        self.under_way == 0 || self.under_way + self.chunk <= self.window
    }

    fn send_chunk(&mut self, chunk: &[u8], out: &mut Outlet<'_>) {
        self.index += 1;
        let reply = format!("{}.{}.{}", self.acks, chunk.len(), self.index);
        self.under_way += chunk.len();
        tell(out, &self.deliver, Some(reply.as_bytes()), None, chunk);
    }

    /// What is left, and that this was all.
    fn send_end(&mut self, rest: &[u8], out: &mut Outlet<'_>) {
        if !rest.is_empty() {
            tell(out, &self.deliver, None, None, rest);
        }
        let status = (self.index > 0).then_some(status::SNAPSHOT_END);
        tell(out, &self.deliver, None, status, b"");
    }
}

fn tell(
    out: &mut Outlet<'_>,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: Option<&[u8]>,
    payload: &[u8],
) {
    out.publish(Post { subject, reply, headers, payload });
}

impl Stream {
    /// Goes on with the snapshot that is being sent.
    pub(super) fn send_snapshot(&mut self, cx: &mut Cx<'_, Self>) {
        let Some(Err(load)) = self.turn(cx, |life, out, _| life.step_snapshot(out)) else { return };
        let Some(life) = self.life.as_deref_mut() else { return };
        if let Some(sending) = &mut life.sending {
            sending.loading = true;
        }
        cx.when(life.state.reader.load(load), |me, (), cx| {
            me.live(|life| {
                if let Some(sending) = &mut life.sending {
                    sending.loading = false;
                }
            });
            me.send_snapshot(cx);
        });
    }

    fn watch_snapshot(&mut self, cx: &mut Cx<'_, Self>) {
        if self.turn(cx, |life, out, _| life.look_after_snapshot(out)) == Some(true) {
            cx.run_later(LOOK, |me, cx| me.watch_snapshot(cx));
        }
    }
}
