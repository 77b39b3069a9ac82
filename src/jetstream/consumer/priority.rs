//! Groups of clients that pull from one consumer.

use super::{ConsumerConfig, PriorityPolicy};
use crate::error::{ApiError, codes};

/// Bytes.
const GROUP_NAME_MAX: usize = 16;

/// Whether a group may be called so.
#[must_use]
pub fn is_group_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/=".contains(&byte);
    !name.is_empty() && name.len() <= GROUP_NAME_MAX && name.bytes().all(allowed)
}

pub(super) fn check(config: &mut ConsumerConfig) -> Result<(), ApiError> {
    let groups = &config.priority_groups;
    if config.priority_policy == PriorityPolicy::None {
        if config.priority_timeout > 0 {
            return Err(codes::CONSUMER_PINNED_TTL_WITHOUT_PRIORITY_POLICY_NONE.into());
        }
        if !groups.is_empty() {
            return Err(codes::CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE.into());
        }
        return Ok(());
    }
    if config.is_push() {
        return Err(codes::CONSUMER_PUSH_WITH_PRIORITY_GROUP.into());
    }
    if groups.is_empty() {
        return Err(codes::CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP.into());
    }
    for group in groups {
        if group.is_empty() {
            return Err(codes::CONSUMER_EMPTY_GROUP_NAME.into());
        }
        if !is_group_name(group) {
            return Err(codes::CONSUMER_INVALID_GROUP_NAME.into());
        }
    }
    Ok(())
}
