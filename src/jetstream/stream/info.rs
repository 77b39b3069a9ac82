//! What the API tells about a stream.

use serde::{Deserialize, Serialize};

use super::{ExternalStream, StreamConfig, StreamState, SubjectTransform};
use crate::error::ApiError;
use crate::json::{is_default, is_empty_vec};
use crate::time::Time;

/// A stream as `STREAM.INFO` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfo {
    pub config: StreamConfig,
    pub created: Time,
    pub state: StreamState,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSourceInfo>,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub sources: Vec<StreamSourceInfo>,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub alternates: Vec<Alternate>,
    /// When this was true.
    #[serde(rename = "ts")]
    pub at: Time,
}

/// How a mirror or source gets on with its origin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSourceInfo {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// Messages behind.
    pub lag: u64,
    /// Nanoseconds since it was heard of; -1 is never.
    pub active: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub subject_transforms: Vec<SubjectTransform>,
}

/// Who keeps a stream or consumer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub raft_group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub leader: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_since: Option<Time>,
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub traffic_account: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub replicas: Vec<PeerInfo>,
}

/// A server that keeps a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerInfo {
    pub name: String,
    pub current: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub offline: bool,
    /// Nanoseconds since it was heard of.
    pub active: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub lag: u64,
    pub peer: String,
}

/// A mirror that may answer in the place of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alternate {
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub cluster: String,
}
