//! What time does to a link: the other end is asked for a sign of life, and is given up when it
//! shows none.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::info;
use vagus_runtime::Cx;
use vagus_wire::text;

use super::Leaf;
use crate::delivery::Reason;

/// See the module's text.
pub(super) struct Clock {
    interval: Duration,
    pings_out_max: u32,
    pings_out: u32,
    /// Nanoseconds from the server's start; 0: never.
    sent_ns: u64,
}

/// The first question comes early: its answer tells how far away the other end is.
const FIRST: Duration = Duration::from_millis(100);

// === impl Clock ===

impl Clock {
    pub(super) fn new(interval: Duration, pings_out_max: u32) -> Self {
        Self { interval, pings_out_max, pings_out: 0, sent_ns: 0 }
    }

    pub(super) fn start(&self, cx: &mut Cx<'_, Leaf>) {
        cx.run_later(FIRST.min(self.interval), |me, _| me.ping());
        cx.run_interval(self.interval, |me, _| me.ping_or_give_up());
    }

    /// Bytes came in.
    pub(super) fn heard(&mut self) {
        self.pings_out = 0;
    }
}

// === impl Leaf ===

impl Leaf {
    fn ping_or_give_up(&mut self) {
        if self.clock.pings_out >= self.clock.pings_out_max {
            info!("{} - Stale Connection - Closing", self.facts.prefix());
            self.broker.tally.stale_connections.fetch_add(1, Relaxed);
            return self.refuse(text::STALE, Reason::Stale);
        }
        self.ping();
    }

    fn ping(&mut self) {
        self.clock.pings_out += 1;
        self.clock.sent_ns = self.broker.now_ns();
        self.out.send(b"PING\r\n");
    }

    /// A `PONG` came in.
    pub(super) fn answered(&mut self) {
        let rtt = self.broker.now_ns().saturating_sub(self.clock.sent_ns).max(1);
        if std::mem::take(&mut self.clock.sent_ns) > 0 {
            self.out.stats.rtt_ns.store(rtt, Relaxed);
        }
    }
}
