//! Taking publishes in: from the frames of a mailbox message to staged messages, and to who is to
//! be told what.

use bytes::Bytes;
use vagus_jetstream::batch::is_fast;
use vagus_jetstream::headers::{PublishHeaders, names};
use vagus_jetstream::{ApiError, codes, status};
use vagus_wire::frame::{self, Frame, Span};

use super::Life;
use super::flights::{Ack, Answer};
use super::messages::Refused;
use super::plan::{Incoming, Stop};
use super::state::Kept;
use super::traced::Verdict;
use super::values::{given, to_store};
use crate::delivery::trace::{self, Stored, TracedAs};
use crate::delivery::{Deliveries, Outlet, Post};

/// Sids of the stream's subscriptions.
pub(super) const SUBJECTS_SID: &[u8] = trace::STORING_SID;
pub(super) const SNAPSHOT_SID: &[u8] = b"2";
pub(super) const RESTORE_SID: &[u8] = b"3";

impl Life {
    /// Takes a batch of publishes in, or as much of it as can be judged now.
    pub(super) fn take(&mut self, deliveries: Deliveries) {
        if self.parking || !self.parked.is_empty() {
            self.parked.push_back((deliveries, 0));
        } else {
            self.take_from(deliveries, 0);
        }
    }

    /// Goes on with those that waited.
    pub(super) fn take_parked(&mut self) {
        while !self.parking
            && let Some((deliveries, at)) = self.parked.pop_front()
        {
            self.take_from(deliveries, at);
        }
    }

    fn take_from(&mut self, deliveries: Deliveries, mut at: usize) {
        let bytes = deliveries.frames.clone();
        let now_ns = self.js.now_ns();
        self.measure_if_tight();
        self.open.frames.push(bytes.clone());
        while let Some(mut frame) = frame::read(&bytes[at..]) {
            frame.shift(at as u32);
            match self.publish(&bytes, &frame, now_ns) {
                Ok(()) => at += frame.len,
                Err(load) => {
                    self.parked.push_front((deliveries, at));
                    self.park(load);
                    return;
                }
            }
        }
        self.open.held.0 += deliveries.count;
        self.open.held.1 += bytes.len() as u64;
    }

    /// One message. An error: it can't be judged before this is read.
    fn publish(
        &mut self,
        bytes: &Bytes,
        frame: &Frame,
        now_ns: i64,
    ) -> Result<(), vagus_store::Load> {
        let sid = frame.sid.of(bytes);
        if sid != SUBJECTS_SID {
            match sid {
                SNAPSHOT_SID => self.confirmed(frame.subject.of(bytes)),
                RESTORE_SID => self.restore_chunk(bytes, frame),
                trace::SID => self.traces(frame.payload.of(bytes)),
                _ => {}
            }
            return Ok(());
        }
        let reply = frame.reply.filter(|_| !self.state.rules.config.no_ack);
        let stripped = to_store(frame.headers.of(bytes));
        let headers = &*stripped;
        let (subject, payload) = (frame.subject.of(bytes), frame.payload.of(bytes));
        let incoming = Incoming { subject, headers, payload, sourced: false };
        if let Some(failure) = self.failing {
            let error = codes::STREAM_STORE_FAILED.with(failure);
            self.end_trace(incoming, &Verdict::Refused(&error));
            self.answer_error(reply, &error);
            return Ok(());
        }
        if self.trace.is_some() && self.traced_batch(incoming, frame.reply.map(|r| r.of(bytes))) {
            return Ok(());
        }
        if frame.reply.is_some_and(|reply| is_fast(reply.of(bytes))) {
            return self.fast_message(bytes, frame, headers, now_ns);
        }
        if !headers.is_empty() && memchr::memmem::find(headers, names::BATCH_ID).is_some() {
            let batch = PublishHeaders::scan(headers);
            if let Some(id) = given(batch.batch_id) {
                return self.atomic_message(id, &batch, bytes, frame, headers, now_ns);
            }
        }
        let transformed = self.transformed(subject);
        let subject = transformed.as_deref().unwrap_or(subject);
        let incoming = Incoming { subject, ..incoming };
        if self.only_traces() {
            return self.look_at(incoming, reply, now_ns);
        }
        let outcome = self.store(incoming, now_ns);
        if self.trace.is_some() {
            self.end_trace_of(incoming, outcome.as_ref().err());
        }
        match outcome {
            Ok((kept, None)) => self.ack(reply, Answer::Stored(kept.seq)),
            Ok((kept, Some(val))) => {
                let mut text = Vec::new();
                self.answers.counted(&mut text, kept.seq, &val);
                self.ack_text(reply, kept.seq, text);
            }
            Err(Stop::Duplicate(seq)) => self.ack(reply, Answer::Duplicate(seq)),
            Err(Stop::Refused(error)) => self.answer_error(reply, &error),
            Err(Stop::Cold(load)) => return Err(load),
        }
        Ok(())
    }

    /// Takes nothing more in until this is read.
    fn park(&mut self, load: vagus_store::Load) {
        self.parking = true;
        self.to_load = Some(load);
    }

    /// Checks a message and stages it; with a counter's total.
    pub(super) fn store(
        &mut self,
        incoming: Incoming<'_>,
        now_ns: i64,
    ) -> Result<(Kept, Option<String>), Stop> {
        let plan = self.state.check(incoming, None, now_ns)?;
        let total = plan.counter.as_ref().map(|counter| counter.total.to_string());
        let kept = self.state.keep(plan, now_ns)?;
        self.note_kept(kept);
        Ok((kept, total))
    }

    /// What is to be done for a message once it is committed.
    #[inline]
    pub(super) fn note_kept(&mut self, kept: Kept) {
        self.tally.published += 1;
        if let Some(subject) = kept.subject {
            self.open.touch(subject);
            if self.state.rules.republish.is_some() {
                self.open.republish.push((kept.seq, kept.before));
            }
        }
    }

    pub(super) fn transformed(&mut self, subject: &[u8]) -> Option<Vec<u8>> {
        self.state.rules.transform.as_ref()?.apply(subject, &mut self.rng)
    }

    #[inline]
    pub(super) fn ack(&mut self, reply: Option<Span>, answer: Answer) {
        if let Some(reply) = reply {
            let frames = self.open.frames.len() as u32 - 1;
            self.open.acks.push(Ack { frames, reply, answer });
        }
    }

    /// Something to be told if the commit succeeds.
    pub(super) fn ack_text(&mut self, reply: Option<Span>, seq: u64, text: Vec<u8>) {
        let text = self.open.text(text);
        self.ack(reply, Answer::Text { seq, text });
    }

    pub(super) fn answer_error(&mut self, reply: Option<Span>, error: &ApiError) {
        self.tally.refused += 1;
        if reply.is_some() {
            let text = self.refusal(error);
            self.answer_raw(reply, text);
        }
    }

    pub(super) fn refusal(&self, error: &ApiError) -> Vec<u8> {
        let mut text = Vec::new();
        self.answers.refused(&mut text, error);
        text
    }

    /// Something to be told whatever becomes of the commit.
    pub(super) fn answer_raw(&mut self, reply: Option<Span>, text: Vec<u8>) {
        let text = self.open.text(text);
        self.ack(reply, Answer::Refusal(text));
    }

    /// Tells publishers that too much waits already.
    pub(super) fn refuse_all(&mut self, refused: &Refused, out: &mut Outlet<'_>) {
        let bytes = &refused.frames;
        let error = codes::STREAM_TOO_MANY_REQUESTS.error();
        let text = self.refusal(&error);
        let headers = Some(status::TOO_MANY_REQUESTS);
        let (mut count, mut traced) = (0, None);
        for (_, frame) in frame::frames(bytes) {
            if frame.sid.of(bytes) == trace::SID {
                traced = TracedAs::read(frame.payload.of(bytes));
                continue;
            }
            if let Some(traced) = traced.take() {
                let error = Some(error.to_string());
                traced.end(Stored { subject: None, unwanted: false, error }, &self.js.broker, out);
            }
            count += 1;
            if let Some(reply) = frame.reply {
                out.publish(Post {
                    subject: reply.of(bytes),
                    reply: None,
                    headers,
                    payload: &text,
                });
            }
        }
        self.tally.refused += count;
        self.gate.answered(count);
    }
}
