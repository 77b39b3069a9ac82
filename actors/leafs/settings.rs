//! What configuration says of leaf nodes.

use std::sync::Arc;
use std::time::Duration;

use vagus_auth::{Authenticator, GLOBAL_ACCOUNT};
use vagus_config::{Compression, LeafRemote};
use vagus_tls::{ClientTls, ServerTls};
use vagus_wire::leaf::LeafInfo;

/// See the module's text.
pub struct LeafSettings {
    /// What the other end is told; the link fills in its own fields.
    pub info: LeafInfo,
    /// Where leaf nodes reach this server, as those of other servers of the cluster are told it.
    pub advertised: Vec<String>,
    /// Those who may be leaf nodes, where they are not users as clients are.
    pub authenticator: Option<Arc<Authenticator>>,
    /// `None`: leaf nodes do without TLS.
    pub tls: Option<Arc<ServerTls>>,
    pub auth_timeout: Duration,
    /// Time between two attempts to connect, at least.
    pub reconnect: Duration,
    pub dial_timeout: Duration,
    /// The release that a leaf node must have at least: what is said of it, and in numbers.
    pub min_version: Option<(String, [u64; 3])>,
    /// Leaf nodes are not told what others are interested in.
    pub isolate: bool,
    /// Of links that others have made.
    pub compression: Compression,
    pub ping_interval: Duration,
    pub ping_max: u32,
    /// Most bytes that may wait for the other end.
    pub pending_max: usize,
}

/// A server whose leaf node this one is.
#[derive(Debug)]
pub struct Remote {
    pub wanted: LeafRemote,
    /// Where the configuration has TLS for it.
    pub tls: Option<Arc<ClientTls>>,
}

// === impl LeafSettings ===

impl LeafSettings {
    /// The name by which leaf nodes of one cluster are told from others: that of the server's
    /// cluster, or its own.
    #[must_use]
    pub fn cluster(&self, known: Option<String>) -> String {
        known.filter(|name| !name.is_empty()).unwrap_or_else(|| self.info.server_name.clone())
    }
}

// === impl Remote ===

impl Remote {
    /// The account here that the link serves.
    #[must_use]
    pub fn account(&self) -> &str {
        self.wanted.account.as_deref().unwrap_or(GLOBAL_ACCOUNT)
    }
}

/// What was read from files does not count.
impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}
