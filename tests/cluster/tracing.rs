//! Traces of messages that go from one server to another (rows 38 and 39).

use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::kit::{cluster, meshed, server_with, wants};

/// A traced message of one byte.
fn publish(client: &mut Client, subject: &str, more: &str) {
    let block = format!("NATS/1.0\r\nNats-Trace-Dest: trace\r\n{more}\r\n");
    client.publish_headers(subject, &block, "x");
}

/// The reports of two servers, each by its name.
#[track_caller]
fn reports(client: &mut Client) -> [Value; 2] {
    let mut both = [(); 2].map(|()| {
        let (_, payload) = client.message();
        serde_json::from_slice::<Value>(&payload).expect("a report is JSON")
    });
    both.sort_by_key(|report| report["server"]["name"].to_string());
    both
}

/// The fields of an event that tests look at.
fn short(event: &Value) -> Value {
    json!(["type", "kind", "name", "hop", "sub"].map(|field| &event[field]))
}

#[test]
fn each_server_that_a_message_passes_reports() {
    let [a, b] = cluster();
    let mut near = a.client_with(r#"{"headers":true,"name":"near"}"#);
    let mut far = b.client_with(r#"{"headers":true,"name":"far"}"#);
    near.subscribe("trace", "1");
    far.subscribe("q.*", "1");
    wants(&a, "q.x", 1);
    wants(&b, "trace", 1);
    for only in ["", "Nats-Trace-Only: true\r\n"] {
        publish(&mut near, "q.x", only);
        let [first, second] = reports(&mut near);
        assert_eq!((&first["hops"], &second["hops"]), (&json!(1), &Value::Null));
        assert_eq!(short(&first["events"][0]), json!(["in", 0, "near", null, null]));
        assert_eq!(short(&first["events"][1]), json!(["eg", 1, "s1", "1", null]));
        assert_eq!(short(&second["events"][0]), json!(["in", 1, "s0", null, null]));
        assert_eq!(short(&second["events"][1]), json!(["eg", 0, "far", null, "q.*"]));
        assert_eq!(second["request"]["header"]["Nats-Trace-Hop"], json!(["1"]));
    }
    // Once: the second was only to be traced.
    assert!(far.message().1.ends_with(b"Nats-Trace-Hop: 1\r\n\r\nx"));
    far.ping_pong();
}

const ACCOUNTS: &str = r#"accounts {
    A { users: [{user: a, password: x}], exports: [{service: "q.*", allow_trace: true}] }
    B { users: [{user: b, password: x}], imports: [{service: {account: A, subject: "q.*"}}] }
}"#;

#[track_caller]
fn log_in(server: &Server, user: &str) -> Client {
    server.client_with(&format!(r#"{{"user":"{user}","pass":"x","headers":true}}"#))
}

#[test]
fn a_server_that_serves_another_account_reports_to_who_asked() {
    let a = server_with("a", &[], "", ACCOUNTS);
    let b = server_with("b", &[&a], "", ACCOUNTS);
    meshed(&[&a, &b]);
    let (mut client, mut service) = (log_in(&a, "b"), log_in(&b, "a"));
    client.subscribe("trace", "1");
    service.subscribe("q.*", "1");
    a.wait_json("/subsz?subs=1&acc=A&test=q.x", |page| {
        (page["total"].as_u64() == Some(1)).then_some(())
    });
    publish(&mut client, "q.x", "");
    let [first, second] = reports(&mut client);
    assert_eq!(first["events"][1]["type"], "si", "{first}");
    assert_eq!(short(&first["events"][2]), json!(["eg", 1, "b", "1", null]));
    assert_eq!(second["events"][1]["sub"], "q.*", "{second}");
    service.message();
}
