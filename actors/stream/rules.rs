//! The configuration of a stream, made ready to be applied to every message.

use std::sync::Arc;

use vagus_jetstream::stream::{Discard, Retention, Storage, StreamConfig};
use vagus_subject::transform::{Kind, Transform, TransformError};
use vagus_subject::{is_valid_literal, overlaps};

use super::retention::Rule;

/// See the module's text. Limits that are `None` don't hold.
pub(super) struct Rules {
    pub config: Arc<StreamConfig>,
    pub max_msgs: Option<u64>,
    pub max_bytes: Option<u64>,
    pub max_msgs_per_subject: Option<u64>,
    pub max_msg_size: Option<usize>,
    /// Nanoseconds.
    pub max_age: Option<i64>,
    /// Nanoseconds that the marker of an emptied subject stays.
    pub marker_ttl: Option<i64>,
    pub discard_new: bool,
    pub in_memory: bool,
    pub rollup: bool,
    pub transform: Option<Transform>,
    pub republish: Option<Republish>,
}

/// What is published again, and as what.
pub(super) struct Republish {
    transform: Transform,
    pub headers_only: bool,
}

fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|value| *value > 0)
}

// === impl Rules ===

impl Rules {
    /// # Errors
    /// When a transform of the configuration can't be read.
    pub(super) fn new(config: StreamConfig) -> Result<Self, TransformError> {
        let transform = match &config.subject_transform {
            Some(one) => {
                Some(Transform::new(one.src.as_bytes(), one.dest.as_bytes(), Kind::Stream)?)
            }
            None => None,
        };
        let republish = Republish::of(&config)?;
        Ok(Self {
            max_msgs: limit(config.max_msgs),
            max_bytes: limit(config.max_bytes),
            max_msgs_per_subject: limit(config.max_msgs_per_subject),
            max_msg_size: usize::try_from(config.max_msg_size).ok(),
            max_age: Some(config.max_age).filter(|age| *age > 0 && !config.sealed),
            marker_ttl: Some(config.subject_delete_marker_ttl).filter(|ttl| *ttl > 0),
            discard_new: config.discard == Discard::New,
            in_memory: config.storage == Storage::Memory,
            rollup: config.allow_rollup && !config.deny_purge,
            transform,
            republish,
            config: Arc::new(config),
        })
    }

    pub(super) fn retention(&self) -> Rule {
        match self.config.retention {
            Retention::Limits => Rule::Limits,
            Retention::Interest => Rule::Interest,
            Retention::WorkQueue => Rule::WorkQueue,
        }
    }

    /// Whether messages to this subject (or to some of this pattern) belong here.
    pub(super) fn takes(&self, subject: &[u8]) -> bool {
        self.config.subjects.iter().any(|own| overlaps(own.as_bytes(), subject))
    }

    /// Bytes that a message counts for.
    pub(super) fn weight(&self, subject: usize, headers: usize, payload: usize) -> u64 {
        let size = match (self.in_memory, headers) {
            (true, _) => 16 + subject + headers + payload,
            (false, 0) => 30 + subject + payload,
            (false, _) => 30 + subject + 4 + headers + payload,
        };
        size as u64
    }
}

// === impl Republish ===

impl Republish {
    fn of(config: &StreamConfig) -> Result<Option<Self>, TransformError> {
        let Some(one) = &config.republish else { return Ok(None) };
        let (src, dest) = (one.src.as_bytes(), one.dest.as_bytes());
        let transform = Transform::new(src, dest, Kind::Republish)?;
        Ok(Some(Self { transform, headers_only: one.headers_only }))
    }

    /// The subject under which a stored message is published; `None`: it is not.
    pub(super) fn subject(&self, stored: &[u8], rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        self.transform.apply(stored, rng).filter(|subject| is_valid_literal(subject))
    }
}
