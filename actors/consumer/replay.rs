//! Replaying messages with the pauses with which they were published, until all that was there at
//! the start is told.

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replay {
    /// The last message that is replayed.
    until: u64,
    /// When the message before was published, and when it was sent; unix nanoseconds.
    last: Option<(i64, i64)>,
}

// === impl Replay ===

impl Replay {
    /// Messages up to `until` are replayed.
    pub(crate) fn new(until: u64) -> Self {
        Self { until, last: None }
    }

    /// Until when this message has to wait, in unix nanoseconds.
    pub(crate) fn held_until(&self, seq: u64, published_ns: i64, now_ns: i64) -> Option<i64> {
        let (before_ns, sent_ns) = self.last.filter(|_| seq <= self.until)?;
        let due_ns = sent_ns.saturating_add(published_ns.saturating_sub(before_ns).max(0));
        Some(due_ns).filter(|due_ns| *due_ns > now_ns)
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self, published_ns: i64, now_ns: i64) {
        self.last = Some((published_ns, now_ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_those_of_publishing() {
        let mut replay = Replay::new(3);
        assert_eq!(replay.held_until(1, 100, 5000), None);
        replay.sent(100, 5000);
        assert_eq!(replay.held_until(2, 150, 5000), Some(5050));
        assert_eq!(replay.held_until(2, 150, 5050), None);
        replay.sent(150, 5060);
        assert_eq!(replay.held_until(3, 140, 5060), None);
        assert_eq!(replay.held_until(4, 9000, 5060), None, "it came after the start");
    }
}
