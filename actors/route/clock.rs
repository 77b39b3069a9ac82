//! What time does to a link: the other server is asked for a sign of life all the time, and is
//! given up when it shows none.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::info;
use vagus_runtime::Cx;

use super::Route;
use crate::delivery::Reason;

/// See the module's text.
pub(super) struct Clock {
    interval: Duration,
    pings_out_max: u32,
    pings_out: u32,
    /// Nanoseconds from the server's start; 0: never.
    sent_ns: u64,
}

// === impl Clock ===

impl Clock {
    pub(super) fn new(interval: Duration, pings_out_max: u32) -> Self {
        Self { interval, pings_out_max, pings_out: 0, sent_ns: 0 }
    }

    pub(super) fn start(&self, cx: &mut Cx<'_, Route>) {
        cx.run_interval(self.interval, |me, _| me.ping_or_give_up());
    }

    /// Bytes came in.
    pub(super) fn heard(&mut self) {
        self.pings_out = 0;
    }
}

// === impl Route ===

impl Route {
    fn ping_or_give_up(&mut self) {
        if self.clock.pings_out >= self.clock.pings_out_max {
            info!("{} - Stale Connection - Closing", self.facts.prefix());
            return self.end(Reason::Stale);
        }
        self.clock.pings_out += 1;
        self.clock.sent_ns = self.broker.now_ns();
        self.out.send(b"PING\r\n");
    }

    /// A `PONG` came in.
    pub(super) fn answered(&mut self) {
        let rtt = self.broker.now_ns().saturating_sub(self.clock.sent_ns).max(1);
        if std::mem::take(&mut self.clock.sent_ns) > 0 {
            self.facts.out.stats.rtt_ns.store(rtt, Relaxed);
        }
    }

    /// Has every shard tell the other server what is wanted here, and whatever changes of that.
    pub(super) fn introduce(&mut self, _: &mut Cx<'_, Self>) {
        for shard in self.cast.shards.iter() {
            let mate = Arc::clone(&self.facts);
            // A shard that is gone takes the server with it.
            let _ = shard.send_urgent(crate::shard::Introduce { mate });
        }
    }
}
