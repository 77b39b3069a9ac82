//! What configuration says of other clusters.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use vagus_runtime::cluster::hello::LinkSecret;
use vagus_tls::LinkTls;

use crate::cluster::Place;
use crate::route::Times;

/// See the module's text.
pub struct GatewaySettings {
    /// Of this start of the server.
    pub id: String,
    pub server_name: String,
    /// Of this cluster.
    pub name: String,
    /// Where other clusters reach this server: `host:port`.
    pub address: String,
    pub secret: LinkSecret,
    pub remotes: Vec<RemoteCluster>,
    pub auth_timeout: Duration,
    /// Attempts after the first to connect to a cluster that was heard of.
    pub connect_retries: u64,
    /// Wait longer after each failed attempt.
    pub connect_backoff: bool,
    /// Clusters that are not among `remotes` may not connect, and are not looked for.
    pub reject_unknown: bool,
    pub times: Times,
    /// Most bytes that may wait for another server.
    pub pending_max: usize,
}

/// TLS of links to other clusters. A reload puts other keys and certificates in force.
#[derive(Clone, Default)]
pub struct GatewayTls {
    /// Of those who connect, and of clusters that have no other.
    pub own: Option<Arc<LinkTls>>,
    /// Towards clusters, by name.
    pub remotes: HashMap<String, Arc<LinkTls>>,
}

// === impl GatewayTls ===

impl GatewayTls {
    /// What is spoken with a server of `cluster` that this one connects to.
    #[must_use]
    pub fn towards(&self, cluster: &str) -> Option<Arc<LinkTls>> {
        self.remotes.get(cluster).or(self.own.as_ref()).cloned()
    }
}

/// Another cluster, and where its servers are.
#[derive(Clone)]
pub struct RemoteCluster {
    pub name: String,
    pub places: Vec<Place>,
}
