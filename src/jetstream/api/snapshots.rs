//! `STREAM.SNAPSHOT` and `STREAM.RESTORE`: a stream as a file, and back.

use serde::{Deserialize, Serialize};

use super::Response;
use crate::json::is_default;
use crate::stream::{StreamConfig, StreamState};

/// Body of `STREAM.SNAPSHOT.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Where the chunks go.
    pub deliver_subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub no_consumers: bool,
    /// Bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub chunk_size: i64,
    /// Bytes on their way.
    #[serde(skip_serializing_if = "is_default")]
    pub window_size: i64,
    /// Check the messages first.
    #[serde(rename = "jsck", skip_serializing_if = "is_default")]
    pub check: bool,
}

/// Answer to `STREAM.SNAPSHOT`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SnapshotResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<StreamConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StreamState>,
}

/// Body of `STREAM.RESTORE.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Restore {
    pub config: StreamConfig,
    pub state: StreamState,
}

/// Answer to `STREAM.RESTORE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreResponse {
    /// Where to send the chunks.
    pub deliver_subject: String,
}

// === impl Response ===

impl Response for SnapshotResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_snapshot_response";
}

impl Response for RestoreResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_restore_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}
