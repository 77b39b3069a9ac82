//! What a push consumer may have, and a pull consumer; and on which stream.

use vagus_subject::{has_wildcards, is_valid_literal, is_valid_subscription, overlaps};

use super::defaults::FLOW_HEARTBEAT;
use super::rules::ConsumerRules;
use super::{AckPolicy, ConsumerConfig, DeliverPolicy};
use crate::error::{ApiError, codes};
use crate::stream::Retention;

const MILLISECOND: i64 = 1_000_000;

pub(super) fn check(
    config: &mut ConsumerConfig,
    rules: &ConsumerRules<'_>,
) -> Result<(), ApiError> {
    if config.ack_policy == AckPolicy::FlowControl {
        check_flow_acks(config, rules)?;
    }
    if config.is_push() {
        check_push(config, rules)?
    } else {
        check_pull(config, rules)?
    }
    check_direct(config)?;
    check_filters(config)?;
    if rules.stream.retention == Retention::WorkQueue && !config.direct {
        check_work_queue(config)?;
    }
    Ok(())
}

fn check_flow_acks(config: &mut ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    if !config.is_push() {
        return Err(codes::CONSUMER_ACK_FC_REQUIRES_PUSH.into());
    }
    if !config.flow_control && rules.pedantic {
        return Err(codes::CONSUMER_ACK_FC_REQUIRES_FC.into());
    }
    if config.idle_heartbeat != FLOW_HEARTBEAT && rules.pedantic {
        let code = codes::STREAM_INVALID_CONFIG;
        return Err(code.with("flow control ack policy heartbeat needs to be 1s"));
    }
    config.flow_control = true;
    config.idle_heartbeat = FLOW_HEARTBEAT;
    if config.max_ack_pending <= 0 {
        return Err(codes::CONSUMER_ACK_FC_REQUIRES_MAX_ACK_PENDING.into());
    }
    Ok(())
}

fn check_push(config: &ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    let subject = config.deliver_subject.as_bytes();
    let forms_cycle =
        || rules.stream.subjects.iter().any(|known| overlaps(subject, known.as_bytes()));
    let wrong = if has_wildcards(subject) {
        codes::CONSUMER_DELIVER_TO_WILDCARDS
    } else if !is_valid_literal(subject) {
        codes::CONSUMER_INVALID_DELIVER_SUBJECT
    } else if forms_cycle() {
        codes::CONSUMER_DELIVER_CYCLE
    } else if config.max_waiting > 0 {
        codes::CONSUMER_PUSH_MAX_WAITING
    } else if config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None {
        codes::CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED
    } else if config.idle_heartbeat > 0 && config.idle_heartbeat < 100 * MILLISECOND {
        codes::CONSUMER_SMALL_HEARTBEAT
    } else if config.flow_control && config.idle_heartbeat == 0 {
        codes::CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS
    } else {
        return Ok(());
    };
    Err(wrong.into())
}

fn check_pull(config: &ConsumerConfig, rules: &ConsumerRules<'_>) -> Result<(), ApiError> {
    let is_queue = rules.stream.retention == Retention::WorkQueue;
    let wrong = if is_queue && config.ack_policy == AckPolicy::None {
        codes::CONSUMER_PULL_REQUIRES_ACK
    } else if config.rate_limit > 0 {
        codes::CONSUMER_PULL_WITH_RATE_LIMIT
    } else if config.idle_heartbeat > 0 {
        codes::CONSUMER_HB_REQUIRES_PUSH
    } else if config.flow_control {
        codes::CONSUMER_FC_REQUIRES_PUSH
    } else if config.max_expires > 0 && config.max_expires < MILLISECOND {
        codes::CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL
    } else {
        return Ok(());
    };
    Err(wrong.into())
}

fn check_direct(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.direct && !config.is_push() {
        return Err(codes::CONSUMER_DIRECT_REQUIRES_PUSH.into());
    }
    if config.direct && config.is_durable() {
        return Err(codes::CONSUMER_DIRECT_REQUIRES_EPHEMERAL.into());
    }
    Ok(())
}

fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.filter_subject.is_empty() && !config.filter_subjects.is_empty() {
        return Err(codes::CONSUMER_DUPLICATE_FILTER_SUBJECTS.into());
    }
    let filters = config.filters();
    for (n, filter) in filters.iter().enumerate() {
        if filter.is_empty() {
            return Err(codes::CONSUMER_EMPTY_FILTER.into());
        }
        if !is_valid_subscription(filter.as_bytes()) {
            return Err(codes::STREAM_INVALID_CONFIG.with("invalid subject"));
        }
        if filters[..n].iter().any(|other| overlaps(other.as_bytes(), filter.as_bytes())) {
            return Err(codes::CONSUMER_OVERLAPPING_SUBJECT_FILTERS.into());
        }
    }
    Ok(())
}

/// Each message is for one consumer, which has to say when it is done.
fn check_work_queue(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::FlowControl) {
        return Err(codes::CONSUMER_WQ_REQUIRES_EXPLICIT_ACK.into());
    }
    if config.deliver_policy != DeliverPolicy::All {
        return Err(codes::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL.into());
    }
    Ok(())
}
