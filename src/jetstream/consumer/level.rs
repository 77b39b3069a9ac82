//! What a consumer needs of the server, and the metadata the server writes about that.

use super::{AckPolicy, ConsumerConfig, PriorityPolicy};
use crate::metadata;

// === impl ConsumerConfig ===

impl ConsumerConfig {
    /// The level of the API that everything in it needs.
    #[must_use]
    pub fn required_level(&self) -> u64 {
        if self.ack_policy == AckPolicy::FlowControl {
            return 4;
        }
        let first = self.pause_until.is_some_and(|until| !until.is_zero())
            || self.priority_policy != PriorityPolicy::None
            || self.priority_timeout > 0
            || !self.priority_groups.is_empty();
        u64::from(first)
    }

    /// Writes the level into the metadata, which is how it is stored.
    pub fn set_required_level(&mut self) {
        let level = self.required_level();
        metadata::set_required_level(&mut self.metadata, level);
    }

    /// Takes out what only the server writes.
    pub fn strip_server_metadata(&mut self) {
        metadata::strip(&mut self.metadata);
    }

    /// As responses about one consumer show it, with the version of the server.
    #[must_use]
    pub fn shown(&self) -> ConsumerConfig {
        let mut shown = self.clone();
        metadata::add_server(&mut shown.metadata);
        shown
    }

    /// Whether both are the same but for what the server writes.
    #[must_use]
    pub fn is_same(&self, other: &ConsumerConfig) -> bool {
        let stripped = |config: &ConsumerConfig| {
            let mut config = config.clone();
            metadata::strip(&mut config.metadata);
            config
        };
        stripped(self) == stripped(other)
    }
}
