//! The `cluster` block, and the URLs by which servers find each other.

use std::collections::BTreeSet;
use std::time::Duration;

use vagus_auth::PermissionRules;

use super::{Compression, Port, Tls, WriteTimeout};
use crate::secret::Secret;

/// Routes between the servers of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    pub name: Option<String>,
    pub host: String,
    /// `None`: the server is none of a cluster.
    pub port: Option<Port>,
    /// Told to other servers in place of host and port: `host` or `host:port`.
    pub advertise: Option<String>,
    /// Clients are not told of the other servers.
    pub no_advertise: bool,
    /// What other servers must know, and what this one knows for those it hears of.
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Time for the two ends of a link to get to know each other.
    pub auth_timeout: Duration,
    /// Links are encrypted, and both ends show a certificate.
    pub tls: Option<Tls>,
    /// What crosses routes, where that is not everything: what may be published to is what other
    /// servers may send here, what may be subscribed to is what is sent to them.
    pub permissions: Option<PermissionRules>,
    pub compression: Compression,
    /// Longest time that one write may take; `None`: as for clients.
    pub write_deadline: Option<Duration>,
    /// What becomes of a link that takes longer.
    pub write_timeout: WriteTimeout,
    /// Connections to each server that accounts are shared out among; `None`: one for all.
    pub pool_size: Option<u16>,
    /// Accounts with a connection of their own.
    pub accounts: BTreeSet<String>,
    pub routes: Vec<RouteUrl>,
    /// Attempts after the first to connect to a server that was heard of.
    pub connect_retries: u64,
    /// Wait longer after each failed attempt.
    pub connect_backoff: bool,
    /// Time between two signs of life that a link is asked for.
    pub ping_interval: Duration,
    /// Requests without any sign of life before a link is given up.
    pub ping_max: u32,
}

/// Where another server is, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUrl {
    /// `host:port`.
    pub address: String,
    pub user: Option<String>,
    pub password: Option<Secret>,
}

/// Where the file does not say, or says 0.
pub(crate) const POOL_SIZE: u16 = 3;
/// Routes are pinged at least this often.
pub(crate) const PING_INTERVAL_MAX: Duration = Duration::from_secs(30);

// === impl Cluster ===

impl Default for Cluster {
    fn default() -> Self {
        Self {
            name: None,
            host: "0.0.0.0".to_owned(),
            port: None,
            advertise: None,
            no_advertise: false,
            user: None,
            password: None,
            auth_timeout: Duration::from_secs(2),
            tls: None,
            permissions: None,
            compression: Compression::Accept,
            write_deadline: None,
            write_timeout: WriteTimeout::default(),
            pool_size: Some(POOL_SIZE),
            accounts: BTreeSet::new(),
            routes: Vec::new(),
            connect_retries: 0,
            connect_backoff: false,
            ping_interval: Duration::from_secs(1),
            ping_max: 3,
        }
    }
}

// === impl RouteUrl ===

impl RouteUrl {
    /// Reads `nats-route://[user:password@]host:port`. `None` when it is no such URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        if !["nats-route", "nats", "tls"].contains(&scheme) {
            return None;
        }
        let rest = rest.split('/').next()?;
        let (who, address) = match rest.rsplit_once('@') {
            Some((who, address)) => (Some(who), address),
            None => (None, rest),
        };
        let (user, password) = match who.map(|who| who.split_once(':').unwrap_or((who, ""))) {
            Some((user, password)) => {
                (Some(unescape(user)?), Some(Secret::new(unescape(password)?)))
            }
            None => (None, None),
        };
        let (host, port) = address.rsplit_once(':')?;
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        let port = port.parse::<i32>().ok().filter(|port| (-1..=65535).contains(port));
        (bare && port.is_some()).then(|| Self { address: address.to_owned(), user, password })
    }

    /// Host and port, where both can be told apart; the port may be -1.
    #[must_use]
    pub fn listen(&self) -> Option<(&str, Port)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match port.parse().ok()? {
            -1 => Some((host, Port::Random)),
            port => Some((host, Port::Fixed(u16::try_from(port).ok()?))),
        }
    }
}

/// `%41` is `A`.
fn unescape(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_routes() {
        let url = RouteUrl::parse("nats-route://a:b%40c@h:6222").unwrap();
        assert_eq!((url.address.as_str(), url.user.as_deref()), ("h:6222", Some("a")));
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("b@c"));
        assert!(!format!("{url:?}").contains("b@c"));
        let url = RouteUrl::parse(" nats://[::1]:-1/ ").unwrap();
        assert_eq!(url.listen(), Some(("::1", Port::Random)));
        for bad in ["127.0.0.1:1", ":::", "http://h:1", "nats://h", "nats://h:x", "nats://h:70000"]
        {
            assert_eq!(RouteUrl::parse(bad), None, "{bad}");
        }
    }
}
