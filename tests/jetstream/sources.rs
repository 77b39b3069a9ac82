//! A stream fed by others.

use serde_json::{Value, json};

use crate::harness::{DEADLINE, eventually, eventually_within};
use crate::kit::{Js, has, ok, refused};

#[track_caller]
fn wait_for(js: &mut Js, stream: &str, messages: u64) {
    let come =
        eventually_within(DEADLINE, || (js.state(stream)["messages"] == messages).then_some(()));
    assert!(come.is_some(), "not {messages} messages: {:#}", js.info(stream));
}

/// Messages of `stream` as `subject payload`, in any order.
fn contents(js: &mut Js, stream: &str) -> Vec<String> {
    let state = js.state(stream);
    let (first, last) = (state["first_seq"].as_u64().unwrap(), state["last_seq"].as_u64().unwrap());
    let mut all: Vec<_> = (first..=last)
        .map(|seq| js.get(stream, seq))
        .map(|message| format!("{} {}", message.subject, message.text()))
        .collect();
    all.sort();
    all
}

/// Streams `A` and `B` with three messages each.
fn two() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "A", "subjects": ["a.*"]}));
    js.create(json!({"name": "B", "subjects": ["b.*"]}));
    for n in 1..=3 {
        js.stored(&format!("a.{n}"), n.to_string(), n);
        js.stored(&format!("b.{n}"), n.to_string(), n);
    }
    js
}

// Row 45.
#[test]
fn messages_of_many_streams_meet_in_one() {
    let mut js = two();
    js.create(json!({"name": "T", "subjects": ["t"], "sources": [
        {"name": "A", "filter_subject": "a.2"},
        {"name": "B", "subject_transforms": [{"src": "b.*", "dest": "z.{{wildcard(1)}}"}]},
    ]}));
    wait_for(&mut js, "T", 4);
    assert_eq!(contents(&mut js, "T"), ["a.2 2", "z.1 1", "z.2 2", "z.3 3"]);
    let mut heads: Vec<_> = (1..=4).map(|seq| js.get("T", seq).head).collect();
    heads.sort();
    assert_eq!(heads[0], "NATS/1.0\r\nNats-Stream-Source: A 2 a.2 > a.2\r\n\r\n");
    let source = "NATS/1.0\r\nNats-Stream-Source: B 3 b.* z.{{wildcard(1)}} b.3\r\n\r\n";
    assert_eq!(heads[3], source);
    let info = js.info("T");
    let sources = info["sources"].as_array().unwrap();
    let of = |name: &str| sources.iter().find(|source| source["name"] == name).unwrap();
    has(of("A"), &json!({"lag": 0, "filter_subject": "a.2"}));
    let transforms = json!([{"src": "b.*", "dest": "z.{{wildcard(1)}}"}]);
    has(of("B"), &json!({"lag": 0, "subject_transforms": transforms}));
    assert!(of("A")["active"].as_i64() > Some(0), "{info}");
    // It has subjects of its own, and hears what is new.
    js.stored("t", "own", 5);
    js.stored("a.2", "again", 4);
    wait_for(&mut js, "T", 6);
    assert_eq!(js.get("T", 6).text(), "again");
}

#[test]
fn the_order_of_each_source_is_kept() {
    let mut js = two();
    js.create(json!({"name": "T", "sources": [{"name": "A"}, {"name": "B"}]}));
    for n in 4..=200 {
        js.send(&format!("a.{n}"), &[], n.to_string());
        js.send(&format!("b.{n}"), &[], n.to_string());
    }
    wait_for(&mut js, "T", 400);
    let (mut a, mut b) = (0, 0);
    for seq in 1..=400 {
        let message = js.get("T", seq);
        let last = if message.subject.starts_with('a') { &mut a } else { &mut b };
        *last += 1;
        assert_eq!(message.text(), last.to_string());
    }
}

#[test]
fn sources_come_and_go() {
    let mut js = two();
    js.create(json!({"name": "T", "subjects": ["t"], "sources": [{"name": "A"}]}));
    wait_for(&mut js, "T", 3);
    let both = json!({"name": "T", "subjects": ["t"], "sources": [{"name": "A"}, {"name": "B"}]});
    ok(js.update(both.clone()));
    wait_for(&mut js, "T", 6);
    let info = ok(js.update(json!({"name": "T", "subjects": ["t"], "sources": [{"name": "B"}]})));
    assert_eq!(info["config"]["sources"], json!([{"name": "B"}]));
    js.stored("a.4", "4", 4);
    js.stored("b.4", "4", 4);
    wait_for(&mut js, "T", 7);
    assert_eq!(js.get("T", 7).subject, "b.4");
    // A source that comes back goes on where it was.
    ok(js.update(both));
    wait_for(&mut js, "T", 8);
    assert_eq!(js.get("T", 8).header("Nats-Stream-Source"), Some("A 4 > > a.4"));
}

#[test]
fn a_source_goes_on_after_a_restart() {
    let mut js = two();
    js.create(json!({"name": "T", "sources": [{"name": "A"}]}));
    wait_for(&mut js, "T", 3);
    js.crash();
    js.stored("a.4", "4", 4);
    wait_for(&mut js, "T", 4);
    assert_eq!(contents(&mut js, "T"), ["a.1 1", "a.2 2", "a.3 3", "a.4 4"]);
}

#[test]
fn sourced_messages_are_checked_for_duplicates_when_asked_to() {
    let mut js = Js::start();
    js.create(json!({"name": "A", "subjects": ["a"]}));
    js.create(json!({"name": "B", "subjects": ["b"]}));
    for subject in ["a", "b"] {
        js.publish_with(subject, &[("Nats-Msg-Id", "same")], "x");
        js.publish(subject, "end");
    }
    let window = 60_000_000_000_u64;
    let sources = json!([{"name": "A"}, {"name": "B"}]);
    js.create(json!({"name": "T", "duplicate_window": window, "sources": sources}));
    wait_for(&mut js, "T", 3);
    js.create(json!({"name": "U", "sources": sources}));
    wait_for(&mut js, "U", 4);
    assert_eq!(js.state("T")["messages"], 3);
}

#[test]
fn what_a_source_cannot_be_is_refused() {
    let mut js = two();
    for (sources, code, text) in [
        (json!([{"name": "A"}, {"name": "A"}]), 10140, "duplicate source configuration detected"),
        (json!([{"name": "A.x"}]), 10141, "sourced stream name is invalid"),
        (json!([{"name": "T"}]), 10052, "detected cycle"),
        (
            json!([{"name": "A", "filter_subject": "a",
            "subject_transforms": [{"src": "a", "dest": "b"}]}]),
            10144,
            "source with multiple subject transforms cannot also have a single subject filter",
        ),
        (
            json!([{"name": "A", "subject_transforms": [{"src": "a..", "dest": "b"}]}]),
            10145,
            "source transform source: invalid subject a..",
        ),
        (
            json!([{"name": "A", "subject_transforms": [
            {"src": "a.*", "dest": "b"}, {"src": "a.b", "dest": "c"}]}]),
            10147,
            "source filters can not overlap",
        ),
    ] {
        let config = json!({"name": "T", "subjects": ["t"], "sources": sources});
        refused(&js.try_create(config), code, text);
    }
}

const ACCOUNTS: &str = "accounts {
    A { jetstream: enabled, users: [{user: a, password: p}], exports: [
        {service: \"$JS.API.CONSUMER.>\"}, {service: \"$JS.FC.>\"}, {stream: \"dlv.>\"}
    ] }
    B { jetstream: enabled, users: [{user: b, password: p}], imports: [
        {service: {account: A, subject: \"$JS.API.CONSUMER.>\"}, to: \"ja.CONSUMER.>\"}
        {service: {account: A, subject: \"$JS.FC.>\"}}
        {stream: {account: A, subject: \"dlv.>\"}}
    ] }
}";

// Row 46.
#[test]
fn a_source_may_be_in_another_account() {
    let mut js = Js::start_as("", ACCOUNTS, r#"{"user":"a","pass":"p"}"#);
    let mut other = js.connect_as("b");
    js.create(json!({"name": "O", "subjects": ["o.*"]}));
    js.stored("o.1", "1", 1);
    js.stored("o.2", "2", 2);
    let external = json!({"api": "ja", "deliver": "dlv.x"});
    other.create(json!({"name": "T", "sources": [{"name": "O", "external": external}]}));
    eventually("the messages to come", || (other.state("T")["messages"] == 2).then_some(()));
    let message = other.get("T", 2);
    assert_eq!((message.subject.as_str(), message.text()), ("o.2", "2"));
    let origin = message.header("Nats-Stream-Source").unwrap();
    assert!(origin.starts_with("O:") && origin.ends_with(" 2 > > o.2"), "{origin}");
    js.stored("o.3", "3", 3);
    eventually("the next to come", || (other.state("T")["messages"] == 3).then_some(()));
}

// Row 47.
#[test]
fn a_work_queue_is_drained_into_its_target() {
    let mut js = Js::start();
    js.create(json!({"name": "W", "subjects": ["w"], "retention": "workqueue"}));
    for n in 1..=3 {
        js.stored("w", n.to_string(), n);
    }
    js.create(json!({"name": "T", "sources": [{"name": "W"}]}));
    wait_for(&mut js, "T", 3);
    let listed = js.api("CONSUMER.LIST.W", "");
    let consumer = &listed["consumers"][0];
    let name = consumer["name"].as_str().unwrap();
    assert!(name.starts_with("JS_SRC_"), "{name}");
    has(
        &consumer["config"],
        &json!({
            "durable_name": name, "ack_policy": "flow_control", "flow_control": true,
            "idle_heartbeat": 1_000_000_000, "sourcing": true,
            "metadata": {"_nats.src.stream": "T", "_nats.src.acc": "$G"},
        }),
    );
    wait_for(&mut js, "W", 0);
    js.stored("w", "4", 4);
    wait_for(&mut js, "T", 4);
    // Without the source the consumer goes.
    ok(js.update(json!({"name": "T", "subjects": ["t"]})));
    eventually("the consumer to go", || {
        (js.api("CONSUMER.NAMES.W", "")["total"] == 0).then_some(())
    });
}

// Row 48.
#[test]
fn a_source_may_bring_its_own_consumer() {
    let mut js = two();
    let consumer = |ack: &str| -> Value {
        let mut config = json!({"durable_name": "C", "deliver_subject": "dlv.c"});
        config["ack_policy"] = ack.into();
        if ack == "flow_control" {
            config["flow_control"] = true.into();
            config["idle_heartbeat"] = 1_000_000_000.into();
        }
        config
    };
    js.consumer("A", "C", consumer("flow_control"));
    js.consumer("B", "C", consumer("explicit"));
    let source =
        |name: &str| json!({"name": name, "consumer": {"name": "C", "deliver_subject": "dlv.c"}});
    js.create(json!({"name": "T", "sources": [source("A")]}));
    wait_for(&mut js, "T", 3);
    js.create(json!({"name": "U", "sources": [source("B")]}));
    eventually("the reason to be shown", || {
        let info = js.info("U");
        (info["sources"][0]["error"]["err_code"] == 10217).then_some(())
    });
    let mut bad = source("A");
    bad["opt_start_seq"] = 2.into();
    let answer = js.try_create(json!({"name": "V", "sources": [bad]}));
    assert_eq!(answer["error"]["err_code"], 10215, "{answer}");
}

// Row 45.
#[test]
fn one_message_must_not_come_on_two_ways() {
    let mut js = Js::start();
    js.create(json!({"name": "O", "subjects": ["o.>"]}));
    js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    let both = json!([{"name": "O"}, {"name": "M"}]);
    let answer = js.try_create(json!({"name": "T", "subjects": ["t"], "sources": both}));
    refused(&answer, 10052, "detected cycle");
    js.create(json!({"name": "T", "subjects": ["t"], "sources": [{"name": "M"}]}));
    // A way back is one only for subjects that take it.
    js.create(json!({"name": "B", "subjects": ["b.>"], "sources": [{"name": "O"}]}));
    let back = |filter: &str| {
        json!({
            "name": "O", "subjects": ["o.>"],
            "sources": [{"name": "B", "filter_subject": filter}],
        })
    };
    refused(&js.update(back("b.>")), 10052, "detected cycle");
}
