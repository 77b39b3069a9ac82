//! The consumers that mirrors and sources ask this stream for.
//!
//! They ask for a hidden one without acknowledgements. Where what is acknowledged leaves the
//! stream that would not do: they are given one that everybody sees, and that acknowledges what
//! they have stored.

use vagus_jetstream::consumer::{AckPolicy, ConsumerConfig, DeliverPolicy};
use vagus_jetstream::names::{self, Nuid};
use vagus_jetstream::stream::Retention;

/// How often an origin that has nothing to send says so, in nanoseconds.
const HEARTBEAT: i64 = 1_000_000_000;

/// What is made of the configuration of a consumer for a mirror or source; others stay as they are.
pub(super) fn adapted(
    config: ConsumerConfig,
    retention: Retention,
    rng: &mut fastrand::Rng,
) -> ConsumerConfig {
    if !(config.sourcing && config.direct) {
        return config;
    }
    if retention == Retention::Limits {
        // Each attempt gets one of its own: the last may still be on its way out.
        let suffix = names::consumer(&mut Nuid::new(rng), rng);
        return ConsumerConfig { name: format!("{}-{suffix}", config.name), ..config };
    }
    ConsumerConfig {
        durable: config.name.clone(),
        deliver_policy: DeliverPolicy::All,
        opt_start_seq: 0,
        opt_start_time: None,
        ack_policy: AckPolicy::FlowControl,
        ack_wait: 0,
        max_deliver: 0,
        flow_control: true,
        idle_heartbeat: HEARTBEAT,
        inactive_threshold: 0,
        memory_storage: false,
        direct: false,
        ..config
    }
}

/// Whether whoever made the consumer goes on from what it has acknowledged.
pub(super) fn resumes(config: &ConsumerConfig) -> bool {
    config.sourcing && config.ack_policy == AckPolicy::FlowControl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_acknowledged() {
        let asked = ConsumerConfig {
            name: "JS_SRC_abc".into(),
            sourcing: true,
            direct: true,
            opt_start_seq: 7,
            deliver_policy: DeliverPolicy::ByStartSequence,
            ..ConsumerConfig::default()
        };
        let mut rng = fastrand::Rng::with_seed(1);
        let hidden = adapted(asked.clone(), Retention::Limits, &mut rng);
        assert!(hidden.direct && hidden.name.starts_with("JS_SRC_abc-") && !resumes(&hidden));
        let seen = adapted(asked, Retention::WorkQueue, &mut rng);
        assert!(!seen.direct && seen.durable == "JS_SRC_abc" && resumes(&seen));
        assert_eq!((seen.deliver_policy, seen.opt_start_seq), (DeliverPolicy::All, 0));
        let own = ConsumerConfig { name: "C".into(), ..ConsumerConfig::default() };
        assert_eq!(adapted(own.clone(), Retention::Interest, &mut rng), own);
    }
}
