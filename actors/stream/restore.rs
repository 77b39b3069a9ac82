//! `STREAM.RESTORE`: a stream is filled from a file that comes in chunks. Until it is whole, the
//! stream takes nothing else; if it never is, nothing of it stays.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use vagus_jetstream::api::{Reply, RestoreResponse, StreamCreateResponse};
use vagus_jetstream::{Time, codes, json};
use vagus_runtime::Cx;
use vagus_store::TableOp;
use vagus_wire::frame::Frame;

use super::archive::unpack::{self, Unpacker};
use super::archive::{ArchiveError, BLOCKS, META, Meta, STATE, Span, TABLE, record};
use super::messages::{Call, News, RESTORING, Request};
use super::publish::RESTORE_SID;
use super::{Life, Phase, Stream};
use crate::delivery::{Outlet, Post, Sub, Target};
use crate::jetstream::{Caller, keys};
use crate::shard::Roster;

/// A restore under way.
pub(super) struct Filling {
    unpacker: Unpacker,
    caller: Caller,
    started: Time,
    bytes: u64,
    span: Option<Span>,
    /// Why it can't succeed any more.
    failed: Option<String>,
    /// All has come.
    ended: bool,
    /// When something came last, in nanoseconds of the wall clock.
    heard_ns: i64,
    roster: Roster,
}

#[derive(Serialize)]
struct Begun<'a> {
    client: Option<&'a serde_json::value::RawValue>,
}

#[derive(Serialize)]
struct Completed<'a> {
    start: Time,
    end: Time,
    bytes: u64,
    client: Option<&'a serde_json::value::RawValue>,
}

/// Time that nothing may come.
const SILENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(500);

impl Stream {
    /// The stream was made to be filled. If nobody says so soon, that was before the server was
    /// started anew: its rest is of no use.
    pub(super) fn wait_for_restore(&mut self, cx: &mut Cx<'_, Self>) {
        self.phase = Phase::Restoring;
        cx.run_later(SILENCE, |me, _| {
            if me.live(|life| life.filling.is_none()).unwrap_or(true) {
                me.give_up_restore();
            }
        });
        for call in std::mem::take(&mut self.early) {
            self.call_restoring(call, cx);
        }
    }

    fn give_up_restore(&mut self) {
        if self.phase == Phase::Restoring {
            self.phase = Phase::Doomed;
            let name = self.seed.name.clone();
            // A parent that is gone finds it again.
            let _ = self.seed.news.send_urgent(News::RestoreFailed { name, answer: None });
        }
    }

    /// Only one request is heard; others wait until the stream is whole.
    pub(super) fn call_restoring(&mut self, call: Call, cx: &mut Cx<'_, Self>) {
        match call {
            Call { caller, request: Request::Restore(_) } => {
                self.turn(cx, |life, out, cx| life.begin_restore(caller, out, cx));
            }
            call => self.early.push(call),
        }
    }

    fn watch_restore(&mut self, cx: &mut Cx<'_, Self>) {
        let silent = self.live(|life| life.filling.as_ref().map(|one| (one.ended, one.heard_ns)));
        let Some(Some((false, heard_ns))) = silent else { return };
        if self.seed.js.now_ns() - heard_ns > SILENCE.as_nanos() as i64 {
            self.live(|life| life.filling = None);
            return self.give_up_restore();
        }
        cx.run_later(LOOK, |me, cx| me.watch_restore(cx));
    }

    /// Everything is durable: the stream begins anew, as what it is by now.
    fn restored(&mut self, reply: Vec<u8>, cx: &mut Cx<'_, Self>) {
        let Some(filling) = self.live(|life| life.filling.take()).flatten() else { return };
        self.look_back(cx);
        self.after_serving = Some(Box::new(move |me, cx| {
            me.turn(cx, |life, out, _| life.tell_restored(filling, &reply, out));
        }));
    }
}

impl Life {
    fn begin_restore(&mut self, caller: Caller, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        let deliver = format!("$JS.SNAPSHOT.RESTORE.{}.{}", self.state.name(), self.js.new_id());
        let target = Target::Actor(Arc::clone(&self.feed));
        let sub = Sub::new(target, deliver.as_bytes(), None, RESTORE_SID);
        let roster = self.js.roster(vec![sub]);
        let registered = roster.register();
        let kind = "io.nats.jetstream.advisory.v1.restore_create";
        self.tell(kind, "RESTORE_CREATE", Begun { client: caller.client() }, out);
        let now_ns = self.js.now_ns();
        self.filling = Some(Filling {
            unpacker: Unpacker::default(),
            caller: caller.clone(),
            started: Time::from_nanos(now_ns),
            bytes: 0,
            span: None,
            failed: None,
            ended: false,
            heard_ns: now_ns,
            roster,
        });
        cx.when(registered, move |me, (), cx| {
            me.turn(cx, |life, out, _| {
                let answer = RestoreResponse { deliver_subject: deliver };
                life.answer_with(&caller, Ok(answer), out);
            });
            me.watch_restore(cx);
        });
    }

    /// A chunk; an empty one is the end.
    pub(super) fn restore_chunk(&mut self, bytes: &Bytes, frame: &Frame) {
        let Some(mut filling) = self.filling.take().filter(|filling| !filling.ended) else {
            return;
        };
        filling.heard_ns = self.js.now_ns();
        let chunk = frame.payload.of(bytes);
        let Some(reply) = frame.reply else {
            filling.failed = Some("a chunk came without a reply subject".to_owned());
            self.fail_restore(filling, None);
            return;
        };
        if chunk.is_empty() {
            return self.end_restore(filling, reply.of(bytes));
        }
        filling.bytes += chunk.len() as u64;
        if filling.failed.is_none()
            && let Err(error) = self.fill(&mut filling, chunk)
        {
            filling.failed = Some(error.to_string());
        }
        self.filling = Some(filling);
        self.answer_raw(Some(reply), Vec::new());
    }

    fn fill(&mut self, filling: &mut Filling, chunk: &[u8]) -> Result<(), ArchiveError> {
        filling.unpacker.feed(chunk)?;
        while let Some(entry) = filling.unpacker.next()? {
            self.fill_entry(filling, &entry)?;
        }
        Ok(())
    }

    fn fill_entry(&mut self, to: &mut Filling, entry: &unpack::Entry) -> Result<(), ArchiveError> {
        let unreadable = || ArchiveError::Entry(entry.name.clone());
        let mut rest = &entry.content[..];
        match &*entry.name {
            META => {
                let meta: Meta = serde_json::from_slice(rest).map_err(|_| unreadable())?;
                if meta.config.name != self.state.name() {
                    return Err(unreadable());
                }
                self.created = meta.created;
                let created = json::to_vec(&meta.created);
                self.state.log.stage_table(TableOp::Put(keys::CREATED.into(), created.into()));
            }
            STATE => to.span = Some(serde_json::from_slice(rest).map_err(|_| unreadable())?),
            TABLE => {
                while !rest.is_empty() {
                    let Some(record::Row { key, base, deltas }) = record::take_entry(&mut rest)
                    else {
                        return Err(unreadable());
                    };
                    let (key, copy) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice);
                    self.state.log.stage_table(TableOp::Put(key.clone(), copy(base)));
                    for delta in deltas {
                        self.state.log.stage_table(TableOp::Merge(key.clone(), copy(delta)));
                    }
                }
            }
            name if name.starts_with(BLOCKS) => {
                while !rest.is_empty() {
                    let entry = record::take_message(&mut rest).ok_or_else(unreadable)?;
                    self.state.log.append(entry).map_err(|_| unreadable())?;
                }
            }
            // Of a newer kind.
            _ => {}
        }
        Ok(())
    }

    fn end_restore(&mut self, mut filling: Filling, reply: &[u8]) {
        filling.ended = true;
        let whole = filling.unpacker.finish().map_err(|error| error.to_string());
        let span = filling.span.ok_or_else(|| ArchiveError::Cut.to_string());
        let outcome = match filling.failed.take() {
            Some(error) => Err(error),
            None => whole.and(span),
        };
        let span = match outcome {
            Ok(span) => span,
            Err(error) => {
                filling.failed = Some(error);
                return self.fail_restore(filling, Some(reply));
            }
        };
        self.state.log.skip_to(span.last_seq);
        self.state.log.stage_table(TableOp::Delete(RESTORING.into()));
        self.filling = Some(filling);
        let reply = reply.to_vec();
        self.open.then.push(Box::new(move |life, outcome, _, cx| match outcome {
            Ok(()) => drop(cx.when(std::future::ready(()), |me, (), cx| me.restored(reply, cx))),
            Err(error) => {
                if let Some(mut filling) = life.filling.take() {
                    filling.failed = Some(error.to_string());
                    life.fail_restore(filling, Some(&reply));
                }
            }
        }));
    }

    /// Tells whoever waits, and lets the parent take what there is away.
    fn fail_restore(&mut self, filling: Filling, reply: Option<&[u8]>) {
        let cause = filling.failed.clone().unwrap_or_default();
        let (account, name) = (self.js.account(), self.state.name());
        tracing::warn!("stream '{account} > {name}' could not be restored: {cause}");
        let error = codes::STREAM_RESTORE.with(cause);
        let payload = Reply::<StreamCreateResponse>::failed(error).to_json();
        let answer = reply.map(|reply| (reply.to_vec(), payload));
        self.open.then.push(Box::new(move |life, _, _, cx| {
            drop(filling);
            let name = life.state.name().to_owned();
            // A parent that is gone finds the stream again.
            let _ = life.news.send_urgent(News::RestoreFailed { name, answer });
            cx.when(std::future::ready(()), |me, (), _| me.phase = Phase::Doomed);
        }));
    }

    fn tell_restored(&self, filling: Filling, reply: &[u8], out: &mut Outlet<'_>) {
        let info = self.info();
        let payload = &Reply::ok(StreamCreateResponse { info, did_create: false }).to_json();
        out.publish(Post { subject: reply, reply: None, headers: None, payload });
        self.tell_action("create", out);
        let kind = "io.nats.jetstream.advisory.v1.restore_complete";
        let end = Time::from_nanos(self.js.now_ns());
        let client = filling.caller.client();
        let more = Completed { start: filling.started, end, bytes: filling.bytes, client };
        self.tell(kind, "RESTORE_COMPLETE", more, out);
        drop(filling.roster);
    }
}
