//! The servers whose leaf node this one is to be.

use std::time::Duration;

use super::super::cluster::some;
use super::super::{Builder, read};
use crate::config::{LeafProxy, LeafRemote, LeafUrl};
use crate::schema::leaf::{PROXY, REMOTE};
use crate::schema::tls;
use crate::secret::Secret;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn remotes(&mut self, items: &[Node]) -> Vec<LeafRemote> {
        let mut remotes: Vec<LeafRemote> = Vec::new();
        for item in items {
            let Value::Map(map) = &item.value else { continue };
            let remote = self.remote(map);
            self.check_websocket(item, &remote);
            if remote.urls.is_empty() {
                self.error(item, "a remote needs a url");
            } else if remotes.iter().any(|known| known.rivals(&remote)) {
                let urls: Vec<_> = remote.urls.iter().map(|url| &*url.place.address).collect();
                self.error(item, format!("duplicate remote {}", urls.join(", ")));
            } else {
                remotes.push(remote);
            }
        }
        remotes
    }

    fn remote(&mut self, map: &Map) -> LeafRemote {
        let mut remote = LeafRemote::default();
        let subjects = |value| read::texts(value).into_iter().map(str::to_owned).collect();
        for (name, node) in map.iter() {
            let Some(key) = REMOTE.find(name) else { continue };
            match (key.name, &node.value) {
                ("url", value) => remote.urls = self.leaf_urls(node, value),
                ("account", Value::Text(text)) => remote.account = some(text),
                ("credentials", Value::Text(text)) => {
                    remote.credentials = some(text).map(Into::into);
                }
                ("nkey", Value::Text(text)) => remote.nkey = Some(Secret::new(text)),
                ("tls", Value::Map(map)) => {
                    remote.tls = Some(self.tls(&tls::LEAF_REMOTE, node, map));
                }
                ("no_randomize", Value::Bool(flag)) => remote.no_randomize = *flag,
                ("hub", Value::Bool(flag)) => remote.hub = *flag,
                ("deny_imports", value) => remote.deny_imports = subjects(value),
                ("deny_exports", value) => remote.deny_exports = subjects(value),
                ("isolate_leafnode_interest", Value::Bool(flag)) => remote.isolate = *flag,
                ("request_isolation", Value::Bool(flag)) => remote.request_isolation = *flag,
                ("first_info_timeout", _) => {
                    self.positive(key.name, node, &mut remote.first_info_timeout);
                }
                ("dial_timeout", _) => {
                    remote.dial_timeout = self.duration(key.name, node).filter(|t| !t.is_zero());
                }
                ("disabled", Value::Bool(flag)) => remote.disabled = *flag,
                ("ignore_discovered_servers", Value::Bool(flag)) => {
                    remote.ignore_discovered_servers = *flag;
                }
                ("compression", _) => self.leaf_compression(node, &mut remote.compression),
                ("ws_compression", Value::Bool(flag)) => remote.ws_compression = *flag,
                ("ws_no_masking", Value::Bool(flag)) => remote.ws_no_masking = *flag,
                ("proxy", Value::Map(map)) => remote.proxy = self.leaf_proxy(node, map),
                _ => {}
            }
        }
        if remote.credentials.is_some() && remote.nkey.is_some() {
            let why = "remote leafnode can not have both creds and nkey defined";
            if let Some((_, node)) = map.iter().next() {
                self.error(node, why);
            }
        }
        remote
    }

    /// All URLs of a remote are of one kind, as are those that the other side tells of.
    fn check_websocket(&mut self, node: &Node, remote: &LeafRemote) {
        let mut webs = remote.urls.iter().map(|url| url.websocket.is_some());
        let first = webs.next();
        if webs.any(|web| Some(web) != first) {
            let urls: Vec<_> = remote.urls.iter().map(|url| &*url.place.address).collect();
            let why = "remote leaf node configuration cannot have a mix of websocket and \
                       non-websocket urls";
            self.error(node, format!("{why}: {urls:?}"));
        }
        let sealed = remote.urls.iter().find(|url| url.websocket.is_some() && url.secure);
        if let Some(url) = sealed
            && remote.proxy.is_some()
            && remote.tls.is_none()
        {
            let address = &url.place.address;
            let why = format!(
                "proxy is configured but remote URL wss://{address} requires TLS and no TLS \
                 configuration is provided. When using proxy with TLS endpoints, ensure TLS is \
                 properly configured for the leafnode remote"
            );
            self.error(node, why);
        }
    }

    fn leaf_proxy(&mut self, at: &Node, map: &Map) -> Option<LeafProxy> {
        let (mut proxy, mut timeout) = (None, None);
        let (mut user, mut password) = (String::new(), String::new());
        for (name, node) in map.iter() {
            let Some(key) = PROXY.find(name) else { continue };
            match (key.name, &node.value) {
                ("url", Value::Text(text)) if !text.is_empty() => match LeafProxy::parse(text) {
                    Ok(parsed) => proxy = Some(parsed),
                    Err(why) => self.error(at, why),
                },
                ("username", Value::Text(text)) => user.clone_from(text),
                ("password", Value::Text(text)) => password.clone_from(text),
                ("timeout", _) => match read::nanos(&node.value).map(u64::try_from) {
                    Some(Err(_)) => self.error(at, "proxy timeout must be >= 0"),
                    Some(Ok(nanos)) => timeout = Some(Duration::from_nanos(nanos)),
                    None => {}
                },
                _ => {}
            }
        }
        // Without a URL, nothing of it counts.
        let mut proxy = proxy?;
        if user.is_empty() != password.is_empty() {
            let why = "proxy username and password must both be specified or both be empty";
            self.error(at, why);
        }
        proxy.timeout = timeout.filter(|time| !time.is_zero());
        if !user.is_empty() {
            proxy.user = Some((user, Secret::new(&password)));
        }
        Some(proxy)
    }

    fn leaf_urls(&mut self, node: &Node, value: &Value) -> Vec<LeafUrl> {
        let mut urls = Vec::new();
        for text in read::texts(value) {
            match LeafUrl::parse(text) {
                Ok(url) => urls.push(url),
                Err(why) => self.error(node, format!("error parsing url: {why}")),
            }
        }
        urls
    }
}
