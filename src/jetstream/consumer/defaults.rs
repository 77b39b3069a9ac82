//! What a configuration leaves out, and the ranges of its numbers.

use super::rules::ConsumerRules;
use super::{AckPolicy, ConsumerConfig, PriorityPolicy};
use crate::error::{ApiError, codes};

const SECOND: i64 = 1_000_000_000;
const ACK_WAIT: i64 = 30 * SECOND;
const MAX_WAITING: i64 = 512;
const MAX_ACK_PENDING: i64 = 1000;
const INACTIVE_THRESHOLD: i64 = 5 * SECOND;
const PRIORITY_TIMEOUT: i64 = 120 * SECOND;
/// Of a consumer whose acknowledgements are the answers to flow control, in nanoseconds.
pub(super) const FLOW_HEARTBEAT: i64 = SECOND;

pub(super) fn fill_in(
    config: &mut ConsumerConfig,
    rules: &ConsumerRules<'_>,
) -> Result<(), ApiError> {
    for (name, number) in [
        ("max_waiting", &mut config.max_waiting),
        ("max_batch", &mut config.max_batch),
        ("max_expires", &mut config.max_expires),
        ("max_bytes", &mut config.max_bytes),
        ("idle_heartbeat", &mut config.idle_heartbeat),
        ("inactive_threshold", &mut config.inactive_threshold),
        ("priority_timeout", &mut config.priority_timeout),
    ] {
        if *number < 0 {
            rules.adjust(&format!("{name} must not be negative"))?;
            *number = 0;
        }
    }
    for (name, number) in
        [("max_deliver", &mut config.max_deliver), ("max_ack_pending", &mut config.max_ack_pending)]
    {
        if *number < -1 {
            rules.adjust(&format!("{name} must be set to -1"))?;
            *number = -1;
        }
    }
    fill_in_acks(config, rules)?;
    if !config.is_push() && config.max_waiting == 0 {
        config.max_waiting = MAX_WAITING;
    }
    if config.max_batch == 0 && rules.max_batch > 0 {
        config.max_batch = rules.max_batch;
    }
    fill_in_from_stream(config, rules)?;
    if config.priority_policy == PriorityPolicy::PinnedClient && config.priority_timeout == 0 {
        config.priority_timeout = PRIORITY_TIMEOUT;
    }
    Ok(())
}

fn fill_in_acks(config: &mut ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    if config.ack_wait < 0 {
        return Err(codes::CONSUMER_ACK_WAIT_NEGATIVE.into());
    }
    if config.backoff.iter().any(|wait| *wait < 0) {
        return Err(codes::CONSUMER_BACK_OFF_NEGATIVE.into());
    }
    if config.ack_policy == AckPolicy::FlowControl {
        if config.ack_wait > 0 || !config.backoff.is_empty() {
            return Err(codes::CONSUMER_ACK_FC_REQUIRES_NO_ACK_WAIT.into());
        }
        if config.max_deliver > 0 {
            return Err(codes::CONSUMER_ACK_FC_REQUIRES_NO_MAX_DELIVER.into());
        }
    }
    if config.max_deliver == 0 {
        config.max_deliver = -1;
    }
    let steps = i64::try_from(config.backoff.len()).unwrap_or(i64::MAX);
    if config.max_deliver > 0 && config.max_deliver < steps {
        return Err(codes::CONSUMER_MAX_DELIVER_BACKOFF.into());
    }
    if let Some(first) = config.backoff.first().copied() {
        if config.ack_wait != first {
            rules.adjust("first backoff value has to equal batch AckWait")?;
        }
        config.ack_wait = first;
    } else if config.ack_wait == 0
        && matches!(config.ack_policy, AckPolicy::All | AckPolicy::Explicit)
    {
        config.ack_wait = ACK_WAIT;
    }
    Ok(())
}

/// The limits of the stream are what its consumers have if they say nothing.
fn fill_in_from_stream(
    config: &mut ConsumerConfig,
    rules: &ConsumerRules<'_>,
) -> Result<(), ApiError> {
    let limits = rules.stream.consumer_limits;
    if config.max_ack_pending == 0 {
        if limits.max_ack_pending > 0 {
            rules.adjust("max_ack_pending must be set if it's configured in stream limits")?;
            config.max_ack_pending = limits.max_ack_pending;
        } else if config.ack_policy != AckPolicy::None {
            let limits = rules.max_ack_pending.into_iter().filter(|limit| *limit > 0);
            config.max_ack_pending = limits.fold(MAX_ACK_PENDING, i64::min);
        }
    }
    if config.inactive_threshold == 0 && limits.inactive_threshold > 0 {
        rules.adjust("inactive_threshold must be set if it's configured in stream limits")?;
        config.inactive_threshold = limits.inactive_threshold;
    }
    Ok(())
}

/// A consumer without a durable name goes when nobody uses it.
pub(super) fn fill_in_inactivity(config: &mut ConsumerConfig, rules: &ConsumerRules<'_>) {
    if config.is_durable() || config.inactive_threshold > 0 {
        return;
    }
    let limit = rules.stream.consumer_limits.inactive_threshold;
    config.inactive_threshold = if limit > 0 { limit } else { INACTIVE_THRESHOLD };
}
