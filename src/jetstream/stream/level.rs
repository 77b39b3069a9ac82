//! What a stream needs of the server, and the metadata the server writes about that.

use super::{PersistMode, StreamConfig};
use crate::metadata;

// === impl StreamConfig ===

impl StreamConfig {
    /// The level of the API that everything in it needs.
    #[must_use]
    pub fn required_level(&self) -> u64 {
        if self.allow_batched {
            return 4;
        }
        let second = self.allow_msg_counter
            || self.allow_atomic
            || self.allow_msg_schedules
            || self.persist_mode == PersistMode::Async;
        if second {
            return 2;
        }
        u64::from(self.allow_msg_ttl || self.subject_delete_marker_ttl > 0)
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

    /// As responses about one stream show it, with the version of the server.
    #[must_use]
    pub fn shown(&self) -> StreamConfig {
        let mut shown = self.clone();
        metadata::add_server(&mut shown.metadata);
        shown
    }

    /// Whether both are the same but for what the server writes.
    #[must_use]
    pub fn is_same(&self, other: &StreamConfig) -> bool {
        let stripped = |config: &StreamConfig| {
            let mut config = config.clone();
            metadata::strip(&mut config.metadata);
            config
        };
        stripped(self) == stripped(other)
    }
}
