//! What of an update can only be told by looking at who listens.

use vagus_jetstream::consumer::ConsumerConfig;
use vagus_jetstream::{ApiError, codes};

use crate::delivery::Outlet;

/// Whether one configuration may take the place of another as far as interest is concerned: a
/// deliver subject that somebody listens to stays.
pub fn update(
    out: &mut Outlet<'_>,
    old: &ConsumerConfig,
    new: &ConsumerConfig,
) -> Result<(), ApiError> {
    if !old.is_push() || old.deliver_subject == new.deliver_subject {
        return Ok(());
    }
    let group = Some(old.deliver_group.as_bytes()).filter(|group| !group.is_empty());
    if out.bound(old.deliver_subject.as_bytes(), group) {
        return Err(codes::CONSUMER_NAME_EXIST.error());
    }
    Ok(())
}
