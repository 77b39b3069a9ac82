//! Acknowledgements, and answers to flow control.

use bytes::Bytes;
use vagus_jetstream::ack::{Ack, AckSubject};
use vagus_jetstream::headers::names;
use vagus_subject::tokens;
use vagus_wire::frame::frames;
use vagus_wire::headers;

use super::Consumer;
use super::ledger::Answer;
use super::notices::say;
use super::pending::Slot;
use super::terms::AckMode;
use crate::delivery::Outlet;

/// Why a message that was removed is settled.
const REMOVED: &str = "Unacknowledged message was deleted";
/// Why one is that was to be delivered again and is not there.
const GONE: &str = "Message deleted by stream limits";

// === impl Consumer ===

impl Consumer {
    /// Acknowledgements, as frames back to back.
    pub(super) fn on_acks(&mut self, bytes: &Bytes, out: &mut Outlet<'_>, now_ns: i64) {
        for (_, frame) in frames(bytes) {
            let subject = frame.subject.of(bytes);
            let reply = frame.reply.map(|reply| reply.of(bytes));
            if self.state.terms().ack == AckMode::None {
                if let Some(reply) = reply {
                    out.refuse(reply, subject);
                }
                continue;
            }
            let Some(subject) = AckSubject::parse(subject).filter(|ack| self.is_ours(ack)) else {
                continue;
            };
            let ack = Ack::parse(frame.payload.of(bytes));
            self.on_ack(subject, ack, reply, out, now_ns);
        }
    }

    /// Whether domain and account are those of this consumer, where they are named.
    fn is_ours(&self, ack: &AckSubject<'_>) -> bool {
        let domain = self.home.js.domain().unwrap_or("_");
        ack.domain.is_none_or(|named| named == domain.as_bytes())
            && ack.account_hash.is_none_or(|hash| hash == self.home.js.account_hash().as_bytes())
    }

    fn on_ack(
        &mut self,
        subject: AckSubject<'_>,
        ack: Ack<'_>,
        reply: Option<&[u8]>,
        out: &mut Outlet<'_>,
        now_ns: i64,
    ) {
        let (seq, count) = (subject.delivery.stream_seq, subject.delivery.count);
        match ack {
            Ack::Ack => self.settle(seq, out, now_ns),
            Ack::Next(body) => {
                self.settle(seq, out, now_ns);
                // The reply is where the message goes.
                let Some(inbox) = reply else { return };
                let mut refusal = Vec::new();
                self.on_pull(inbox, body, &mut refusal, out, now_ns);
                if !refusal.is_empty() {
                    say(inbox, &refusal, out);
                }
                return;
            }
            Ack::Nak(delay_ns) => self.on_nak(&subject, delay_ns.unwrap_or(0), out, now_ns),
            Ack::Progress => drop(self.state.on_progress(seq, now_ns)),
            Ack::Term(reason) => {
                self.finish(seq, now_ns);
                let reason = String::from_utf8_lossy(reason);
                self.advise_terminated(seq, subject.delivery.consumer_seq, count, &reason, out);
            }
            Ack::Unknown => {}
        }
        // What lies behind was delivered by an incarnation that did not live to write it down. It
        // comes again, so nobody may be told that it is settled.
        let known = seq <= self.state.delivered().stream;
        if let Some(reply) = reply.filter(|_| known) {
            self.ledger.answer(Answer::Ack(reply.into()));
        }
    }

    /// A message is acknowledged; with all before it, if that is how it is done here.
    fn settle(&mut self, seq: u64, out: &mut Outlet<'_>, now_ns: i64) {
        let mut sampled: Option<Slot> = None;
        let samples = self.sample > 0 && self.state.terms().ack == AckMode::Explicit;
        let (done, tracks) = (&mut self.done, self.home.wants_progress());
        self.state.on_ack(seq, now_ns, &mut |slot| {
            if tracks {
                done.push(slot.seq);
            }
            if samples {
                sampled = Some(*slot);
            }
        });
        if let Some(slot) = sampled {
            self.advise_sample(&slot, now_ns, out);
        }
    }

    /// A message is settled by itself, whatever acknowledgements stand for here.
    fn finish(&mut self, seq: u64, now_ns: i64) -> Option<Slot> {
        let (done, tracks) = (&mut self.done, self.home.wants_progress());
        let mut known = None;
        self.state.settle(seq, now_ns, &mut |slot| {
            known = Some(*slot);
            if tracks {
                done.push(slot.seq);
            }
        });
        known
    }

    fn on_nak(
        &mut self,
        subject: &AckSubject<'_>,
        delay_ns: i64,
        out: &mut Outlet<'_>,
        now_ns: i64,
    ) {
        let delivery = &subject.delivery;
        if self.state.pending().get(delivery.stream_seq).is_none() {
            return;
        }
        let exhausted = self.state.on_nak(delivery.stream_seq, delay_ns, now_ns);
        self.advise_naked(delivery.stream_seq, delivery.consumer_seq, delivery.count, out);
        if let Some(exhausted) = exhausted {
            self.advise_exhausted(&exhausted, out);
        }
    }

    /// A message that was to be delivered again is not in the stream any more.
    pub(super) fn lose(&mut self, seq: u64, out: &mut Outlet<'_>, now_ns: i64) {
        self.terminate(seq, GONE, out, now_ns);
    }

    fn terminate(&mut self, seq: u64, reason: &str, out: &mut Outlet<'_>, now_ns: i64) {
        if let Some(slot) = self.finish(seq, now_ns).filter(|slot| slot.dseq > 0) {
            let deliveries = u64::from(slot.deliveries);
            self.advise_terminated(seq, slot.dseq, deliveries, reason, out);
        }
    }

    /// Messages left the stream without this consumer's doing: what is pending of them is settled.
    pub(super) fn on_removed(&mut self, ranges: &[(u64, u64)], out: &mut Outlet<'_>, now_ns: i64) {
        for &(first, last) in ranges {
            for seq in self.state.pending().within(first, last) {
                self.terminate(seq, REMOVED, out, now_ns);
            }
        }
        self.state.forget_below(self.home.reader.state().first_seq);
    }

    /// Answers to flow control, as frames back to back.
    pub(super) fn on_flow(&mut self, bytes: &Bytes, out: &mut Outlet<'_>, now_ns: i64) {
        for (_, frame) in frames(bytes) {
            let token = tokens(frame.subject.of(bytes)).last().unwrap_or_default();
            let flow = self.pushing.as_mut().and_then(|pushing| pushing.push.flow.as_mut());
            if !flow.is_some_and(|flow| flow.on_answer(token)) {
                continue;
            }
            let last = headers::get(frame.headers.of(bytes), names::LAST_STREAM);
            let last = last.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            if let Some(last) = last.filter(|_| self.state.terms().ack == AckMode::Flow) {
                self.settle(last, out, now_ns);
            }
        }
    }
}
