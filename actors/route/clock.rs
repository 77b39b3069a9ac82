//! What time does to a link: the other server is asked for a sign of life all the time, and is
//! given up when it shows none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::info;
use vagus_runtime::Cx;
use vagus_telemetry::text::GoDuration;

use super::{Route, Times};
use crate::delivery::Reason;
use crate::shard::Introduce;

/// How often a write is looked after within its deadline, and how often at most.
const LOOKS: u32 = 4;
const LOOK_LEAST: Duration = Duration::from_millis(20);

// === impl Route ===

impl Route {
    pub(super) fn start_clock(&self, cx: &mut Cx<'_, Self>) {
        cx.run_interval(self.times.ping_interval, |me, _| me.ping_or_give_up());
        let look = (self.times.write_deadline / LOOKS).max(LOOK_LEAST);
        cx.run_interval(look, |me, _| me.check_write());
        cx.run_later(Duration::ZERO, |me, _| me.ping_or_give_up());
    }

    fn ping_or_give_up(&mut self) {
        if self.pipe.is_stale() {
            info!("{} - Stale Connection - Closing", self.facts.prefix());
            return self.end(Reason::Stale);
        }
        self.pipe.ping();
    }

    /// A write that takes too long ends the link, unless something of it has gone and that will do.
    fn check_write(&mut self) {
        let Times { write_deadline, write_retry, .. } = self.times;
        let Some((age, wrote)) = self.pipe.out.flush_age(Instant::now()) else { return };
        if age < write_deadline {
            return;
        }
        let (chunks, bytes) = self.pipe.out.waiting();
        info!(
            "{} - Slow Consumer Detected: WriteDeadline of {} exceeded with {chunks} chunks of \
             {bytes} total bytes.",
            self.facts.prefix(),
            GoDuration(write_deadline),
        );
        match write_retry && wrote {
            true => self.pipe.out.restart_flush(),
            false => self.end(Reason::SlowConsumerDeadline),
        }
    }

    /// Has every shard tell the other server what is wanted here, and whatever changes of that.
    pub(super) fn introduce(&mut self) {
        if self.is_gateway() && self.facts.about.solicited {
            return;
        }
        for shard in self.pipe.cast.shards.iter() {
            let mate = Arc::clone(&self.facts);
            // A shard that is gone takes the server with it.
            let _ = shard.send_urgent(Introduce { mate });
        }
    }
}
