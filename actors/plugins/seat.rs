//! What outlives the incarnations of a plugin: where it is, and what the next one takes over.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use vagus_plugin::{Batch, Subscription};
use vagus_runtime::{Budget, Restart};

use crate::broker::Broker;
use crate::delivery::Feed;

/// What every plugin needs of the server.
#[derive(Clone)]
pub(crate) struct Home {
    pub broker: Arc<Broker>,
    /// To whoever waits for the plugins to be ready; after that nobody listens.
    pub reports: mpsc::Sender<Report>,
}

/// News of a plugin that was awaited.
pub(crate) struct Report {
    pub name: &'static str,
    pub outcome: Result<(), String>,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Seat {
    /// The way in: messages that wait in the mailbox stay there.
    pub feed: Option<Arc<Feed>>,
    /// What the last incarnation left of its batch.
    pub left: Option<Batch>,
    subscriptions: Vec<Subscription>,
    /// Number of the first subscription.
    first: usize,
    /// When incarnations were made, within the window of the budget.
    births: VecDeque<Instant>,
}

/// Restarts within this time are counted.
const WITHIN: Duration = Duration::from_secs(60);
/// Restarts in that time before a plugin is left out.
const RESTARTS_MAX: usize = 10;

/// How the runtime restarts a plugin: without an end, since a child that exhausts its budget would
/// take its parent along, and with it all other plugins. The end is [`Seat::is_worn_out`].
pub(super) fn policy() -> Restart {
    Restart::OnFailure(Budget { restarts_max: u32::MAX, within: WITHIN, ..Budget::default() })
}

impl Seat {
    /// Counts an incarnation.
    pub(super) fn count_birth(&mut self, now: Instant) {
        self.births.retain(|birth| now.duration_since(*birth) <= WITHIN);
        self.births.push_back(now);
    }

    /// Whether it was made so often that another attempt is pointless.
    pub(super) fn is_worn_out(&self) -> bool {
        self.births.len() > RESTARTS_MAX + 1
    }

    /// Takes note of what the plugin wants; returns the number of its first subscription. As long
    /// as it wants the same, messages that wait keep their meaning. Otherwise they are skipped.
    pub(super) fn number(&mut self, subscriptions: &[Subscription]) -> usize {
        if self.subscriptions != subscriptions {
            self.first += self.subscriptions.len();
            self.subscriptions = subscriptions.to_vec();
            self.left = None;
        }
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_wears_out_within_a_window() {
        let (mut seat, start) = (Seat::default(), Instant::now());
        for second in 0..11 {
            seat.count_birth(start + Duration::from_secs(second));
            assert!(!seat.is_worn_out());
        }
        seat.count_birth(start + Duration::from_secs(11));
        assert!(seat.is_worn_out());
        seat.count_birth(start + Duration::from_secs(63));
        assert!(!seat.is_worn_out(), "the oldest three are past");
    }

    #[test]
    fn numbers_change_with_the_subscriptions() {
        let (a, b) = (Subscription::new("a"), Subscription::new("b"));
        let mut seat = Seat::default();
        assert_eq!(seat.number(&[a.clone(), b.clone()]), 0);
        assert_eq!(seat.number(&[a.clone(), b.clone()]), 0);
        assert_eq!(seat.number(&[b]), 2);
        assert_eq!(seat.number(&[a]), 3);
    }
}
