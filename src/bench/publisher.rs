//! Publishers: as fast as the server reads, or paced.

use std::time::{Duration, Instant};

use crate::clock::{sleep, sleep_until};
use crate::connection::{Connection, Patience};
use crate::error::BenchError;
use crate::flow::Flow;
use crate::frames::Frames;

/// Chunks between two glances at what the server may have said.
const CHUNKS_PER_GLANCE: u32 = 64;
/// How long a publisher waits for deliveries when the window is full.
const WINDOW_PAUSE: Duration = Duration::from_micros(100);

/// When a publisher has done its part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Quota {
    Msgs(u64),
    Time(Duration),
}

/// What a publisher did.
#[derive(Debug)]
pub(crate) struct Published {
    /// Messages of each connection.
    pub(crate) counts: Vec<u64>,
    /// When the server had handled them all.
    pub(crate) done_at: Instant,
}

impl Quota {
    /// Messages still to publish, at most `max`.
    pub(crate) fn left(&self, start: Instant, published: u64, max: usize) -> usize {
        match self {
            Self::Msgs(msgs) => {
                usize::try_from(msgs.saturating_sub(published)).unwrap_or(max).min(max)
            }
            Self::Time(time) if start.elapsed() >= *time => 0,
            Self::Time(_) => max,
        }
    }

    /// The part of publisher `index` of `count`.
    pub(crate) fn share(self, index: u64, count: u64) -> Self {
        match self {
            Self::Msgs(msgs) => Self::Msgs(msgs / count + u64::from(index < msgs % count)),
            Self::Time(_) => self,
        }
    }
}

/// Publisher `index`: publishes in chunks until the quota is used up. `window_msgs`: 0 for no
/// window.
pub(crate) fn flood(
    connection: &mut Connection,
    frames: &mut Frames,
    index: usize,
    quota: Quota,
    window_msgs: u64,
    flow: &Flow,
) -> Result<Published, BenchError> {
    let start = flow.wait_for_start();
    let aborted = || flow.is_aborted();
    let mut patience = Patience::until(flow.stall_timeout, &aborted);
    let mut published = 0u64;
    let mut chunks = 0u32;
    let mut largest = frames.per_chunk();
    if window_msgs > 0 {
        largest = largest.min(usize::try_from(window_msgs).unwrap_or(usize::MAX));
    }
    loop {
        let count = quota.left(start, published, largest);
        if count == 0 {
            break;
        }
        if window_msgs > 0 {
            wait_for_window(window_msgs - count as u64, flow)?;
        }
        // Counted before it is written: a delivery never precedes its publish.
        flow.add_published(count as u64);
        connection.write(frames.next(count), &mut patience)?;
        published += count as u64;
        chunks += 1;
        if chunks.is_multiple_of(CHUNKS_PER_GLANCE) {
            connection.glance()?;
        }
    }
    flow.publisher_done(index, published);
    connection.flush(flow.stall_timeout, |_| Ok(()))?;
    Ok(Published { counts: vec![published], done_at: Instant::now() })
}

/// Waits until no more than `under_way_max` messages are under way.
fn wait_for_window(under_way_max: u64, flow: &Flow) -> Result<(), BenchError> {
    let since = Instant::now();
    while flow.under_way() > under_way_max {
        if flow.is_aborted() {
            return Err(BenchError::Aborted);
        }
        if since.elapsed() > flow.stall_timeout {
            return Err(BenchError::Stalled {
                what: "delivered",
                got: flow.delivered(),
                expected: flow.published(),
                seconds: flow.stall_timeout.as_secs(),
            });
        }
        sleep(WINDOW_PAUSE);
    }
    Ok(())
}

/// One paced publisher.
pub(crate) struct Paced {
    pub(crate) connection: Connection,
    pub(crate) frames: Frames,
    pub(crate) quota: Quota,
}

/// One thread that publishes on many connections in turn, one message at a time, each connection
/// `rate` times a second.
pub(crate) fn pace(
    publishers: &mut [Paced],
    rate: f64,
    flow: &Flow,
) -> Result<Published, BenchError> {
    let start = flow.wait_for_start();
    let aborted = || flow.is_aborted();
    let mut patience = Patience::until(flow.stall_timeout, &aborted);
    let interval = 1.0 / (rate * publishers.len() as f64);
    let mut counts = vec![0u64; publishers.len()];
    let mut sent = 0u64;
    let mut busy = true;
    while busy {
        busy = false;
        for (publisher, count) in publishers.iter_mut().zip(&mut counts) {
            if publisher.quota.left(start, *count, 1) == 0 {
                continue;
            }
            busy = true;
            sleep_until(start + Duration::from_secs_f64(interval * sent as f64));
            flow.add_published(1);
            publisher.connection.write(publisher.frames.next(1), &mut patience)?;
            *count += 1;
            sent += 1;
            if sent.is_multiple_of(1024) {
                publisher.connection.glance()?;
            }
        }
        if flow.is_aborted() {
            return Err(BenchError::Aborted);
        }
    }
    for (index, &count) in counts.iter().enumerate() {
        flow.publisher_done(index, count);
    }
    for publisher in publishers {
        publisher.connection.flush(flow.stall_timeout, |_| Ok(()))?;
    }
    Ok(Published { counts, done_at: Instant::now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let shares = (0..3).map(|index| match Quota::Msgs(11).share(index, 3) {
            Quota::Msgs(msgs) => msgs,
            Quota::Time(_) => 0,
        });
        assert_eq!(shares.collect::<Vec<_>>(), [4, 4, 3]);
    }

    #[test]
    fn a_quota_ends() {
        let now = Instant::now();
        assert_eq!(Quota::Msgs(10).left(now, 4, 100), 6);
        assert_eq!(Quota::Msgs(10).left(now, 4, 2), 2);
        assert_eq!(Quota::Msgs(10).left(now, 10, 2), 0);
        assert_eq!(Quota::Time(Duration::ZERO).left(now, 0, 2), 0);
        assert_eq!(Quota::Time(Duration::from_secs(60)).left(now, 0, 2), 2);
    }
}
