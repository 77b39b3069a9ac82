//! What servers tell each other of themselves and of others, so that all of them find all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vagus_runtime::cluster::sharing::Share;
use vagus_runtime::{Cx, Handler, Message};
use vagus_wire::route;

use super::greet::Target;
use super::{Cluster, Place};
use crate::gateway::{Clusters, Heard};
use crate::route::Say;

/// Another server said this over route `cid`.
pub struct Told {
    pub cid: u64,
    pub news: Vec<u8>,
}

/// What one server tells another.
#[derive(Debug, Default, Serialize, Deserialize)]
struct News {
    /// Where clients reach it; nowhere when it is about to end.
    urls: Vec<String>,
    /// Where leaf nodes reach it.
    #[serde(default)]
    leafs: Vec<String>,
    /// Those it is linked with.
    servers: Vec<Neighbour>,
    /// Clusters that it knows.
    #[serde(default)]
    gateways: Clusters,
}

#[derive(Debug, Serialize, Deserialize)]
struct Neighbour {
    id: String,
    address: String,
}

/// News are told again after this time, so that nobody stays alone who missed some.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Whoever has to connect to the other gets this long before that one tries.
const COURTESY: Duration = Duration::from_millis(300);
/// Of one server, more is not listened to.
const NEWS_BYTES_MAX: usize = 256 << 10;
const SERVERS_MAX: usize = 1024;
const URLS_MAX: usize = 64;

impl Message for Told {
    fn weight(&self) -> usize {
        self.news.len()
    }
}

// === impl Cluster ===

impl Cluster {
    /// Tells every server what there is to tell.
    pub(super) fn tell_servers(&self) {
        let mut urls = Vec::new();
        if !self.leaving && !self.settings.no_advertise {
            urls.clone_from(&self.settings.client_urls);
        }
        let leafs = match self.leaving {
            true => Vec::new(),
            false => self.broker.cluster.own_leaf_urls(),
        };
        let servers = self
            .mains()
            .map(|link| Neighbour { id: link.about.id.clone(), address: link.place.clone() });
        let gateways = Clusters::clone(&self.broker.gateways.seen());
        let news = News { urls, leafs, servers: servers.collect(), gateways };
        let Ok(text) = serde_json::to_vec(&news) else { return };
        let mut frame = Vec::new();
        route::control_frame(&mut frame, &text);
        for route in self.mains().filter_map(|link| link.route.as_ref()) {
            // One that is gone, or that can't follow, hears the next.
            let _ = route.send(Say(frame.clone()));
        }
    }

    fn hear_of(&mut self, neighbour: Neighbour, cx: &mut Cx<'_, Self>) {
        let linked = self.links.values().any(|link| link.about.id == neighbour.id);
        if linked || neighbour.id == self.settings.id || self.leaving {
            return;
        }
        let known = self.target_at(&neighbour.address, &Share::MAIN);
        let n = match known {
            Some(n) if self.targets[n].is_given_up() => n,
            Some(_) => return,
            None => {
                let secret = self.settings.secret.clone();
                let place = Place { address: neighbour.address, secret };
                self.targets.push(Target::heard_of(place));
                self.targets.len() - 1
            }
        };
        self.targets[n].seek();
        if self.settings.id < neighbour.id {
            return self.solicit(n, cx);
        }
        cx.run_later(COURTESY, move |cluster, cx| {
            let come = cluster.links.values().any(|link| link.about.id == neighbour.id);
            match come {
                true => cluster.targets[n].give_up(),
                false => cluster.solicit(n, cx),
            }
        });
    }
}

// === impl Handler<Told> ===

impl Handler<Told> for Cluster {
    fn handle(&mut self, Told { cid, news }: Told, cx: &mut Cx<'_, Self>) {
        if news.len() > NEWS_BYTES_MAX {
            return;
        }
        let Ok(mut news) = serde_json::from_slice::<News>(&news) else { return };
        let Some(link) = self.links.get_mut(&cid) else { return };
        news.urls.truncate(URLS_MAX);
        link.urls = news.urls;
        news.leafs.truncate(URLS_MAX);
        link.leaf_urls = news.leafs;
        if let Some(gateway) = &self.gateway {
            let heard = Heard { id: link.about.id.clone(), clusters: news.gateways };
            // One that can't follow hears it again.
            let _ = gateway.send(heard);
        }
        self.tell_clients();
        for neighbour in news.servers.into_iter().take(SERVERS_MAX) {
            self.hear_of(neighbour, cx);
        }
    }
}

// === impl Place ===

impl Place {
    /// Where a server that says it is at `said` is to be found by others: one that listens
    /// everywhere is where it was seen.
    #[must_use]
    pub fn address_of(said: &str, seen: SocketAddr) -> String {
        let Some((host, port)) = said.rsplit_once(':') else { return said.to_owned() };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match (host.parse::<IpAddr>(), port.parse()) {
            (Ok(ip), Ok(port)) if ip.is_unspecified() => {
                SocketAddr::new(seen.ip(), port).to_string()
            }
            _ => said.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_where_it_was_seen() {
        let seen = "192.0.2.7:4000".parse().unwrap();
        assert_eq!(Place::address_of("0.0.0.0:6222", seen), "192.0.2.7:6222");
        assert_eq!(Place::address_of("[::]:6222", seen), "192.0.2.7:6222");
        assert_eq!(Place::address_of("b.example:6222", seen), "b.example:6222");
        assert_eq!(Place::address_of("127.0.0.1:6222", seen), "127.0.0.1:6222");
    }
}
