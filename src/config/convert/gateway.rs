//! The `gateway` block.

use super::cluster::some;
use super::{Builder, read};
use crate::config::{Gateway, RemoteGateway, RouteUrl};
use crate::schema;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn gateway(&mut self, block: &Node, map: &Map) {
        let mut gateway = Gateway::default();
        for (name, node) in map.iter() {
            let Some(key) = schema::find("gateway").and_then(|key| find(key, name)) else {
                continue;
            };
            match (key.name, &node.value) {
                ("name", Value::Text(text)) if text.contains([' ', '\n']) => {
                    self.error(node, "gateway name cannot contain spaces");
                }
                ("name", Value::Text(text)) => gateway.name.clone_from(text),
                ("host", Value::Text(text)) => gateway.host.clone_from(text),
                ("listen" | "port", _) => {
                    self.link_port(node, &mut gateway.host, &mut gateway.port);
                }
                ("advertise", Value::Text(text)) => gateway.advertise = some(text),
                ("authorization", Value::Map(map)) => {
                    let given = self.link_users("Gateway", block, map);
                    (gateway.user, gateway.password) = (given.user, given.password);
                    gateway.auth_timeout = given.timeout.unwrap_or(gateway.auth_timeout);
                }
                ("tls", Value::Map(map)) => {
                    gateway.tls = Some(self.link_tls("gateways", node, map));
                }
                ("connect_retries", Value::Int(count)) => {
                    gateway.connect_retries = u64::try_from(*count).unwrap_or(0);
                }
                ("connect_backoff", Value::Bool(flag)) => gateway.connect_backoff = *flag,
                ("reject_unknown_cluster", Value::Bool(flag)) => gateway.reject_unknown = *flag,
                ("write_deadline", _) => {
                    let time = self.duration(key.name, node).filter(|time| !time.is_zero());
                    gateway.write_deadline = time;
                }
                ("write_timeout", Value::Text(text)) => {
                    gateway.write_timeout = self.write_timeout(node, text).unwrap_or_default();
                }
                ("gateways", Value::List(items)) => {
                    gateway.remotes = items.iter().map(|item| self.remote_gateway(item)).collect();
                }
                _ => {}
            }
        }
        self.config.gateway = Some(gateway);
    }

    fn remote_gateway(&mut self, item: &Node) -> RemoteGateway {
        let mut remote = RemoteGateway::default();
        let Value::Map(map) = &item.value else { return remote };
        for (name, node) in map.iter() {
            let Some(key) = schema::find("gateway.gateways").and_then(|key| find(key, name)) else {
                continue;
            };
            match (key.name, &node.value) {
                ("name", Value::Text(text)) => remote.name.clone_from(text),
                ("tls", Value::Map(map)) => {
                    remote.tls = Some(self.link_tls("gateways", node, map));
                }
                ("url" | "urls", value) => {
                    for text in read::texts(value) {
                        match RouteUrl::parse(text) {
                            Some(url) => remote.urls.push(url),
                            None => {
                                self.error(node, format!("error parsing gateway url [{text:?}]"))
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        remote
    }
}

fn find(parent: &schema::Key, name: &str) -> Option<&'static schema::Key> {
    parent.shape.blocks().iter().find_map(|block| block.find(name))
}
