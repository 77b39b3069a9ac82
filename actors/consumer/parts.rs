//! What only one kind of consumer has: waiting requests, or a deliver subject.

use vagus_jetstream::consumer::{AckPolicy, ConsumerConfig, PriorityPolicy, sampling};

use super::priority::{Gate, Pin};
use super::push::{Push, Rate};
use super::state::State;
use super::terms::{AckMode, Terms};
use super::waiting::Waiting;
use crate::delivery::Outlet;
use crate::delivery::watch::Watch;

/// What a pull consumer has.
#[derive(Default)]
pub(super) struct Pulling {
    pub waiting: Waiting,
    pub policy: PriorityPolicy,
    /// Of consumers with a pinned client.
    pub pin: Option<Box<Pin>>,
    /// When somebody pulled last, in unix nanoseconds.
    pub pulled_ns: i64,
}

/// What a push consumer has.
pub(super) struct Pushing {
    pub push: Push,
    /// Tells when interest in the deliver subject may have changed.
    pub watch: Option<Watch>,
    /// Since when nobody subscribes to it, in unix nanoseconds.
    pub alone_since_ns: i64,
}

/// Above this many percent is all.
const PERCENT_MAX: u64 = 100;

// === impl Pulling ===

impl Pulling {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        let pinned = config.priority_policy == PriorityPolicy::PinnedClient;
        Self {
            policy: config.priority_policy,
            pin: pinned.then(|| Box::new(Pin::new(config.priority_timeout))),
            ..Self::default()
        }
    }

    /// Drops the requests of those who no longer listen for what they asked for.
    pub(super) fn forget_gone(&mut self, out: &mut Outlet<'_>) {
        self.waiting.retain(|request| out.interested(&request.inbox, None));
    }

    /// What a request has to pass now. `pending`: messages to come.
    pub(super) fn gate(&self, pending: u64, state: &State) -> Gate<'_> {
        match (self.policy, self.pin.as_deref().map(Pin::id)) {
            (PriorityPolicy::Overflow, _) => {
                Gate::Overflow { pending, ack_pending: state.pending().len() as u64 }
            }
            (_, Some(Some(id))) => Gate::Pinned(id),
            (_, Some(None)) => Gate::Unpinned,
            (_, None) => Gate::Open,
        }
    }
}

// === impl Pushing ===

impl Pushing {
    /// `burst`: bytes that may be sent at once in spite of a rate.
    pub(super) fn new(config: &ConsumerConfig, burst: u64, now_ns: i64) -> Self {
        let rate = Rate::new(config.rate_limit, burst);
        let push = Push::new(config.idle_heartbeat, config.flow_control, rate);
        Self { push, watch: None, alone_since_ns: now_ns }
    }
}

// === impl Terms ===

impl From<&ConsumerConfig> for Terms {
    fn from(config: &ConsumerConfig) -> Self {
        Self {
            ack: match config.ack_policy {
                AckPolicy::None => AckMode::None,
                AckPolicy::All => AckMode::All,
                AckPolicy::Explicit => AckMode::Explicit,
                AckPolicy::FlowControl => AckMode::Flow,
            },
            // Without one, what is not acknowledged does not come again by itself.
            ack_wait_ns: if config.ack_wait > 0 { config.ack_wait } else { i64::MAX },
            backoff_ns: config.backoff.clone().into(),
            deliver_max: u32::try_from(config.max_deliver).ok().filter(|max| *max > 0),
            pending_max: usize::try_from(config.max_ack_pending).ok().filter(|max| *max > 0),
        }
    }
}

/// Percent of acknowledgements to report: `30` or `30%`.
pub(super) fn sample_percent(config: &ConsumerConfig) -> u8 {
    sampling(&config.sample_freq).map_or(0, |percent| percent.min(PERCENT_MAX) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_those_of_the_configuration() {
        let config = ConsumerConfig {
            ack_policy: AckPolicy::Explicit,
            ack_wait: 30,
            max_deliver: -1,
            max_ack_pending: 1000,
            sample_freq: "30%".into(),
            ..ConsumerConfig::default()
        };
        let terms = Terms::from(&config);
        assert_eq!((terms.ack, terms.wait_ns(1)), (AckMode::Explicit, 30));
        assert_eq!((terms.deliver_max, terms.pending_max), (None, Some(1000)));
        assert_eq!(sample_percent(&config), 30);
        assert_eq!(Terms::from(&ConsumerConfig::default()).wait_ns(1), i64::MAX);
    }
}
