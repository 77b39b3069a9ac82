//! Signs of life: the other end of a link is asked for one now and then.

use std::sync::atomic::Ordering::Relaxed;

use super::Pipe;

/// Questions and how they were answered.
pub(super) struct Pings {
    out_max: u32,
    out: u32,
    /// When the last one was asked, in nanoseconds from the server's start; 0: it is answered.
    sent_ns: u64,
}

// === impl Pings ===

impl Pings {
    pub(super) fn new(out_max: u32) -> Self {
        Self { out_max, out: 0, sent_ns: 0 }
    }

    /// Bytes came in.
    pub(super) fn heard(&mut self) {
        self.out = 0;
    }
}

// === impl Pipe ===

impl Pipe {
    /// Whether the other end was asked often enough without a sign of life.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.pings.out >= self.pings.out_max
    }

    pub fn ping(&mut self) {
        self.pings.out += 1;
        self.pings.sent_ns = self.broker.now_ns();
        self.out.send(b"PING\r\n");
    }

    /// A `PONG` came in: it tells how far away the other end is.
    pub fn answered(&mut self) {
        let rtt = self.broker.now_ns().saturating_sub(self.pings.sent_ns).max(1);
        if std::mem::take(&mut self.pings.sent_ns) > 0 {
            self.out.stats.rtt_ns.store(rtt, Relaxed);
        }
    }
}
