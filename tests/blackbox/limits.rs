//! Limits that a client can run into, and what it is told then.

use std::io::Read;

use crate::harness::{Client, Server};

// Row 16.
#[test]
fn a_payload_over_the_limit_ends_the_connection() {
    let server = Server::start("max_payload: 1kb");
    let mut client = server.client();
    assert_eq!(client.info["max_payload"], 1024);
    client.publish("a", [b'x'; 1024]);
    client.ping_pong();
    client.send("PUB a 1025\r\n");
    client.expect_err_closed("Maximum Payload Violation");
    let closed =
        server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(closed["reason"], "Maximum Message Payload Exceeded");
}

// Row 17.
#[test]
fn a_control_line_over_the_limit_ends_the_connection() {
    let server = Server::start("");
    let mut client = server.client();
    client.send(format!("SUB {} 1\r\n", "a".repeat(4000)));
    client.ping_pong();
    client.send(format!("SUB {} 1\r\n", "a".repeat(5000)));
    client.expect_err_closed("maximum control line exceeded");
    let closed =
        server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(closed["reason"], "Maximum Control Line Exceeded");
}

#[test]
fn the_control_line_limit_counts_arguments_only() {
    let server = Server::start("max_control_line: 100");
    for op in ["PUB", "SUB"] {
        // "<98> 0" or "<98> 1" are 100 bytes of arguments.
        let mut client = server.client();
        client.send(format!(
            "{op} {} 0\r\n{}",
            "a".repeat(98),
            if op == "PUB" { "\r\n" } else { "" }
        ));
        client.ping_pong();
        client.send(format!("{op} {} 0\r\n", "a".repeat(99)));
        client.expect_err_closed("maximum control line exceeded");
    }
}

#[test]
fn a_control_line_without_end_is_cut_off_before_it_fills_memory() {
    let server = Server::start("max_control_line: 1kb");
    let mut client = server.client();
    client.send(format!("SUB {}", "a".repeat(1100)));
    client.expect_err_closed("maximum control line exceeded");
}

// Row 20.
#[test]
fn subscriptions_over_the_limit_are_refused_and_the_connection_stays() {
    let server = Server::start("max_subscriptions: 5");
    let mut client = server.client();
    for sid in 1..=5 {
        client.subscribe("a", &sid.to_string());
    }
    client.send("SUB a 6\r\n");
    client.expect_err("maximum subscriptions exceeded");
    client.send("UNSUB 1\r\nSUB b 7\r\n");
    client.publish("b", "x");
    client.expect("MSG b 7 1\r\nx\r\n");
    server.client().subscribe("a", "1");
}

// Row 21.
#[test]
fn subjects_with_too_many_tokens_are_refused() {
    let server = Server::start("max_subscription_tokens: 3");
    let mut client = server.client();
    client.subscribe("a.b.c", "1");
    client.send("SUB a.b.c.d 2\r\n");
    client.expect_err(r#"Permissions Violation for Subscription to "a.b.c.d", too many tokens"#);
    client.publish("a.b.c.d", "no token limit for publishers");
    client.publish("a.b.c", "x");
    client.expect("MSG a.b.c 1 1\r\nx\r\n");
}

// Row 22.
#[test]
fn connections_over_the_limit_are_refused() {
    let server = Server::start("max_connections: 2");
    let (mut first, second) = (server.client(), server.client());
    refused(&server);
    drop(second);
    server.wait_json("/varz", |page| (page["connections"] == 1).then_some(()));
    server.client().ping_pong();
    first.ping_pong();
}

/// Connects, and must be told that there is no room. INFO may or may not come before that.
#[track_caller]
fn refused(server: &Server) {
    let mut extra = Client::dial(server.port);
    let mut answer = String::new();
    extra.socket.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("-ERR 'maximum connections exceeded'\r\n"), "{answer:?}");
}

#[test]
fn a_limit_of_no_connections_lets_none_in() {
    let server = Server::start("max_connections: 0");
    refused(&server);
}

#[test]
fn limits_show_in_varz() {
    let server = Server::start(
        "max_connections: 10\nmax_subscriptions: 7\nmax_payload: 2k\nmax_pending: 3MB\n\
         max_control_line: 2kb\nping_interval: 90\nping_max: 5\nwrite_deadline: \"3s\"\n",
    );
    let page = server.json("/varz");
    assert_eq!(page["max_connections"], 10);
    assert_eq!(page["max_subscriptions"], 7);
    assert_eq!(page["max_payload"], 2000);
    assert_eq!(page["max_pending"], 3 * 1024 * 1024);
    assert_eq!(page["max_control_line"], 2048);
    assert_eq!(page["ping_interval"], 90_000_000_000_u64);
    assert_eq!(page["ping_max"], 5);
    assert_eq!(page["write_deadline"], 3_000_000_000_u64);
}

#[test]
fn default_limits_are_those_of_nats() {
    let page = Server::start("").json("/varz");
    assert_eq!(page["max_connections"], 65536);
    assert_eq!(page["max_payload"], 1024 * 1024);
    assert_eq!(page["max_pending"], 64 * 1024 * 1024);
    assert_eq!(page["max_control_line"], 4096);
    assert_eq!(page["ping_interval"], 120_000_000_000_u64);
    assert_eq!(page["ping_max"], 2);
    assert_eq!(page["write_deadline"], 10_000_000_000_u64);
    assert_eq!(page["auth_timeout"], 2);
    assert!(page.get("max_subscriptions").is_none());
}
