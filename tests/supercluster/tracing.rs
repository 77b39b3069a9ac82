//! Traces of messages that cross to another cluster (rows 38 to 40).

use serde_json::{Value, json};

use crate::harness::Client;
use crate::kit::{regions, regions_with, wants};

/// The next report.
#[track_caller]
fn report(client: &mut Client) -> Value {
    serde_json::from_slice(&client.message().1).expect("a report is JSON")
}

/// Reports of the two servers that a message passes, that of the publisher's first.
#[track_caller]
fn both(client: &mut Client) -> [Value; 2] {
    let (one, other) = (report(client), report(client));
    if one["hops"].is_number() { [one, other] } else { [other, one] }
}

/// The fields of an event that tests look at.
fn short(event: &Value) -> Value {
    json!(["type", "kind", "name", "hop", "sub"].map(|field| &event[field]))
}

/// nats-server's number for a gateway.
const GATEWAY: u8 = 2;

// Rows 38 and 39.
#[test]
fn the_hop_to_another_cluster_is_reported_by_both_ends() {
    let [east, west] = regions(["east", "west"], 1);
    let (east, west) = (&east.servers[0], &west.servers[0]);
    let mut near = east.client_with(r#"{"headers":true,"name":"near"}"#);
    let mut far = west.client_with(r#"{"headers":true,"name":"far"}"#);
    near.subscribe("trace", "1");
    far.subscribe("q.*", "1");
    wants(east, "q.x", 1);
    wants(west, "trace", 1);
    for only in ["", "Nats-Trace-Only: true\r\n"] {
        let block = format!("NATS/1.0\r\nNats-Trace-Dest: trace\r\n{only}\r\n");
        near.publish_headers("q.x", &block, "x");
        let [first, second] = both(&mut near);
        assert_eq!((&first["hops"], &second["hops"]), (&json!(1), &Value::Null));
        assert_eq!(first["server"]["cluster"], "east");
        assert_eq!(second["server"]["cluster"], "west");
        assert_eq!(short(&first["events"][0]), json!(["in", 0, "near", null, null]));
        let hop = &first["events"][1];
        assert_eq!(
            (&hop["type"], &hop["kind"], &hop["hop"]),
            (&json!("eg"), &json!(GATEWAY), &json!("1"))
        );
        let arrived = &second["events"][0];
        assert_eq!((&arrived["type"], &arrived["kind"]), (&json!("in"), &json!(GATEWAY)));
        assert_eq!(short(&second["events"][1]), json!(["eg", 0, "far", null, "q.*"]));
        assert_eq!(second["request"]["header"]["Nats-Trace-Hop"], json!(["1"]));
    }
    // Once: the second was only to be traced.
    assert!(far.message().1.ends_with(b"Nats-Trace-Hop: 1\r\n\r\nx"));
    far.ping_pong();
}

// Row 40.
#[test]
fn a_sampled_traceparent_is_traced_across_clusters_as_the_account_says() {
    let accounts = "accounts { A { users: [{ user: a, password: p }], msg_trace: \"trace\" } }";
    let [east, west] = regions_with(["east", "west"], 1, accounts);
    let (east, west) = (&east.servers[0], &west.servers[0]);
    let login = r#"{"headers":true,"user":"a","pass":"p"}"#;
    let (mut near, mut far) = (east.client_with(login), west.client_with(login));
    near.subscribe("trace", "1");
    far.subscribe("q", "1");
    east.wait_interest("A", "q", 1);
    west.wait_interest("A", "trace", 1);
    let parent = |sampled: &str| {
        let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        format!("NATS/1.0\r\ntraceparent: 00-{ids}-{sampled}\r\n\r\n")
    };
    near.publish_headers("q", &parent("00"), "unseen");
    near.publish_headers("q", &parent("01"), "seen");
    let [first, second] = both(&mut near);
    assert_eq!(first["events"][1]["kind"], GATEWAY);
    assert_eq!(second["events"][1]["sub"], "q");
    assert!(far.message().1.ends_with(b"unseen"));
    assert!(far.message().1.ends_with(b"seen"));
    near.ping_pong();
}
