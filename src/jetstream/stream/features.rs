//! Which abilities of a stream go together.

use super::rules::{StreamRules, invalid};
use super::{Discard, PersistMode, Retention, Storage, StreamConfig};
use crate::error::{ApiError, codes};

const SECOND: i64 = 1_000_000_000;

pub(super) fn check(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    check_markers(config, rules)?;
    check_schedules(config, rules)?;
    if config.deny_purge && config.allow_rollup {
        return Err(invalid("roll-ups require the purge permission"));
    }
    if config.discard_new_per_subject {
        if config.discard != Discard::New {
            return Err(invalid("discard new per subject requires discard new policy to be set"));
        }
        if config.max_msgs_per_subject <= 0 {
            return Err(invalid("discard new per subject requires max msgs per subject > 0"));
        }
    }
    check_counter(config)?;
    check_persist_mode(config)
}

/// Markers need what they are made of: times to live and roll-ups.
fn check_markers(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    let ttl = config.subject_delete_marker_ttl;
    if ttl == 0 {
        return Ok(());
    }
    if ttl < 0 {
        return Err(invalid("subject delete marker TTL must not be negative"));
    }
    if ttl < SECOND {
        return Err(invalid("subject delete marker TTL must be at least 1 second"));
    }
    if config.mirror.is_some() {
        return Err(invalid("subject delete markers forbidden on mirrors"));
    }
    if rules.pedantic {
        if !config.allow_msg_ttl {
            return Err(invalid(
                "subject delete marker cannot be set if message TTLs are disabled",
            ));
        }
        if !config.allow_rollup {
            return Err(invalid("subject delete marker cannot be set if roll-ups are disabled"));
        }
        return Ok(());
    }
    config.allow_msg_ttl = true;
    config.allow_rollup = true;
    config.deny_purge = false;
    Ok(())
}

/// A schedule is the last message of its subject, which takes roll-ups.
fn check_schedules(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    if !config.allow_msg_schedules {
        return Ok(());
    }
    if config.mirror.is_some() {
        return Err(codes::MIRROR_WITH_MSG_SCHEDULES.into());
    }
    if !config.sources.is_empty() {
        return Err(codes::SOURCE_WITH_MSG_SCHEDULES.into());
    }
    if config.discard == Discard::New {
        return Err(invalid("message scheduling cannot use discard new"));
    }
    if rules.pedantic {
        if !config.allow_rollup {
            return Err(invalid("message scheduling cannot be set if roll-ups are disabled"));
        }
        return Ok(());
    }
    config.allow_rollup = true;
    config.deny_purge = false;
    Ok(())
}

fn check_counter(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.allow_msg_counter {
        return Ok(());
    }
    if config.mirror.is_some() {
        return Err(codes::MIRROR_WITH_COUNTERS.into());
    }
    if config.discard == Discard::New {
        return Err(invalid("counter stream cannot use discard new"));
    }
    if config.allow_msg_ttl {
        return Err(invalid("counter stream cannot use message TTLs"));
    }
    if config.allow_msg_schedules {
        return Err(invalid("counter stream cannot use message schedules"));
    }
    if config.retention != Retention::Limits {
        return Err(invalid("counter stream can only use limits retention"));
    }
    Ok(())
}

/// A message that is lost with the server must not be part of a promise.
fn check_persist_mode(config: &StreamConfig) -> Result<(), ApiError> {
    if config.persist_mode != PersistMode::Async {
        return Ok(());
    }
    if config.storage != Storage::File {
        return Err(invalid("async persist mode is only supported on file storage"));
    }
    if config.num_replicas > 1 {
        return Err(invalid("async persist mode is not supported on replicated streams"));
    }
    if config.allow_atomic {
        return Err(invalid("async persist mode is not supported with atomic batch publish"));
    }
    Ok(())
}
