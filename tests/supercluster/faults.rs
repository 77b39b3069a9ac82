//! Clusters that die, stop and come back: nothing of them stays, and nobody else minds.

use std::time::{Duration, Instant};

use crate::harness::Server;
use crate::kit::{gateway_port, gateway_url, outbound, regions, server, wants};

/// Within this time everybody knows.
const CONVERGED_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn what_a_killed_cluster_wanted_is_forgotten_and_comes_back_with_it() {
    let east = server("east", &[], &[], "", "");
    let mut west = server("west", &[], &[("east", &east)], "", "");
    let north = server("north", &[], &[("west", &west)], "", "");
    let mut lost = west.client();
    lost.subscribe("x", "1");
    wants(&east, "x", 1);
    wants(&north, "x", 1);
    let port = gateway_port(&west);
    west.signal("KILL");
    west.wait_exit();
    let since = Instant::now();
    for other in [&east, &north] {
        wants(other, "x", 0);
    }
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    let west = Server::start(&format!(
        "gateway {{ name: west, listen: \"127.0.0.1:{port}\",\n\
         gateways: [{{ name: east, url: \"{}\" }}] }}",
        gateway_url(&east)
    ));
    let mut found = west.client();
    found.subscribe("x", "1");
    let since = Instant::now();
    for other in [&east, &north] {
        other.wait_json("/gatewayz", |page| outbound(page).contains("west").then_some(()));
        wants(other, "x", 1);
    }
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    north.client().publish("x", "hello");
    assert_eq!(found.payload(), "hello");
}

#[test]
fn a_cluster_that_stops_answering_is_given_up_and_taken_in_again() {
    let [east, west] = regions(["east", "west"], 2);
    let (mut near, mut far) = (east.servers[0].client(), west.servers[0].client());
    let from = &east.servers[1];
    near.subscribe("x", "1");
    far.subscribe("x", "1");
    wants(from, "x", 2);
    west.servers.iter().for_each(|server| server.signal("STOP"));
    let since = Instant::now();
    // The sockets are open, and nothing comes of it.
    wants(from, "x", 1);
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    from.client().publish("x", "alone");
    assert_eq!(near.payload(), "alone");
    west.servers.iter().for_each(|server| server.signal("CONT"));
    let since = Instant::now();
    wants(from, "x", 2);
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    from.client().publish("x", "again");
    assert_eq!(near.payload(), "again");
    // What was on its way when it stopped may come first.
    while far.payload() != "again" {}
}
