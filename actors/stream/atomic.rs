//! Atomic batches: messages that are kept aside until the last has come, then stored as one.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use vagus_jetstream::headers::{self, PublishHeaders, names};
use vagus_jetstream::{ApiError, codes};
use vagus_store::Load;
use vagus_wire::frame::Frame;

use super::Life;
use super::plan::{Incoming, Stop};
use super::staged::Staged;
use super::values::{given, number, with};

/// An open batch.
pub(super) struct Atomic {
    members: Vec<Member>,
    /// When it is given up, in nanoseconds of the wall clock.
    pub deadline_ns: i64,
}

/// One message of it.
struct Member {
    subject: Bytes,
    headers: Bytes,
    payload: Bytes,
}

/// What the last message of a batch says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commit {
    No,
    Yes,
    /// Without the message that says so.
    End,
    Unknown,
}

/// A batch is refused, and whether it ends with that, and what the event of its end says.
struct Refusal {
    error: ApiError,
    ends: Option<&'static str>,
    drops: bool,
}

const ID_MAX: usize = 64;

fn commit_of(value: Option<&[u8]>) -> Commit {
    match value {
        None => Commit::No,
        Some(b"1") => Commit::Yes,
        Some(b"eob") => Commit::End,
        Some(_) => Commit::Unknown,
    }
}

impl Refusal {
    /// The batch, if there is one, goes on.
    fn only(error: vagus_jetstream::error::Code) -> Self {
        Self { error: error.error(), ends: None, drops: false }
    }

    fn drop(error: ApiError) -> Self {
        Self { error, ends: None, drops: true }
    }

    fn abandon(error: ApiError, reason: &'static str) -> Self {
        Self { error, ends: Some(reason), drops: true }
    }
}

impl Life {
    /// One message of an atomic batch. An error: it can't be judged before this is read.
    pub(super) fn atomic_message(
        &mut self,
        id: &[u8],
        marks: &PublishHeaders<'_>,
        bytes: &Bytes,
        frame: &Frame,
        headers: &[u8],
        now_ns: i64,
    ) -> Result<(), Load> {
        let reply = frame.reply.filter(|_| !self.state.rules.config.no_ack);
        match self.gather(id, marks, bytes, frame, headers, now_ns) {
            Ok(Commit::Yes | Commit::End) => {}
            Ok(_) => {
                self.answer_raw(reply, Vec::new());
                return Ok(());
            }
            Err(refusal) => {
                self.refuse_batch(id, &refusal);
                self.answer_error(reply, &refusal.error);
                return Ok(());
            }
        }
        let is_end = commit_of(marks.batch_commit) == Commit::End;
        match self.commit_batch(id, is_end, now_ns) {
            Ok((seq, text)) => self.ack_text(reply, seq, text),
            Err(Stop::Cold(load)) => {
                // It is taken in again when that was read.
                if !is_end && let Some(batch) = self.atomic.get_mut(id) {
                    batch.members.pop();
                }
                return Err(load);
            }
            Err(Stop::Duplicate(_)) => {
                self.drop_atomic(id);
                let error = codes::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE.error();
                self.answer_error(reply, &error);
            }
            Err(Stop::Refused(error)) => {
                self.drop_atomic(id);
                self.answer_error(reply, &error);
            }
        }
        Ok(())
    }

    fn refuse_batch(&mut self, id: &[u8], refusal: &Refusal) {
        if refusal.drops {
            self.drop_atomic(id);
        }
        if let Some(reason) = refusal.ends {
            let id = id.to_vec();
            self.open.then.push(Box::new(move |life, _, out, _| {
                life.tell_abandoned(&id, reason, out);
            }));
        }
    }

    /// Puts a message to its batch, if it fits there.
    fn gather(
        &mut self,
        id: &[u8],
        marks: &PublishHeaders<'_>,
        bytes: &Bytes,
        frame: &Frame,
        headers: &[u8],
        now_ns: i64,
    ) -> Result<Commit, Refusal> {
        let rules = &self.state.rules;
        if rules.config.sealed {
            return Err(Refusal::only(codes::STREAM_SEALED));
        }
        if self.state.is_full {
            return Err(Refusal::only(codes::INSUFFICIENT_RESOURCES));
        }
        let size = headers.len() + frame.payload.len();
        if rules.max_msg_size.is_some_and(|max| size > max) {
            return Err(Refusal::only(codes::STREAM_MESSAGE_EXCEEDS_MAXIMUM));
        }
        if !rules.config.allow_atomic {
            return Err(Refusal::only(codes::ATOMIC_PUBLISH_DISABLED));
        }
        if id.len() > ID_MAX {
            return Err(Refusal::only(codes::ATOMIC_PUBLISH_INVALID_BATCH_ID));
        }
        let Some(seq) = number(marks.batch_seq) else {
            return Err(Refusal::only(codes::ATOMIC_PUBLISH_MISSING_SEQ));
        };
        let commit = commit_of(marks.batch_commit);
        let settings = self.js.settings();
        let most = settings.batches.atomic_msgs_max;
        let count = seq.saturating_sub(u64::from(commit == Commit::End));
        let too_large = count > most as u64;
        let incomplete = || codes::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error();
        if !self.atomic.contains_key(id) {
            if seq != 1 {
                let error = match too_large {
                    true => codes::ATOMIC_PUBLISH_TOO_LARGE_BATCH.with(most),
                    false => incomplete(),
                };
                return Err(Refusal::drop(error));
            }
            self.open_atomic(id)?;
        }
        if commit == Commit::Unknown {
            return Err(Refusal::drop(codes::ATOMIC_PUBLISH_INVALID_BATCH_COMMIT.error()));
        }
        if given(marks.required_api_level).is_some_and(|level| !is_met(level)) {
            return Err(Refusal::abandon(codes::REQUIRED_API_LEVEL.error(), "unsupported"));
        }
        let Some(batch) = self.atomic.get_mut(id) else { return Err(Refusal::drop(incomplete())) };
        let gap = batch.members.len() as u64 + 1 != seq;
        if gap || (seq == 1 && commit == Commit::End) {
            return Err(Refusal::abandon(incomplete(), "incomplete"));
        }
        if too_large {
            let error = codes::ATOMIC_PUBLISH_TOO_LARGE_BATCH.with(most);
            return Err(Refusal::abandon(error, "large"));
        }
        batch.deadline_ns = now_ns.saturating_add(settings.batches.idle_max.as_nanos() as i64);
        if commit != Commit::End {
            batch.members.push(Member {
                subject: bytes.slice(frame.subject.range()),
                headers: own_headers(headers, bytes, frame),
                payload: bytes.slice(frame.payload.range()),
            });
        }
        Ok(commit)
    }

    fn open_atomic(&mut self, id: &[u8]) -> Result<(), Refusal> {
        let limits = &self.js.settings().batches;
        let all = self.js.accounts.batches.atomic.fetch_add(1, Relaxed);
        if self.atomic.len() >= limits.atomic_per_stream_max || all >= limits.atomic_total_max {
            self.js.accounts.batches.atomic.fetch_sub(1, Relaxed);
            return Err(Refusal::only(codes::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT));
        }
        self.atomic.insert(id.into(), Atomic { members: Vec::new(), deadline_ns: 0 });
        Ok(())
    }

    pub(super) fn drop_atomic(&mut self, id: &[u8]) -> Option<Atomic> {
        let batch = self.atomic.remove(id)?;
        self.js.accounts.batches.atomic.fetch_sub(1, Relaxed);
        Some(batch)
    }

    /// Checks all messages against each other and the stream, and stages them. The answer is the
    /// last sequence, and what the publisher is told.
    fn commit_batch(
        &mut self,
        id: &[u8],
        is_end: bool,
        now_ns: i64,
    ) -> Result<(u64, Vec<u8>), Stop> {
        let Some(batch) = self.atomic.get_mut(id) else {
            return Err(codes::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error().into());
        };
        let mut members = std::mem::take(&mut batch.members);
        if is_end && let Some(last) = members.last_mut() {
            last.headers = with(&last.headers, names::BATCH_COMMIT, b"1").into();
        }
        let seq = match self.store_all(&members, now_ns) {
            Ok(stored) => stored,
            Err(stop) => {
                // Should a message have to be read first, all is tried again.
                if let Some(batch) = self.atomic.get_mut(id) {
                    batch.members = members;
                }
                return Err(stop);
            }
        };
        self.drop_atomic(id);
        let (name, count) = (String::from_utf8_lossy(id), members.len() as u64);
        let mut text = Vec::new();
        self.answers.batch(&mut text, seq, &name, count);
        Ok((seq, text))
    }

    fn store_all(&mut self, members: &[Member], now_ns: i64) -> Result<u64, Stop> {
        let subjects: Vec<Option<Vec<u8>>> =
            members.iter().map(|member| self.transformed(&member.subject)).collect();
        let mut staged = Staged::default();
        let mut plans = Vec::with_capacity(members.len());
        for (member, subject) in members.iter().zip(&subjects) {
            let marks = PublishHeaders::scan(&member.headers);
            if given(marks.expected_last_msg_id).is_some() {
                let name = String::from_utf8_lossy(names::EXPECTED_LAST_MSG_ID);
                return Err(codes::ATOMIC_PUBLISH_UNSUPPORTED_HEADER_BATCH.with(name).into());
            }
            let incoming = Incoming {
                subject: subject.as_deref().unwrap_or(&member.subject),
                headers: &member.headers,
                payload: &member.payload,
                sourced: false,
            };
            plans.push(self.state.check(incoming, Some(&mut staged), now_ns)?);
        }
        let mut seq = 0;
        for plan in plans {
            let kept = self.state.keep(plan, now_ns)?;
            self.note_kept(kept);
            seq = kept.seq;
        }
        Ok(seq)
    }
}

/// Whether the server can do what a message needs.
pub(super) fn is_met(level: &[u8]) -> bool {
    number(Some(level)).is_some_and(|level| level <= vagus_jetstream::api::LEVEL)
}

/// The header block as it is stored: what only the server had to know is taken out.
fn own_headers(headers: &[u8], bytes: &Bytes, frame: &Frame) -> Bytes {
    if headers::get(headers, names::REQUIRED_API_LEVEL).is_some() {
        let mut block = headers.to_vec();
        headers::remove(&mut block, names::REQUIRED_API_LEVEL);
        return block.into();
    }
    if headers.len() == frame.headers.len() {
        return bytes.slice(frame.headers.range());
    }
    Bytes::copy_from_slice(headers)
}
