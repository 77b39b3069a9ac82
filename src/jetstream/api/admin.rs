//! Requests that only a cluster, or only the system account, can ask for.

use serde::{Deserialize, Serialize};

use super::Response;
use crate::json::{is_default, is_empty_vec};
use crate::stream::Placement;

/// Body of `STREAM.LEADER.STEPDOWN`, `CONSUMER.LEADER.STEPDOWN` and `META.LEADER.STEPDOWN`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaderStepdown {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

/// Body of `STREAM.PEER.REMOVE.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerRemove {
    /// Name or id of a server.
    pub peer: String,
}

/// Body of `SERVER.REMOVE`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerRemove {
    /// Name of a server.
    #[serde(rename = "peer")]
    pub server: String,
    #[serde(rename = "peer_id", skip_serializing_if = "is_default")]
    pub peer: String,
}

/// Body of `ACCOUNT.STREAM.MOVE.<account>.<stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamMove {
    #[serde(skip_serializing_if = "is_default")]
    pub server: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    #[serde(skip_serializing_if = "is_empty_vec")]
    pub tags: Vec<String>,
}

/// Answer to `ACCOUNT.PURGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountPurgeResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub initiated: bool,
}

macro_rules! success {
    ($(#[doc = $doc:literal] $name:ident = $kind:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            #[serde(skip_serializing_if = "is_default")]
            pub success: bool,
        }

        impl Response for $name {
            const TYPE: &'static str = concat!("io.nats.jetstream.api.v1.", $kind);
        }
    )*};
}

success! {
    /// Answer to `STREAM.PEER.REMOVE`.
    PeerRemoveResponse = "stream_remove_peer_response";
    /// Answer to `STREAM.LEADER.STEPDOWN`.
    StreamLeaderStepdown = "stream_leader_stepdown_response";
    /// Answer to `META.LEADER.STEPDOWN`.
    MetaLeaderStepdown = "meta_leader_stepdown_response";
    /// Answer to `SERVER.REMOVE`.
    ServerRemoveResponse = "meta_server_remove_response";
}

// === impl Response ===

impl Response for AccountPurgeResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.account_purge_response";
}
