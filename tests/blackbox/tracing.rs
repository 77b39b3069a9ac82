//! Message tracing: an event that tells where a message went.

use serde_json::Value;

use crate::harness::{Client, Server};

/// A client that gets trace events and publishes traced messages.
#[track_caller]
fn tracer(server: &Server) -> Client {
    let mut client = server.client_with(r#"{"headers":true,"no_responders":true,"name":"tracer"}"#);
    client.subscribe("trace", "t");
    client
}

/// Publishes on `subject` with these header lines.
#[track_caller]
fn publish(client: &mut Client, subject: &str, headers: &[&str]) {
    client.publish_headers(subject, &block(headers), "x");
}

fn block(headers: &[&str]) -> String {
    format!("NATS/1.0\r\n{}\r\n\r\n", headers.join("\r\n"))
}

/// The next message, which must be a trace event.
#[track_caller]
fn event(client: &mut Client) -> Value {
    event_at(client, "trace")
}

const DEST: &str = "Nats-Trace-Dest: trace";

// Row 38.
#[test]
fn a_traced_message_is_delivered_and_reported() {
    let server = Server::start("server_name: here");
    let mut client = tracer(&server);
    let mut sub = server.client_with(r#"{"headers":true,"name":"reader"}"#);
    sub.subscribe("a.*", "1");
    publish(&mut client, "a.b", &[DEST, "Foo: bar"]);

    let event = event(&mut client);
    assert_eq!(event["server"]["name"], "here");
    assert_eq!(event["server"]["id"], client.info["server_id"]);
    assert!(event["server"]["time"].is_string() && event["server"]["ver"].is_string());
    assert_eq!(event["request"]["header"]["Foo"][0], "bar");
    assert_eq!(event["request"]["header"]["Nats-Trace-Dest"][0], "trace");
    let headers = block(&[DEST, "Foo: bar"]);
    assert_eq!(event["request"]["msgsize"], headers.len() + 1);

    let ingress = &event["events"][0];
    assert_eq!(ingress["type"], "in");
    assert_eq!(ingress["kind"], 0);
    assert_eq!(ingress["cid"], client.info["client_id"]);
    assert_eq!(ingress["name"], "tracer");
    assert_eq!(ingress["acc"], "$G");
    assert_eq!(ingress["subj"], "a.b");
    assert!(ingress["ts"].is_string());

    let egress = &event["events"][1];
    assert_eq!(egress["type"], "eg");
    assert_eq!(egress["kind"], 0);
    assert_eq!(egress["cid"], sub.info["client_id"]);
    assert_eq!((&egress["name"], &egress["sub"]), (&"reader".into(), &"a.*".into()));
    assert!(event["events"].get(2).is_none(), "{event}");

    let size = headers.len();
    sub.expect(format!("HMSG a.b 1 {size} {}\r\n{headers}x\r\n", size + 1));
}

#[test]
fn every_delivery_is_reported_with_its_queue() {
    let server = Server::start("");
    let (mut client, mut sub) = (tracer(&server), server.client());
    sub.send("SUB a 1\r\nSUB a q 2\r\nSUB a q 3\r\n");
    sub.ping_pong();
    publish(&mut client, "a", &[DEST]);
    let event = event(&mut client);
    let egress: Vec<_> = event["events"].as_array().unwrap()[1..].iter().collect();
    assert_eq!(egress.len(), 2, "{event}");
    assert_eq!(egress.iter().filter(|entry| entry["queue"] == "q").count(), 1, "{event}");
}

#[test]
fn without_receivers_there_is_the_ingress_alone() {
    let server = Server::start("");
    let mut client = tracer(&server);
    publish(&mut client, "nobody", &[DEST]);
    let event = event(&mut client);
    assert_eq!(event["events"].as_array().unwrap().len(), 1, "{event}");
}

#[test]
fn a_mapping_is_part_of_the_report() {
    let server = Server::start("mappings { a: b }");
    let (mut client, mut sub) = (tracer(&server), server.client());
    sub.subscribe("b", "1");
    publish(&mut client, "a", &[DEST]);
    let event = event(&mut client);
    let mapping = &event["events"][1];
    assert_eq!((&mapping["type"], &mapping["to"]), (&"sm".into(), &"b".into()), "{event}");
    sub.expect("MSG b 1 1\r\nx\r\n");
}

#[test]
fn what_echo_keeps_back_is_reported_as_not_delivered() {
    let server = Server::start("");
    let (mut client, mut other) =
        (server.client_with(r#"{"headers":true,"echo":false}"#), tracer(&server));
    client.subscribe("a", "1");
    publish(&mut client, "a", &[DEST]);
    let event = event(&mut other);
    assert_eq!(event["events"][1]["error"], "Not delivered because of no echo", "{event}");
    client.ping_pong();
}

// Row 39.
#[test]
fn trace_only_reports_what_it_does_not_deliver() {
    let server = Server::start("");
    let (mut client, mut sub) = (tracer(&server), server.client());
    sub.send("SUB a 1\r\nSUB done 2\r\n");
    sub.ping_pong();
    for flag in ["true", "1", "on"] {
        publish(&mut client, "a", &[DEST, &format!("Nats-Trace-Only: {flag}")]);
        let event = event(&mut client);
        assert_eq!(event["events"][1]["type"], "eg", "{event}");
        assert_eq!(event["events"][1]["sub"], "a", "{event}");
    }
    client.publish("done", "");
    sub.expect("MSG done 2 0\r\n\r\n");
}

#[test]
fn header_names_count_by_their_case() {
    let server = Server::start("");
    let (mut client, mut sub) = (tracer(&server), server.client());
    sub.subscribe("a", "1");
    publish(&mut client, "a", &["nats-trace-dest: trace", "Nats-Trace-Only: true"]);
    sub.expect("MSG a 1 1\r\nx\r\n");
    client.ping_pong();
}

#[test]
fn a_destination_with_wildcards_traces_nothing() {
    let server = Server::start("");
    let (mut client, mut sub) = (tracer(&server), server.client());
    sub.subscribe("a", "1");
    publish(&mut client, "a", &["Nats-Trace-Dest: tr.*"]);
    sub.expect("MSG a 1 1\r\nx\r\n");
    client.ping_pong();
}

#[test]
fn who_may_not_publish_where_traces_go_publishes_nothing() {
    let server = Server::start(RESTRICTED);
    let (mut client, mut sub) = (log_in(&server, "few"), log_in(&server, "all"));
    sub.subscribe(">", "1");
    publish(&mut client, "ok", &[DEST]);
    client.expect_err("Permissions Violation for Publish to \"trace\"");
    publish(&mut client, "ok", &["Nats-Trace-Dest: $NRG.x"]);
    client.expect_err("Permissions Violation for Publish to \"$NRG.x\"");
    client.ping_pong();
    sub.ping_pong();
}

#[test]
fn why_a_message_was_refused_is_reported() {
    let server = Server::start(RESTRICTED);
    let (mut client, mut watch) = (log_in(&server, "few"), tracer_as(&server, "all", "ok"));
    publish(&mut client, "no", &["Nats-Trace-Dest: ok"]);
    let text = "Permissions Violation for Publish to \"no\"";
    client.expect_err(text);
    assert_eq!(event_at(&mut watch, "ok")["events"][0]["error"], text);
    let block = block(&["Nats-Trace-Dest: ok"]);
    let (head, total) = (block.len(), 2 << 20);
    client.send(format!("HPUB ok {head} {total}\r\n{block}"));
    client.expect_err_closed("Maximum Payload Violation");
    let event = event_at(&mut watch, "ok");
    assert_eq!(event["events"][0]["error"], "maximum payload exceeded", "{event}");
    assert_eq!(event["request"]["msgsize"], total);
}

#[test]
fn what_a_subscription_denies_is_reported() {
    let server = Server::start(RESTRICTED);
    let mut watch = tracer_as(&server, "all", "trace");
    let mut sub = log_in(&server, "deaf");
    sub.subscribe("q.>", "1");
    publish(&mut watch, "q.secret", &[DEST]);
    let event = event(&mut watch);
    let text = "Not delivered because subscription denies this subject";
    assert_eq!(event["events"][1]["error"], text, "{event}");
    sub.ping_pong();
}

#[test]
fn reports_are_compressed_for_who_accepts_that() {
    let server = Server::start("");
    let mut client = tracer(&server);
    for (accepted, encoding, magic) in [
        ("gzip", "gzip", &b"\x1f\x8b"[..]),
        ("snappy", "snappy", b"\xff\x06\0\0sNaPpY"),
        ("zip", "identity", b"{\"server\""),
    ] {
        publish(&mut client, "a", &[DEST, &format!("Accept-Encoding: {accepted}")]);
        let (args, bytes) = client.message();
        let head = format!("NATS/1.0\r\nContent-Encoding: {encoding}\r\n\r\n");
        assert_eq!(args[2], head.len().to_string(), "{args:?}");
        assert!(bytes.starts_with(&[head.as_bytes(), magic].concat()), "{accepted}");
    }
}

#[test]
fn a_message_of_an_older_server_s_trace_is_traced_no_further() {
    let server = Server::start("");
    let (mut client, mut sub) = (tracer(&server), server.header_client());
    sub.subscribe("a", "1");
    publish(&mut client, "a", &[DEST, "Nats-Trace-Origin-Account: A"]);
    let headers = block(&["Nats-Trace-Origin-Account: A", "Nats-Trace-Dest: trace disabled"]);
    let size = headers.len();
    sub.expect(format!("HMSG a 1 {size} {}\r\n{headers}x\r\n", size + 1));
    publish(&mut client, "a", &[DEST, "Nats-Trace-Origin-Account: A", "Nats-Trace-Only: 1"]);
    client.ping_pong();
    sub.ping_pong();
}

/// Users with the password `x`: of these, `all` may do everything.
const RESTRICTED: &str = r#"authorization { users: [
    {user: all, password: x}
    {user: few, password: x, permissions: {publish: ok}}
    {user: deaf, password: x, permissions: {subscribe: {allow: "q.>", deny: "q.secret"}}}
] }"#;

#[track_caller]
fn log_in(server: &Server, name: &str) -> Client {
    server.client_with(&format!(r#"{{"user":"{name}","pass":"x","headers":true}}"#))
}

/// A user that gets the trace events that go to `subject`.
#[track_caller]
fn tracer_as(server: &Server, name: &str, subject: &str) -> Client {
    let mut client = log_in(server, name);
    client.subscribe(subject, "t");
    client
}

/// The next message, which must be a trace event at `subject`.
#[track_caller]
fn event_at(client: &mut Client, subject: &str) -> Value {
    let (args, payload) = client.message();
    assert_eq!((args[0].as_str(), args[1].as_str()), (subject, "t"), "{args:?}");
    serde_json::from_slice(&payload).expect("an event is JSON")
}
