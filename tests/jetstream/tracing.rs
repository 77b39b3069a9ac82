//! Traces of messages that a stream takes (rows 38 and 39 of the core).

use serde_json::{Value, json};

use crate::kit::Js;

const DEST: (&str, &str) = ("Nats-Trace-Dest", "trace");
const ONLY: (&str, &str) = ("Nats-Trace-Only", "true");

/// A stream that makes `s.a` of `in.a`, and a subscription to traces.
fn start() -> (Js, String) {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["in.*"], "max_msg_size": 200,
        "subject_transform": {"src": "in.*", "dest": "s.$1"},
    }));
    let sid = js.subscribe("trace");
    (js, sid)
}

/// What the stream made of the next traced message.
#[track_caller]
fn verdict(js: &mut Js, sid: &str) -> Value {
    let report = js.next(sid).json();
    let mut event = report["events"][1].clone();
    let fields = event.as_object_mut().expect("the stream has no event");
    assert_eq!(fields.shift_remove("type"), Some(json!("js")));
    assert!(fields.shift_remove("ts").is_some());
    event
}

#[test]
fn what_is_stored_is_traced_and_traced_once() {
    let (mut js, sid) = start();
    js.send("in.a", &[DEST], "x");
    assert_eq!(verdict(&mut js, &sid), json!({"stream": "S", "subject": "s.a"}));
    assert_eq!(js.get("S", 1).head, "NATS/1.0\r\nNats-Trace-Dest: trace disabled\r\n\r\n");
}

#[test]
fn what_is_only_traced_is_not_stored() {
    let (mut js, sid) = start();
    js.send("in.a", &[DEST, ONLY], "x");
    assert_eq!(verdict(&mut js, &sid), json!({"stream": "S", "subject": "s.a"}));
    assert_eq!(js.request("in.a", &[], "y").json(), json!({"stream": "S", "seq": 1}));
}

#[test]
fn why_a_message_is_not_stored_is_reported() {
    let (mut js, sid) = start();
    js.request("in.a", &[("Nats-Msg-Id", "1")], "x");
    for (name, value, error) in [
        ("Nats-Expected-Last-Sequence", "9", "last sequence mismatch: 9 vs 1"),
        ("Nats-Expected-Last-Subject-Sequence", "9", "last sequence by subject mismatch: 9 vs 1"),
        ("Nats-Expected-Last-Msg-Id", "2", "last msgid mismatch: \"2\" vs \"1\""),
        ("Nats-Expected-Stream", "T", "expected stream does not match"),
        ("Nats-Msg-Id", "1", "msgid is duplicate"),
        ("Nats-Rollup", "sub", "rollup not permitted"),
        ("Nats-TTL", "1s", "message TTL disabled"),
    ] {
        for headers in [&[DEST, (name, value)][..], &[DEST, (name, value), ONLY]] {
            js.send("in.a", headers, "x");
            assert_eq!(verdict(&mut js, &sid), json!({"stream": "S", "error": error}));
        }
    }
    js.send("in.a", &[DEST], "x".repeat(201));
    let error = "maximum payload exceeded";
    assert_eq!(verdict(&mut js, &sid), json!({"stream": "S", "error": error}));
}

#[test]
fn a_message_that_no_consumer_wants_says_so() {
    let (mut js, sid) = start();
    js.create(json!({"name": "I", "subjects": ["i.*"], "retention": "interest"}));
    js.send("i.a", &[DEST], "x");
    let expected = json!({"stream": "I", "subject": "i.a", "nointerest": true});
    assert_eq!(verdict(&mut js, &sid), expected);
}

#[test]
fn a_request_of_the_api_that_is_only_traced_is_not_made() {
    let (mut js, sid) = start();
    js.send("$JS.API.STREAM.DELETE.S", &[DEST, ONLY], "");
    let report = js.next(&sid).json();
    assert_eq!(report["events"][1]["type"], "si", "{report}");
    assert_eq!(report["events"][1]["to"], "$JS.API.STREAM.DELETE.S", "{report}");
    js.request("in.a", &[], "still there");
}
