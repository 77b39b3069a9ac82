//! Who asks: what a service of another account, or an event, is told of a client.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vagus_wire::headers;

use crate::delivery::{Outbound, Target};
use crate::realm::ServiceImport;

/// Name of the header that says who asks. Only the first of this name counts: the server writes
/// it in front.
pub const HEADER: &[u8] = b"Nats-Request-Info";

/// A client as services, audits and events are shown it, in the order of nats-server. No field
/// holds what a client proves itself with: not its password, not its token, and not its JWT.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acc: Option<String>,
    /// The account through which the request came, if not directly from `acc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub svc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ver: Option<String>,
    /// In nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_tag: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
}

/// A client that publishes.
pub trait Asker {
    /// All that may be told of it.
    fn info(&self) -> ClientInfo;
    /// Whether it hears what it says itself.
    fn hears_itself(&self) -> bool;
    fn out(&self) -> &Arc<Outbound>;
}

/// Who a message comes from.
#[derive(Clone, Copy)]
pub enum Speaker<'a> {
    /// The server, or what runs in it.
    Server,
    Client(&'a dyn Asker),
    /// Someone in another realm, as far as that is told on.
    Passed(&'a ClientInfo, Option<&'a Arc<Outbound>>),
}

// === impl ClientInfo ===

impl ClientInfo {
    /// Its account; empty if nobody said.
    #[must_use]
    pub fn account(&self) -> &str {
        self.acc.as_deref().unwrap_or_default()
    }

    /// A header block that begins with this, and goes on with `block`.
    #[must_use]
    pub fn put_before(&self, block: Option<&[u8]>) -> Vec<u8> {
        let own = serde_json::to_vec(self).unwrap_or_default();
        let mut out = [b"NATS/1.0\r\n", HEADER, b": ", &own, b"\r\n"].concat();
        for (name, value) in block.into_iter().flat_map(headers::iter) {
            if name != HEADER {
                out.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
            }
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// As much as is told without being asked to share it.
    fn reduced(self) -> Self {
        Self { acc: self.acc, rtt: self.rtt, ..Self::default() }
    }
}

// === impl Speaker ===

impl<'a> Speaker<'a> {
    /// All that is known.
    #[must_use]
    pub fn info(self) -> ClientInfo {
        match self {
            Self::Server => ClientInfo::default(),
            Self::Client(asker) => asker.info(),
            Self::Passed(info, _) => info.clone(),
        }
    }

    /// Its connection.
    #[must_use]
    pub fn out(self) -> Option<&'a Arc<Outbound>> {
        match self {
            Self::Server => None,
            Self::Client(asker) => Some(asker.out()),
            Self::Passed(_, out) => out,
        }
    }

    /// Whether `target` is the speaker itself, who does not want to hear what it says.
    #[must_use]
    pub(in crate::delivery) fn is_own_echo(self, target: &Target) -> bool {
        match (self, target) {
            (Self::Client(asker), Target::Connection(out)) => {
                !asker.hears_itself() && out.cid == asker.out().cid
            }
            _ => false,
        }
    }

    /// Headers that say who speaks, for an actor that is told: those of a message that crossed say
    /// so already.
    pub(in crate::delivery) fn signed(self, block: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Self::Client(asker) => Some(asker.info().put_before(block)),
            Self::Server | Self::Passed(..) => None,
        }
    }

    /// What the service behind `import` is told.
    pub(super) fn info_for(self, import: &ServiceImport) -> ClientInfo {
        let importer = import.importer.name.to_string();
        match self {
            Self::Server => ClientInfo { acc: Some(importer), ..ClientInfo::default() },
            Self::Client(asker) if import.share => asker.info(),
            Self::Client(asker) => asker.info().reduced(),
            Self::Passed(info, _) => ClientInfo { svc: Some(importer), ..info.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_stands_in_front_and_nobody_can_pretend() {
        let info = ClientInfo { acc: Some("A".into()), rtt: Some(5), ..ClientInfo::default() };
        let own = "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"A\",\"rtt\":5}\r\n";
        let text = |block: Option<&[u8]>| String::from_utf8(info.put_before(block)).unwrap();
        assert_eq!(text(None), format!("{own}\r\n"));
        let forged = b"NATS/1.0\r\nA: 1\r\nNats-Request-Info: {}\r\nB: 2\r\n\r\n";
        assert_eq!(text(Some(forged)), format!("{own}A: 1\r\nB: 2\r\n\r\n"));
    }
}
