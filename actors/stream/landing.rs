//! The end of a commit: everything that waited for it is done, in order, in one turn.

use vagus_jetstream::codes;
use vagus_runtime::Cx;
use vagus_store::{CommitError, Got};

use super::fast::Fast;
use super::flights::{Answer, Flight};
use super::{Life, Stream, Then, republish};
use crate::consumer::messages::{Removed, Wake};
use crate::delivery::{Outlet, Post};

/// Failures of one stream are logged this far apart.
const COMPLAIN_EVERY_NS: i64 = 1_000_000_000;

/// What is known of a commit at its end.
type Outcome = Result<(), CommitError>;

impl Life {
    /// Does what waited for commits that have ended.
    pub(super) fn land(&mut self, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        let (mut wake, mut landed) = (Vec::new(), 0);
        while let Some(outcome) = self.next_outcome() {
            let Some(flight) = self.flights.pop_front() else { break };
            if let Err(error) = outcome {
                self.fail(error, out);
            }
            self.land_one(flight, outcome, &mut wake, out, cx);
            landed += 1;
        }
        if landed > 0 {
            for id in wake {
                if let Some(child) = self.child_of(id) {
                    // One that is gone needs no waking.
                    let _ = child.handle.send_urgent(Wake);
                }
            }
        }
        if self.failing.is_some() && self.flights.iter().all(|flight| flight.ticket.is_none()) {
            self.start_over();
        }
    }

    /// How the oldest flight has ended, if it has.
    fn next_outcome(&mut self) -> Option<Outcome> {
        let Some(ticket) = self.flights.front()?.ticket else { return Some(Ok(())) };
        let (ended, outcome) = self.ended.front()?;
        debug_assert_eq!(*ended, ticket, "commits end in order");
        let outcome = *outcome;
        self.ended.pop_front();
        Some(outcome)
    }

    fn land_one(
        &mut self,
        mut flight: Flight<Then>,
        outcome: Outcome,
        wake: &mut Vec<u32>,
        out: &mut Outlet<'_>,
        cx: &mut Cx<'_, Stream>,
    ) {
        self.gate.release(flight.held);
        self.answer(&flight, outcome, out);
        if outcome.is_ok() {
            self.ring(&flight, wake);
            self.republish(&flight, out);
            self.tell_removed(&flight);
        }
        for then in flight.then.drain(..) {
            then(self, outcome, out, cx);
        }
    }

    fn answer(&mut self, flight: &Flight<Then>, outcome: Outcome, out: &mut Outlet<'_>) {
        let failure = outcome.err();
        let failure = failure.map(|error| self.refusal(&codes::STREAM_STORE_FAILED.with(error)));
        let mut buffer = Vec::with_capacity(128);
        let durable = self.state.reader.committed();
        for ack in &flight.acks {
            let subject = flight.reply(ack);
            let payload = match (&ack.answer, &failure) {
                (Answer::Refusal(text), _) => &flight.texts[*text as usize],
                (Answer::Fast { batch, seq, stream_seq }, _) => {
                    let id = &flight.batches[*batch as usize];
                    self.fast_stored(id, (*seq, *stream_seq), failure.as_deref(), subject, out);
                    continue;
                }
                (Answer::FastEnd { batch }, _) => {
                    self.fast_ended(&flight.batches[*batch as usize], subject, out);
                    continue;
                }
                (Answer::Duplicate(seq), failure) if failure.is_none() || *seq <= durable => {
                    buffer.clear();
                    self.answers.duplicate(&mut buffer, *seq);
                    &buffer
                }
                (_, Some(failure)) => failure,
                (Answer::Stored(seq) | Answer::Duplicate(seq), None) => {
                    buffer.clear();
                    self.answers.stored(&mut buffer, *seq);
                    &buffer
                }
                (Answer::Text { text, .. }, None) => &flight.texts[*text as usize],
            };
            out.publish(Post { subject, reply: None, headers: None, payload });
        }
    }

    /// Finds who is to be woken.
    fn ring(&mut self, flight: &Flight<Then>, wake: &mut Vec<u32>) {
        if flight.subjects.is_empty() || self.bell.listening() == 0 {
            return;
        }
        self.bell.ring(wake);
        for id in &flight.subjects {
            if !self.bell.asks_for_subjects() {
                return;
            }
            let bell = &mut self.bell;
            self.state.log.subject(*id, |subject| bell.ring_for(subject, wake));
        }
    }

    fn republish(&mut self, flight: &Flight<Then>, out: &mut Outlet<'_>) {
        let Some(rule) = &self.state.rules.republish else { return };
        let name = &self.state.rules.config.name;
        for (seq, before) in &flight.republish {
            // What can't be read at once, or is gone already, is not published again.
            let _: Got = self.state.reader.get(*seq, |stored| {
                let Some(subject) = rule.subject(stored.subject, &mut self.rng) else { return };
                let headers = republish::block(name, stored, *before, rule.headers_only);
                let payload = if rule.headers_only { b"" } else { stored.payload };
                let headers = Some(&headers[..]);
                out.publish(Post { subject: &subject, reply: None, headers, payload });
            });
        }
    }

    /// Tells consumers of what left the stream without their doing.
    fn tell_removed(&self, flight: &Flight<Then>) {
        let Some((_, last)) = flight.removed.iter().max_by_key(|(_, last)| *last) else { return };
        let mut ranges = None;
        for child in self.consumers.values().filter(|child| child.seat.is_concerned(*last)) {
            let ranges = ranges.get_or_insert_with(|| flight.removed.as_slice().into());
            let removed = Removed { ranges: std::sync::Arc::clone(ranges) };
            // One that is gone is not concerned.
            let _ = child.handle.send_urgent(removed);
        }
    }

    fn fail(&mut self, error: CommitError, out: &mut Outlet<'_>) {
        self.tally.failures += 1;
        let now_ns = self.js.now_ns();
        if now_ns.saturating_sub(self.tally.complained_ns) > COMPLAIN_EVERY_NS {
            self.tally.complained_ns = now_ns;
            let (account, name) = (self.js.account(), self.state.name());
            tracing::error!(
                "JetStream failed to store messages on stream '{account} > {name}': {error}"
            );
            if matches!(error, CommitError::Full) {
                self.tell_out_of_space(out);
            }
        }
        self.failing = Some(error);
        self.tally.last_failure = Some(error.to_string());
    }

    /// All that failed has ended: back to what is durable, and on.
    fn start_over(&mut self) {
        self.failing = None;
        self.places.clear();
        self.state.abort();
        self.fast.values_mut().for_each(Fast::lose_pending);
        self.fast_closing.clear();
        self.charge();
        self.resume_retention();
    }
}
