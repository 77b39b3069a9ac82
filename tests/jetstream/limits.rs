//! What a stream keeps: limits, retention, and where counting starts.

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

fn stream(extra: Value) -> Js {
    let mut js = Js::start();
    add(&mut js, extra);
    js
}

fn add(js: &mut Js, extra: Value) {
    let mut config = json!({"name": "S", "subjects": ["s.>"]});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    js.create(config);
}

// Row 25.
#[test]
fn the_oldest_messages_make_room() {
    for storage in ["file", "memory"] {
        let mut js = stream(json!({"max_msgs": 2, "storage": storage}));
        for n in 1..=5 {
            js.stored("s.a", n.to_string(), n);
        }
        has(&js.state("S"), &json!({"messages": 2, "first_seq": 4, "last_seq": 5}));
        refused(&js.api("STREAM.MSG.GET.S", json!({"seq": 3})), 10037, "no message found");
        assert_eq!(js.get("S", 4).text(), "4");
    }
}

#[test]
fn the_oldest_bytes_make_room() {
    // A message takes 30 bytes and those of its subject and its payload.
    let mut js = stream(json!({"max_bytes": 100}));
    for n in 1..=5 {
        js.stored("s.a", "7 bytes", n);
    }
    has(&js.state("S"), &json!({"messages": 2, "bytes": 80, "first_seq": 4}));
    let answer = js.publish("s.a", "x".repeat(200));
    has(&answer, &json!({"seq": 6}));
}

#[test]
fn old_messages_go_by_age() {
    for storage in ["file", "memory"] {
        let mut js = stream(json!({"max_age": 300_000_000, "storage": storage}));
        js.stored("s.a", "x", 1);
        assert_eq!(js.get("S", 1).text(), "x");
        eventually("it to be too old", || (js.state("S")["messages"] == 0).then_some(()));
        has(&js.state("S"), &json!({"first_seq": 2, "last_seq": 1}));
        js.stored("s.a", "y", 2);
        eventually("the next to be too old", || (js.state("S")["messages"] == 0).then_some(()));
    }
}

#[test]
fn a_shorter_age_takes_effect_at_once() {
    let mut js = stream(json!({}));
    js.stored("s.a", "x", 1);
    ok(js.update(json!({"name": "S", "subjects": ["s.>"], "max_age": 200_000_000})));
    eventually("it to be too old", || (js.state("S")["messages"] == 0).then_some(()));
}

// Row 26.
#[test]
fn a_full_stream_may_refuse_new_messages() {
    let mut js = stream(json!({"max_msgs": 2, "discard": "new"}));
    js.stored("s.a", "x", 1);
    js.stored("s.a", "x", 2);
    let answer = js.publish("s.a", "x");
    has(&answer, &json!({"error": {"code": 503}, "stream": "S", "seq": 0}));
    refused(&answer, 10077, "maximum messages exceeded");
    ok(js.api("STREAM.MSG.DELETE.S", json!({"seq": 1})));
    js.stored("s.a", "x", 3);
    let mut js = stream(json!({"max_bytes": 100, "discard": "new"}));
    js.stored("s.a", "7 bytes", 1);
    js.stored("s.a", "7 bytes", 2);
    refused(&js.publish("s.a", "7 bytes"), 10077, "maximum bytes exceeded");
    has(&js.state("S"), &json!({"messages": 2, "last_seq": 2}));
}

// Row 27.
#[test]
fn each_subject_keeps_its_newest_messages() {
    let mut js = stream(json!({"max_msgs_per_subject": 2}));
    for n in 1..=4 {
        js.stored("s.a", n.to_string(), 2 * n - 1);
        js.stored("s.b", n.to_string(), 2 * n);
    }
    js.stored("s.c", "x", 9);
    let info = js.api("STREAM.INFO.S", json!({"subjects_filter": ">"}));
    assert_eq!(info["state"]["subjects"], json!({"s.a": 2, "s.b": 2, "s.c": 1}));
    assert_eq!(info["state"]["first_seq"], 5);
    ok(js.update(json!({"name": "S", "subjects": ["s.>"], "max_msgs_per_subject": 1})));
    let info = js.api("STREAM.INFO.S", json!({"subjects_filter": ">"}));
    assert_eq!(info["state"]["subjects"], json!({"s.a": 1, "s.b": 1, "s.c": 1}));
    assert_eq!(js.get("S", 7).text(), "4");
}

#[test]
fn a_full_subject_of_a_full_stream_takes_a_newer_message() {
    let mut js = stream(json!({"max_msgs": 2, "max_msgs_per_subject": 1, "discard": "new"}));
    js.stored("s.a", "1", 1);
    js.stored("s.b", "2", 2);
    js.stored("s.a", "3", 3);
    refused(&js.publish("s.c", "x"), 10077, "maximum messages exceeded");
    has(&js.state("S"), &json!({"messages": 2, "first_seq": 2}));
}

// Row 28.
#[test]
fn a_full_subject_may_refuse_new_messages() {
    let config = json!({
        "max_msgs_per_subject": 1, "discard": "new", "discard_new_per_subject": true,
    });
    let mut js = stream(config);
    js.stored("s.a", "x", 1);
    refused(&js.publish("s.a", "x"), 10077, "maximum messages per subject exceeded");
    js.stored("s.b", "x", 2);
    ok(js.api("STREAM.PURGE.S", json!({"filter": "s.a"})));
    js.stored("s.a", "x", 3);
}

// Row 31.
#[test]
fn nobody_interested_nothing_kept() {
    let mut js = stream(json!({"retention": "interest"}));
    js.stored("s.a", "x", 1);
    has(&js.state("S"), &json!({"messages": 0, "last_seq": 1}));
    js.consumer(
        "S",
        "C",
        json!({"durable_name": "C", "ack_policy": "explicit", "filter_subject": "s.a"}),
    );
    js.consumer(
        "S",
        "D",
        json!({"durable_name": "D", "ack_policy": "explicit", "filter_subject": "s.*"}),
    );
    js.stored("s.a", "x", 2);
    js.stored("s.b.c", "x", 3);
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 2, "last_seq": 3}));
    for name in ["C", "D"] {
        assert_eq!(js.state("S")["messages"], 1);
        let message = js.request(&format!("$JS.API.CONSUMER.MSG.NEXT.S.{name}"), &[], "");
        js.request(message.reply.as_deref().unwrap(), &[], "");
    }
    eventually("all to have acknowledged it", || (js.state("S")["messages"] == 0).then_some(()));
    js.stored("s.a", "x", 4);
    ok(js.api("CONSUMER.DELETE.S.C", ""));
    assert_eq!(js.state("S")["messages"], 1);
    ok(js.api("CONSUMER.DELETE.S.D", ""));
    eventually("nobody to be left", || (js.state("S")["messages"] == 0).then_some(()));
}

fn explicit(filter: &str) -> Value {
    json!({"durable_name": "C", "ack_policy": "explicit", "filter_subject": filter})
}

// Row 32.
#[test]
fn a_work_queue_keeps_what_was_not_done() {
    let mut js = stream(json!({"retention": "workqueue"}));
    js.stored("s.a", "1", 1);
    js.stored("s.b", "2", 2);
    js.consumer("S", "C", explicit("s.a"));
    let message = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], "");
    assert_eq!((message.text(), &js.state("S")["messages"]), ("1", &json!(2)));
    js.request(message.reply.as_deref().unwrap(), &[], "");
    eventually("it to be done", || (js.state("S")["messages"] == 1).then_some(()));
    has(&js.state("S"), &json!({"first_seq": 2, "last_seq": 2}));
    let mut other = |mut config: Value| {
        config["durable_name"] = "D".into();
        js.try_consumer("S", "D", config)
    };
    refused(&other(explicit("s.a")), 10100, "filtered consumer not unique on workqueue stream");
    refused(&other(explicit("s.*")), 10100, "filtered consumer not unique on workqueue stream");
    refused(
        &other(json!({"ack_policy": "explicit"})),
        10099,
        "multiple non-filtered consumers not allowed on workqueue stream",
    );
    refused(
        &other(json!({"ack_policy": "explicit", "filter_subject": "s.b", "deliver_policy": "new"})),
        10101,
        "consumer must be deliver all on workqueue stream",
    );
    refused(
        &other(json!({"ack_policy": "none", "filter_subject": "s.b"})),
        10084,
        "consumer in pull mode requires explicit ack policy on workqueue stream",
    );
    ok(other(explicit("s.b")));
}

// Row 33.
#[test]
fn memory_forgets_at_restart() {
    let mut js = stream(json!({"storage": "memory"}));
    js.stored("s.a", "x", 1);
    assert_eq!(js.get("S", 1).text(), "x");
    js.restart();
    // Whether the empty stream is still there is the server's business; the message is not.
    add(&mut js, json!({"storage": "memory"}));
    assert_eq!(js.state("S")["messages"], 0);
    js.publish("s.a", "y");
    assert_eq!(js.state("S")["messages"], 1);
}

// Row 35.
#[test]
fn counting_may_start_anywhere() {
    let mut js = stream(json!({"first_seq": 100}));
    has(&js.state("S"), &json!({"messages": 0, "first_seq": 100, "last_seq": 99}));
    js.stored("s.a", "x", 100);
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 100, "last_seq": 100}));
    js.restart();
    js.stored("s.a", "x", 101);
    assert_eq!(js.info("S")["config"]["first_seq"], 100);
}

// Row 76.
#[test]
fn a_stream_may_be_acknowledged_before_it_is_on_disk() {
    let mut js = stream(json!({"persist_mode": "async"}));
    assert_eq!(js.info("S")["config"]["persist_mode"], "async");
    js.stored("s.a", "x", 1);
    assert_eq!(js.get("S", 1).text(), "x");
    js.restart();
    assert_eq!(js.get("S", 1).text(), "x");
    for (extra, text) in [
        (json!({"storage": "memory"}), "async persist mode is only supported on file storage"),
        (
            json!({"allow_atomic": true}),
            "async persist mode is not supported with atomic batch publish",
        ),
    ] {
        let mut config = json!({"name": "T", "persist_mode": "async"});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        refused(&js.try_create(config), 10052, text);
    }
    let answer = js.update(json!({"name": "S", "subjects": ["s.>"]}));
    refused(&answer, 10052, "stream configuration update can not change persist mode");
}

// Row 77.
#[test]
fn a_stream_may_limit_its_consumers() {
    let mut js = stream(json!({
        "consumer_limits": {"max_ack_pending": 10, "inactive_threshold": 60_000_000_000_u64},
        "max_consumers": 2,
    }));
    let config = js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    has(
        &config["config"],
        &json!({"max_ack_pending": 10, "inactive_threshold": 60_000_000_000_u64}),
    );
    let config = json!({"durable_name": "D", "ack_policy": "explicit", "max_ack_pending": 20});
    let answer = js.try_consumer("S", "D", config);
    refused(&answer, 10121, "consumer max ack pending exceeds system limit of 10");
    let config =
        json!({"name": "D", "ack_policy": "explicit", "inactive_threshold": 61_000_000_000_u64});
    let answer = js.try_consumer("S", "D", config);
    refused(&answer, 10153, "consumer inactive threshold exceeds system limit of 1m0s");
    js.consumer("S", "D", json!({"durable_name": "D", "ack_policy": "explicit"}));
    let answer = js.try_consumer("S", "E", json!({"durable_name": "E", "ack_policy": "explicit"}));
    refused(&answer, 10026, "maximum consumers limit reached");
    let answer = js.update(json!({
        "name": "S", "subjects": ["s.>"], "max_consumers": 2,
        "consumer_limits": {"max_ack_pending": 5},
    }));
    refused(&answer, 10069, "change to limits violates consumers: C, D");
}
