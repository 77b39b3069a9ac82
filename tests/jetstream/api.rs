//! The API at its edges: what one server cannot do, other accounts, and streams of odd subjects.

use serde_json::json;

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

#[test]
fn what_needs_a_cluster_says_so() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    for (endpoint, kind) in [
        ("STREAM.LEADER.STEPDOWN.S", "stream_leader_stepdown"),
        ("STREAM.PEER.REMOVE.S", "stream_remove_peer"),
        ("CONSUMER.LEADER.STEPDOWN.S.C", "consumer_leader_stepdown"),
    ] {
        let answer = js.api(endpoint, "");
        let kind = format!("io.nats.jetstream.api.v1.{kind}_response");
        has(&answer, &json!({"type": kind, "error": {"code": 503}}));
        refused(&answer, 10010, "JetStream clustering support required");
    }
}

#[test]
fn unknown_endpoints_stay_silent() {
    let mut js = Js::start();
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    js.send_reply("$JS.API.NO.SUCH.THING", &inbox, &[], "");
    assert_eq!(js.api("STREAM.NAMES", "")["total"], 0);
    assert_eq!(js.come(&sid).len(), 0);
    // Without a reply subject there is nobody to answer, but the work is done.
    js.send("$JS.API.STREAM.CREATE.S", &[], r#"{"name":"S"}"#);
    eventually("the stream", || (js.api("STREAM.NAMES", "")["total"] == 1).then_some(()));
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let mut js = Js::start();
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    for n in 0..50 {
        let name = format!("S{n}");
        let body = json!({"name": name, "storage": "memory"}).to_string();
        js.send_reply(&format!("$JS.API.STREAM.CREATE.{name}"), &inbox, &[], body);
    }
    let mut names: Vec<_> = (0..50)
        .map(|_| ok(js.next(&sid).json())["config"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 50);
}

const ACCOUNTS: &str = "accounts {
    A {
        jetstream: enabled, users: [{user: a, password: p}]
        exports: [{service: \"$JS.API.>\", response: stream}, {service: \"s.>\"}]
    }
    B {
        users: [{user: b, password: p}]
        imports: [
            {service: {account: A, subject: \"$JS.API.>\"}, to: \"js.a.>\"}
            {service: {account: A, subject: \"s.>\"}, to: \"store.>\"}
        ]
    }
}";

#[test]
fn another_account_may_be_let_in() {
    let mut js = Js::start_as("", ACCOUNTS, r#"{"user":"a","pass":"p"}"#);
    let mut other = js.connect_as("b");
    let config = json!({"name": "S", "subjects": ["s.>"], "allow_direct": true});
    let created = other.request("js.a.STREAM.CREATE.S", &[], config.to_string()).json();
    has(&ok(created), &json!({"did_create": true}));
    assert_eq!(js.api("STREAM.NAMES", "")["streams"], json!(["S"]));
    assert_eq!(other.publish("store.x", "hi"), json!({"stream": "S", "seq": 1}));
    assert_eq!((js.get("S", 1).subject.as_str(), js.get("S", 1).text()), ("s.x", "hi"));
    let direct = other.request("js.a.DIRECT.GET.S", &[], r#"{"seq":1}"#);
    assert_eq!((direct.text(), direct.header("Nats-Subject")), ("hi", Some("s.x")));
    // What the server itself added on the way is not stored.
    assert_eq!(js.get("S", 1).header("Nats-Request-Info"), None);
}

#[test]
fn mapped_subjects_are_stored_as_mapped() {
    let conf = "mappings { \"in.*\": \"s.{{wildcard(1)}}\" }";
    let mut js = Js::start_with("", conf);
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    js.stored("in.x", "hi", 1);
    assert_eq!(js.get("S", 1).subject, "s.x");
}

#[test]
fn a_stream_may_keep_what_the_server_tells() {
    let mut js = Js::start();
    let subject = "$JS.EVENT.ADVISORY.STREAM.*.>";
    js.create(json!({"name": "EVENTS", "subjects": [subject]}));
    js.create(json!({"name": "S", "storage": "memory"}));
    ok(js.api("STREAM.DELETE.S", ""));
    let seen = eventually("both events", || {
        let info = js.api("STREAM.INFO.EVENTS", json!({"subjects_filter": "*.*.*.*.*.S"}));
        let subjects = info["state"]["subjects"].as_object()?.clone();
        (subjects.len() == 2).then_some(subjects)
    });
    assert!(seen.contains_key("$JS.EVENT.ADVISORY.STREAM.CREATED.S"), "{seen:?}");
    assert!(seen.contains_key("$JS.EVENT.ADVISORY.STREAM.DELETED.S"), "{seen:?}");
}

#[test]
fn a_stream_may_keep_everything() {
    let mut js = Js::start();
    js.create(json!({"name": "ALL", "subjects": [">"], "no_ack": true, "storage": "memory"}));
    js.send("any.thing", &[], "hi");
    eventually("it to be stored", || {
        let answer = js.api("STREAM.MSG.GET.ALL", json!({"last_by_subj": "any.thing"}));
        answer.get("message").is_some().then_some(())
    });
}

#[test]
fn names_of_subjects_may_be_long_and_many() {
    let mut js = Js::start();
    let subjects: Vec<_> = (0..200).map(|n| format!("s.{n}.>")).collect();
    js.create(json!({"name": "S", "subjects": subjects}));
    let long = format!("s.7.{}", "token.".repeat(100)) + "end";
    js.stored(&long, "x", 1);
    assert_eq!(js.get("S", 1).subject, long);
    assert_eq!(js.request("s.200.x", &[], "x").status(), Some("503"));
    let found = js.api("STREAM.NAMES", json!({"subject": "s.199.x"}));
    assert_eq!(found["streams"], json!(["S"]));
}

#[test]
fn many_subjects_are_counted_right() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.*"], "max_msgs_per_subject": 1}));
    for n in 0..20_000 {
        js.send(&format!("s.{}", n % 10_000), &[], "x");
    }
    js.stored("s.last", "x", 20_001);
    has(&js.state("S"), &json!({"messages": 10_001, "num_subjects": 10_001, "first_seq": 10_001}));
    js.restart();
    has(&js.state("S"), &json!({"messages": 10_001, "num_subjects": 10_001, "first_seq": 10_001}));
    let purged = ok(js.api("STREAM.PURGE.S", json!({"filter": "s.7*"})));
    assert_eq!(purged["purged"], 0, "a star within a token is a star");
    ok(js.api("STREAM.PURGE.S", json!({"filter": "s.77"})));
    assert_eq!(js.state("S")["num_subjects"], 10_000);
}
