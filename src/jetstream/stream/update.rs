//! What may change in a stream that exists.

use super::rules::{StreamRules, invalid};
use super::{Discard, Retention, StreamConfig};
use crate::error::{ApiError, codes};

// === impl StreamConfig ===

impl StreamConfig {
    /// What the stream `old` works with once it is updated to `self`.
    ///
    /// Neither other streams' subjects, the account's limits nor the stream's consumers are looked
    /// at.
    pub fn for_update(self, old: &StreamConfig, rules: &StreamRules<'_>) -> Result<Self, ApiError> {
        let mut new = self.checked(rules)?;
        if new.name != old.name {
            return Err(codes::STREAM_MISMATCH.into());
        }
        check_fixed(&new, old)?;
        check_one_way(&new, old)?;
        if new.mirror.is_some() && new.mirror != old.mirror {
            return Err(codes::STREAM_MIRROR_NOT_UPDATABLE.into());
        }
        // nats-server takes the number and does nothing about it.
        if new.num_replicas > 1 && new.num_replicas != old.num_replicas && !rules.clustered {
            return Err(codes::STREAM_REPLICAS_NOT_SUPPORTED.into());
        }
        if new.sealed {
            new.max_age = 0;
            new.discard = Discard::New;
            new.deny_delete = true;
            new.deny_purge = true;
            new.allow_rollup = false;
        }
        new.set_required_level();
        Ok(new)
    }
}

fn cannot(what: &str) -> ApiError {
    invalid(format_args!("stream configuration update can not {what}"))
}

fn check_fixed(new: &StreamConfig, old: &StreamConfig) -> Result<(), ApiError> {
    if new.storage != old.storage {
        return Err(cannot("change storage type"));
    }
    let to_or_from_queue =
        new.retention == Retention::WorkQueue || old.retention == Retention::WorkQueue;
    if new.retention != old.retention && to_or_from_queue {
        return Err(cannot("change retention policy to/from workqueue"));
    }
    if new.allow_msg_counter != old.allow_msg_counter {
        return Err(cannot("change message counter setting"));
    }
    if new.persist_mode != old.persist_mode {
        return Err(cannot("change persist mode"));
    }
    Ok(())
}

fn check_one_way(new: &StreamConfig, old: &StreamConfig) -> Result<(), ApiError> {
    if old.sealed && !new.sealed {
        return Err(cannot("unseal a sealed stream"));
    }
    if old.deny_delete && !new.deny_delete {
        return Err(cannot("cancel deny message deletes"));
    }
    if old.deny_purge && !new.deny_purge {
        return Err(cannot("cancel deny purge"));
    }
    if old.allow_msg_ttl && !new.allow_msg_ttl {
        return Err(invalid("message TTL status can not be disabled"));
    }
    if old.allow_msg_schedules && !new.allow_msg_schedules {
        return Err(invalid("message schedules can not be disabled"));
    }
    Ok(())
}
