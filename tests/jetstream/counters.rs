//! Streams whose messages are added up.

use serde_json::json;

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

fn start() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "C", "subjects": ["c.>"], "allow_msg_counter": true}));
    js
}

fn add(js: &mut Js, increment: &str) -> String {
    let ack = ok(js.publish_with("c.a", &[("Nats-Incr", increment)], ""));
    ack["val"].as_str().unwrap().to_owned()
}

// Row 64.
#[test]
fn increments_are_added_up() {
    let mut js = start();
    let ack = js.request("c.a", &[("Nats-Incr", "+5")], "");
    assert_eq!(ack.text(), r#"{"stream":"C","seq":1,"val":"5"}"#);
    assert_eq!(add(&mut js, "-2"), "3");
    assert_eq!(add(&mut js, "10"), "13");
    assert_eq!(add(&mut js, "-20"), "-7");
    assert_eq!(add(&mut js, "123456789012345678901234567890"), "123456789012345678901234567883");
    assert_eq!(add(&mut js, "0"), "123456789012345678901234567883");
    let stored = js.get("C", 2);
    let head = "NATS/1.0\r\nNats-Incr: -2\r\n\r\n";
    assert_eq!((stored.head.as_str(), stored.text()), (head, r#"{"val":"3"}"#));
    let other = js.publish_with("c.b", &[("Nats-Incr", "1")], "");
    assert_eq!(other["val"], "1");
    ok(js.api("STREAM.PURGE.C", json!({"filter": "c.a"})));
    assert_eq!(add(&mut js, "1"), "1");
}

#[test]
fn a_count_outlives_a_crash() {
    let mut js = start();
    assert_eq!(add(&mut js, "40"), "40");
    js.crash();
    assert_eq!(add(&mut js, "2"), "42");
}

// Row 65.
#[test]
fn what_cannot_be_added_is_refused() {
    let mut js = start();
    js.create(json!({"name": "P", "subjects": ["p"]}));
    let answer = js.publish("c.a", "");
    has(&answer, &json!({"error": {"code": 400}, "stream": "C", "seq": 0}));
    refused(&answer, 10169, "message counter increment is missing");
    let one = ("Nats-Incr", "1");
    let answer = js.publish_with("c.a", &[one], "body");
    refused(&answer, 10170, "message counter has payload");
    for headers in [
        &[("Nats-Incr", "x")][..],
        &[("Nats-Incr", "1.5")],
        &[one, ("Nats-Rollup", "sub")],
        &[one, ("Nats-Expected-Last-Sequence", "0")],
        &[one, ("Nats-Expected-Last-Subject-Sequence", "0")],
    ] {
        let answer = js.publish_with("c.a", headers, "");
        refused(&answer, 10171, "message counter increment is invalid");
    }
    let answer = js.publish_with("p", &[one], "");
    refused(&answer, 10168, "message counters is disabled");
    assert_eq!(js.state("C")["last_seq"], 0);
}

#[test]
fn counts_of_many_streams_are_added_up() {
    let mut js = Js::start();
    for name in ["A", "B"] {
        let subject = format!("{}.>", name.to_lowercase());
        js.create(json!({"name": name, "subjects": [subject], "allow_msg_counter": true}));
    }
    let to_t = |from: &str| json!([{"src": format!("{from}.>"), "dest": "t.>"}]);
    js.create(json!({"name": "T", "allow_msg_counter": true, "sources": [
        {"name": "A", "subject_transforms": to_t("a")},
        {"name": "B", "subject_transforms": to_t("b")},
    ]}));
    for (subject, increment) in [("a.x", "5"), ("b.x", "7"), ("a.x", "1")] {
        ok(js.publish_with(subject, &[("Nats-Incr", increment)], ""));
    }
    eventually("the sum", || {
        let answer = js.api("STREAM.MSG.GET.T", json!({"last_by_subj": "t.x"}));
        (answer["message"]["seq"] == 3).then_some(())
    });
    let sum = js.get("T", 3);
    assert_eq!(sum.text(), r#"{"val":"13"}"#);
    let parts: serde_json::Value =
        serde_json::from_str(sum.header("Nats-Counter-Sources").unwrap()).unwrap();
    assert_eq!(parts, json!({"A": {"a.x": "6"}, "B": {"b.x": "7"}}));
}
