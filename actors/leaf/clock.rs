//! What time does to a link: the other end is asked for a sign of life, and is given up when it
//! shows none.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::info;
use vagus_runtime::Cx;
use vagus_wire::text;

use super::Leaf;
use crate::delivery::Reason;

/// The first question comes early: its answer tells how far away the other end is.
const FIRST: Duration = Duration::from_millis(100);

// === impl Leaf ===

impl Leaf {
    pub(super) fn start_clock(&self, cx: &mut Cx<'_, Self>) {
        cx.run_later(FIRST.min(self.ping_interval), |me, _| me.pipe.ping());
        cx.run_interval(self.ping_interval, |me, _| me.ping_or_give_up());
    }

    fn ping_or_give_up(&mut self) {
        if self.pipe.is_stale() {
            info!("{} - Stale Connection - Closing", self.facts.prefix());
            self.pipe.broker.tally.stale_connections.fetch_add(1, Relaxed);
            return self.refuse(text::STALE, Reason::Stale);
        }
        self.pipe.ping();
    }
}
