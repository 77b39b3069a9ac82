//! What passes by time: messages that fall due, requests that expire, heartbeats, pauses, and
//! consumers that nobody uses. One timer, at the earliest of all; none while nothing can pass.

use std::time::Duration;

use vagus_jetstream::status;
use vagus_runtime::{Cx, TaskId};

use super::Consumer;
use super::deliver::Halt;
use super::priority::Pin;
use super::terms::AckMode;
use super::waiting::Passed;
use crate::delivery::Outlet;
use crate::stream::messages::Expired;

/// See the module's text. Times are unix nanoseconds.
#[derive(Default)]
pub(super) struct Clock {
    /// The timer, and when it goes off.
    timer: Option<(i64, TaskId)>,
    /// When somebody used the consumer last.
    pub used_ns: i64,
    /// The stream was told that nobody does.
    expired: bool,
}

/// Messages that are looked at in one turn for having fallen due.
const DUE_MAX: usize = 4096;
/// No timer is shorter than this, in nanoseconds.
const TIMER_MIN_NS: i64 = 1_000_000;
/// No timer is longer, in nanoseconds: an hour. Clocks are set.
const TIMER_MAX_NS: i64 = 3_600_000_000_000;
/// What a client that pulls may need between two requests besides, in nanoseconds. NATS grants
/// between a tenth of a second and a whole one.
const GRACE_NS: i64 = 300_000_000;

// === impl Consumer ===

impl Consumer {
    /// Does what is due by now.
    pub(super) fn pass_time(&mut self, out: &mut Outlet<'_>, now_ns: i64) {
        if self.pause.on_time(now_ns) {
            self.advise_pause(out);
        }
        if self.state.next_due().is_some_and(|due_ns| due_ns <= now_ns) {
            for exhausted in self.state.on_time(now_ns, DUE_MAX) {
                self.advise_exhausted(&exhausted, out);
            }
        }
        self.pass_time_of_requests(out, now_ns);
        self.pass_time_of_push(out, now_ns);
        if self.unused_until().is_some_and(|at_ns| at_ns <= now_ns) {
            self.check_use(out, now_ns);
        }
    }

    fn pass_time_of_requests(&mut self, out: &mut Outlet<'_>, now_ns: i64) {
        for passed in self.pulling.waiting.on_time(now_ns) {
            match passed {
                Passed::Expired(request) => {
                    self.note_use(now_ns);
                    let mut block = Vec::new();
                    status::request_timeout(&mut block, request.rest());
                    request.say(&block, out);
                }
                Passed::Beat(inbox) => self.say_alive(&inbox, None, out),
            }
        }
        if self.pulling.pin.as_mut().is_some_and(|pin| pin.on_time(now_ns)) {
            self.on_unpinned("timeout", out);
        }
    }

    /// The pinned client is none any more: what it asked for ends.
    pub(super) fn on_unpinned(&mut self, reason: &str, out: &mut Outlet<'_>) {
        self.advise_unpinned(reason, out);
        self.pulling.waiting.retain(|request| {
            if request.pin.is_some() {
                let mut block = Vec::new();
                status::wrong_pin_id(&mut block, request.rest());
                request.say(&block, out);
            }
            request.pin.is_none()
        });
    }

    fn pass_time_of_push(&mut self, out: &mut Outlet<'_>, now_ns: i64) {
        let Some(pushing) = &mut self.pushing else { return };
        if !pushing.push.beat(now_ns) {
            return;
        }
        let flow = pushing.push.flow.as_ref().filter(|flow| flow.is_stalled());
        let stalled = flow.and_then(|flow| flow.asked().copied());
        let stalled = stalled.map(|token| self.flow_subject(&token));
        let config = std::sync::Arc::clone(&self.config);
        self.say_alive(config.deliver_subject.as_bytes(), stalled.as_deref(), out);
        if self.state.terms().ack == AckMode::Flow && !self.state.pending().is_empty() {
            self.ask_now(out);
        }
    }

    /// When the consumer counts as unused, unless it is used before.
    fn unused_until(&self) -> Option<i64> {
        let threshold_ns = Some(self.config.inactive_threshold).filter(|ns| *ns > 0)?;
        let since_ns = match &self.pushing {
            Some(pushing) if pushing.push.is_active() => return None,
            Some(pushing) => pushing.alone_since_ns,
            None => self.clock.used_ns.saturating_add(GRACE_NS),
        };
        (!self.clock.expired).then(|| since_ns.saturating_add(threshold_ns))
    }

    /// Nobody has used it for long: it goes, unless somebody waits or works.
    fn check_use(&mut self, out: &mut Outlet<'_>, now_ns: i64) {
        self.pulling.forget_gone(out);
        if !self.pulling.waiting.is_empty() {
            self.clock.used_ns = now_ns;
            return;
        }
        let threshold_ns = self.config.inactive_threshold;
        let working = self.state.pending().iter().map(|slot| slot.due_ns).max();
        if let Some(until_ns) = working.filter(|due_ns| *due_ns > now_ns && *due_ns < i64::MAX)
            && self.pushing.is_none()
        {
            self.clock.used_ns = until_ns.saturating_sub(threshold_ns + GRACE_NS);
            return;
        }
        let told = self.home.expired.send_urgent(Expired { consumer: self.seat.id });
        self.clock.expired = told.is_ok();
    }

    /// When something is due next.
    fn next_due(&mut self) -> Option<i64> {
        let held = match self.halt {
            Halt::Held(until_ns) => Some(until_ns),
            _ => None,
        };
        let beat = self.pushing.as_ref().and_then(|pushing| pushing.push.next_beat());
        let pin = self.pulling.pin.as_deref().and_then(Pin::next_due);
        let all = [
            held,
            beat,
            pin,
            self.state.next_due().filter(|due_ns| *due_ns < i64::MAX),
            self.pulling.waiting.next_due(),
            self.pause.until_ns(),
            self.unused_until(),
        ];
        all.into_iter().flatten().min()
    }

    /// Sets the timer, unless it goes off early enough.
    pub(super) fn arm(&mut self, cx: &mut Cx<'_, Self>, now_ns: i64) {
        let Some(due_ns) = self.next_due() else { return };
        if let Some((at_ns, timer)) = self.clock.timer {
            if at_ns <= due_ns.max(now_ns) {
                return;
            }
            cx.cancel(timer);
        }
        let after_ns = due_ns.saturating_sub(now_ns).clamp(TIMER_MIN_NS, TIMER_MAX_NS);
        let timer = cx.run_later(Duration::from_nanos(after_ns as u64), |me, cx| {
            me.clock.timer = None;
            me.turn(cx, |_, _, _| {});
        });
        self.clock.timer = Some((now_ns + after_ns, timer));
    }

    /// Somebody uses it.
    pub(super) fn note_use(&mut self, now_ns: i64) {
        self.clock.used_ns = now_ns;
    }
}
