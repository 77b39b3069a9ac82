//! Waiting until interest has travelled from the subscribers' server to the publishers'.
//!
//! On one server, `PONG` proves that a subscription counts. Between two there is no such proof,
//! so the publisher sends probes until each subscriber has received one, and then waits for the
//! probes under way to arrive, lest they be counted.

use std::time::{Duration, Instant};

use crate::clock::sleep;
use crate::connection::{Connection, Patience};
use crate::error::BenchError;

/// Between two probes.
const PROBE_PAUSE: Duration = Duration::from_millis(20);
/// No probe takes longer than this from one server to the other.
const STRAGGLERS: Duration = Duration::from_millis(300);

/// Publishes probes to `subject` until `subscribers` have all received one (with `any`: one of
/// them has), and takes all probes in.
pub(crate) fn await_interest<'a>(
    publisher: &mut Connection,
    subject: &str,
    subscribers: impl Iterator<Item = &'a mut Connection>,
    any: bool,
    timeout: Duration,
) -> Result<(), BenchError> {
    let probe = format!("PUB {subject} 0\r\n\r\n");
    let mut subscribers: Vec<(&mut Connection, u64)> =
        subscribers.map(|connection| (connection, 0)).collect();
    let start = Instant::now();
    loop {
        publisher.write(probe.as_bytes(), &mut Patience::new(timeout))?;
        sleep(PROBE_PAUSE);
        take_in(&mut subscribers)?;
        let reached = subscribers.iter().filter(|(_, probes)| *probes > 0).count();
        if reached == subscribers.len() || (any && reached > 0) {
            break;
        }
        if start.elapsed() > timeout {
            return Err(BenchError::Stalled {
                what: "interest known for",
                got: reached as u64,
                expected: subscribers.len() as u64,
                seconds: timeout.as_secs(),
            });
        }
    }
    publisher.flush(timeout, |_| Ok(()))?;
    sleep(STRAGGLERS);
    take_in(&mut subscribers)
}

/// Reads what has come, and counts it.
fn take_in(subscribers: &mut [(&mut Connection, u64)]) -> Result<(), BenchError> {
    for (connection, probes) in subscribers {
        while connection.glance_counting()?.is_some_and(|count| {
            *probes += count;
            true
        }) {}
    }
    Ok(())
}
