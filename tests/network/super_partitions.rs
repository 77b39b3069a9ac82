//! Whole clusters that are cut off from the others.

use crate::harness::Server;
use crate::load::Load;
use crate::model::Crowd;
use crate::net::Net;
use crate::regions::outbound;
use crate::wire::Way;

const CLUSTERS: [&str; 3] = ["east", "west", "north"];
/// The cluster of each host.
const PLACES: [usize; 6] = [0, 0, 1, 1, 2, 2];

/// Three clusters of two servers, each of which knows one server of each cluster.
#[track_caller]
fn start(net: &Net, more: &str) -> Vec<Server> {
    let seeds: Vec<_> = CLUSTERS.iter().enumerate().map(|(n, name)| (*name, 2 * n)).collect();
    let server = |n: usize| {
        let (name, first) = seeds[PLACES[n]];
        net.member(n, name, &[first], &format!("{}\n{more}", net.gateway(n, name, &seeds)))
    };
    let servers: Vec<_> = (0..PLACES.len()).map(server).collect();
    for (n, server) in servers.iter().enumerate() {
        sees(server, 2);
        server.wait_json("/routez", |page| (page["num_routes"].as_u64()? > 0).then_some(()));
        assert!(!outbound(&server.json("/gatewayz")).contains(CLUSTERS[PLACES[n]]));
    }
    servers
}

/// Waits until a server is linked with so many other clusters.
#[track_caller]
fn sees(server: &Server, count: usize) {
    server.wait_json("/gatewayz", |page| (outbound(page).len() == count).then_some(()));
}

/// A load with readers at the server itself, at the one beside it, and in each other cluster; and a
/// crowd that all servers agree about.
#[track_caller]
fn at_work(all: &[&Server]) -> (Load, Crowd) {
    let load = Load::begin(all, 4);
    let mut crowd = Crowd::across(&PLACES, all, 2);
    crowd.churn(60);
    crowd.agree(all);
    (load, crowd)
}

#[test]
fn a_cluster_that_is_cut_off_under_load_agrees_with_all_once_it_is_back() {
    let Some(net) = Net::new(PLACES.len()) else { return };
    let servers = start(&net, "");
    let all: Vec<&Server> = servers.iter().collect();
    let (load, mut crowd) = at_work(&all);
    net.set_all(&[4, 5], &[0, 1, 2, 3], Some(Way::Cut));
    servers[..4].iter().for_each(|server| sees(server, 1));
    servers[4..].iter().for_each(|server| sees(server, 0));
    crowd.churn(100);
    net.set_all(&[4, 5], &[0, 1, 2, 3], None);
    crowd.agree_in_time(&all);
    load.end();
}

/// No cluster is cut off, and yet one does not reach another; nothing goes by way of the third.
#[test]
fn two_clusters_that_do_not_reach_each_other_both_go_on_with_the_third() {
    let Some(net) = Net::new(PLACES.len()) else { return };
    let servers = start(&net, "");
    let all: Vec<&Server> = servers.iter().collect();
    let (load, mut crowd) = at_work(&all);
    // One direction will do.
    for (from, to) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        net.set(from, to, Some(Way::Cut));
    }
    servers[..4].iter().for_each(|server| sees(server, 1));
    servers[4..].iter().for_each(|server| sees(server, 2));
    crowd.churn(60);
    for (from, to) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        net.set(from, to, None);
    }
    crowd.agree_in_time(&all);
    load.end();
}
