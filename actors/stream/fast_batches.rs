//! Fast batches: each message is stored as it comes, and the publisher is told now and then how
//! far that has got.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use vagus_jetstream::batch::{FastOp, FastReply};
use vagus_jetstream::headers::{self, PublishHeaders, names};
use vagus_jetstream::{ApiError, codes};
use vagus_store::Load;
use vagus_wire::frame::{Frame, Span};

use super::Life;
use super::atomic::is_met;
use super::fast::{self, Fast};
use super::flights::Answer;
use super::plan::{Incoming, Stop};
use super::values::given;
use crate::delivery::{Outlet, Post};

impl Life {
    /// One message of a fast batch. An error: it can't be judged before this is read.
    pub(super) fn fast_message(
        &mut self,
        bytes: &Bytes,
        frame: &Frame,
        headers: &[u8],
        now_ns: i64,
    ) -> Result<(), Load> {
        let Some(span) = frame.reply else { return Ok(()) };
        let reply = Some(span).filter(|_| !self.state.rules.config.no_ack);
        let ticket = match self.fast_ticket(span.of(bytes), headers, frame.payload.len()) {
            Ok(ticket) => ticket,
            Err(error) => {
                self.answer_error(reply, &error);
                return Ok(());
            }
        };
        let id = ticket.id;
        let mut plain = std::borrow::Cow::Borrowed(headers);
        let level = given(PublishHeaders::scan(headers).required_api_level);
        if let Some(level) = level {
            if !is_met(level) {
                self.drop_fast(id);
                self.answer_error(reply, &codes::REQUIRED_API_LEVEL.error());
                return Ok(());
            }
            headers::remove(plain.to_mut(), names::REQUIRED_API_LEVEL);
        }
        let idle = self.js.settings().batches.idle_max.as_nanos() as i64;
        let open = self.fast.len();
        let Some(batch) = self.fast.get_mut(id) else { return Ok(()) };
        batch.deadline_ns = now_ns.saturating_add(idle);
        if ticket.op == FastOp::Ping {
            let texts = batch.ping(&ticket, open);
            texts.into_iter().for_each(|text| self.answer_raw(reply, text));
            self.end_fast(id, reply);
            return Ok(());
        }
        let before = batch.last;
        let (gap, goes_on) = batch.accept(&ticket);
        if let Some(gap) = gap {
            self.answer_raw(reply, gap);
        }
        if !goes_on {
            self.end_fast(id, reply);
            return Ok(());
        }
        let hello = (ticket.seq == 1 && ticket.op == FastOp::Start)
            .then(|| self.fast.get(id).map(Fast::flow_ack))
            .flatten();
        if let Some(hello) = hello {
            self.answer_raw(reply, hello);
        }
        let incoming = Incoming {
            subject: frame.subject.of(bytes),
            headers: &plain,
            payload: frame.payload.of(bytes),
            sourced: false,
        };
        self.store_fast(&ticket, incoming, reply, before, now_ns)
    }

    /// Whether a batch may take this message; a new one is opened.
    fn fast_ticket<'a>(
        &mut self,
        reply: &'a [u8],
        headers: &[u8],
        payload: usize,
    ) -> Result<FastReply<'a>, ApiError> {
        let rules = &self.state.rules;
        if rules.config.sealed {
            return Err(codes::STREAM_SEALED.error());
        }
        if self.state.is_full {
            return Err(codes::INSUFFICIENT_RESOURCES.error());
        }
        if rules.max_msg_size.is_some_and(|max| headers.len() + payload > max) {
            return Err(codes::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
        }
        if !rules.config.allow_batched {
            return Err(codes::BATCH_PUBLISH_DISABLED.error());
        }
        let Some(ticket) = FastReply::parse(reply)? else {
            return Err(codes::BATCH_PUBLISH_INVALID_PATTERN.error());
        };
        if !self.fast.contains_key(ticket.id) {
            if ticket.seq != 1 {
                return Err(codes::BATCH_PUBLISH_UNKNOWN_BATCH_ID.error());
            }
            let limits = &self.js.settings().batches;
            let all = self.js.accounts.batches.fast.fetch_add(1, Relaxed);
            if self.fast.len() >= limits.fast_per_stream_max || all >= limits.fast_total_max {
                self.js.accounts.batches.fast.fetch_sub(1, Relaxed);
                return Err(codes::BATCH_PUBLISH_TOO_MANY_INFLIGHT.error());
            }
            let open = self.fast.len() + 1;
            self.fast.insert(ticket.id.into(), Fast::new(&ticket, open, 0));
        }
        Ok(ticket)
    }

    fn store_fast(
        &mut self,
        ticket: &FastReply<'_>,
        incoming: Incoming<'_>,
        reply: Option<Span>,
        before: u64,
        now_ns: i64,
    ) -> Result<(), Load> {
        let transformed = self.transformed(incoming.subject);
        let incoming =
            Incoming { subject: transformed.as_deref().unwrap_or(incoming.subject), ..incoming };
        let (id, seq) = (ticket.id, ticket.seq);
        match self.store(incoming, now_ns) {
            Ok((kept, _)) => {
                let batch = self.open.batch(id);
                if let Some(fast) = self.fast.get_mut(id) {
                    fast.pending += 1;
                }
                self.push_fast(reply, Answer::Fast { batch, seq, stream_seq: kept.seq });
                self.end_fast(id, reply);
            }
            Err(Stop::Cold(load)) => {
                // It is taken in again when that was read.
                if let Some(fast) = self.fast.get_mut(id) {
                    (fast.last, fast.ending) = (before, false);
                }
                return Err(load);
            }
            Err(Stop::Duplicate(stored)) => self.fast_duplicate(ticket, stored, reply),
            Err(Stop::Refused(error)) => self.fast_refused(ticket, &error, reply),
        }
        Ok(())
    }

    /// It was stored before: it counts as if it were again.
    fn fast_duplicate(&mut self, ticket: &FastReply<'_>, stored: u64, reply: Option<Span>) {
        let open = self.fast.len();
        let Some(batch) = self.fast.get_mut(ticket.id) else { return };
        let due = batch.skip(ticket.seq, open);
        let (is_first, is_last) = (!batch.gap_ok && batch.last == 1, batch.ending);
        if let Some(due) = due.filter(|_| !is_last) {
            self.answer_raw(reply, due);
        }
        if is_last && is_first {
            self.drop_fast(ticket.id);
            let id = String::from_utf8_lossy(ticket.id);
            let mut text = Vec::new();
            self.answers.batch(&mut text, stored, &id, ticket.seq);
            self.ack_text(reply, stored, text);
        } else if is_last {
            self.end_fast(ticket.id, reply);
        }
    }

    fn fast_refused(&mut self, ticket: &FastReply<'_>, error: &ApiError, reply: Option<Span>) {
        let Some(batch) = self.fast.get_mut(ticket.id) else { return };
        if !batch.gap_ok && batch.last == 1 {
            // Like any publish that fails.
            self.drop_fast(ticket.id);
            return self.answer_error(reply, error);
        }
        let goes_on = batch.gap_ok && !batch.ending;
        if !goes_on {
            batch.step_back();
        }
        self.tally.refused += 1;
        self.answer_raw(reply, fast::failure(ticket.seq, error));
        if !goes_on {
            self.end_fast(ticket.id, reply);
        }
    }

    /// A batch that is to end does so behind what of it is under way.
    fn end_fast(&mut self, id: &[u8], reply: Option<Span>) {
        if self.fast.get(id).is_some_and(|batch| batch.ending)
            && let Some(ended) = self.drop_fast(id)
        {
            self.fast_closing.push_back((id.into(), ended));
            let batch = self.open.batch(id);
            self.push_fast(reply, Answer::FastEnd { batch });
        }
    }

    /// Without a reply subject the batch still has to know.
    fn push_fast(&mut self, reply: Option<Span>, answer: Answer) {
        let frames = self.open.frames.len() as u32 - 1;
        let reply = reply.unwrap_or_default();
        self.open.acks.push(super::flights::Ack { frames, reply, answer });
    }

    pub(super) fn fast_ended(&mut self, id: &[u8], reply: &[u8], out: &mut Outlet<'_>) {
        let closing = self.fast_closing.iter().position(|(known, _)| **known == *id);
        let Some((_, batch)) = closing.and_then(|at| self.fast_closing.remove(at)) else { return };
        let mut text = Vec::new();
        let id = String::from_utf8_lossy(id);
        self.answers.batch(&mut text, batch.stream_seq, &id, batch.last);
        if !reply.is_empty() {
            out.publish(Post { subject: reply, reply: None, headers: None, payload: &text });
        }
    }

    /// A message is stored, or its commit failed.
    pub(super) fn fast_stored(
        &mut self,
        id: &[u8],
        (seq, stream_seq): (u64, u64),
        failure: Option<&[u8]>,
        reply: &[u8],
        out: &mut Outlet<'_>,
    ) {
        let open = self.fast.len();
        let closing = self.fast_closing.iter().position(|(known, _)| **known == *id);
        let batch = match closing {
            Some(at) => &mut self.fast_closing[at].1,
            None => match self.fast.get_mut(id) {
                Some(batch) => batch,
                None => return,
            },
        };
        let mut tell = |payload: &[u8]| {
            if !reply.is_empty() {
                out.publish(Post { subject: reply, reply: None, headers: None, payload });
            }
        };
        if let Some(failure) = failure {
            tell(failure);
            let _ = match closing {
                Some(at) => self.fast_closing.remove(at).map(|(_, batch)| batch),
                None => self.drop_fast(id),
            };
            return;
        }
        batch.on_stored(seq, stream_seq);
        // The last of all is told with the end.
        if !(batch.ending && batch.pending == 0)
            && let Some(due) = batch.due_ack(open)
        {
            tell(&due);
        }
    }

    fn drop_fast(&mut self, id: &[u8]) -> Option<Fast> {
        let batch = self.fast.remove(id)?;
        self.js.accounts.batches.fast.fetch_sub(1, Relaxed);
        Some(batch)
    }

    // === both kinds of batches ===

    pub(super) fn next_batch_deadline(&self) -> Option<i64> {
        let atomic = self.atomic.values().map(|batch| batch.deadline_ns);
        atomic.chain(self.fast.values().map(|batch| batch.deadline_ns)).min()
    }

    /// Gives up those that were idle for too long.
    pub(super) fn end_batches(&mut self, now_ns: i64, out: &mut Outlet<'_>) {
        let idle = self.atomic.iter().filter(|(_, batch)| batch.deadline_ns <= now_ns);
        for id in idle.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.drop_atomic(&id);
            self.tell_abandoned(&id, "timeout", out);
        }
        let idle = self.fast.iter().filter(|(_, batch)| batch.deadline_ns <= now_ns);
        for id in idle.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.drop_fast(&id);
        }
    }

    pub(super) fn drop_batches(&mut self) {
        self.drop_batches_where(|_| true, |_| true);
    }

    /// After an update that forbids them.
    pub(super) fn drop_batches_not_allowed(&mut self) {
        let config = std::sync::Arc::clone(self.state.config());
        self.drop_batches_where(|_| !config.allow_atomic, |_| !config.allow_batched);
    }

    fn drop_batches_where(&mut self, atomic: impl Fn(&[u8]) -> bool, fast: impl Fn(&[u8]) -> bool) {
        let ids: Vec<_> = self.atomic.keys().filter(|id| atomic(id)).cloned().collect();
        for id in ids {
            self.drop_atomic(&id);
        }
        let ids: Vec<_> = self.fast.keys().filter(|id| fast(id)).cloned().collect();
        for id in ids {
            self.drop_fast(&id);
        }
    }
}
