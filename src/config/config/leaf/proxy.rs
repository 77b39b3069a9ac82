//! An HTTP proxy that a link goes through.

use std::time::Duration;

use crate::config::RouteUrl;
use crate::secret::Secret;

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafProxy {
    /// `host:port`.
    pub address: String,
    /// Name and password that it is shown.
    pub user: Option<(String, Secret)>,
    /// Time to be connected to the other side. `None`: that of an attempt without a proxy.
    pub timeout: Option<Duration>,
}

/// Where a URL does not say otherwise.
const PORT: u16 = 80;

// === impl LeafProxy ===

impl LeafProxy {
    /// Reads `http://[user:password@]host[:port]`.
    ///
    /// # Errors
    /// Why it is no such URL, without what may be secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.trim().split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err("a proxy can't be spoken to over TLS".to_owned()),
            scheme => return Err(format!("proxy URL scheme must be http or https, got: {scheme}")),
        }
        let rest = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
        let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
        if address.is_empty() || address.starts_with(':') {
            return Err("proxy URL must specify a host".to_owned());
        }
        let host_ends = address.rfind(']').unwrap_or(0);
        let port = match address[host_ends..].contains(':') {
            true => String::new(),
            false => format!(":{PORT}"),
        };
        let place = RouteUrl::parse(&format!("nats://{rest}{port}"));
        let place = place.ok_or("invalid proxy URL")?;
        let user = place.user.zip(place.password).filter(|(user, _)| !user.is_empty());
        Ok(Self { address: place.address, user, timeout: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies() {
        let proxy = LeafProxy::parse("http://u:p%40w@p:3128/").unwrap();
        assert_eq!(proxy.address, "p:3128");
        let (user, password) = proxy.user.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("u", "p@w"));
        assert!(!format!("{proxy:?}").contains("p@w"));
        let bare = LeafProxy::parse("HTTP://[::1]").unwrap();
        assert_eq!((bare.address.as_str(), bare.user), ("[::1]:80", None));
        for (bad, why) in [
            ("ftp://p:1", "proxy URL scheme must be http or https, got: ftp"),
            ("p:1", "proxy URL scheme must be http or https, got: p"),
            ("http://", "proxy URL must specify a host"),
            ("http://u:secret@", "proxy URL must specify a host"),
            ("http://u:secret@p:x", "invalid proxy URL"),
            ("https://p:1", "a proxy can't be spoken to over TLS"),
        ] {
            assert_eq!(LeafProxy::parse(bad).unwrap_err(), why, "{bad}");
        }
    }
}
