//! The `leafnodes` block.

use std::time::Duration;

use vagus_auth::keys::is_user_key;

use super::cluster::some;
use super::{Builder, listen, read};
use crate::config::{LeafNodes, LeafRemote, LeafUrl, LeafUser};
use crate::schema::leaf::{AUTH, LEAFNODES, REMOTE, USER};
use crate::schema::tls;
use crate::secret::Secret;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn leafnodes(&mut self, map: &Map) {
        let mut leaf = LeafNodes::default();
        for (name, node) in map.iter() {
            let Some(key) = LEAFNODES.find(name) else { continue };
            match (key.name, &node.value) {
                ("host", Value::Text(text)) => leaf.host.clone_from(text),
                ("listen" | "port", _) => match listen::port(&node.value) {
                    Ok((host, port)) => {
                        leaf.host = host.unwrap_or(leaf.host);
                        leaf.port = port;
                    }
                    Err(why) => self.error(node, why),
                },
                ("advertise", Value::Text(text)) => leaf.advertise = some(text),
                ("no_advertise", Value::Bool(flag)) => leaf.no_advertise = *flag,
                ("authorization", Value::Map(map)) => self.leaf_users(node, map, &mut leaf),
                ("tls", Value::Map(map)) => leaf.tls = Some(self.tls(&tls::LEAF, node, map)),
                ("remotes", Value::List(items)) => leaf.remotes = self.remotes(items),
                ("reconnect", _) => self.positive(key.name, node, &mut leaf.reconnect),
                ("dial_timeout", _) => self.positive(key.name, node, &mut leaf.dial_timeout),
                ("min_version", Value::Text(text)) => leaf.min_version = self.release(node, text),
                ("isolate_leafnode_interest", Value::Bool(flag)) => leaf.isolate = *flag,
                _ => {}
            }
        }
        self.config.leafnodes = leaf;
    }

    /// A duration other than zero, which stands for the default.
    fn positive(&mut self, key: &str, node: &Node, place: &mut Duration) {
        if let Some(time) = self.duration(key, node).filter(|time| !time.is_zero()) {
            *place = time;
        }
    }

    fn release(&mut self, node: &Node, text: &str) -> Option<String> {
        let parts: Option<Vec<u64>> =
            text.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            Some([major, minor, _]) if (*major, *minor) >= LEAST_RELEASE => Some(text.to_owned()),
            Some([_, _, _]) => {
                let why = format!(
                    "the minimum version should be at least 2.8.0: invalid leafnode minimum \
                     version {text:?}"
                );
                self.error(node, why);
                None
            }
            _ => {
                self.error(node, format!("invalid leafnode's minimum version: {text:?}"));
                None
            }
        }
    }

    fn leaf_users(&mut self, at: &Node, map: &Map, leaf: &mut LeafNodes) {
        let mut single = LeafUser::nobody();
        for (name, node) in map.iter() {
            let Some(key) = AUTH.find(name) else { continue };
            match (key.name, &node.value) {
                ("timeout", value) => {
                    let time = read::seconds(value).map(Duration::try_from_secs_f64);
                    if let Some(Ok(time)) = time
                        && !time.is_zero()
                    {
                        leaf.auth_timeout = time;
                    }
                }
                ("users", Value::List(items)) => {
                    let maps = items.iter().filter_map(|item| match &item.value {
                        Value::Map(map) => Some(map),
                        _ => None,
                    });
                    for map in maps {
                        let mut user = LeafUser::nobody();
                        for (name, node) in map.iter() {
                            if let Some(key) = USER.find(name) {
                                self.leaf_user(key.name, node, &mut user);
                            }
                        }
                        leaf.users.push(user);
                    }
                }
                (key, _) => self.leaf_user(key, node, &mut single),
            }
        }
        if single.user.is_empty() && single.nkey.is_none() {
            return;
        }
        if !leaf.users.is_empty() {
            self.error(at, "can not have a single user/pass and a users array");
        }
        if !single.user.is_empty() && single.nkey.is_some() {
            self.error(at, "can not have a single user/pass and a nkey");
        }
        leaf.users = vec![single];
    }

    fn leaf_user(&mut self, key: &str, node: &Node, user: &mut LeafUser) {
        let Value::Text(text) = &node.value else { return };
        match key {
            "user" => user.user.clone_from(text),
            "password" => user.password = Secret::new(text),
            "account" => user.account = some(text),
            "nkey" if is_user_key(text) => user.nkey = Some(text.clone()),
            "nkey" => self.error(node, "Not a valid public nkey for a user"),
            _ => {}
        }
    }

    fn remotes(&mut self, items: &[Node]) -> Vec<LeafRemote> {
        let mut remotes: Vec<LeafRemote> = Vec::new();
        for item in items {
            let Value::Map(map) = &item.value else { continue };
            let remote = self.remote(map);
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

/// Older ones know nothing of leaf nodes as they are now.
const LEAST_RELEASE: (u64, u64) = (2, 8);

impl LeafUser {
    fn nobody() -> Self {
        Self { user: String::new(), password: Secret::new(""), nkey: None, account: None }
    }
}
