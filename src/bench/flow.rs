//! What the threads of one run share: the start, the progress, and the bad news.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::error::BenchError;

const UNKNOWN: u64 = u64::MAX;

/// One run under way.
#[derive(Debug)]
pub(crate) struct Flow {
    gate: Barrier,
    start: OnceLock<Instant>,
    /// Messages handed to the server.
    published: AtomicU64,
    /// Publishers that have not finished.
    publishing: AtomicU64,
    /// Publishes in all, once that is known.
    published_total: AtomicU64,
    /// Publishes of each publisher, once it has finished.
    published_each: Vec<AtomicU64>,
    /// Deliveries of each subscriber.
    delivered: Vec<Counter>,
    fan_out: FanOut,
    aborted: AtomicBool,
    pub(crate) stall_timeout: Duration,
}

/// Who gets what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FanOut {
    /// Every subscriber gets every message.
    Everyone,
    /// Each message goes to one of the subscribers, a queue group.
    OneOfGroup,
    /// Subscriber i gets what publisher i publishes.
    Pairs,
}

/// A counter that shares its cache line with no other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

impl Flow {
    /// `threads`: how many call [`Flow::wait_for_start`], for all the `publishers`.
    pub(crate) fn new(
        threads: usize,
        publishers: usize,
        subscribers: usize,
        fan_out: FanOut,
        stall_timeout: Duration,
    ) -> Self {
        Self {
            gate: Barrier::new(threads + 1),
            start: OnceLock::new(),
            published: AtomicU64::new(0),
            publishing: AtomicU64::new(publishers as u64),
            published_total: AtomicU64::new(UNKNOWN),
            published_each: (0..publishers).map(|_| AtomicU64::new(UNKNOWN)).collect(),
            delivered: (0..subscribers).map(|_| Counter::default()).collect(),
            fan_out,
            aborted: AtomicBool::new(false),
            stall_timeout,
        }
    }

    /// Opens the gate for the publishers; the measured window begins here.
    pub(crate) fn open_gate(&self) -> Instant {
        let start = *self.start.get_or_init(Instant::now);
        self.gate.wait();
        start
    }

    /// Waits for the gate, and returns when it opened.
    pub(crate) fn wait_for_start(&self) -> Instant {
        self.gate.wait();
        *self.start.get_or_init(Instant::now)
    }

    pub(crate) fn add_published(&self, count: u64) {
        self.published.fetch_add(count, Ordering::Relaxed);
    }

    /// Publisher `index` has published `count` messages. The last to finish settles how many
    /// deliveries are due.
    pub(crate) fn publisher_done(&self, index: usize, count: u64) {
        self.published_each[index].store(count, Ordering::Release);
        if self.publishing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.published_total.store(self.published.load(Ordering::Acquire), Ordering::Release);
        }
    }

    /// For runs whose publishers are elsewhere.
    pub(crate) fn expect(&self, msgs: u64) {
        self.published_total.store(msgs, Ordering::Release);
    }

    pub(crate) fn set_delivered(&self, subscriber: usize, count: u64) {
        self.delivered[subscriber].0.store(count, Ordering::Relaxed);
    }

    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Deliveries to all subscribers.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.iter().map(|counter| counter.0.load(Ordering::Relaxed)).sum()
    }

    /// Deliveries due to `subscriber` (of a group: to all together), once that is known.
    pub(crate) fn due(&self, subscriber: usize) -> Option<u64> {
        let total = match self.fan_out {
            FanOut::Pairs => &self.published_each[subscriber],
            FanOut::Everyone | FanOut::OneOfGroup => &self.published_total,
        };
        let total = total.load(Ordering::Acquire);
        (total != UNKNOWN).then_some(total)
    }

    /// What counts towards [`Flow::due`] for a subscriber that has received `own`.
    pub(crate) fn received(&self, own: u64) -> u64 {
        if self.fan_out == FanOut::OneOfGroup { self.delivered() } else { own }
    }

    /// Whether all publishers have finished.
    pub(crate) fn is_published(&self) -> bool {
        self.publishing.load(Ordering::Acquire) == 0
    }

    /// Messages that the slowest subscriber (or all together) have not received yet.
    pub(crate) fn under_way(&self) -> u64 {
        let counts = self.delivered.iter().map(|counter| counter.0.load(Ordering::Relaxed));
        let received = match self.fan_out {
            FanOut::Everyone => counts.min(),
            FanOut::OneOfGroup | FanOut::Pairs => Some(counts.sum()),
        };
        received.map_or(0, |received| self.published().saturating_sub(received))
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Runs the body of a thread; when it fails, the others are told to stop.
    pub(crate) fn guard<T>(
        &self,
        body: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        let result = body();
        if result.is_err() {
            self.abort();
        }
        result
    }
}

/// Joins all threads. The error that came first is more telling than the `Aborted` of the others.
pub(crate) fn join_all<T>(
    handles: Vec<ScopedJoinHandle<'_, Result<T, BenchError>>>,
) -> Result<Vec<T>, BenchError> {
    let results: Vec<_> = handles
        .into_iter()
        .map(|handle| handle.join().unwrap_or(Err(BenchError::Panicked)))
        .collect();
    let mut values = Vec::with_capacity(results.len());
    let mut failure: Option<BenchError> = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) if matches!(failure, None | Some(BenchError::Aborted)) => {
                failure = Some(error);
            }
            Err(_) => {}
        }
    }
    failure.map_or(Ok(values), Err)
}

/// The more telling of two outcomes of threads that were joined apart.
pub(crate) fn both<A, B>(
    first: Result<A, BenchError>,
    second: Result<B, BenchError>,
) -> Result<(A, B), BenchError> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(BenchError::Aborted), Err(error)) => Err(error),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(publishers: usize, subscribers: usize, fan_out: FanOut) -> Flow {
        Flow::new(publishers, publishers, subscribers, fan_out, Duration::from_secs(1))
    }

    #[test]
    fn what_is_due_is_known_when_the_last_publisher_ends() {
        for (fan_out, early, late) in
            [(FanOut::Everyone, None, Some(7)), (FanOut::Pairs, Some(3), Some(3))]
        {
            let flow = flow(2, 2, fan_out);
            flow.add_published(3);
            flow.publisher_done(0, 3);
            assert_eq!(flow.due(0), early);
            assert!(!flow.is_published());
            flow.add_published(4);
            flow.publisher_done(1, 4);
            assert_eq!(flow.due(0), late);
            assert!(flow.is_published());
        }
    }

    #[test]
    fn the_slowest_subscriber_or_the_whole_group_counts() {
        for (fan_out, under_way, received) in
            [(FanOut::Everyone, 9, 4), (FanOut::OneOfGroup, 5, 5), (FanOut::Pairs, 5, 4)]
        {
            let flow = flow(2, 2, fan_out);
            flow.add_published(10);
            flow.set_delivered(0, 1);
            flow.set_delivered(1, 4);
            assert_eq!(flow.under_way(), under_way);
            assert_eq!(flow.received(4), received);
        }
        assert_eq!(flow(1, 0, FanOut::Everyone).under_way(), 0);
    }

    #[test]
    fn the_first_cause_wins_over_those_it_stopped() {
        let flow = flow(0, 0, FanOut::Everyone);
        let result = std::thread::scope(|scope| {
            let bodies = [true, false, true].map(|follows| {
                let flow = &flow;
                scope.spawn(move || {
                    flow.guard(|| -> Result<(), BenchError> {
                        let cause = BenchError::Server("why".to_owned());
                        Err(if follows { BenchError::Aborted } else { cause })
                    })
                })
            });
            join_all(bodies.into())
        });
        assert!(flow.is_aborted());
        assert!(matches!(result, Err(BenchError::Server(text)) if text == "why"));
    }
}
