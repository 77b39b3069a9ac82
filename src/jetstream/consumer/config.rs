//! The configuration of a consumer, with the JSON names and the order the API has for its fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
use crate::json::{is_default, is_empty_map, is_empty_vec};
use crate::time::Time;

/// What a consumer is. Times are nanoseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerConfig {
    /// The name of one that outlives its clients; empty for one that does not.
    #[serde(rename = "durable_name", skip_serializing_if = "is_default")]
    pub durable: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    pub deliver_policy: DeliverPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Time>,
    pub ack_policy: AckPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub backoff: Vec<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub filter_subjects: Vec<String>,
    pub replay_policy: ReplayPolicy,
    /// Bits in a second.
    #[serde(rename = "rate_limit_bps", skip_serializing_if = "is_default")]
    pub rate_limit: u64,
    /// Percent of acknowledgements that are reported, such as `30` or `30%`.
    #[serde(skip_serializing_if = "is_default")]
    pub sample_freq: String,
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_expires: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// Where a push consumer sends; empty for a pull consumer.
    #[serde(skip_serializing_if = "is_default")]
    pub deliver_subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub deliver_group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub idle_heartbeat: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: i64,
    /// 0 is as many as the stream has.
    pub num_replicas: i64,
    #[serde(rename = "mem_storage", skip_serializing_if = "is_default")]
    pub memory_storage: bool,
    /// Made by a server for a mirror or source, and hidden.
    #[serde(skip_serializing_if = "is_default")]
    pub direct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub sourcing: bool,
    #[serde(skip_serializing_if = "is_empty_map")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Time>,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub priority_groups: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub priority_policy: PriorityPolicy,
    /// After what silence another client is pinned.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_timeout: i64,
}

// === impl ConsumerConfig ===

impl ConsumerConfig {
    /// Whether messages are sent unasked.
    #[must_use]
    pub fn is_push(&self) -> bool {
        !self.deliver_subject.is_empty()
    }

    #[must_use]
    pub fn is_durable(&self) -> bool {
        !self.durable.is_empty()
    }

    /// The subjects it wants; none is all.
    #[must_use]
    pub fn filters(&self) -> &[String] {
        if self.filter_subject.is_empty() {
            &self.filter_subjects
        } else {
            std::slice::from_ref(&self.filter_subject)
        }
    }
}
