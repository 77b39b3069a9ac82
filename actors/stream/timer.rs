//! One timer for all that a stream has to do at some time.

use std::time::Duration;

use vagus_runtime::{Cx, TaskId};

use super::expiry::Swept;
use super::{Life, Stream};
use crate::delivery::Outlet;

/// See the module's text.
#[derive(Default)]
pub(super) struct Timer {
    armed: Option<(TaskId, i64)>,
    /// Before this nothing is swept again, unless there is more to sweep at once.
    rest_until: i64,
}

/// Time between two looks for messages that have ended, so that a steady stream is not looked at
/// for each of its messages.
const REST_NS: i64 = 50_000_000;
/// Ids are forgotten so many at a time.
const IDS_MOST: usize = 16 << 10;

impl Life {
    /// Sets the timer to what is due first.
    pub(super) fn arm(&mut self, cx: &mut Cx<'_, Stream>) {
        let Some(due) = self.next_due() else { return };
        if let Some((task, at)) = self.timer.armed {
            if at <= due {
                return;
            }
            cx.cancel(task);
        }
        let after = u64::try_from(due.saturating_sub(self.js.now_ns())).unwrap_or(0);
        let task = cx.run_later(Duration::from_nanos(after), |me, cx| {
            me.turn(cx, |life, out, cx| life.tick(out, cx));
            me.finish(cx);
        });
        self.timer.armed = Some((task, due));
    }

    fn next_due(&self) -> Option<i64> {
        if self.failing.is_some() {
            return None;
        }
        let ends = [
            self.state.log.next_expiring().map(|(at, _)| at).filter(|at| *at < i64::MAX),
            self.next_age_end(),
        ];
        let ends = ends.into_iter().flatten().min().map(|at| at.max(self.timer.rest_until));
        let ids = self.state.dedupe.next_expiry().map(|at| at.saturating_add(1_000_000_000));
        let schedules = self.state.schedules.next_due();
        let batches = self.next_batch_deadline();
        [ends, ids, schedules, batches].into_iter().flatten().min()
    }

    /// When the next message is too old. One that was looked at and never ends does not count.
    fn next_age_end(&self) -> Option<i64> {
        let age = self.state.rules.max_age?;
        let from = self.state.aged.max(self.state.log.first_seq());
        self.state.log.next(from).map(|oldest| oldest.time_ns.saturating_add(age))
    }

    fn tick(&mut self, out: &mut Outlet<'_>, cx: &mut Cx<'_, Stream>) {
        self.timer.armed = None;
        if self.failing.is_some() {
            return;
        }
        let now_ns = self.js.now_ns();
        self.state.dedupe.expire(now_ns, IDS_MOST);
        self.end_batches(now_ns, out);
        self.fire_schedules(now_ns, cx);
        match self.state.sweep(now_ns) {
            Swept::Until(_) => self.timer.rest_until = now_ns + REST_NS,
            Swept::More => self.timer.rest_until = now_ns + REST_NS / 50,
            Swept::Cold(load) => {
                self.timer.rest_until = now_ns + REST_NS;
                let loading = self.state.reader.load(load);
                cx.when(loading, |me, (), cx| {
                    me.live(|life| life.timer.rest_until = 0);
                    me.finish(cx);
                });
            }
        }
    }
}
