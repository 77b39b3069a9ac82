//! The `leafnodes` block: who may be a leaf node here, and whose leaf node this server is.

mod proxy;

use std::path::PathBuf;
use std::time::Duration;

pub use self::proxy::LeafProxy;
use super::{Compression, Port, RouteUrl, Tls};
use crate::secret::Secret;

/// Leaf nodes, accepted and solicited.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafNodes {
    pub host: String,
    /// `None`: nobody is taken in.
    pub port: Option<Port>,
    /// Told to leaf nodes in place of host and port: `host` or `host:port`.
    pub advertise: Option<String>,
    /// Leaf nodes are not told of the other servers.
    pub no_advertise: bool,
    /// Those who may be a leaf node, besides users who may be clients. Some: nobody else.
    pub users: Vec<LeafUser>,
    /// Time for the two ends of a link to get to know each other.
    pub auth_timeout: Duration,
    pub tls: Option<Tls>,
    pub remotes: Vec<LeafRemote>,
    /// Time between two attempts to connect, at least.
    pub reconnect: Duration,
    pub dial_timeout: Duration,
    /// Release that a leaf node must have at least.
    pub min_version: Option<String>,
    /// Leaf nodes are not told what others are interested in.
    pub isolate: bool,
    pub compression: Compression,
}

/// One who may be a leaf node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafUser {
    /// Empty for a user with a key.
    pub user: String,
    pub password: Secret,
    /// Public key.
    pub nkey: Option<String>,
    /// The account that its link serves.
    pub account: Option<String>,
}

/// A server whose leaf node this one is.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafRemote {
    /// Of which one is used at a time.
    pub urls: Vec<LeafUrl>,
    /// The account here that the link serves.
    pub account: Option<String>,
    /// File with a JWT and its seed.
    pub credentials: Option<PathBuf>,
    /// Seed.
    pub nkey: Option<Secret>,
    /// Without it, TLS is used where the other side asks for it.
    pub tls: Option<Tls>,
    /// The URLs are tried in the order written.
    pub no_randomize: bool,
    /// This server takes the part of the hub.
    pub hub: bool,
    /// Subjects that are not taken from the other side.
    pub deny_imports: Vec<String>,
    /// Subjects that are not sent to the other side.
    pub deny_exports: Vec<String>,
    /// The other side is not told what other leaf nodes are interested in.
    pub isolate: bool,
    /// And is asked not to tell this one.
    pub request_isolation: bool,
    /// Time that the other side has to speak first.
    pub first_info_timeout: Duration,
    /// In place of that of all remotes.
    pub dial_timeout: Option<Duration>,
    /// It is not connected to.
    pub disabled: bool,
    /// Only `urls` are tried, not those that the other side tells of.
    pub ignore_discovered_servers: bool,
    pub compression: Compression,
    /// Over WebSocket: packed messages are asked for.
    pub ws_compression: bool,
    /// Over WebSocket: the other side is asked to do without masks.
    pub ws_no_masking: bool,
    pub proxy: Option<LeafProxy>,
}

/// Where a server is that takes leaf nodes, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafUrl {
    /// TLS, whatever the other side says of it.
    pub secure: bool,
    /// Over WebSocket: the path that is asked for.
    pub websocket: Option<String>,
    pub place: RouteUrl,
}

/// Where nobody says otherwise.
const PORT: u16 = 7422;
/// What is behind this path of a WebSocket port takes leaf nodes in.
const WEBSOCKET: &str = "/leafnode";

// === impl LeafNodes ===

impl Default for LeafNodes {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: None,
            advertise: None,
            no_advertise: false,
            users: Vec::new(),
            auth_timeout: Duration::from_secs(2),
            tls: None,
            remotes: Vec::new(),
            reconnect: Duration::from_secs(1),
            dial_timeout: Duration::from_secs(1),
            min_version: None,
            isolate: false,
            compression: Compression::auto(),
        }
    }
}

// === impl LeafRemote ===

impl Default for LeafRemote {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            account: None,
            credentials: None,
            nkey: None,
            tls: None,
            no_randomize: false,
            hub: false,
            deny_imports: Vec::new(),
            deny_exports: Vec::new(),
            isolate: false,
            request_isolation: false,
            first_info_timeout: Duration::from_secs(1),
            dial_timeout: None,
            disabled: false,
            ignore_discovered_servers: false,
            compression: Compression::auto(),
            ws_compression: false,
            ws_no_masking: false,
            proxy: None,
        }
    }
}

impl LeafRemote {
    /// Whether both lead to the same servers in the same name: there is to be one link, not two.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            let mut urls: Vec<_> =
                one.urls.iter().map(|url| url.place.address.to_lowercase()).collect();
            urls.sort_unstable();
            (urls, one.account.clone(), one.credentials.clone())
        };
        key(self) == key(other)
    }
}

// === impl LeafUrl ===

impl LeafUrl {
    /// Reads `nats-leaf://[user[:password]@]host[:port]`, or the same with `nats` or `tls`; with
    /// `ws` or `wss` a path may follow.
    ///
    /// # Errors
    /// Why it is no such URL, without what may be secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let unreadable = "is no URL of a server that takes leaf nodes";
        let (scheme, rest) = text.trim().split_once("://").ok_or(unreadable)?;
        let scheme = scheme.to_ascii_lowercase();
        let web = match scheme.as_str() {
            "ws" | "wss" => true,
            "nats-leaf" | "nats" | "tls" => false,
            _ => return Err(unreadable),
        };
        let (rest, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(unreadable);
        }
        let websocket = web.then(|| match path {
            "" => WEBSOCKET.to_owned(),
            path => format!("/{path}{WEBSOCKET}"),
        });
        let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
        let host_ends = address.rfind(']').unwrap_or(0);
        let port = match address[host_ends..].contains(':') {
            true => String::new(),
            false => format!(":{PORT}"),
        };
        let place = RouteUrl::parse(&format!("nats://{rest}{port}")).ok_or(unreadable)?;
        Ok(Self { secure: ["tls", "wss"].contains(&&*scheme), websocket, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_leaf_nodes() {
        let url = LeafUrl::parse("nats-leaf://a:b%40c@h").unwrap();
        assert_eq!((url.place.address.as_str(), url.secure), ("h:7422", false));
        assert_eq!(url.place.password.as_ref().map(Secret::expose), Some("b@c"));
        assert!(!format!("{url:?}").contains("b@c"));
        assert!(LeafUrl::parse("TLS://h:1").unwrap().secure);
        assert_eq!(LeafUrl::parse("nats://[::1]").unwrap().place.address, "[::1]:7422");
        assert_eq!(LeafUrl::parse("nats://[::1]:1").unwrap().place.address, "[::1]:1");
        let web = LeafUrl::parse("ws://a@h:80/x/y/?q").unwrap();
        assert_eq!((web.websocket.as_deref(), web.secure), (Some("/x/y/leafnode"), false));
        let web = LeafUrl::parse("WSS://h/").unwrap();
        assert_eq!((web.websocket.as_deref(), web.secure), (Some("/leafnode"), true));
        assert_eq!((web.place.address.as_str(), url.websocket), ("h:7422", None));
        for bad in ["h:7422", "http://h", "nats://h:x", "ws://h/a b", "ws://h:x"] {
            assert!(LeafUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
