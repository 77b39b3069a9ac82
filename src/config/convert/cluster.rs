//! The `cluster` block.

use std::time::Duration;

use super::{Builder, listen, read};
use crate::config::cluster::PING_INTERVAL_MAX;
use crate::config::{Cluster, Compression, Port, RouteUrl};
use crate::schema;
use crate::secret::Secret;
use crate::value::{Map, Node, Value};

/// The `authorization` block of a link between servers.
#[derive(Default)]
pub(super) struct LinkUser {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub timeout: Option<Duration>,
}

impl Builder {
    pub(super) fn cluster(&mut self, block: &Node, map: &Map) {
        let mut cluster = Cluster::default();
        for (name, node) in map.iter() {
            let Some(key) = schema::cluster::CLUSTER.find(name) else { continue };
            match (key.name, &node.value) {
                ("name", Value::Text(text)) if text.contains([' ', '\n']) => {
                    self.error(node, "cluster name cannot contain spaces");
                }
                ("name", Value::Text(text)) => cluster.name = some(text),
                ("host", Value::Text(text)) => cluster.host.clone_from(text),
                ("listen" | "port", _) => {
                    self.link_port(node, &mut cluster.host, &mut cluster.port);
                }
                ("advertise", Value::Text(text)) => cluster.advertise = some(text),
                ("no_advertise", Value::Bool(flag)) => cluster.no_advertise = *flag,
                ("authorization", Value::Map(map)) => {
                    let given = self.link_users("Cluster", block, map);
                    (cluster.user, cluster.password) = (given.user, given.password);
                    cluster.auth_timeout = given.timeout.unwrap_or(cluster.auth_timeout);
                }
                ("tls", Value::Map(map)) => cluster.tls = Some(self.link_tls("routes", node, map)),
                ("permissions", Value::Map(map)) => {
                    cluster.permissions = Some(self.permissions(map));
                }
                ("write_deadline", _) => {
                    let time = self.duration(key.name, node).filter(|time| !time.is_zero());
                    cluster.write_deadline = time;
                }
                ("write_timeout", Value::Text(text)) => {
                    cluster.write_timeout = self.write_timeout(node, text).unwrap_or_default();
                }
                ("compression", _) => {
                    if let Some(mode) = self.compression(node, Compression::Fast) {
                        cluster.compression = mode;
                    }
                }
                ("pool_size", Value::Int(0)) => {}
                ("pool_size", Value::Int(size)) => {
                    let size = (*size >= 0).then_some(*size);
                    cluster.pool_size = size.map(|size| u16::try_from(size).unwrap_or(u16::MAX));
                }
                ("accounts", value) => {
                    cluster.accounts = read::texts(value).into_iter().map(str::to_owned).collect();
                }
                ("routes", value) => cluster.routes = self.routes(node, value),
                ("connect_retries", Value::Int(count)) => {
                    cluster.connect_retries = u64::try_from(*count).unwrap_or(0);
                }
                ("connect_backoff", Value::Bool(flag)) => cluster.connect_backoff = *flag,
                ("ping_interval", _) => {
                    if let Some(time) = self.duration(key.name, node).filter(|t| !t.is_zero()) {
                        cluster.ping_interval = time.min(PING_INTERVAL_MAX);
                    }
                }
                ("ping_max", Value::Int(count)) => {
                    cluster.ping_max = u32::try_from(*count).unwrap_or(0).max(1);
                }
                _ => {}
            }
        }
        self.config.cluster = cluster;
    }

    /// Where other servers are listened to.
    pub(super) fn link_port(&mut self, node: &Node, to: &mut String, place: &mut Option<Port>) {
        match listen::port(&node.value) {
            Ok((host, port)) => {
                if let Some(host) = host {
                    *to = host;
                }
                *place = port;
            }
            Err(why) => self.error(node, why),
        }
    }

    /// What servers at the other end of a link have to show. `kind` is what the link is called.
    pub(super) fn link_users(&mut self, kind: &str, block: &Node, map: &Map) -> LinkUser {
        let mut given = LinkUser::default();
        for (name, node) in map.iter() {
            let Some(key) = schema::cluster::LINK_AUTH.find(name) else { continue };
            match (key.name, &node.value) {
                ("user", Value::Text(text)) => given.user = some(text),
                ("password", Value::Text(text)) => given.password = Some(Secret::new(text)),
                ("timeout", value) => {
                    let seconds = read::seconds(value).unwrap_or_default();
                    let time = Duration::try_from_secs_f64(seconds).ok();
                    given.timeout = time.filter(|time| !time.is_zero());
                }
                ("token", _) => {
                    self.error(block, format!("{kind} authorization does not support tokens"));
                }
                ("users", _) => {
                    let why = format!("{kind} authorization does not allow multiple users");
                    self.error(block, why);
                }
                _ => {}
            }
        }
        given
    }

    fn routes(&mut self, node: &Node, value: &Value) -> Vec<RouteUrl> {
        let mut routes: Vec<RouteUrl> = Vec::new();
        for text in read::texts(value) {
            match RouteUrl::parse(text) {
                Some(url) if !routes.contains(&url) => routes.push(url),
                Some(_) => {}
                None => self.error(node, format!("error parsing route url [{text:?}]")),
            }
        }
        routes
    }
}

pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
