//! What time does to a link: the other server is asked for a sign of life all the time, and is
//! given up when it shows none.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tracing::info;
use vagus_runtime::Cx;
use vagus_telemetry::text::GoDuration;

use super::{Route, Times};
use crate::delivery::Reason;
use crate::shard::Introduce;

/// See the module's text.
pub(super) struct Clock {
    times: Times,
    pings_out: u32,
    /// Nanoseconds from the server's start; 0: never.
    sent_ns: u64,
}

/// How often a write is looked after within its deadline, and how often at most.
const LOOKS: u32 = 4;
const LOOK_LEAST: Duration = Duration::from_millis(20);

// === impl Clock ===

impl Clock {
    pub(super) fn new(times: Times) -> Self {
        Self { times, pings_out: 0, sent_ns: 0 }
    }

    pub(super) fn start(&self, cx: &mut Cx<'_, Route>) {
        cx.run_interval(self.times.ping_interval, |me, _| me.ping_or_give_up());
        let look = (self.times.write_deadline / LOOKS).max(LOOK_LEAST);
        cx.run_interval(look, |me, _| me.check_write());
        cx.run_later(Duration::ZERO, |me, _| me.ping_or_give_up());
    }

    /// Bytes came in.
    pub(super) fn heard(&mut self) {
        self.pings_out = 0;
    }
}

// === impl Route ===

impl Route {
    fn ping_or_give_up(&mut self) {
        if self.clock.pings_out >= self.clock.times.pings_out_max {
            info!("{} - Stale Connection - Closing", self.facts.prefix());
            return self.end(Reason::Stale);
        }
        self.clock.pings_out += 1;
        self.clock.sent_ns = self.broker.now_ns();
        self.out.send(b"PING\r\n");
    }

    /// A write that takes too long ends the link, unless something of it has gone and that will do.
    fn check_write(&mut self) {
        let Times { write_deadline, write_retry, .. } = self.clock.times;
        let Some((age, wrote)) = self.out.flush_age(Instant::now()) else { return };
        if age < write_deadline {
            return;
        }
        let (chunks, bytes) = self.out.waiting();
        info!(
            "{} - Slow Consumer Detected: WriteDeadline of {} exceeded with {chunks} chunks of \
             {bytes} total bytes.",
            self.facts.prefix(),
            GoDuration(write_deadline),
        );
        match write_retry && wrote {
            true => self.out.restart_flush(),
            false => self.end(Reason::SlowConsumerDeadline),
        }
    }

    /// A `PONG` came in.
    pub(super) fn answered(&mut self) {
        let rtt = self.broker.now_ns().saturating_sub(self.clock.sent_ns).max(1);
        if std::mem::take(&mut self.clock.sent_ns) > 0 {
            self.facts.out.stats.rtt_ns.store(rtt, Relaxed);
        }
    }

    /// Has every shard tell the other server what is wanted here, and whatever changes of that.
    pub(super) fn introduce(&mut self) {
        if self.is_gateway() && self.facts.about.solicited {
            return;
        }
        for shard in self.cast.shards.iter() {
            let mate = Arc::clone(&self.facts);
            // A shard that is gone takes the server with it.
            let _ = shard.send_urgent(Introduce { mate });
        }
    }
}
