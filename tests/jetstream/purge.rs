//! Removing messages by hand, and streams that do not let go.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused};

/// Ten messages, by turns on `s.a` (odd) and `s.b` (even).
fn ten(extra: Value) -> Js {
    let mut js = Js::start();
    let mut config = json!({"name": "S", "subjects": ["s.>"]});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    js.create(config);
    for n in 1..=10 {
        js.stored(if n % 2 == 1 { "s.a" } else { "s.b" }, n.to_string(), n);
    }
    js
}

fn purged(js: &mut Js, request: Value) -> u64 {
    let answer = ok(js.api("STREAM.PURGE.S", request));
    has(&answer, &json!({"type": "io.nats.jetstream.api.v1.stream_purge_response"}));
    has(&answer, &json!({"success": true}));
    answer["purged"].as_u64().unwrap()
}

// Row 16.
#[test]
fn all_messages_go_and_sequences_stay() {
    let mut js = ten(json!({}));
    assert_eq!(purged(&mut js, "".into()), 10);
    has(&js.state("S"), &json!({"messages": 0, "bytes": 0, "first_seq": 11, "last_seq": 10}));
    assert_eq!(purged(&mut js, json!({})), 0);
    js.stored("s.a", "x", 11);
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 11, "last_seq": 11}));
}

#[test]
fn messages_below_a_sequence_go() {
    let mut js = ten(json!({}));
    assert_eq!(purged(&mut js, json!({"seq": 1})), 0);
    assert_eq!(purged(&mut js, json!({"seq": 4})), 3);
    has(&js.state("S"), &json!({"messages": 7, "first_seq": 4}));
    assert_eq!(purged(&mut js, json!({"filter": "s.b", "seq": 8})), 2);
    has(&js.state("S"), &json!({"messages": 5, "first_seq": 5}));
    let info = js.api("STREAM.INFO.S", json!({"deleted_details": true}));
    assert_eq!(info["state"]["deleted"], json!([6]));
}

#[test]
fn the_newest_messages_are_kept() {
    let mut js = ten(json!({}));
    assert_eq!(purged(&mut js, json!({"keep": 4})), 6);
    has(&js.state("S"), &json!({"messages": 4, "first_seq": 7}));
    assert_eq!(purged(&mut js, json!({"keep": 1, "filter": "s.a"})), 1);
    assert_eq!(js.get("S", 9).subject, "s.a");
    assert_eq!(purged(&mut js, json!({"keep": 9})), 0);
    has(&js.state("S"), &json!({"messages": 3, "first_seq": 8}));
}

#[test]
fn messages_of_a_subject_go() {
    let mut js = ten(json!({"storage": "memory"}));
    assert_eq!(purged(&mut js, json!({"filter": "s.z"})), 0);
    assert_eq!(purged(&mut js, json!({"filter": "*.a"})), 5);
    let info = js.api("STREAM.INFO.S", json!({"subjects_filter": ">"}));
    assert_eq!(info["state"]["subjects"], json!({"s.b": 5}));
    assert_eq!(info["state"]["first_seq"], 2);
}

#[test]
fn a_purge_says_one_thing() {
    let mut js = ten(json!({}));
    let answer = js.api("STREAM.PURGE.S", json!({"seq": 2, "keep": 1}));
    has(&answer, &json!({"error": {"code": 400}}));
    refused(&answer, 10003, "bad request");
    let answer = js.api("STREAM.PURGE.S", json!({"what": 2}));
    refused(&answer, 10025, "invalid JSON: json: unknown field \"what\"");
    refused(&js.api("STREAM.PURGE.Z", ""), 10059, "stream not found");
    assert_eq!(js.state("S")["messages"], 10);
}

#[test]
fn a_consumer_moves_on_when_its_messages_are_purged() {
    let mut js = ten(json!({}));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    purged(&mut js, json!({"seq": 6}));
    let message = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], "");
    assert_eq!(message.text(), "6");
    purged(&mut js, "".into());
    crate::harness::eventually("the consumer to have nothing left", || {
        let info = js.api("CONSUMER.INFO.S.C", "");
        (info["num_pending"] == 0 && info["num_ack_pending"] == 0).then_some(())
    });
}

// Row 57.
#[test]
fn one_message_goes() {
    let mut js = ten(json!({}));
    for (seq, no_erase) in [(5, false), (10, true), (1, false)] {
        let body = json!({"seq": seq, "no_erase": no_erase});
        assert_eq!(
            js.api("STREAM.MSG.DELETE.S", body),
            json!({
                "type": "io.nats.jetstream.api.v1.stream_msg_delete_response", "success": true,
            })
        );
        let answer = js.api("STREAM.MSG.GET.S", json!({"seq": seq}));
        refused(&answer, 10037, "no message found");
    }
    has(&js.state("S"), &json!({"messages": 7, "first_seq": 2, "last_seq": 10, "num_deleted": 2}));
    let answer = js.api("STREAM.MSG.DELETE.S", json!({"seq": 5}));
    // Which of the two errors it is depends on where the message was.
    assert!([10043, 10057].contains(&answer["error"]["err_code"].as_u64().unwrap()), "{answer}");
    refused(&js.api("STREAM.MSG.DELETE.S", json!({})), 10003, "bad request");
    js.stored("s.a", "x", 11);
}

// Row 41.
#[test]
fn a_stream_may_deny_deletes_and_purges() {
    let mut js = ten(json!({"deny_delete": true, "deny_purge": true}));
    let answer = js.api("STREAM.MSG.DELETE.S", json!({"seq": 1}));
    refused(&answer, 10057, "message delete not permitted");
    let answer = js.api("STREAM.PURGE.S", "");
    refused(&answer, 10110, "stream purge not permitted");
    assert_eq!(js.state("S")["messages"], 10);
}

// Row 40.
#[test]
fn a_sealed_stream_stays_as_it_is() {
    let mut js = ten(json!({"max_age": 3_600_000_000_000_u64, "allow_rollup_hdrs": true}));
    let sealed = ok(js.update(json!({"name": "S", "subjects": ["s.>"], "sealed": true})));
    has(
        &sealed["config"],
        &json!({
            "sealed": true, "max_age": 0, "discard": "new", "deny_delete": true, "deny_purge": true,
            "allow_rollup_hdrs": false,
        }),
    );
    let answer = js.publish("s.a", "x");
    has(&answer, &json!({"error": {"code": 400}, "stream": "S", "seq": 0}));
    refused(&answer, 10109, "invalid operation on sealed stream");
    let answer = js.api("STREAM.MSG.DELETE.S", json!({"seq": 1}));
    refused(&answer, 10109, "invalid operation on sealed stream");
    refused(&js.api("STREAM.PURGE.S", ""), 10109, "invalid operation on sealed stream");
    assert_eq!(js.get("S", 10).text(), "10");
    let answer = js.update(json!({"name": "S", "subjects": ["s.>"], "sealed": false}));
    assert_eq!(answer["error"]["err_code"], 10052, "{answer}");
    has(&js.state("S"), &json!({"messages": 10}));
    ok(js.api("STREAM.DELETE.S", ""));
}
