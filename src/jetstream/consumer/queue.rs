//! Consumers of one work queue have to want different messages.

use vagus_subject::overlaps;

use super::ConsumerConfig;
use crate::error::{ApiError, codes};

/// Whether a consumer of a work queue gets along with the others there. Neither itself, if it
/// exists already, nor hidden consumers are to be among these.
pub fn check_queue<'a>(
    config: &ConsumerConfig,
    others: impl IntoIterator<Item = &'a ConsumerConfig>,
) -> Result<(), ApiError> {
    let filters = config.filters();
    for other in others {
        if filters.is_empty() {
            return Err(codes::CONSUMER_WQ_MULTIPLE_UNFILTERED.into());
        }
        let wanted = other.filters();
        let shares = wanted.is_empty()
            || filters
                .iter()
                .any(|mine| wanted.iter().any(|its| overlaps(mine.as_bytes(), its.as_bytes())));
        if shares {
            return Err(codes::CONSUMER_WQ_CONSUMER_NOT_UNIQUE.into());
        }
    }
    Ok(())
}
