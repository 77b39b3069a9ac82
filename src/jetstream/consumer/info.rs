//! What the API tells about a consumer.

use serde::{Deserialize, Serialize};

use super::ConsumerConfig;
use crate::json::{is_default, is_empty_vec};
use crate::stream::ClusterInfo;
use crate::time::Time;

/// A consumer as `CONSUMER.INFO` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerInfo {
    #[serde(rename = "stream_name")]
    pub stream: String,
    pub name: String,
    pub created: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConsumerConfig>,
    pub delivered: SequenceInfo,
    pub ack_floor: SequenceInfo,
    /// Delivered and not acknowledged.
    pub num_ack_pending: u64,
    pub num_redelivered: u64,
    /// Pull requests that wait.
    pub num_waiting: u64,
    /// Messages to come.
    pub num_pending: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub push_bound: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub paused: bool,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub pause_remaining: i64,
    /// When this was true.
    #[serde(rename = "ts")]
    pub at: Time,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub priority_groups: Vec<PriorityGroupState>,
}

/// A place in a consumer and in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SequenceInfo {
    #[serde(rename = "consumer_seq")]
    pub consumer: u64,
    #[serde(rename = "stream_seq")]
    pub stream: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active: Option<Time>,
}

/// Who is pinned in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PriorityGroupState {
    pub group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub pinned_client_id: String,
    pub pinned_ts: Time,
}
