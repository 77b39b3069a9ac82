//! The `gateway` block: links between clusters.

use std::time::Duration;

use super::{Port, RouteUrl, Tls, WriteTimeout};
use crate::secret::Secret;

/// This cluster, as others reach it, and those that it looks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// Of this cluster.
    pub name: String,
    pub host: String,
    pub port: Option<Port>,
    /// Told to other clusters in place of host and port: `host` or `host:port`.
    pub advertise: Option<String>,
    /// What servers of other clusters must know, and what this one knows for those it hears of.
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Time for the two ends of a link to get to know each other.
    pub auth_timeout: Duration,
    /// Attempts after the first to connect to a cluster that was heard of.
    pub connect_retries: u64,
    /// Wait longer after each failed attempt.
    pub connect_backoff: bool,
    /// `None`: that of clients.
    pub write_deadline: Option<Duration>,
    pub write_timeout: WriteTimeout,
    /// Links are encrypted, and both ends show a certificate.
    pub tls: Option<Tls>,
    /// Clusters that are not listed may not connect.
    pub reject_unknown: bool,
    pub remotes: Vec<RemoteGateway>,
}

/// Another cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoteGateway {
    pub name: String,
    /// Where servers of it are.
    pub urls: Vec<RouteUrl>,
    /// What is spoken towards it, where that is not the TLS of all gateways.
    pub tls: Option<Tls>,
}

// === impl Gateway ===

impl Default for Gateway {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: "0.0.0.0".to_owned(),
            port: None,
            advertise: None,
            user: None,
            password: None,
            auth_timeout: Duration::from_secs(2),
            connect_retries: 0,
            connect_backoff: false,
            write_deadline: None,
            write_timeout: WriteTimeout::Default,
            tls: None,
            reject_unknown: false,
            remotes: Vec::new(),
        }
    }
}
