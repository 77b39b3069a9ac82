//! Servers of several clusters, and waiting until they agree.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::Server;

/// A cluster that is linked with others.
pub(crate) struct Region {
    pub(crate) name: &'static str,
    pub(crate) servers: Vec<Server>,
}

/// A server of cluster `region`, beside `mates`, that looks for clusters which have a server among
/// `others`; `more` goes into its gateway block, `around` around it.
#[track_caller]
pub(crate) fn server(
    region: &str,
    mates: &[Server],
    others: &[(&str, &Server)],
    more: &str,
    around: &str,
) -> Server {
    let routes: Vec<_> = mates.iter().map(route_url).collect();
    let gateways: Vec<_> = others
        .iter()
        .map(|(name, other)| format!("{{ name: {name}, url: \"{}\" }}", gateway_url(other)))
        .collect();
    Server::start(&format!(
        "server_name: {region}{}\n\
         cluster {{ name: {region}, listen: \"127.0.0.1:-1\", routes: {routes:?} }}\n\
         gateway {{ name: {region}, listen: \"127.0.0.1:-1\", gateways: [{}], {more} }}\n\
         {around}",
        mates.len(),
        gateways.join(", ")
    ))
}

#[track_caller]
fn route_url(server: &Server) -> String {
    let url = server.ports["cluster"][0].as_str().expect("it has no cluster port");
    url.replace("nats://", "nats-route://")
}

/// Where other clusters connect to it.
#[track_caller]
pub(crate) fn gateway_url(server: &Server) -> String {
    format!("nats://127.0.0.1:{}", gateway_port(server))
}

#[track_caller]
pub(crate) fn gateway_port(server: &Server) -> u16 {
    server.wait_json("/gatewayz", |page| {
        page["port"].as_u64().filter(|port| *port > 0)?.try_into().ok()
    })
}

/// Clusters of these names, of `size` servers each, linked all with all. Each knows the one before
/// it by configuration; the rest is told.
#[track_caller]
pub(crate) fn regions<const N: usize>(names: [&'static str; N], size: usize) -> [Region; N] {
    regions_with(names, size, "")
}

/// The same with more in the configuration of all of them.
#[track_caller]
pub(crate) fn regions_with<const N: usize>(
    names: [&'static str; N],
    size: usize,
    around: &str,
) -> [Region; N] {
    let mut all: Vec<Region> = Vec::new();
    for name in names {
        let mut servers: Vec<Server> = Vec::new();
        for _ in 0..size {
            let before = all.last().map(|region| (region.name, &region.servers[0]));
            let before: Vec<_> = before.into_iter().collect();
            let next = server(name, &servers, &before, "connect_retries: 3", around);
            servers.push(next);
        }
        all.push(Region { name, servers });
    }
    linked(&all.iter().collect::<Vec<_>>());
    all.try_into().unwrap_or_else(|_| unreachable!())
}

/// Waits until each server has routes to those of its cluster, and a link to each other cluster.
#[track_caller]
pub(crate) fn linked(all: &[&Region]) {
    let names: BTreeSet<&str> = all.iter().map(|region| region.name).collect();
    for region in all {
        let mut others = names.clone();
        others.remove(region.name);
        for server in &region.servers {
            server.wait_json("/gatewayz", |page| (outbound(page) == others).then_some(()));
            server.wait_json("/routez", |page| {
                let mates = page["routes"].as_array().unwrap().iter();
                let names: BTreeSet<&str> =
                    mates.filter_map(|route| route["remote_name"].as_str()).collect();
                (names.len() == region.servers.len() - 1).then_some(())
            });
        }
    }
}

/// Names of the clusters that a `/gatewayz` page has links to.
pub(crate) fn outbound(page: &Value) -> BTreeSet<&str> {
    page["outbound_gateways"].as_object().unwrap().keys().map(String::as_str).collect()
}

/// Waits until a message to `subject` of the global account would find `count` entries there: the
/// server's own subscriptions, and one of each other server and cluster.
#[track_caller]
pub(crate) fn wants(server: &Server, subject: &str, count: u64) {
    server.wait_interest("$G", subject, count);
}
