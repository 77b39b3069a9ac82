//! The configuration of a stream, with the JSON names and the order the API has for its fields.
//!
//! A value as a client sent it becomes one the server works with through normalisation, and is
//! checked by the rules for creation and update; this file only gives it a shape.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Compression, Discard, PersistMode, Retention, Storage, StreamSource};
use crate::json::{is_default, is_empty_map, is_empty_vec};

/// What a stream is. Times are nanoseconds, sizes bytes, `-1` is "no limit".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamConfig {
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// Patterns whose messages are stored; none for a mirror.
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub subjects: Vec<String>,
    pub retention: Retention,
    pub max_consumers: i64,
    pub max_msgs: i64,
    pub max_bytes: i64,
    /// Nanoseconds; 0 is for ever.
    pub max_age: i64,
    pub max_msgs_per_subject: i64,
    /// Of headers and payload together.
    pub max_msg_size: i32,
    pub discard: Discard,
    pub storage: Storage,
    pub num_replicas: i64,
    /// Publishers get no answer.
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// How long message ids are remembered, in nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate_window: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSource>,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub sources: Vec<StreamSource>,
    pub compression: Compression,
    /// Sequence of the first message; 0 is 1.
    #[serde(skip_serializing_if = "is_default")]
    pub first_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Answers `DIRECT.GET`.
    pub allow_direct: bool,
    /// Answers `DIRECT.GET` of its origin.
    pub mirror_direct: bool,
    /// With [`Discard::New`]: also at the limit of one subject.
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    /// Takes nothing new and loses nothing any more.
    pub sealed: bool,
    pub deny_delete: bool,
    pub deny_purge: bool,
    #[serde(rename = "allow_rollup_hdrs")]
    pub allow_rollup: bool,
    pub consumer_limits: ConsumerLimits,
    pub allow_msg_ttl: bool,
    /// How long the marker of a removed subject stays, in nanoseconds; 0 is no marker.
    #[serde(skip_serializing_if = "is_default")]
    pub subject_delete_marker_ttl: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_counter: bool,
    /// Batches that are stored as a whole or not at all.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_atomic: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_schedules: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub persist_mode: PersistMode,
    /// Fast-ingest batches.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_batched: bool,
    #[serde(skip_serializing_if = "is_empty_map")]
    pub metadata: BTreeMap<String, String>,
}

/// Where the replicas of a stream are put.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub tags: Vec<String>,
    /// Only in requests for another leader.
    #[serde(skip_serializing_if = "is_default")]
    pub preferred: String,
}

/// A pattern and what its subjects become.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    pub src: String,
    pub dest: String,
}

/// What is published again once it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    #[serde(skip_serializing_if = "is_default")]
    pub src: String,
    pub dest: String,
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
}

/// Defaults and limits for the consumers of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
}
