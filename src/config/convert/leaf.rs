//! The `leafnodes` block.

mod remote;

use std::time::Duration;

use vagus_auth::keys::is_user_key;

use super::cluster::some;
use super::{Builder, listen, read};
use crate::config::{Compression, LeafNodes, LeafUser};
use crate::schema::leaf::{AUTH, LEAFNODES, USER};
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
                ("compression", _) => self.leaf_compression(node, &mut leaf.compression),
                _ => {}
            }
        }
        self.config.leafnodes = leaf;
    }

    fn leaf_compression(&mut self, node: &Node, place: &mut Compression) {
        if let Some(mode) = self.compression(node, Compression::auto()) {
            *place = mode;
        }
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
}

/// Older ones know nothing of leaf nodes as they are now.
const LEAST_RELEASE: (u64, u64) = (2, 8);

impl LeafUser {
    fn nobody() -> Self {
        Self { user: String::new(), password: Secret::new(""), nkey: None, account: None }
    }
}
