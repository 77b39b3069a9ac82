//! The line protocol itself: greeting, framing, acknowledgements, liveness.

use crate::harness::Server;

// Row 1.
#[test]
fn info_is_the_first_line_and_ends_with_a_space() {
    let server = Server::start("server_name: greeter");
    let mut client = crate::harness::Client::dial(server.port);
    let line = client.frame();
    assert!(line.starts_with("INFO {") && line.ends_with("} \r\n"), "{line:?}");

    let info = server.connect().info;
    assert_eq!(info["server_name"], "greeter");
    assert_eq!(info["proto"], 1);
    assert_eq!(info["host"], "127.0.0.1");
    assert_eq!(info["port"], server.port);
    assert_eq!(info["headers"], true);
    assert_eq!(info["max_payload"], 1024 * 1024);
    assert_eq!(info["client_ip"], "127.0.0.1");
    for text in ["server_id", "version", "go", "xkey"] {
        assert!(info[text].is_string(), "{text} in {info}");
    }
    for absent in ["auth_required", "tls_required", "nonce", "connect_urls", "ldm", "cluster"] {
        assert!(info.get(absent).is_none(), "{absent} in {info}");
    }
}

#[test]
fn info_names_the_server_by_a_public_key_and_the_api_level() {
    let server = Server::start("");
    let info = server.connect().info;
    let id = info["server_id"].as_str().unwrap();
    assert!(id.len() == 56 && id.starts_with('N'), "{id}");
    assert_eq!(info["server_name"], id, "an unnamed server goes by its id");
    assert_eq!(info["api_lvl"], 4);
    let version = info["version"].as_str().unwrap();
    assert_eq!(version.split('.').count(), 3, "{version}");
}

#[test]
fn client_ids_grow_and_the_server_id_stays() {
    let server = Server::start("");
    let (first, second) = (server.connect().info, server.connect().info);
    assert!(second["client_id"].as_u64() > first["client_id"].as_u64());
    assert_eq!(first["server_id"], second["server_id"]);
}

// Row 2.
#[test]
fn a_publish_reaches_a_subscriber() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB a 1\r\nPUB a 2\r\nhi\r\n");
    client.expect("MSG a 1 2\r\nhi\r\n");
}

#[test]
fn operations_work_before_connect_and_are_verbose_then() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n");
    client.expect("+OK\r\n");
    let mut rest = [client.frame(), client.frame()];
    rest.sort();
    assert_eq!(rest, ["+OK\r\n", "MSG a 1 2\r\nhi\r\n"]);
    client.expect("PONG\r\n");
}

// Row 6.
#[test]
fn verbose_acknowledges_all_but_ping() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("CONNECT {}\r\n");
    client.expect("+OK\r\n");
    client.send("PUB a 2\r\nhi\r\n");
    client.expect("+OK\r\n");
    client.send("SUB b 1\r\n");
    client.expect("+OK\r\n");
    client.send("UNSUB 1\r\n");
    client.expect("+OK\r\n");
    client.ping_pong();
}

#[test]
fn verbose_acknowledges_publishes_with_headers() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("CONNECT {\"verbose\":true,\"headers\":true}\r\n");
    client.expect("+OK\r\n");
    client.publish_headers("a", "NATS/1.0\r\n\r\n", "x");
    client.expect("+OK\r\n");
}

#[test]
fn quiet_clients_hear_nothing_back() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("PUB a 2\r\nhi\r\nSUB b 1\r\nUNSUB 1\r\n");
    client.ping_pong();
}

// Row 7.
#[test]
fn pedantic_checks_publish_subjects() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"pedantic":true}"#);
    for subject in ["a.*", "a.>", "a..b", ".a", "a."] {
        client.publish(subject, "");
        client.expect_err("Invalid Publish Subject");
    }
    client.publish("a.b", "");
    client.ping_pong();
}

#[test]
fn pedantic_still_delivers_what_it_complains_about() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"pedantic":true}"#);
    client.send("SUB a.* 1\r\nPUB a.* 1\r\nx\r\n");
    let mut frames = [client.frame(), client.frame()];
    frames.sort();
    assert_eq!(frames, ["-ERR 'Invalid Publish Subject'\r\n", "MSG a.* 1 1\r\nx\r\n"]);
}

// Row 8.
#[test]
fn ping_is_answered_with_pong() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("PING\r\nPING\r\n");
    client.expect("PONG\r\nPONG\r\n");
}

#[test]
fn words_after_ping_are_ignored() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("PINGX\r\nPING 1 2 3\r\nPONG\r\nPONG x\r\n+OK\r\nPING\r\n");
    client.expect("PONG\r\nPONG\r\nPONG\r\n");
}

// Row 18.
#[test]
fn unknown_operations_end_the_connection() {
    let server = Server::start("");
    for line in ["FOO\r\n", "RS+ a b\r\n", "LS+ a\r\n", "A+ a\r\n", "RMSG $G a 0\r\n\r\n"] {
        let mut client = server.client();
        client.send(line);
        client.expect_err_closed("Unknown Protocol Operation");
    }
}

// Row 23.
#[test]
fn the_first_pong_is_followed_by_a_second_info() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send_connect(r#"{"protocol":1}"#);
    client.send("PING\r\n");
    client.expect("PONG\r\n");
    let info = client.expect_info();
    assert_eq!(info["connect_info"], true);
    assert_eq!(info["remote_account"], "$G");
    assert_eq!(info["client_id"], client.info["client_id"]);
    assert!(client.info.get("connect_info").is_none());
    client.ping_pong();
}

#[test]
fn clients_of_protocol_0_get_one_info_only() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"protocol":0}"#);
    client.ping_pong();
}

#[test]
fn unknown_protocol_levels_are_refused() {
    let server = Server::start("");
    for level in ["2", "-1"] {
        let mut client = server.connect();
        client.send_connect(&format!(r#"{{"protocol":{level}}}"#));
        client.expect_err_closed("invalid client protocol");
    }
}

// Row 24.
#[test]
fn operations_may_be_lower_case_with_tabs_and_bare_line_feeds() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("connect {\"verbose\":false}\n");
    client.send("sub a 1\nSuB\ta.b\t \t2\r\npub a 1\nx\r\npUb  a.b\t1 \r\ny\r\nping\n");
    client.expect("MSG a 1 1\r\nx\r\nMSG a.b 2 1\r\ny\r\nPONG\r\n");
}

#[test]
fn a_payload_may_hold_any_bytes() {
    let server = Server::start("");
    let mut client = server.client();
    let all: Vec<u8> = (0..=255).chain(*b"\r\nPING\r\nMSG a 1 1\r\n").collect();
    client.send("SUB a 1\r\n");
    client.publish("a", &all);
    client.publish("a", "");
    assert_eq!(client.message().1, all);
    client.expect("MSG a 1 0\r\n\r\n");
}

#[test]
fn the_largest_payload_passes() {
    let server = Server::start("");
    let mut client = server.client();
    let payload: Vec<u8> = (0..1024 * 1024).map(|n: u32| (n % 251) as u8).collect();
    client.send("SUB a 1\r\n");
    client.publish("a", &payload);
    assert!(client.message().1 == payload, "the payload came back changed");
}

#[test]
fn connect_may_be_repeated_and_fields_it_does_not_know_are_ignored() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"name":"x","lang":"y","nonsense":[1,{"a":null}]}"#);
    client.send("CONNECT {\"verbose\":true}\r\n");
    client.expect("+OK\r\n");
    client.send_connect("{}");
    client.ping_pong();
}

#[test]
fn a_second_connect_ends_the_subscriptions_of_the_first() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB a 1\r\n");
    client.login("{}");
    client.publish("a", "x");
    client.ping_pong();
    client.send("SUB a 1\r\n");
    client.publish("a", "y");
    client.expect("MSG a 1 1\r\ny\r\n");
}
