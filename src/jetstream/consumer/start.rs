//! Where a consumer starts: what goes with which policy.

use super::{ConsumerConfig, DeliverPolicy};
use crate::error::{ApiError, codes};

pub(super) fn check(config: &ConsumerConfig) -> Result<(), ApiError> {
    let has_seq = config.opt_start_seq > 0;
    let has_time = config.opt_start_time.is_some();
    let no_filter = config.filters().is_empty();
    let also_set = |policy: &str| {
        if has_seq {
            Some((policy.to_owned(), "start sequence is also"))
        } else if has_time {
            Some((policy.to_owned(), "start time is also"))
        } else {
            None
        }
    };
    let by = |what: &str| format!("by start {what}");
    let wrong = match config.deliver_policy {
        DeliverPolicy::All => also_set("all"),
        DeliverPolicy::Last => also_set("last"),
        DeliverPolicy::New => also_set("new"),
        DeliverPolicy::LastPerSubject => also_set("last per subject").or_else(|| {
            no_filter.then(|| ("last per subject".to_owned(), "filter subject is not"))
        }),
        DeliverPolicy::ByStartSequence if !has_seq => {
            Some((by("sequence"), "start sequence is not"))
        }
        DeliverPolicy::ByStartSequence if has_time => Some((by("sequence"), "start time is also")),
        DeliverPolicy::ByStartTime if !has_time => Some((by("time"), "start time is not")),
        // The word is there twice in what NATS says, too.
        DeliverPolicy::ByStartTime if has_seq => Some((by("time"), "start start sequence is also")),
        DeliverPolicy::ByStartSequence | DeliverPolicy::ByStartTime => None,
    };
    match wrong {
        None => Ok(()),
        Some((policy, what)) => Err(codes::CONSUMER_INVALID_POLICY.with(format_args!(
            "consumer delivery policy is deliver {policy}, but optional {what} set"
        ))),
    }
}
