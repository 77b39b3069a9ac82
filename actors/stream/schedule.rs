//! Messages that are schedules: what is asked of them when they come, and what they make when they
//! are due.

use vagus_jetstream::headers::{PublishHeaders, names};
use vagus_jetstream::schedule::{Scheduled, Stops, output_headers, stops};
use vagus_jetstream::{ApiError, codes};
use vagus_runtime::Cx;
use vagus_store::{Got, Load};
use vagus_subject::is_valid_literal;

use super::plan::{Incoming, Plan, Stop};
use super::schedules::Planned;
use super::staged::Staged;
use super::state::State;
use super::values::{given, with};
use super::{Life, Stream};

/// A message that a schedule makes.
struct Made {
    /// Of the schedule.
    subject: Vec<u8>,
    target: Vec<u8>,
    headers: Vec<u8>,
    payload: Vec<u8>,
    /// When the next is due; `None`: never.
    next_ns: Option<i64>,
}

/// What becomes of a schedule that is due.
enum Due {
    Makes(Box<Made>),
    /// Its message is not committed yet.
    Waits,
    /// It is none any more.
    Over,
}

/// Schedules that fire in one turn.
const MOST: usize = 256;
/// Time before a schedule is tried again whose message was refused.
const AGAIN_NS: i64 = 1_000_000_000;

impl State {
    pub(super) fn check_schedule<'a>(
        &self,
        incoming: Incoming<'a>,
        marks: &PublishHeaders<'a>,
        plan: &mut Plan<'a>,
        now_ns: i64,
    ) -> Result<(), ApiError> {
        let wants = |subject: &[u8]| self.rules.takes(subject);
        let config = self.config();
        let Some(scheduled) = Scheduled::of(marks, incoming.subject, config, wants, now_ns)? else {
            return Ok(());
        };
        let due = scheduled.schedule.next(now_ns);
        plan.schedule = Some(due.ok_or_else(|| codes::MESSAGE_SCHEDULES_PATTERN_INVALID.error())?);
        if given(marks.rollup).is_none() {
            plan.headers = with(&plan.headers, names::ROLLUP, names::ROLLUP_SUBJECT).into();
        }
        Ok(())
    }

    pub(super) fn check_schedule_end<'a>(
        &self,
        incoming: Incoming<'a>,
        marks: &PublishHeaders<'a>,
        plan: &mut Plan<'a>,
        staged: Option<&Staged>,
    ) -> Result<(), ApiError> {
        let Stops::Schedule(subject) = stops(marks, incoming.subject)? else { return Ok(()) };
        if !is_valid_literal(subject) {
            return Err(codes::MESSAGE_SCHEDULES_SCHEDULER_INVALID.error());
        }
        if !self.rules.config.allow_msg_schedules {
            return Err(codes::MESSAGE_SCHEDULES_DISABLED.error());
        }
        // One that is gone already may be ended, something else may not.
        let is_schedule =
            staged.and_then(|staged| staged.is_schedule(subject)).unwrap_or_else(|| {
                self.schedules.of(subject).is_some() || self.log.last_of(subject).is_none()
            });
        if !is_schedule {
            return Err(codes::MESSAGE_SCHEDULES_SCHEDULER_INVALID.error());
        }
        plan.ends = Some(subject);
        Ok(())
    }

    /// What a schedule that is due makes. An error: this has to be read first.
    fn make(&self, planned: Planned, now_ns: i64) -> Result<Due, Load> {
        if planned.seq > self.reader.committed() {
            return Ok(Due::Waits);
        }
        let mut read = None;
        let got = self.reader.get(planned.seq, |stored| {
            read =
                Some((stored.subject.to_vec(), stored.headers.to_vec(), stored.payload.to_vec()));
        });
        if let Got::Cold(load) = got {
            return Err(load);
        }
        let Some((subject, own, body)) = read else { return Ok(Due::Over) };
        let marks = PublishHeaders::scan(&own);
        let wants = |subject: &[u8]| self.rules.takes(subject);
        let scheduled = Scheduled::of(&marks, &subject, self.config(), wants, now_ns);
        let Ok(Some(scheduled)) = scheduled else { return Ok(Due::Over) };
        let (mut block, mut payload) = (own.clone(), body);
        // The last message of its source, if it has one; its own otherwise.
        if let Some(seq) = scheduled.source.and_then(|source| self.reader.last_of(source)) {
            let got = self.reader.get(seq, |stored| {
                (block, payload) = (stored.headers.to_vec(), stored.payload.to_vec());
            });
            if let Got::Cold(load) = got {
                return Err(load);
            }
        }
        // What was missed while nobody looked is made up for once.
        let schedule = &scheduled.schedule;
        let next = schedule.next(planned.due_ns).filter(|next| *next > now_ns);
        let next = next.or_else(|| schedule.next(now_ns)).filter(|_| schedule.repeats());
        let mut headers = Vec::new();
        output_headers(&mut headers, &block, &subject, next, &scheduled);
        let target = scheduled.target.to_vec();
        Ok(Due::Makes(Box::new(Made { subject, target, headers, payload, next_ns: next })))
    }
}

impl Life {
    /// Stores what schedules make that are due.
    pub(super) fn fire_schedules(&mut self, now_ns: i64, cx: &mut Cx<'_, Stream>) {
        for planned in self.state.schedules.due(now_ns, MOST) {
            match self.state.make(planned, now_ns) {
                Ok(Due::Makes(made)) => self.fire(planned, &made, now_ns),
                // It is looked at again with the next commit, or soon.
                Ok(Due::Waits) => {
                    self.state.schedules.move_on(planned.seq, now_ns + AGAIN_NS / 100)
                }
                Ok(Due::Over) => self.state.end_schedule(planned.seq),
                Err(load) => {
                    self.state.schedules.move_on(planned.seq, now_ns + AGAIN_NS);
                    cx.when(self.state.reader.load(load), move |me, (), cx| {
                        me.live(|life| life.state.schedules.move_on(planned.seq, now_ns));
                        me.finish(cx);
                    });
                }
            }
        }
    }

    fn fire(&mut self, planned: Planned, made: &Made, now_ns: i64) {
        let incoming = Incoming {
            subject: &made.target,
            headers: &made.headers,
            payload: &made.payload,
            // Its headers are the server's own.
            sourced: true,
        };
        let outcome = self.store(incoming, now_ns);
        if let Err(Stop::Refused(error)) = &outcome {
            let (account, name) = (self.js.account(), self.state.name());
            tracing::warn!("stream '{account} > {name}': a scheduled message is refused: {error}");
        }
        match (made.next_ns, outcome) {
            (Some(due_ns), _) => {
                self.state.plan_schedule(&made.subject, Planned { seq: planned.seq, due_ns });
            }
            (None, Ok(_)) => drop(self.state.purge(None, None, Some(&made.subject))),
            (None, Err(_)) => self.state.schedules.move_on(planned.seq, now_ns + AGAIN_NS),
        }
    }
}
