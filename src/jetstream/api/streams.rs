//! `STREAM.CREATE`, `UPDATE`, `NAMES`, `LIST`, `INFO`, `DELETE`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Page, Response};
use crate::error::ApiError;
use crate::json::{self, is_default, is_empty_map, is_empty_vec};
use crate::stream::{StreamConfig, StreamInfo};

/// Body of `STREAM.CREATE.<stream>` and `STREAM.UPDATE.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamCreate {
    pub config: StreamConfig,
    /// Refuse what would be adjusted.
    pub pedantic: bool,
}

/// Body of `STREAM.NAMES` and `STREAM.LIST`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamsRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub offset: i64,
    /// Only streams with a subject that overlaps with this one.
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
}

/// Body of `STREAM.INFO.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfoRequest {
    /// List the sequences that are gone.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted_details: bool,
    /// List the subjects that match.
    #[serde(skip_serializing_if = "is_default")]
    pub subjects_filter: String,
    #[serde(skip_serializing_if = "is_default")]
    pub offset: i64,
}

/// Answer to `STREAM.CREATE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamCreateResponse {
    #[serde(flatten)]
    pub info: StreamInfo,
    #[serde(skip_serializing_if = "is_default")]
    pub did_create: bool,
}

/// Answer to `STREAM.UPDATE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamUpdateResponse {
    pub info: StreamInfo,
}

/// Answer to `STREAM.NAMES`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamNames {
    #[serde(flatten)]
    pub page: Page,
    /// None at all is `null`.
    pub streams: Option<Vec<String>>,
}

/// Answer to `STREAM.LIST`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamList {
    #[serde(flatten)]
    pub page: Page,
    pub streams: Vec<StreamInfo>,
    /// Streams that did not answer in time.
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub missing: Vec<String>,
    /// Streams that this server can't run, and why.
    #[serde(skip_serializing_if = "is_empty_map")]
    pub offline: BTreeMap<String, String>,
}

/// Answer to `STREAM.INFO`. The page is about subjects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfoResponse {
    #[serde(flatten)]
    pub page: Page,
    #[serde(flatten)]
    pub info: Option<StreamInfo>,
}

/// Answer to `STREAM.DELETE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamDeleteResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
}

// === impl StreamCreate ===

impl StreamCreate {
    /// Reads a body; an empty one is a configuration without a name.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ApiError> {
        let (config, pedantic) = json::parse_pedantic(body, strict)?;
        Ok(StreamCreate { config, pedantic })
    }
}

// === impl Response ===

impl Response for StreamCreateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_create_response";
}

impl Response for StreamUpdateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_update_response";
}

impl Response for StreamNames {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_names_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for StreamList {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_list_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for StreamInfoResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_info_response";

    fn blank() -> Option<Self> {
        Some(Self::default())
    }
}

impl Response for StreamDeleteResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_delete_response";
}
