//! What a configuration leaves out, and the ranges of its numbers.

use super::StreamConfig;
use super::rules::{StreamRules, invalid};
use crate::error::{ApiError, codes};

/// More replicas are not allowed.
const REPLICAS_MAX: i64 = 5;
/// How long message ids are remembered if nobody says, in nanoseconds.
const DUPLICATE_WINDOW: i64 = 120_000_000_000;
/// The shortest time that means something, in nanoseconds.
const SHORTEST: i64 = 100_000_000;

pub(super) fn fill_in(config: &mut StreamConfig, rules: &StreamRules<'_>) -> Result<(), ApiError> {
    match config.num_replicas {
        0 => config.num_replicas = 1,
        ..0 => return Err(codes::REPLICAS_COUNT_CANNOT_BE_NEGATIVE.into()),
        1..=REPLICAS_MAX => {}
        _ => return Err(invalid(format_args!("maximum replicas is {REPLICAS_MAX}"))),
    }
    let max_msg_size = &mut i64::from(config.max_msg_size);
    for (name, limit) in [
        ("max_msgs", &mut config.max_msgs),
        ("max_msgs_per_subject", &mut config.max_msgs_per_subject),
        ("max_bytes", &mut config.max_bytes),
        ("max_msg_size", &mut *max_msg_size),
        ("max_consumers", &mut config.max_consumers),
    ] {
        if *limit < -1 {
            rules.adjust(&format!("{name} must be set to -1"))?;
        }
        if *limit < 1 {
            *limit = -1;
        }
    }
    config.max_msg_size = i32::try_from(*max_msg_size).unwrap_or(-1);
    check_max_age(config.max_age)?;
    fill_in_duplicate_window(config, rules)?;
    fill_in_placement(config)
}

fn check_max_age(max_age: i64) -> Result<(), ApiError> {
    if max_age < 0 {
        return Err(invalid("max age can not be negative"));
    }
    if max_age > 0 && max_age < SHORTEST {
        return Err(invalid("max age needs to be >= 100ms"));
    }
    Ok(())
}

fn fill_in_duplicate_window(
    config: &mut StreamConfig,
    rules: &StreamRules<'_>,
) -> Result<(), ApiError> {
    let limit = rules.duplicate_window_max;
    if config.duplicate_window == 0 && config.mirror.is_none() && config.sources.is_empty() {
        let mut window = DUPLICATE_WINDOW;
        if limit > 0 && limit < window {
            rules.adjust("duplicate window limits are bigger than configured in the server")?;
            window = limit;
        }
        if config.max_age > 0 && config.max_age < window {
            rules.adjust("duplicate window cannot be bigger than max age")?;
            window = config.max_age;
        }
        config.duplicate_window = window;
    }
    let window = config.duplicate_window;
    if window < 0 {
        return Err(invalid("duplicates window can not be negative"));
    }
    if config.max_age > 0 && window > config.max_age {
        return Err(invalid("duplicates window can not be larger then max age"));
    }
    if limit > 0 && window > limit {
        let limit = crate::nanos_text(limit);
        return Err(invalid(format_args!(
            "duplicates window can not be larger then server limit of {limit}"
        )));
    }
    if window > 0 && window < SHORTEST {
        return Err(invalid("duplicates window needs to be >= 100ms"));
    }
    Ok(())
}

fn fill_in_placement(config: &mut StreamConfig) -> Result<(), ApiError> {
    let Some(placement) = &config.placement else { return Ok(()) };
    if !placement.preferred.is_empty() {
        return Err(invalid("preferred server not permitted in placement"));
    }
    if placement.cluster.is_empty() && placement.tags.is_empty() {
        config.placement = None;
    }
    Ok(())
}
