//! [`ServerInfo`]: the server, as every event and answer of the system names it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use vagus_telemetry::text::GoTime;

/// Who the server is, and what its configuration says of it.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    pub name: String,
    pub host: String,
    /// Its NKEY.
    pub id: String,
    pub cluster: Option<String>,
    pub domain: Option<String>,
    /// The release whose behaviour it has.
    pub version: String,
    pub tags: Vec<String>,
    pub metadata: BTreeMap<String, String>,
    pub feature_flags: BTreeMap<String, bool>,
    pub jetstream: bool,
}

/// See the module's text. In the order of nats-server.
#[derive(Debug, Serialize)]
pub struct ServerInfo<'a> {
    name: &'a str,
    host: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    ver: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    feature_flags: &'a BTreeMap<String, bool>,
    jetstream: bool,
    flags: u64,
    /// The number of the message, among all that this server sends as the system.
    seq: u64,
    time: String,
}

/// What the server says when it is only asked who it is.
#[derive(Debug, Serialize)]
pub(super) struct Name<'a> {
    name: &'a str,
    host: &'a str,
    id: &'a str,
}

/// JetStream, snapshots of streams as bytes, replication in any account.
const WITH_JETSTREAM: u64 = 1 | 2 | 4;

// === impl Profile ===

impl Profile {
    #[must_use]
    pub fn info(&self, seq: u64) -> ServerInfo<'_> {
        ServerInfo {
            name: &self.name,
            host: &self.host,
            id: &self.id,
            cluster: self.cluster.as_deref(),
            domain: self.domain.as_deref(),
            ver: &self.version,
            tags: &self.tags,
            metadata: &self.metadata,
            feature_flags: &self.feature_flags,
            jetstream: self.jetstream,
            flags: if self.jetstream { WITH_JETSTREAM } else { 0 },
            seq,
            time: GoTime(SystemTime::now()).to_string(),
        }
    }

    pub(super) fn named(&self) -> Name<'_> {
        Name { name: &self.name, host: &self.host, id: &self.id }
    }
}
