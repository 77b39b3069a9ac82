//! A consumer that holds its messages back until a time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::is_reference;
use crate::kit::{Js, has, ok, refused};

const MS: u64 = 1_000_000;
const LATER: &str = "2100-01-01T00:00:00Z";

fn pause(js: &mut Js, until: Value) -> Value {
    js.api("CONSUMER.PAUSE.S.C", until)
}

// Row 111.
#[test]
fn a_consumer_is_paused_and_goes_on() {
    let mut js = Js::start();
    js.filled(2);
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.PAUSE.S.C");
    js.puller(json!({}));
    let answer = ok(pause(&mut js, json!({"pause_until": LATER})));
    has(
        &answer,
        &json!({
            "type": "io.nats.jetstream.api.v1.consumer_pause_response",
            "paused": true, "pause_until": LATER,
        }),
    );
    assert!(answer["pause_remaining"].as_u64().is_some_and(|ns| ns > 0), "{answer}");
    has(
        &js.next(&advisories).json(),
        &json!({
            "type": "io.nats.jetstream.advisory.v1.consumer_pause",
            "stream": "S", "consumer": "C", "paused": true, "pause_until": LATER,
        }),
    );
    let info = js.consumer_info("C");
    has(&info, &json!({"paused": true, "config": {"pause_until": LATER}}));
    assert!(info["pause_remaining"].as_u64().is_some_and(|ns| ns > 0), "{info}");

    // Requests are taken, and end as if there were nothing.
    let sid = js.pull(json!({"batch": 1, "expires": 200 * MS}));
    assert_eq!(
        js.next(&sid).head,
        "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\nNats-Pending-Bytes: 0\r\n\r\n"
    );
    let sid = js.pull(json!({"batch": 2, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    let answer = ok(pause(&mut js, "".into()));
    has(&answer, &json!({"paused": false}));
    if is_reference() {
        // It looks at who waits only when something else happens.
        js.fill([3]);
    }
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [1, 2]);
    has(&js.next(&advisories).json(), &json!({"paused": false}));
    let info = js.consumer_info("C");
    assert_eq!((&info["paused"], &info["pause_remaining"]), (&Value::Null, &Value::Null));
    let answer = js.api("CONSUMER.PAUSE.S.X", json!({"pause_until": LATER}));
    refused(&answer, 10014, "consumer not found");
}

// Row 111.
#[test]
fn a_pause_ends_by_itself() {
    let mut js = Js::start();
    js.filled(2);
    let until = (Timestamp::now() + Duration::from_millis(700)).to_string();
    js.consumer(
        "S",
        "C",
        json!({
            "durable_name": "C", "ack_policy": "explicit", "deliver_subject": "out",
            "idle_heartbeat": 100 * MS, "pause_until": until,
        }),
    );
    has(&js.consumer_info("C"), &json!({"paused": true}));
    let sid = js.subscribe("out");
    // Heartbeats go on in between.
    let mut beats = 0;
    let first = loop {
        let message = js.next(&sid);
        match message.status() {
            Some(status) => assert_eq!(status, "100 Idle Heartbeat"),
            None => break message,
        }
        beats += 1;
    };
    assert!(beats >= 2, "{beats} heartbeats");
    assert_eq!([first.seq(), js.next(&sid).seq()], [1, 2]);
    assert_eq!(js.consumer_info("C")["paused"], Value::Null);
}

// Row 111.
#[test]
fn an_update_does_not_end_a_pause() {
    let mut js = Js::start();
    js.filled(1);
    js.puller(json!({}));
    ok(pause(&mut js, json!({"pause_until": LATER})));
    js.puller(json!({"description": "changed"}));
    has(&js.consumer_info("C"), &json!({"paused": true, "config": {"description": "changed"}}));
    js.restart();
    has(&js.consumer_info("C"), &json!({"paused": true, "config": {"pause_until": LATER}}));
}
