//! What configuration says of the cluster.

use std::time::Duration;

use vagus_config::Compression;
use vagus_runtime::cluster::hello::LinkSecret;
use vagus_runtime::cluster::sharing::Sharing;

use crate::route::Times;

/// See the module's text.
pub struct ClusterSettings {
    /// Of this start of the server.
    pub id: String,
    pub server_name: String,
    /// Of the cluster.
    pub name: String,
    /// That name was made up.
    pub dynamic: bool,
    /// Where other servers reach this one: `host:port`.
    pub address: String,
    /// Where clients reach this server.
    pub client_urls: Vec<String>,
    /// Clients are not told of the other servers.
    pub no_advertise: bool,
    pub secret: LinkSecret,
    /// How accounts are to be shared out among the links to a server.
    pub sharing: Sharing,
    pub compression: Compression,
    pub places: Vec<Place>,
    pub auth_timeout: Duration,
    /// Attempts after the first to connect to a server that was heard of.
    pub connect_retries: u64,
    /// Wait longer after each failed attempt.
    pub connect_backoff: bool,
    pub times: Times,
    /// Most bytes that may wait for another server.
    pub pending_max: usize,
}

/// Where another server may be found.
#[derive(Clone)]
pub struct Place {
    /// `host:port`.
    pub address: String,
    /// What both must know.
    pub secret: LinkSecret,
}
