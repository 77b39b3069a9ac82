//! A bound on handshakes: each costs as much as many thousand messages.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Handshakes of each second since it was made.
#[derive(Debug)]
pub struct Rate {
    /// A second; 0: any number.
    max: u64,
    since: Instant,
    /// The second under way, in the upper half, and handshakes begun in it.
    second: AtomicU64,
    /// Refused and not told yet.
    refused: AtomicU64,
}

/// Whether a handshake may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Granted,
    Refused,
    /// As `Refused`, the first since [`Rate::take_refused`]: the log is to be told after
    /// [`Rate::TOLD_AFTER`].
    RefusedFirst,
}

impl Rate {
    /// The log tells this long after the first refusal.
    pub const TOLD_AFTER: Duration = Duration::from_secs(1);

    pub(crate) fn new(max: u64) -> Self {
        Self {
            max: max.min(u64::from(u32::MAX)),
            since: Instant::now(),
            second: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Asks for one handshake at `now`.
    pub fn admit(&self, now: Instant) -> Admission {
        if self.max == 0 {
            return Admission::Granted;
        }
        let second = now.saturating_duration_since(self.since).as_secs();
        let taken = self.second.fetch_update(Relaxed, Relaxed, |state| {
            let begun = if state >> 32 == second { state & u64::from(u32::MAX) } else { 0 };
            (begun < self.max).then_some(second << 32 | (begun + 1))
        });
        match taken {
            Ok(_) => Admission::Granted,
            Err(_) if self.refused.fetch_add(1, Relaxed) == 0 => Admission::RefusedFirst,
            Err(_) => Admission::Refused,
        }
    }

    /// How many were refused since the last call.
    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second() {
        let rate = Rate::new(2);
        let now = rate.since;
        let at = |millis| rate.admit(now + Duration::from_millis(millis));
        assert_eq!([at(0), at(10)], [Admission::Granted; 2]);
        assert_eq!([at(20), at(999)], [Admission::RefusedFirst, Admission::Refused]);
        assert_eq!(at(1001), Admission::Granted);
        assert_eq!(rate.take_refused(), 2);
        assert_eq!(at(5000), Admission::Granted);
        assert_eq!([at(5001), at(5002)], [Admission::Granted, Admission::RefusedFirst]);
    }

    #[test]
    fn any_number_without_a_limit() {
        let rate = Rate::new(0);
        assert!((0..10_000).all(|_| rate.admit(rate.since) == Admission::Granted));
    }
}
