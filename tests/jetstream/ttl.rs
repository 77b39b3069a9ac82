//! Messages that know how long they live, and what is left when they go.

use serde_json::json;

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

fn gone(js: &mut Js, seq: u64) {
    eventually("the message to go", || {
        let answer = js.api("STREAM.MSG.GET.S", json!({"seq": seq}));
        (answer["error"]["err_code"] == 10037).then_some(())
    });
}

// Row 61.
#[test]
fn a_message_lives_as_long_as_it_says() {
    for storage in ["file", "memory"] {
        let mut js = Js::start();
        js.create(json!({
            "name": "S", "subjects": ["s.>"], "allow_msg_ttl": true, "storage": storage,
        }));
        assert_eq!(js.publish_with("s.a", &[("Nats-TTL", "1")], "x")["seq"], 1);
        js.stored("s.a", "stays", 2);
        assert_eq!(js.publish_with("s.a", &[("Nats-TTL", "1s")], "x")["seq"], 3);
        assert_eq!(js.publish_with("s.a", &[("Nats-TTL", "1h")], "x")["seq"], 4);
        assert_eq!(js.get("S", 1).head, "NATS/1.0\r\nNats-TTL: 1\r\n\r\n");
        gone(&mut js, 1);
        gone(&mut js, 3);
        has(&js.state("S"), &json!({"messages": 2, "first_seq": 2, "last_seq": 4}));
    }
}

#[test]
fn a_life_has_at_least_a_second() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "allow_msg_ttl": true}));
    for ttl in ["100ms", "0", "0s", "-1", "-1s", "soon", "1x"] {
        let answer = js.publish_with("s", &[("Nats-TTL", ttl)], "x");
        has(&answer, &json!({"error": {"code": 400}, "stream": "S", "seq": 0}));
        refused(&answer, 10165, "invalid per-message TTL");
    }
    for ttl in ["never", "NEVER", "1500ms", "1h30m", "3600"] {
        ok(js.publish_with("s", &[("Nats-TTL", ttl)], "x"));
    }
    assert_eq!(js.state("S")["last_seq"], 5);
}

#[test]
fn a_life_needs_permission() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let answer = js.publish_with("s", &[("Nats-TTL", "2s")], "x");
    refused(&answer, 10166, "per-message TTL is disabled");
    ok(js.update(json!({"name": "S", "subjects": ["s"], "allow_msg_ttl": true})));
    ok(js.publish_with("s", &[("Nats-TTL", "2s")], "x"));
    let answer = js.update(json!({"name": "S", "subjects": ["s"]}));
    refused(&answer, 10052, "message TTL status can not be disabled");
}

#[test]
fn a_life_goes_on_after_a_restart() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "allow_msg_ttl": true}));
    js.publish_with("s", &[("Nats-TTL", "2s")], "x");
    js.publish_with("s", &[("Nats-TTL", "1h")], "x");
    js.crash();
    assert_eq!(js.state("S")["last_seq"], 2);
    gone(&mut js, 1);
    assert_eq!(js.state("S")["messages"], 1);
}

// Row 62.
#[test]
fn a_message_may_outlive_the_age_of_its_stream() {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s"], "allow_msg_ttl": true, "max_age": 1_000_000_000,
    }));
    js.publish_with("s", &[("Nats-TTL", "never")], "x");
    js.publish_with("s", &[("Nats-TTL", "1h")], "x");
    js.stored("s", "x", 3);
    gone(&mut js, 3);
    gone(&mut js, 2);
    assert_eq!(js.get("S", 1).text(), "x");
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 1, "last_seq": 3}));
}

// Row 63.
#[test]
fn the_last_message_of_a_subject_leaves_a_marker() {
    let mut js = Js::start();
    let created = js.create(json!({
        "name": "S", "subjects": ["s.>"], "max_msgs_per_subject": 1,
        "subject_delete_marker_ttl": 1_000_000_000,
    }));
    has(&created["config"], &json!({"allow_msg_ttl": true, "allow_rollup_hdrs": true}));
    js.publish_with("s.a", &[("Nats-TTL", "1s")], "x");
    js.stored("s.b", "stays", 2);
    let marker = eventually("the marker", || {
        let answer = js.api("STREAM.MSG.GET.S", json!({"seq": 3}));
        answer.get("message").is_some().then(|| js.get("S", 3))
    });
    let head = "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 1s\r\nNats-Rollup: sub\r\n\r\n";
    let got = (marker.subject.as_str(), marker.head.as_str(), marker.text());
    assert_eq!(got, ("s.a", head, ""));
    gone(&mut js, 3);
    // A marker leaves none.
    has(&js.state("S"), &json!({"messages": 1, "last_seq": 3}));
}

#[test]
fn age_leaves_a_marker_too() {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s.>"], "max_age": 500_000_000,
        "subject_delete_marker_ttl": 60_000_000_000_u64,
    }));
    js.stored("s.a", "x", 1);
    js.stored("s.a", "y", 2);
    eventually("the marker", || {
        let answer = js.api("STREAM.MSG.GET.S", json!({"last_by_subj": "s.a"}));
        (answer["message"]["seq"] == 3).then_some(())
    });
    assert_eq!(js.get("S", 3).header("Nats-Marker-Reason"), Some("MaxAge"));
    assert_eq!(js.get("S", 3).header("Nats-TTL"), Some("1m0s"));
    assert_eq!(js.state("S")["messages"], 1);
}

#[test]
fn a_purge_of_a_key_leaves_no_marker() {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s.>"], "max_msgs_per_subject": 1,
        "subject_delete_marker_ttl": 1_000_000_000,
    }));
    let purge = [("KV-Operation", "PURGE"), ("Nats-TTL", "1s")];
    assert_eq!(js.publish_with("s.a", &purge, "")["seq"], 1);
    gone(&mut js, 1);
    has(&js.state("S"), &json!({"messages": 0, "last_seq": 1}));
}

#[test]
fn no_life_is_shorter_than_a_marker() {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s.>"], "subject_delete_marker_ttl": 2_000_000_000_u64,
    }));
    js.publish_with("s.a", &[("Nats-TTL", "1")], "x");
    js.publish_with("s.a", &[("Nats-TTL", "1500ms")], "x");
    js.publish_with("s.a", &[("Nats-TTL", "3s")], "x");
    let heads: Vec<_> = (1..=3).map(|seq| js.get("S", seq).head).collect();
    assert_eq!(heads[0], "NATS/1.0\r\nNats-TTL: 2\r\n\r\n");
    assert_eq!(heads[1], "NATS/1.0\r\nNats-TTL: 2\r\n\r\n");
    assert_eq!(heads[2], "NATS/1.0\r\nNats-TTL: 3s\r\n\r\n");
}
