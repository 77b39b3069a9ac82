//! Who may connect.

use std::time::Instant;

use crate::harness::{Client, Server, is_reference};

/// Two users.
const USERS: &str = r#"authorization {
    timeout: 1
    users: [
        {user: alice, password: secret}
        {user: bob, password: "builder"}
    ]
}"#;

/// Logs in with `fields` and must be refused.
#[track_caller]
fn refused(server: &Server, fields: &str) {
    let mut client = server.connect();
    client.send_connect(fields);
    client.expect_err_closed("Authorization Violation");
}

#[track_caller]
fn bob(server: &Server) -> Client {
    server.client_with(r#"{"user":"bob","pass":"builder"}"#)
}

#[test]
fn info_says_that_credentials_are_needed() {
    assert_eq!(Server::start(USERS).connect().info["auth_required"], true);
}

// Row 43.
#[test]
fn the_right_password_opens_and_wrong_ones_do_not() {
    let server = Server::start(USERS);
    server.client_with(r#"{"user":"alice","pass":"secret"}"#).ping_pong();
    for fields in [
        "{}",
        r#"{"user":"alice"}"#,
        r#"{"user":"alice","pass":""}"#,
        r#"{"user":"alice","pass":"Secret"}"#,
        r#"{"user":"alice","pass":"secret "}"#,
        r#"{"user":"eve","pass":"secret"}"#,
        r#"{"user":"alice","pass":"builder"}"#,
        r#"{"auth_token":"secret"}"#,
    ] {
        refused(&server, fields);
    }
    let page = server.wait_json("/connz?state=closed", |page| page["connections"].get(7).cloned());
    assert_eq!(page["reason"], "Authentication Failure");
}

#[test]
fn anything_but_connect_comes_too_early() {
    let server = Server::start(USERS);
    for line in ["PING\r\n", "SUB a 1\r\n", "PUB a 0\r\n\r\n"] {
        let mut client = server.connect();
        client.send(line);
        client.expect_err_closed("Authorization Violation");
    }
}

// Row 47.
#[test]
fn a_client_that_says_nothing_is_closed_after_the_timeout() {
    let server = Server::start(USERS);
    let started = Instant::now();
    server.connect().expect_err_closed("Authentication Timeout");
    let waited = started.elapsed().as_millis();
    assert!((900..5000).contains(&waited), "closed after {waited} ms");
}

// Row 41.
#[test]
fn a_token_opens() {
    let server = Server::start("authorization { token: s3cret }");
    server.client_with(r#"{"auth_token":"s3cret"}"#).ping_pong();
    refused(&server, r#"{"auth_token":"guess"}"#);
    refused(&server, "{}");
}

// Row 42.
#[test]
fn a_single_user_opens() {
    let server = Server::start("authorization { user: derek, password: porkchop }");
    server.client_with(r#"{"user":"derek","pass":"porkchop"}"#).ping_pong();
    refused(&server, r#"{"user":"derek","pass":"chop"}"#);
}

// Row 44.
#[test]
fn a_hashed_password_is_compared_as_a_hash() {
    // bcrypt of "s3cret", at the lowest cost.
    const HASH: &str = "$2a$04$4TQ3y9ZXiGlAVGR97qvwh.kIp8J6WqHOKAmAkYmqixOfx4U1LrrVO";
    let server = Server::start(&format!("authorization {{ user: u, password: \"{HASH}\" }}"));
    server.client_with(r#"{"user":"u","pass":"s3cret"}"#).ping_pong();
    refused(&server, r#"{"user":"u","pass":"guess"}"#);
    refused(&server, &format!(r#"{{"user":"u","pass":"{HASH}"}}"#));
}

// Row 46.
#[test]
fn a_user_for_those_without_credentials() {
    let server = Server::start(&format!("no_auth_user: bob\n{USERS}"));
    let mut client = server.client();
    assert!(client.info.get("auth_required").is_none());
    client.ping_pong();
    assert_eq!(server.json("/connz?auth=1")["connections"][0]["authorized_user"], "bob");
    refused(&server, r#"{"user":"alice","pass":"guess"}"#);
}

#[test]
fn connect_again_is_another_user() {
    let server = Server::start(USERS);
    let mut client = server.client_with(r#"{"user":"alice","pass":"secret"}"#);
    client.login(r#"{"user":"bob","pass":"builder"}"#);
    assert_eq!(server.json("/connz?auth=1")["connections"][0]["authorized_user"], "bob");
    client.send_connect(r#"{"user":"bob","pass":"guess"}"#);
    client.expect_err_closed("Authorization Violation");
}

#[test]
fn connz_shows_who_is_who_when_asked() {
    let server = Server::start(USERS);
    let _bob = bob(&server);
    let plain = server.json("/connz");
    assert!(plain["connections"][0].get("authorized_user").is_none());
    let page = server.json("/connz?auth=1");
    assert_eq!(page["connections"][0]["authorized_user"], "bob");
    assert_eq!(page["connections"][0]["name_tag"], "$G");
    assert_eq!(server.json("/connz?user=alice&auth=1")["num_connections"], 0);
    assert_eq!(server.json("/connz?user=bob")["num_connections"], 1);
    assert_eq!(server.json("/varz")["auth_required"], true);
}

#[test]
fn plain_passwords_are_warned_of() {
    Server::start(USERS).log.wait_for("Plaintext passwords detected");
}

#[test]
fn lines_about_a_client_say_who_it_is() {
    let server = Server::start(&format!("max_payload: 10\n{USERS}"));
    let mut client = server.client_with(
        r#"{"user":"bob","pass":"builder","version":"1.2","lang":"rust","name":"shop"}"#,
    );
    client.publish("a", "eleven byte");
    client.expect_err_closed("Maximum Payload Violation");
    let line = " - \"v1.2:rust:shop\" - \"$G/user:bob\" - maximum payload exceeded: 11 vs 10";
    server.log.wait_for(line);
}

#[test]
fn a_token_is_not_shown_in_the_log() {
    let server = Server::start("debug: true\nauthorization { token: s3cret }");
    drop(server.client_with(r#"{"auth_token":"s3cret","name":"bell"}"#));
    let log = server.log.wait_for(" - \"bell\" - \"$G/token\" - Client connection closed");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_reload_that_asks_for_credentials_ends_who_listens_without() {
    let server = Server::start("");
    let mut silent = server.connect();
    silent.send("SUB news 1\r\n");
    silent.expect("+OK\r\n");
    let mut greeted = server.client();
    let mut idle = server.connect();
    server.rewrite("authorization { token: s3cret, timeout: 30 }");
    server.signal("HUP");
    server.log.wait_for("Reloaded server configuration");
    silent.expect_err_closed("Authorization Violation");
    greeted.expect_err_closed("Authorization Violation");
    // Who has not begun yet may still show what is asked for now; nats-server ends it as well.
    if !is_reference() {
        idle.login(r#"{"auth_token":"s3cret"}"#);
    }
}
