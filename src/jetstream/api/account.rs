//! `INFO`: what an account uses and may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Response;
use crate::json::{is_default, is_empty_map};

/// What an account may use: `-1` is "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountLimits {
    /// Bytes.
    pub max_memory: i64,
    /// Bytes.
    #[serde(rename = "max_storage")]
    pub max_store: i64,
    pub max_streams: i64,
    /// Of one stream.
    pub max_consumers: i64,
    /// Of one consumer.
    pub max_ack_pending: i64,
    #[serde(rename = "memory_max_stream_bytes")]
    pub memory_max_stream_bytes: i64,
    #[serde(rename = "storage_max_stream_bytes")]
    pub store_max_stream_bytes: i64,
    /// A stream has to say how large it gets.
    pub max_bytes_required: bool,
}

/// What an account uses, and its limits, with one number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tier {
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    #[serde(rename = "storage")]
    pub store: u64,
    pub reserved_memory: u64,
    #[serde(rename = "reserved_storage")]
    pub reserved_store: u64,
    pub streams: u64,
    pub consumers: u64,
    pub limits: AccountLimits,
}

/// Calls of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiStats {
    pub level: u64,
    pub total: u64,
    pub errors: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub inflight: u64,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    /// The sum of the tiers, if there are any.
    #[serde(flatten)]
    pub usage: Tier,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub api: ApiStats,
    /// By name, such as `R1`.
    #[serde(skip_serializing_if = "is_empty_map")]
    pub tiers: BTreeMap<String, Tier>,
}

// === impl AccountLimits ===

impl AccountLimits {
    pub const UNLIMITED: AccountLimits = AccountLimits {
        max_memory: -1,
        max_store: -1,
        max_streams: -1,
        max_consumers: -1,
        max_ack_pending: -1,
        memory_max_stream_bytes: -1,
        store_max_stream_bytes: -1,
        max_bytes_required: false,
    };
}

// === impl Response ===

impl Response for AccountInfo {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.account_info_response";
}
