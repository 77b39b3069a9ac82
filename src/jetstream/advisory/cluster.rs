//! About the server itself, and about servers that keep streams together.

use serde::Serialize;

use super::{ADVISORIES, event};
use crate::json::is_default;
use crate::stream::PeerInfo;

/// A stream has a leader.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StreamLeaderElected<'a> {
    /// Only in the copy for the system.
    #[serde(skip_serializing_if = "is_default")]
    pub account: &'a str,
    pub stream: &'a str,
    pub leader: &'a str,
    pub replicas: &'a [PeerInfo],
}

/// A stream has too few replicas to go on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StreamQuorumLost<'a> {
    /// Only in the copy for the system.
    #[serde(skip_serializing_if = "is_default")]
    pub account: &'a str,
    pub stream: &'a str,
    pub replicas: &'a [PeerInfo],
}

/// A consumer has a leader.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConsumerLeaderElected<'a> {
    /// Only in the copy for the system.
    #[serde(skip_serializing_if = "is_default")]
    pub account: &'a str,
    pub stream: &'a str,
    pub consumer: &'a str,
    pub leader: &'a str,
    pub replicas: &'a [PeerInfo],
}

/// A consumer has too few replicas to go on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConsumerQuorumLost<'a> {
    /// Only in the copy for the system.
    #[serde(skip_serializing_if = "is_default")]
    pub account: &'a str,
    pub stream: &'a str,
    pub consumer: &'a str,
    pub replicas: &'a [PeerInfo],
}

/// Somebody leads the servers of a domain.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DomainLeaderElected<'a> {
    /// Its id.
    pub leader: &'a str,
    pub replicas: &'a [PeerInfo],
    pub cluster: &'a str,
}

/// The disk of a server is full.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ServerOutOfStorage<'a> {
    pub server: &'a str,
    pub server_id: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    pub stream: &'a str,
    pub cluster: &'a str,
}

/// A server left for good.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ServerRemoved<'a> {
    pub server: &'a str,
    pub server_id: &'a str,
    pub cluster: &'a str,
}

/// Calls came faster than they could be answered, and were dropped.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ApiLimitReached<'a> {
    pub server: &'a str,
    pub dropped: u64,
}

event!(StreamLeaderElected = "advisory.v1.stream_leader_elected", |event| {
    format!("{ADVISORIES}.STREAM.LEADER_ELECTED.{}", event.stream)
});
event!(StreamQuorumLost = "advisory.v1.stream_quorum_lost", |event| {
    format!("{ADVISORIES}.STREAM.QUORUM_LOST.{}", event.stream)
});
event!(ConsumerLeaderElected = "advisory.v1.consumer_leader_elected", |event| {
    format!("{ADVISORIES}.CONSUMER.LEADER_ELECTED.{}.{}", event.stream, event.consumer)
});
event!(ConsumerQuorumLost = "advisory.v1.consumer_quorum_lost", |event| {
    format!("{ADVISORIES}.CONSUMER.QUORUM_LOST.{}.{}", event.stream, event.consumer)
});
event!(DomainLeaderElected = "advisory.v1.domain_leader_elected", |_event| {
    format!("{ADVISORIES}.DOMAIN.LEADER_ELECTED")
});
event!(ServerOutOfStorage = "advisory.v1.server_out_of_space", |_event| {
    format!("{ADVISORIES}.SERVER.OUT_OF_STORAGE")
});
event!(ServerRemoved = "advisory.v1.server_removed", |_event| {
    format!("{ADVISORIES}.SERVER.REMOVED")
});
event!(ApiLimitReached = "advisory.v1.api_limit_reached", |_event| {
    format!("{ADVISORIES}.API.LIMIT_REACHED")
});
