//! A push consumer's side of delivery: is anybody there, how fast may it go, when to say that it
//! is alive.

use super::flow::Flow;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Push {
    /// Whether somebody subscribes to the deliver subject.
    active: bool,
    /// Pause after which a heartbeat is sent, in nanoseconds; 0: none.
    beat_every_ns: i64,
    /// When the next heartbeat is due, in unix nanoseconds.
    beat_ns: i64,
    pub flow: Option<Box<Flow>>,
    rate: Option<Box<Rate>>,
}

/// Bytes a second that may be sent, and how many at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    bytes_per_second: u64,
    /// How far sending may be ahead of the rate, in nanoseconds.
    ahead_ns: i64,
    /// Up to when the rate is used up, in unix nanoseconds.
    used_ns: i64,
}

const SECOND_NS: u64 = 1_000_000_000;

// === impl Rate ===

impl Rate {
    /// `bits_per_second` of 0: any rate. `burst`: bytes that may be sent at once.
    pub(crate) fn new(bits_per_second: u64, burst: u64) -> Option<Self> {
        let bytes_per_second = bits_per_second.div_ceil(8);
        if bytes_per_second == 0 {
            return None;
        }
        let mut rate = Self { bytes_per_second, ahead_ns: 0, used_ns: 0 };
        rate.ahead_ns = rate.time_ns(burst);
        Some(rate)
    }

    fn time_ns(&self, size: u64) -> i64 {
        let ns = u128::from(size) * u128::from(SECOND_NS) / u128::from(self.bytes_per_second);
        i64::try_from(ns).unwrap_or(i64::MAX)
    }

    fn sent(&mut self, size: u64, now_ns: i64) {
        self.used_ns = self.used_ns.max(now_ns).saturating_add(self.time_ns(size));
    }

    /// When a message may be sent: once there is room for it. One that is larger than what may be
    /// sent at once waits until nothing is used up.
    fn free_ns(&self, size: u64) -> i64 {
        let ahead_ns = self.ahead_ns.saturating_sub(self.time_ns(size)).max(0);
        self.used_ns.saturating_sub(ahead_ns)
    }
}

// === impl Push ===

impl Push {
    pub(crate) fn new(beat_every_ns: i64, flow: bool, rate: Option<Rate>) -> Self {
        let flow = flow.then(Box::default);
        Self { active: false, beat_every_ns, beat_ns: 0, flow, rate: rate.map(Box::new) }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Somebody came, or the last one went. False when that was known.
    pub(crate) fn set_active(&mut self, active: bool, now_ns: i64) -> bool {
        let news = self.active != active;
        self.active = active;
        if news && active {
            self.beat_ns = now_ns.saturating_add(self.beat_every_ns);
        }
        if news && self.flow.is_some() {
            self.flow = Some(Box::default());
        }
        news
    }

    /// Another rate holds from now on.
    pub(crate) fn set_rate(&mut self, rate: Option<Rate>) {
        self.rate = rate.map(Box::new);
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self, size: u64, now_ns: i64) {
        self.beat_ns = now_ns.saturating_add(self.beat_every_ns);
        if let Some(flow) = &mut self.flow {
            flow.sent(size);
        }
        if let Some(rate) = &mut self.rate {
            rate.sent(size, now_ns);
        }
    }

    /// Whether nothing may be sent before the client has answered.
    pub(crate) fn is_stalled(&self) -> bool {
        self.flow.as_ref().is_some_and(|flow| flow.is_stalled())
    }

    /// Until when the rate forbids to send a message of so many bytes, in unix nanoseconds.
    pub(crate) fn held_until(&self, size: u64, now_ns: i64) -> Option<i64> {
        let free_ns = self.rate.as_ref()?.free_ns(size);
        Some(free_ns).filter(|free_ns| *free_ns > now_ns)
    }

    /// Whether a heartbeat is due; the next one is set.
    pub(crate) fn beat(&mut self, now_ns: i64) -> bool {
        let due = self.next_beat().is_some_and(|due_ns| due_ns <= now_ns);
        if due {
            self.beat_ns = now_ns.saturating_add(self.beat_every_ns);
        }
        due
    }

    /// When the next heartbeat is due.
    pub(crate) fn next_beat(&self) -> Option<i64> {
        (self.active && self.beat_every_ns > 0).then_some(self.beat_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = SECOND_NS as i64;

    #[test]
    fn heartbeats_follow_silence_and_only_while_somebody_listens() {
        let mut push = Push::new(10, false, None);
        assert_eq!(push.next_beat(), None);
        assert!(push.set_active(true, 100));
        assert!(!push.set_active(true, 105));
        assert_eq!(push.next_beat(), Some(110));
        push.sent(5, 108);
        assert!(!push.beat(110));
        assert!(push.beat(118));
        assert_eq!(push.next_beat(), Some(128));
        push.set_active(false, 120);
        assert!(!push.beat(200));
    }

    #[test]
    fn a_rate_holds_back_what_is_ahead_of_it() {
        // 1000 bytes a second, 500 at once.
        let mut push = Push::new(0, false, Rate::new(8000, 500));
        let now = 50 * SECOND;
        (0..5).for_each(|_| push.sent(100, now));
        assert_eq!(push.held_until(0, now), None);
        assert_eq!(push.held_until(100, now), Some(now + SECOND / 10));
        assert_eq!(push.held_until(100, now + SECOND / 10), None);
        assert_eq!(push.held_until(5000, now), Some(now + SECOND / 2), "more than fits at once");
        assert_eq!(push.held_until(5000, now + SECOND / 2), None);
        assert_eq!(Rate::new(0, 500), None);
    }

    #[test]
    fn flow_control_starts_over_with_who_listens() {
        let mut push = Push::new(0, true, None);
        push.set_active(true, 0);
        push.sent(3 << 20, 0);
        assert!(push.is_stalled());
        push.set_active(false, 1);
        push.set_active(true, 2);
        assert!(!push.is_stalled());
    }
}
