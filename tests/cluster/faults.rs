//! Servers that die, stop and come back: nothing of them stays, and nobody else minds.

use std::time::Instant;

use crate::harness::Server;
use crate::kit::{cluster, cluster_port, flood, meshed, peers, wants};
use crate::model::CONVERGED_WITHIN;

/// A server in the place of one that is gone.
fn again(name: &str, port: u16, other: &Server) -> Server {
    let route = crate::kit::route_url(other);
    Server::start(&format!(
        "server_name: {name}\n\
         cluster {{ name: c, listen: \"127.0.0.1:{port}\", routes: [\"{route}\"] }}"
    ))
}

#[test]
fn what_a_killed_server_wanted_is_forgotten_and_comes_back_with_it() {
    let [a, b, mut c] = cluster();
    let mut lost = c.client();
    lost.subscribe("x", "1");
    wants(&a, "x", 1);
    let port = cluster_port(&c);
    c.signal("KILL");
    c.wait_exit();
    let since = Instant::now();
    for server in [&a, &b] {
        wants(server, "x", 0);
        server.wait_json("/routez", |page| (peers(page).len() == 1).then_some(()));
    }
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    let c = again("s2", port, &a);
    let mut found = c.client();
    found.subscribe("x", "1");
    let since = Instant::now();
    meshed(&[&a, &b, &c]);
    for server in [&a, &b] {
        wants(server, "x", 1);
    }
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    b.client().publish("x", "hello");
    found.expect("MSG x 1 5\r\nhello\r\n");
}

#[test]
fn a_server_that_stops_answering_is_given_up_and_taken_in_again() {
    let [a, b] = cluster();
    let (mut near, mut far) = (a.client(), b.client());
    near.subscribe("x", "1");
    far.subscribe("x", "1");
    wants(&a, "x", 2);
    wants(&b, "x", 2);
    b.signal("STOP");
    let since = Instant::now();
    // Its sockets are open, and nothing comes of it.
    wants(&a, "x", 1);
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    near.publish("x", "alone");
    near.expect("MSG x 1 5\r\nalone\r\n");
    b.signal("CONT");
    let since = Instant::now();
    wants(&a, "x", 2);
    wants(&b, "x", 2);
    assert!(since.elapsed() < CONVERGED_WITHIN, "{:?}", since.elapsed());
    near.publish("x", "again");
    near.expect("MSG x 1 5\r\nagain\r\n");
    loop {
        // What was on its way when it stopped may come first.
        if far.payload() == "again" {
            return;
        }
    }
}

#[test]
fn a_flood_toward_a_server_that_stopped_costs_bounded_memory_and_nobody_else() {
    let [a, b, c] = cluster();
    let (mut stuck, mut well) = (b.client(), c.client());
    stuck.subscribe("flood", "1");
    well.subscribe("flood", "1");
    well.subscribe("end", "2");
    wants(&a, "flood", 2);
    wants(&a, "end", 1);
    b.signal("STOP");
    // One that is behind by itself, on a busy machine, would lose something as well.
    flood(&mut a.client(), well, 4_000, || ());
    let memory = a.json("/varz")["mem"].as_u64().unwrap();
    assert!(memory < 400 << 20, "{} MB", memory >> 20);
    b.signal("CONT");
    meshed(&[&a, &b, &c]);
}
