//! The JSON of trace events, in the order of nats-server.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use vagus_telemetry::text::GoTime;

/// What kind a connection is of, as events number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Client = 0,
    Router = 1,
    Gateway = 2,
    Leaf = 4,
    /// What runs in the server.
    Account = 6,
}

// === impl Kind ===

impl Kind {
    /// Of a server of that other cluster, or of our own.
    #[must_use]
    pub fn of_server(cluster: Option<&str>) -> Self {
        if cluster.is_some() { Self::Gateway } else { Self::Router }
    }
}

/// One thing that became of a message. All types of events in one: each has some of the fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind_of: String,
    pub ts: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nointerest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subj: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The message, as it came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub header: BTreeMap<String, Vec<String>>,
    /// Bytes of headers and payload.
    pub msgsize: usize,
}

/// What a server tells of a message.
#[derive(Serialize)]
pub(super) struct Report<'a, S> {
    pub server: S,
    pub request: &'a Request,
    /// To so many servers it went on.
    #[serde(skip_serializing_if = "is_zero")]
    pub hops: u32,
    pub events: &'a [Event],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Event {
    pub(super) fn new(kind_of: &str) -> Self {
        let ts = GoTime(SystemTime::now()).to_string();
        Self { kind_of: kind_of.to_owned(), ts, ..Self::default() }
    }
}

/// Why somebody did not get a message.
#[expect(unreachable_pub, reason = "a table of words, as public as its module")]
pub(super) mod errors {
    pub const NO_ECHO: &str = "Not delivered because of no echo";
    pub const SUB_DENIES: &str = "Not delivered because subscription denies this subject";
    pub const SUB_CLOSED: &str = "Not delivered because subscription is closed";
    pub const CLIENT_CLOSED: &str = "Not delivered because client is closed";
    pub const AUTO_UNSUBSCRIBED: &str = "Not delivered because auto-unsubscribe exceeded";
    pub const TOO_SLOW: &str =
        "Not delivered because fast producer not stalled and consumer is slow";
}
