//! Waiting. The generator has threads, not arbiters, so it may sleep.

use std::time::{Duration, Instant};

/// Sleeps until `deadline`; returns at once if it has passed.
#[expect(clippy::disallowed_methods, reason = "no arbiter runs in the load generator")]
pub(crate) fn sleep_until(deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}

/// Sleeps for `time`.
pub(crate) fn sleep(time: Duration) {
    sleep_until(Instant::now() + time);
}
