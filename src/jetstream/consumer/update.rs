//! What may change in a consumer that exists.

use super::ConsumerConfig;
use super::rules::ConsumerRules;
use crate::error::{ApiError, codes};

// === impl ConsumerConfig ===

impl ConsumerConfig {
    /// What the consumer `old` works with once it is updated to `self`.
    ///
    /// Whether somebody listens at the old deliver subject is not looked at, nor are other
    /// consumers.
    pub fn for_update(
        self,
        old: &ConsumerConfig,
        rules: &ConsumerRules<'_>,
    ) -> Result<Self, ApiError> {
        let mut new = self.checked(rules)?;
        check_fixed(&new, old)?;
        // Only a request of its own pauses a consumer, or lets it go on.
        new.pause_until = old.pause_until;
        if new.inactive_threshold == 0 && !old.is_durable() {
            new.inactive_threshold = old.inactive_threshold;
        }
        new.set_required_level();
        Ok(new)
    }
}

fn check_fixed(new: &ConsumerConfig, old: &ConsumerConfig) -> Result<(), ApiError> {
    let what = if new.deliver_policy != old.deliver_policy {
        "deliver policy can not be updated"
    } else if new.opt_start_seq != old.opt_start_seq {
        "start sequence can not be updated"
    } else if new.opt_start_time != old.opt_start_time {
        "start time can not be updated"
    } else if new.ack_policy != old.ack_policy {
        "ack policy can not be updated"
    } else if new.replay_policy != old.replay_policy {
        "replay policy can not be updated"
    } else if new.idle_heartbeat != old.idle_heartbeat {
        "heart beats can not be updated"
    } else if new.flow_control != old.flow_control {
        "flow control can not be updated"
    } else if new.is_push() && !old.is_push() {
        "can not update pull consumer to push based"
    } else if !new.is_push() && old.is_push() {
        "can not update push consumer to pull based"
    } else if new.max_waiting != old.max_waiting {
        "max waiting can not be updated"
    } else if new.memory_storage != old.memory_storage {
        "storage type can not be updated"
    } else {
        return Ok(());
    };
    Err(codes::CONSUMER_CREATE.with(what))
}
