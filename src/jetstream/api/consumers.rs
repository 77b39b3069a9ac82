//! `CONSUMER.CREATE`, `NAMES`, `LIST`, `INFO`, `DELETE`, `PAUSE`, `UNPIN`, `RESET`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Page, Response};
use crate::consumer::{ConsumerConfig, ConsumerInfo};
use crate::json::{is_default, is_empty_map, is_empty_vec};
use crate::time::Time;

/// What a request to create may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    Create,
    Update,
}

/// Body of `CONSUMER.CREATE.<stream>...` and `CONSUMER.DURABLE.CREATE.<stream>.<durable>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerCreate {
    #[serde(rename = "stream_name")]
    pub stream: String,
    pub config: ConsumerConfig,
    pub action: Action,
    /// Refuse what would be adjusted.
    #[serde(skip_serializing_if = "is_default")]
    pub pedantic: bool,
}

/// Body of `CONSUMER.NAMES.<stream>` and `CONSUMER.LIST.<stream>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumersRequest {
    pub offset: i64,
}

/// Body of `CONSUMER.PAUSE.<stream>.<consumer>`; without a time it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerPause {
    #[serde(skip_serializing_if = "is_default")]
    pub pause_until: Time,
}

/// Body of `CONSUMER.UNPIN.<stream>.<consumer>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerUnpin {
    pub group: String,
}

/// Body of `CONSUMER.RESET.<stream>.<consumer>`; 0 is back to what is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerReset {
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
}

/// Answer to `CONSUMER.CREATE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsumerCreateResponse {
    pub info: ConsumerInfo,
}

/// Answer to `CONSUMER.INFO`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsumerInfoResponse {
    pub info: ConsumerInfo,
}

/// Answer to `CONSUMER.RESET`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerResetResponse {
    #[serde(flatten)]
    pub info: Option<ConsumerInfo>,
    /// Where it goes on.
    pub reset_seq: u64,
}

/// Answer to `CONSUMER.NAMES`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerNames {
    #[serde(flatten)]
    pub page: Page,
    pub consumers: Vec<String>,
}

/// Answer to `CONSUMER.LIST`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerList {
    #[serde(flatten)]
    pub page: Page,
    pub consumers: Vec<ConsumerInfo>,
    /// Consumers that did not answer in time.
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub missing: Vec<String>,
    /// Consumers that this server can't run, and why.
    #[serde(skip_serializing_if = "is_empty_map")]
    pub offline: BTreeMap<String, String>,
}

/// Answer to `CONSUMER.DELETE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerDeleteResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
}

/// Answer to `CONSUMER.PAUSE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerPauseResponse {
    pub paused: bool,
    pub pause_until: Time,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub pause_remaining: i64,
}

/// Answer to `CONSUMER.UNPIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConsumerUnpinResponse {}

/// Answer to `CONSUMER.LEADER.STEPDOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLeaderStepdown {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
}

// === impl Response ===

impl Response for ConsumerCreateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_create_response";
}

impl Response for ConsumerInfoResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_info_response";
}

impl Response for ConsumerResetResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_reset_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for ConsumerNames {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_names_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for ConsumerList {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_list_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for ConsumerDeleteResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_delete_response";
}

impl Response for ConsumerPauseResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_pause_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for ConsumerUnpinResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_unpin_response";
}

impl Response for ConsumerLeaderStepdown {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_leader_stepdown_response";
}
