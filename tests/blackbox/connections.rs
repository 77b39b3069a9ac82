//! How connections live and die: pings, silence, halves of sockets, many at once.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Client, Server, eventually};

/// The newest entry of /connz?state=closed, once there is one.
#[track_caller]
fn closed(server: &Server) -> Value {
    server.wait_json("/connz?state=closed&sort=stop", |page| page["connections"].get(0).cloned())
}

// Row 8.
#[test]
fn the_server_pings_two_seconds_after_connect() {
    let server = Server::start("");
    let started = Instant::now();
    let mut client = server.client();
    client.show_pings = true;
    client.expect("PING\r\n");
    let waited = started.elapsed().as_millis();
    assert!((1500..5000).contains(&waited), "the first PING came after {waited} ms");
    client.send("PONG\r\n");
    client.ping_pong();
}

#[test]
fn the_answer_to_a_ping_shows_as_round_trip_time() {
    let server = Server::start("ping_interval: \"50ms\"");
    let mut client = server.client();
    for _ in 0..3 {
        client.show_pings = true;
        client.expect("PING\r\n");
        client.send("PONG\r\n");
    }
    let page = server.wait_json("/connz", |page| page["connections"].get(0).cloned());
    let rtt = page["rtt"].as_str().unwrap_or_default();
    assert!(rtt.ends_with('s') && rtt.starts_with(|c: char| c.is_ascii_digit()), "{page}");
}

// Row 9.
#[test]
fn a_silent_client_is_stale() {
    let server = Server::start("ping_interval: \"50ms\"\nping_max: 2");
    let mut client = server.client();
    client.show_pings = true;
    client.expect("PING\r\nPING\r\n");
    client.expect_err_closed("Stale Connection");
    assert_eq!(closed(&server)["reason"], "Stale Connection");
    let page = server.json("/varz");
    assert_eq!(page["stale_connections"], 1);
    assert_eq!(page["stale_connection_stats"]["clients"], 1);
}

#[test]
fn a_client_that_answers_is_not_stale() {
    let server = Server::start("ping_interval: \"50ms\"\nping_max: 1");
    let mut client = server.client();
    client.show_pings = true;
    for _ in 0..10 {
        client.expect("PING\r\n");
        client.send("PONG\r\n");
    }
    assert_eq!(server.json("/varz")["connections"], 1);
}

#[test]
fn a_client_that_sends_is_alive_even_if_it_answers_no_ping() {
    let server = Server::start("ping_interval: \"100ms\"\nping_max: 1");
    let mut client = server.client();
    client.show_pings = true;
    let started = Instant::now();
    eventually("eight intervals of chatter", || {
        client.publish("a", "");
        (started.elapsed() > Duration::from_millis(800)).then_some(())
    });
    assert_eq!(server.json("/varz")["connections"], 1);
    // Now it falls silent.
    let rest = client.read_to_end();
    assert!(rest.ends_with(b"-ERR 'Stale Connection'\r\n"), "{}", rest.escape_ascii());
}

#[test]
fn a_vanished_peer_is_found_by_its_silence() {
    let server = Server::start("ping_interval: \"50ms\"\nping_max: 2");
    let sleeping: Vec<_> = (0..20).map(|_| server.client()).collect();
    server.wait_json("/varz", |page| (page["stale_connections"] == 20).then_some(()));
    server.wait_json("/varz", |page| (page["connections"] == 0).then_some(()));
    drop(sleeping);
}

#[test]
fn a_client_that_closes_is_gone() {
    let server = Server::start("");
    drop(server.client());
    let entry = closed(&server);
    assert_eq!(entry["reason"], "Client Closed");
    assert_eq!(server.json("/varz")["connections"], 0);
}

#[test]
fn a_reset_connection_is_gone() {
    let server = Server::start("");
    let client = server.client();
    // With linger 0 the close sends RST instead of FIN.
    socket2::SockRef::from(&client.socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let reason = closed(&server)["reason"].clone();
    assert!(reason == "Client Closed" || reason == "Read Error", "{reason}");
}

#[test]
fn a_half_closed_connection_is_served_to_the_end_of_its_input() {
    let server = Server::start("");
    let (mut half, mut other) = (server.client(), server.client());
    other.subscribe("a", "1");
    half.send("PUB a 3\r\nend\r\n");
    half.finish_writing();
    other.expect("MSG a 1 3\r\nend\r\n");
    half.expect_closed();
    assert_eq!(closed(&server)["reason"], "Client Closed");
}

#[test]
fn a_client_that_reads_nothing_more_may_still_publish() {
    let server = Server::start("");
    let (mut half, mut other) = (server.client(), server.client());
    other.subscribe("a", "1");
    half.socket.shutdown(Shutdown::Read).unwrap();
    half.send("PUB a 1\r\nx\r\n");
    other.expect("MSG a 1 1\r\nx\r\n");
}

#[test]
fn connections_that_never_speak_do_no_harm() {
    let server = Server::start("");
    let mute: Vec<_> = (0..100).map(|_| Client::dial(server.port)).collect();
    server.wait_json("/varz", |page| (page["connections"] == 100).then_some(()));
    server.client().ping_pong();
    drop(mute);
    server.wait_json("/varz", |page| (page["connections"] == 0).then_some(()));
    assert_eq!(server.json("/varz")["total_connections"], 101);
}

#[test]
fn connections_come_and_go_without_leaving_anything_behind() {
    let server = Server::start("");
    let before = server.json("/varz")["subscriptions"].clone();
    for round in 0..20 {
        let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send_connect("{}");
            client
                .send(format!("SUB churn.{round} 1\r\nSUB churn.> g 2\r\nPUB churn.x 1\r\nx\r\n"));
        }
    }
    server.wait_json("/varz", |page| {
        (page["connections"] == 0 && page["subscriptions"] == before).then_some(())
    });
}
