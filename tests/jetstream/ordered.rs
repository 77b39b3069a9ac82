//! What an ordered consumer needs of the server: numbers without gaps, and a quick new beginning.

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

/// What clients ask for: no acks, one delivery, in memory, with flow control and heartbeats.
fn ordered(deliver: &str, start: Value) -> Value {
    let mut config = json!({
        "deliver_subject": deliver, "ack_policy": "none", "max_deliver": 1,
        "ack_wait": 79_200_000_000_000_u64, "flow_control": true,
        "idle_heartbeat": 200_000_000, "mem_storage": true, "num_replicas": 1,
        "inactive_threshold": 5_000_000_000_u64,
    });
    config.as_object_mut().unwrap().extend(start.as_object().unwrap().clone());
    json!({"stream_name": "S", "config": config})
}

// Row 105.
#[test]
fn an_ordered_consumer_begins_again_where_it_lost_touch() {
    let mut js = Js::start();
    js.filled(10);
    let sid = js.subscribe("in.1");
    let info = ok(js.api("CONSUMER.CREATE.S", ordered("in.1", json!({}))));
    has(&info, &json!({"num_pending": 10, "config": {"mem_storage": true, "num_replicas": 1}}));
    for n in 1..=10 {
        assert_eq!(js.next(&sid).counts(), (n, n, 1));
    }
    let name = info["name"].as_str().unwrap().to_owned();
    ok(js.api(&format!("CONSUMER.DELETE.S.{name}"), ""));
    js.fill([11, 12]);
    assert!(js.come(&sid).iter().all(|message| message.status().is_some()));
    // The client hears no more heartbeats, and asks for the rest with another consumer.
    let start = json!({"deliver_policy": "by_start_sequence", "opt_start_seq": 11});
    let sid = js.subscribe("in.2");
    ok(js.api("CONSUMER.CREATE.S", ordered("in.2", start)));
    assert_eq!(js.next(&sid).counts(), (11, 1, 1));
    assert_eq!(js.next(&sid).counts(), (12, 2, 1));
    let beat = js.next(&sid);
    assert_eq!(
        beat.head,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 12\r\n\r\n"
    );
}

// Row 105.
#[test]
fn a_filter_leaves_no_gaps_in_the_consumer_sequence() {
    let mut js = Js::start();
    js.filled(9);
    let sid = js.subscribe("in");
    let body = ordered("in", json!({"filter_subjects": ["s.2", "s.5", "s.9"]}));
    ok(js.api("CONSUMER.CREATE.S", body));
    let got: Vec<_> = (0..3).map(|_| js.next(&sid).counts()).collect();
    assert_eq!(got, [(2, 1, 1), (5, 2, 1), (9, 3, 1)]);
}

// Row 109.
#[test]
fn an_unused_consumer_goes_by_itself() {
    let mut js = Js::start();
    js.filled(1);
    let gone = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.DELETED.S.*");
    let threshold = json!(300_000_000);
    // One that pulls, one that pushes, and a durable that has a threshold too.
    js.consumer("S", "pull", json!({"name": "pull", "inactive_threshold": threshold}));
    let push = json!({"name": "push", "deliver_subject": "out", "inactive_threshold": threshold});
    js.consumer("S", "push", push);
    let stays = json!({"durable_name": "stays"});
    js.consumer("S", "stays", stays);
    let durable = json!({"durable_name": "durable", "inactive_threshold": threshold});
    js.consumer("S", "durable", durable);
    let listener = js.subscribe("out");
    assert_eq!(js.next(&listener).seq(), 1);

    let mut names: Vec<_> = (0..2)
        .map(|_| {
            let advisory = js.next(&gone).json();
            has(
                &advisory,
                &json!({
                    "type": "io.nats.jetstream.advisory.v1.consumer_action",
                    "stream": "S", "action": "delete",
                }),
            );
            advisory["consumer"].as_str().unwrap().to_owned()
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["durable", "pull"]);
    refused(&js.api("CONSUMER.INFO.S.pull", ""), 10014, "consumer not found");
    assert_eq!(ok(js.api("CONSUMER.NAMES.S", ""))["consumers"], json!(["push", "stays"]));
    // As long as somebody listens, it is in use.
    js.unsubscribe(&listener);
    assert_eq!(js.next(&gone).json()["consumer"], "push");
}

// Row 109.
#[test]
fn who_waits_keeps_a_consumer_in_use() {
    let mut js = Js::start();
    js.filled(0);
    let config = json!({"name": "E", "inactive_threshold": 300_000_000});
    js.consumer("S", "E", config);
    let sid = js.pull_from("E", json!({"batch": 1, "expires": 1_500_000_000}));
    assert_eq!(js.next(&sid).status(), Some("408 Request Timeout"));
    js.consumer_info("E");
    eventually("the consumer to go", || js.api("CONSUMER.INFO.S.E", "").get("error").map(|_| ()));
}
