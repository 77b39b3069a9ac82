//! `STREAM.MSG.GET`, `STREAM.MSG.DELETE`, `STREAM.PURGE`: single messages, and many at once.

use serde::{Deserialize, Serialize};

use super::Response;
use crate::base64::Base64;
use crate::json::is_default;
use crate::time::Time;

/// Body of `STREAM.MSG.GET.<stream>`: which message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgGet {
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
    /// The last message of a subject (or pattern).
    #[serde(rename = "last_by_subj", skip_serializing_if = "is_default")]
    pub last_for: String,
    /// The first message of a subject (or pattern) from [`MsgGet::seq`] or its time on.
    #[serde(rename = "next_by_subj", skip_serializing_if = "is_default")]
    pub next_for: String,
    #[serde(skip_serializing_if = "is_default")]
    pub batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// The last message of each subject that matches one of these.
    #[serde(rename = "multi_last", skip_serializing_if = "Vec::is_empty")]
    pub multi_last_for: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub up_to_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to_time: Option<Time>,
    /// Leave headers out.
    #[serde(rename = "no_hdr", skip_serializing_if = "is_default")]
    pub no_headers: bool,
}

/// Answer to `STREAM.MSG.GET`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgGetResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<StoredMessage>,
}

/// A message as JSON shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredMessage {
    pub subject: String,
    pub seq: u64,
    /// The whole block, with its first line.
    #[serde(rename = "hdrs", skip_serializing_if = "Base64::is_empty")]
    pub headers: Base64,
    #[serde(skip_serializing_if = "Base64::is_empty")]
    pub data: Base64,
    pub time: Time,
}

/// Body of `STREAM.MSG.DELETE.<stream>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgDelete {
    pub seq: u64,
    /// Don't overwrite its bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub no_erase: bool,
}

/// Answer to `STREAM.MSG.DELETE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgDeleteResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
}

/// Body of `STREAM.PURGE.<stream>`: everything, if it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Purge {
    /// Only messages before this one.
    #[serde(rename = "seq", skip_serializing_if = "is_default")]
    pub sequence: u64,
    /// All but this many.
    #[serde(skip_serializing_if = "is_default")]
    pub keep: u64,
    /// Only subjects that match.
    #[serde(rename = "filter", skip_serializing_if = "is_default")]
    pub subject: String,
}

/// Answer to `STREAM.PURGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PurgeResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
    /// Messages removed.
    pub purged: u64,
}

// === impl Response ===

impl Response for MsgGetResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_msg_get_response";
}

impl Response for MsgDeleteResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_msg_delete_response";
}

impl Response for PurgeResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_purge_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}
