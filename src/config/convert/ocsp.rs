//! What is asked about certificates: the server's own, for clients to see, and those of clients.

use std::time::Duration;

use super::{Builder, read};
use crate::config::{OcspCache, OcspMode, PeerStatus};
use crate::value::{Node, Value};

impl Builder {
    /// A switch, or a block.
    pub(super) fn ocsp(&mut self, node: &Node) {
        let map = match &node.value {
            Value::Bool(true) => return self.config.ocsp.mode = OcspMode::Auto,
            Value::Bool(false) => return self.config.ocsp.mode = OcspMode::Never,
            Value::Map(map) => map,
            _ => return,
        };
        for (name, node) in map.iter() {
            match (name.to_lowercase().as_str(), &node.value) {
                ("mode", Value::Text(text)) => match text.to_lowercase().as_str() {
                    "auto" => self.config.ocsp.mode = OcspMode::Auto,
                    "always" => self.config.ocsp.mode = OcspMode::Always,
                    "must" => self.config.ocsp.mode = OcspMode::Must,
                    "never" => self.config.ocsp.mode = OcspMode::Never,
                    _ => {
                        let why =
                            format!("error parsing ocsp config: unsupported ocsp mode {text:?}");
                        self.error(node, why);
                    }
                },
                ("url" | "urls", value) => {
                    let urls = read::texts(value).into_iter().map(str::to_owned);
                    self.config.ocsp.urls.extend(urls);
                }
                _ => {}
            }
        }
    }

    /// A switch, or a block.
    pub(super) fn ocsp_cache(&mut self, node: &Node) {
        let cache = &mut self.config.ocsp_cache;
        let map = match &node.value {
            Value::Bool(flag) => return *cache = OcspCache { none: !flag, ..OcspCache::default() },
            Value::Map(map) => map,
            _ => return,
        };
        for (name, node) in map.iter() {
            let cache = &mut self.config.ocsp_cache;
            match (name.to_lowercase().as_str(), &node.value) {
                ("type", Value::Text(text)) => match text.to_lowercase().as_str() {
                    "local" => cache.none = false,
                    "none" => cache.none = true,
                    _ => {
                        let why =
                            format!("error parsing OCSP peer cache config, unknown type [{text}]");
                        self.error(node, why);
                    }
                },
                ("local_store", Value::Text(text)) if !text.is_empty() => {
                    cache.local_store = text.into();
                }
                ("preserve_revoked", Value::Bool(flag)) => cache.preserve_revoked = *flag,
                _ => {}
            }
        }
    }
}

/// A switch, or a block with a switch.
pub(super) fn peer_status(value: &Value) -> Option<PeerStatus> {
    let map = match value {
        Value::Bool(flag) => return flag.then(PeerStatus::default),
        Value::Map(map) => map,
        _ => return None,
    };
    let (mut verify, mut peer) = (false, PeerStatus::default());
    // What is below zero changes nothing.
    let set = |time: &mut Duration, value: &Value| {
        let read = read::seconds(value).and_then(|time| Duration::try_from_secs_f64(time).ok());
        *time = read.unwrap_or(*time);
    };
    for (name, node) in map.iter() {
        match (name.to_lowercase().as_str(), &node.value) {
            ("verify", Value::Bool(flag)) => verify = *flag,
            ("warn_only", Value::Bool(flag)) => peer.warn_only = *flag,
            ("unknown_is_good", Value::Bool(flag)) => peer.unknown_is_good = *flag,
            ("allow_when_ca_unreachable", Value::Bool(flag)) => {
                peer.allow_when_ca_unreachable = *flag;
            }
            ("ca_timeout", value) => set(&mut peer.ca_timeout, value),
            ("allowed_clockskew", value) => set(&mut peer.allowed_clockskew, value),
            ("cache_ttl_when_next_update_unset", value) => set(&mut peer.ttl_without_end, value),
            _ => {}
        }
    }
    if peer.ca_timeout.is_zero() {
        peer.ca_timeout = PeerStatus::default().ca_timeout;
    }
    verify.then_some(peer)
}
