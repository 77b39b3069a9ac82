//! The checks that a message has to pass before it is stored, in the order in which a publisher
//! can tell them apart.

use std::borrow::Cow;

use vagus_jetstream::counter::Number;
use vagus_jetstream::headers::{PublishHeaders, names};
use vagus_jetstream::ttl::Ttl;
use vagus_jetstream::{ApiError, codes};

use super::counter::{Broken, Counter};
use super::plan::{Incoming, Plan, Rollup, Stop};
use super::staged::Staged;
use super::state::State;
use super::values::{given, number, with};

/// Headers of one message are at most this long, in bytes.
const HEADERS_MAX: usize = u16::MAX as usize;
/// A record of a message is at most this long, in bytes.
const RECORD_MAX: u64 = 32 << 20;

fn store_failed(text: &str) -> ApiError {
    codes::STREAM_STORE_FAILED.with(text)
}

impl State {
    /// Whether a message can be stored, and how. Nothing changes but what `staged` knows: the
    /// messages of the same batch that come before this one.
    pub(super) fn check<'a>(
        &mut self,
        incoming: Incoming<'a>,
        mut staged: Option<&mut Staged>,
        now_ns: i64,
    ) -> Result<Plan<'a>, Stop> {
        let Incoming { subject, headers, payload, .. } = incoming;
        let size = self.rules.weight(subject.len(), headers.len(), payload.len());
        if size > RECORD_MAX && !self.rules.in_memory {
            return Err(store_failed("message too large").into());
        }
        if self.rules.config.sealed {
            return Err(codes::STREAM_SEALED.error().into());
        }
        let mut plan = Plan {
            subject,
            headers: headers.into(),
            payload: payload.into(),
            id: None,
            ttl: None,
            rollup: Rollup::None,
            schedule: None,
            ends: None,
            counter: None,
        };
        if headers.is_empty() {
            if self.rules.config.allow_msg_counter {
                return Err(codes::MESSAGE_INCR_MISSING.error().into());
            }
        } else {
            self.check_headers(incoming, &mut plan, staged.as_deref_mut(), now_ns)?;
        }
        self.check_size(&plan)?;
        self.check_limits(size + staged.as_ref().map_or(0, |staged| staged.bytes()))?;
        self.check_room(&plan, staged.as_deref())?;
        if let Some(staged) = staged {
            staged.add(
                &plan,
                self.rules.weight(subject.len(), plan.headers.len(), plan.payload.len()),
            );
        }
        Ok(plan)
    }

    /// Whether server and account have room for so many more bytes.
    pub(super) fn check_limits(&self, more: u64) -> Result<(), ApiError> {
        if self.is_full {
            return Err(codes::INSUFFICIENT_RESOURCES.error());
        }
        if self.log_max != u64::MAX && self.log.bytes() + more > self.log_max {
            return Err(codes::ACCOUNT_RESOURCES_EXCEEDED.error());
        }
        Ok(())
    }

    fn check_headers<'a>(
        &mut self,
        incoming: Incoming<'a>,
        plan: &mut Plan<'a>,
        mut staged: Option<&mut Staged>,
        now_ns: i64,
    ) -> Result<(), Stop> {
        let marks = PublishHeaders::scan(incoming.headers);
        let increment = self.check_increment(incoming, &marks)?;
        if given(marks.expected_stream)
            .is_some_and(|name| name != self.rules.config.name.as_bytes())
        {
            return Err(codes::STREAM_NOT_MATCH.error().into());
        }
        let ttl = Ttl::parse(marks.ttl.unwrap_or_default());
        let with_ttl = matches!(ttl, Ok(Some(_)));
        if with_ttl && !incoming.sourced && !self.rules.config.allow_msg_ttl {
            return Err(codes::MESSAGE_TTL_DISABLED.error().into());
        }
        self.check_expected(incoming.subject, &marks, staged.as_deref_mut())?;
        if !incoming.sourced {
            self.check_schedule(incoming, &marks, plan, now_ns)?;
            self.check_schedule_end(incoming, &marks, plan, staged.as_deref())?;
        }
        self.check_id(&marks, plan, staged.as_deref_mut(), now_ns)?;
        self.check_rollup(incoming, &marks, plan, staged.as_deref())?;
        match increment {
            None if self.rules.config.allow_msg_counter => {
                return Err(codes::MESSAGE_INCR_MISSING.error().into());
            }
            Some(by) if self.rules.config.allow_msg_counter => {
                self.count(incoming, &marks, &by, plan, staged)?;
            }
            _ => {}
        }
        plan.ttl = ttl.map_err(|_| codes::MESSAGE_TTL_INVALID.error())?;
        self.raise_ttl(plan);
        Ok(())
    }

    fn check_increment(
        &self,
        incoming: Incoming<'_>,
        marks: &PublishHeaders<'_>,
    ) -> Result<Option<Number>, ApiError> {
        let Some(text) = given(marks.incr) else { return Ok(None) };
        let Some(by) = Number::parse(text) else {
            return Err(codes::MESSAGE_INCR_INVALID.error());
        };
        if incoming.sourced {
            return Ok(Some(by));
        }
        if !self.rules.config.allow_msg_counter {
            return Err(codes::MESSAGE_INCR_DISABLED.error());
        }
        if !incoming.payload.is_empty() {
            return Err(codes::MESSAGE_INCR_PAYLOAD.error());
        }
        let texts = [
            marks.rollup,
            marks.expected_stream,
            marks.expected_last_msg_id,
            marks.expected_last_subject_seq_subject,
        ];
        let numbers = [marks.expected_last_seq, marks.expected_last_subject_seq];
        if texts.into_iter().any(|text| given(text).is_some())
            || numbers.into_iter().any(|text| number(text).is_some())
        {
            return Err(codes::MESSAGE_INCR_INVALID.error());
        }
        Ok(Some(by))
    }

    fn check_expected(
        &self,
        subject: &[u8],
        marks: &PublishHeaders<'_>,
        staged: Option<&mut Staged>,
    ) -> Result<(), ApiError> {
        let expected_subject = marks.expected_last_subject_seq_subject;
        if let Some(seq) = number(marks.expected_last_subject_seq) {
            let subject = given(expected_subject).unwrap_or(subject);
            if staged.as_ref().is_some_and(|staged| staged.has_subject(subject)) {
                return Err(codes::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
            }
            let last = self.log.last_matching(subject).unwrap_or(0);
            if last != seq {
                return Err(codes::STREAM_WRONG_LAST_SEQUENCE.with(last));
            }
        } else if given(expected_subject).is_some() {
            return Err(codes::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID.error());
        }
        if let Some(seq) = number(marks.expected_last_seq) {
            let last = self.log.last_seq() + staged.as_ref().map_or(0, |staged| staged.count());
            if seq != last {
                return Err(codes::STREAM_WRONG_LAST_SEQUENCE.with(last));
            }
            if staged.is_some_and(|staged| staged.count() > 0) {
                return Err(codes::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
            }
        }
        Ok(())
    }

    fn check_id<'a>(
        &self,
        marks: &PublishHeaders<'a>,
        plan: &mut Plan<'a>,
        staged: Option<&mut Staged>,
        now_ns: i64,
    ) -> Result<(), Stop> {
        plan.id = given(marks.msg_id);
        if let Some(id) = plan.id
            && self.rules.config.mirror.is_none()
        {
            if staged.as_ref().is_some_and(|staged| staged.has_id(id)) {
                return Err(codes::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE.error().into());
            }
            if let Some(seq) = self.dedupe.find(id, now_ns) {
                return Err(Stop::Duplicate(seq));
            }
        }
        if let Some(expected) = given(marks.expected_last_msg_id)
            && *expected != *self.last_id
        {
            let last = String::from_utf8_lossy(&self.last_id).into_owned();
            return Err(codes::STREAM_WRONG_LAST_MSG_ID.with(last).into());
        }
        Ok(())
    }

    fn check_rollup(
        &self,
        incoming: Incoming<'_>,
        marks: &PublishHeaders<'_>,
        plan: &mut Plan<'_>,
        staged: Option<&Staged>,
    ) -> Result<(), ApiError> {
        // A schedule is always the only message of its subject.
        let value = match plan.schedule {
            Some(_) => &b"sub"[..],
            None => given(marks.rollup).unwrap_or_default(),
        };
        if value.is_empty() {
            return Ok(());
        }
        let failed = |text: &str| Err(codes::STREAM_ROLLUP_FAILED.with(text));
        if !self.rules.rollup && !incoming.sourced {
            return failed("rollup not permitted");
        }
        match &value.to_ascii_lowercase()[..] {
            b"sub" => {
                if staged.is_some_and(|staged| staged.has_subject(incoming.subject)) {
                    return failed("batch rollup sub invalid");
                }
                plan.rollup = Rollup::Subject;
            }
            b"all" => {
                if staged.is_some_and(|staged| staged.count() > 0) {
                    return failed("batch rollup all invalid");
                }
                plan.rollup = Rollup::All;
            }
            other => {
                let text = String::from_utf8_lossy(other);
                return failed(&format!("rollup value invalid: {text:?}"));
            }
        }
        if !self.rules.rollup {
            plan.rollup = Rollup::None;
        }
        Ok(())
    }

    /// Counts on: the message says by how much, what is stored says what it makes in all.
    fn count<'a>(
        &mut self,
        incoming: Incoming<'a>,
        marks: &PublishHeaders<'a>,
        by: &Number,
        plan: &mut Plan<'a>,
        staged: Option<&mut Staged>,
    ) -> Result<(), Stop> {
        let broken = |_: Broken| codes::MESSAGE_COUNTER_BROKEN.error();
        let known = staged.as_ref().and_then(|staged| staged.counter(incoming.subject));
        let mut counter: Counter = match known {
            Some(counter) => counter.clone(),
            None => self.counter(incoming.subject)?,
        };
        let mut headers = Cow::Borrowed(incoming.headers);
        match given(marks.stream_source) {
            Some(source) => {
                let moved = counter
                    .add_sourced(source, incoming.subject, incoming.payload)
                    .map_err(broken)?;
                let text = moved.to_string();
                headers = with(&headers, names::INCR, text.as_bytes()).into();
            }
            None => counter.add(by),
        }
        if let Some(sources) = counter.sources_header() {
            headers = with(&headers, names::COUNTER_SOURCES, &sources).into();
        }
        plan.payload = counter.body().into();
        plan.headers = headers;
        if plan.headers.len() + plan.payload.len() > self.payload_max {
            return Err(codes::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error().into());
        }
        plan.counter = Some(counter);
        Ok(())
    }

    fn check_size(&self, plan: &Plan<'_>) -> Result<(), ApiError> {
        let size = plan.headers.len() + plan.payload.len();
        if self.rules.max_msg_size.is_some_and(|max| size > max) {
            return Err(codes::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
        }
        if plan.headers.len() > HEADERS_MAX {
            return Err(codes::STREAM_HEADER_EXCEEDS_MAXIMUM.error());
        }
        Ok(())
    }

    /// A stream that refuses what is new when it is full.
    fn check_room(&self, plan: &Plan<'_>, staged: Option<&Staged>) -> Result<(), ApiError> {
        if !self.rules.discard_new {
            return Ok(());
        }
        let (more, more_bytes) = staged.map_or((0, 0), |staged| (staged.count(), staged.bytes()));
        let mut replaced = None;
        if let Some(max) = self.rules.max_msgs_per_subject {
            let more = staged.map_or(0, |staged| staged.count_of(plan.subject));
            if self.log.count_of(plan.subject) + more >= max {
                if self.rules.config.discard_new_per_subject && plan.rollup == Rollup::None {
                    return Err(store_failed("maximum messages per subject exceeded"));
                }
                let oldest = self.log.first_of(plan.subject);
                replaced = Some(oldest.map_or(0, |seq| self.log.size_of(seq)));
            }
        }
        if self.rules.max_msgs.is_some_and(|max| self.log.len() + more >= max) && replaced.is_none()
        {
            return Err(store_failed("maximum messages exceeded"));
        }
        let size = self.rules.weight(plan.subject.len(), plan.headers.len(), plan.payload.len());
        let over = |max| self.log.bytes() + more_bytes + size > max;
        if self.rules.max_bytes.is_some_and(over) && replaced.is_none_or(|old| old < size) {
            return Err(store_failed("maximum bytes exceeded"));
        }
        Ok(())
    }

    /// A message may not end before the marker that one before it left on the subject.
    fn raise_ttl(&self, plan: &mut Plan<'_>) {
        let (Some(Ttl::Seconds(seconds)), Some(marker)) = (plan.ttl, self.rules.marker_ttl) else {
            return;
        };
        let least = marker / 1_000_000_000;
        if seconds < least && self.rules.max_msgs_per_subject != Some(1) {
            plan.ttl = Some(Ttl::Seconds(least));
            let text = least.to_string();
            plan.headers = with(&plan.headers, names::TTL, text.as_bytes()).into();
        }
    }
}
