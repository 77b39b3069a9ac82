//! Waiting for conditions, with a deadline and without guessing.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before the test that waits for it fails. Generous, because two busy
/// cores run many servers at once; a passing test never comes near it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// Asks `probe` until it answers, or panics after [`DEADLINE`] naming `what` was awaited.
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match eventually_within(DEADLINE, probe) {
        Some(value) => value,
        None => panic!("waited {DEADLINE:?} in vain for {what}"),
    }
}

/// Asks `probe` until it answers or until `limit` has passed.
pub(crate) fn eventually_within<T>(
    limit: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Option<T> {
    let until = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= until {
            return None;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Runs `body` on a runtime of its own, within the deadline.
#[track_caller]
pub(crate) fn block_on<T>(body: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, body).await })
        .expect("it did not get to the end")
}
