//! A subscriber: counts, checks or times what it receives until all that is due has come.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::connection::Connection;
use crate::error::BenchError;
use crate::flow::Flow;
use crate::metrics::new_histogram;
use crate::verify::{Checker, nanos_since, published_nanos};

/// What to do with each delivery beside counting it.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    pub(crate) checker: Option<Checker>,
    /// The time in the stamps counts from here.
    pub(crate) latency_epoch: Option<Instant>,
}

/// What a subscriber got.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) count: u64,
    pub(crate) first_at: Option<Instant>,
    pub(crate) last_at: Option<Instant>,
    pub(crate) checker: Option<Checker>,
    pub(crate) latencies: Option<Histogram<u64>>,
}

/// Receives until the flow says that all has come, then makes sure that nothing more does.
pub(crate) fn receive(
    connection: &mut Connection,
    index: usize,
    mut duties: Duties,
    flow: &Flow,
) -> Result<Received, BenchError> {
    let mut latencies = duties.latency_epoch.map(|_| new_histogram()).transpose()?;
    let mut count = 0u64;
    let (mut first_at, mut last_at) = (None, None);
    let mut quiet_since = None;
    loop {
        if connection.fill()? {
            let now = Instant::now();
            let got = take(connection, &mut duties, latencies.as_mut())?;
            if got > 0 {
                count += got;
                first_at.get_or_insert(now);
                last_at = Some(now);
                quiet_since = None;
                flow.set_delivered(index, count);
            }
        } else if flow.is_aborted() {
            return Err(BenchError::Aborted);
        }
        let Some(due) = flow.due(index) else { continue };
        let received = flow.received(count);
        if received >= due {
            break;
        }
        if quiet_since.get_or_insert_with(Instant::now).elapsed() > flow.stall_timeout {
            return Err(stalled(received, due, flow));
        }
    }
    connection.flush(flow.stall_timeout, |_| {
        count += 1;
        Ok(())
    })?;
    flow.set_delivered(index, count);
    let (got, due) = (flow.received(count), flow.due(index).unwrap_or(count));
    if got > due {
        return Err(BenchError::TooMany { what: "delivered", got, expected: due });
    }
    Ok(Received { count, first_at, last_at, checker: duties.checker, latencies })
}

/// Handles what one read brought; returns the number of deliveries.
fn take(
    connection: &mut Connection,
    duties: &mut Duties,
    mut latencies: Option<&mut Histogram<u64>>,
) -> Result<u64, BenchError> {
    if duties.checker.is_none() && duties.latency_epoch.is_none() {
        return connection.drain_counting();
    }
    let mut count = 0;
    let now = duties.latency_epoch.map(nanos_since);
    connection.drain(|msg| {
        count += 1;
        if let Some(checker) = &mut duties.checker {
            checker.check(msg.payload)?;
        }
        if let (Some(now), Some(latencies)) = (now, latencies.as_deref_mut())
            && let Some(then) = published_nanos(msg.payload)
        {
            latencies.saturating_record(now.saturating_sub(then));
        }
        Ok(())
    })?;
    Ok(count)
}

fn stalled(got: u64, expected: u64, flow: &Flow) -> BenchError {
    BenchError::Stalled { what: "delivered", got, expected, seconds: flow.stall_timeout.as_secs() }
}
