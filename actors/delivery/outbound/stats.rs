//! What is counted of a connection.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Written by the connection's own thread, but for what is sent to it.
#[derive(Default)]
pub struct Stats {
    pub in_msgs: AtomicU64,
    pub in_bytes: AtomicU64,
    pub out_msgs: AtomicU64,
    pub out_bytes: AtomicU64,
    pub subscriptions: AtomicU64,
    /// Times a publisher waited for this client.
    pub stalls: AtomicU64,
    /// Nanoseconds from the server's start to the last message in either direction, or the last
    /// change of subscriptions.
    pub active_ns: AtomicU64,
    /// Last round-trip time, in nanoseconds; 0 until measured.
    pub rtt_ns: AtomicU64,
}

// === impl Stats ===

impl Stats {
    /// Last round-trip time; none until measured.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt_ns.load(Relaxed))
    }
}
