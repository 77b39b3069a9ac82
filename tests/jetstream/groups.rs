//! Priority groups: which of the waiting requests is served, and which one waits.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused, seqs};

const MS: u64 = 1_000_000;

fn grouped(count: u64, policy: &str) -> Js {
    let mut js = Js::start();
    js.filled(count);
    js.puller(json!({"priority_policy": policy, "priority_groups": ["A"]}));
    js
}

/// A pull of the group A that waits long, with the members of `more`.
fn pull(js: &mut Js, more: Value) -> String {
    let mut body = json!({"batch": 1, "expires": 30_000 * MS, "group": "A"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    js.pull(body)
}

#[track_caller]
fn bad(js: &mut Js, body: Value, why: &str) {
    let sid = js.pull(body);
    assert_eq!(js.next(&sid).head, format!("NATS/1.0 400 Bad Request - {why}\r\n\r\n"));
}

// Row 112.
#[test]
fn overflow_serves_who_waits_for_more_than_there_is_only_later() {
    let mut js = grouped(5, "overflow");
    let sid = pull(&mut js, json!({"min_pending": 100, "expires": 200 * MS}));
    assert_eq!(js.next(&sid).status(), Some("408 Request Timeout"));
    let sid = pull(&mut js, json!({"min_pending": 5}));
    assert_eq!(js.next(&sid).seq(), 1);
    // Four are left: this one waits until there are five again.
    let spare = pull(&mut js, json!({"min_pending": 5}));
    let local = pull(&mut js, json!({}));
    assert_eq!(js.next(&local).seq(), 2);
    has(&js.consumer_info("C"), &json!({"num_waiting": 1, "num_pending": 3}));
    js.fill([6, 7]);
    assert_eq!(js.next(&spare).seq(), 3);
    // Or until so many are waited for.
    let spare = pull(&mut js, json!({"min_ack_pending": 4}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    let local = pull(&mut js, json!({}));
    assert_eq!(js.next(&local).seq(), 4);
    assert_eq!(js.next(&spare).seq(), 5);
}

// Row 112.
#[test]
fn a_pull_names_its_group() {
    let mut js = grouped(1, "overflow");
    bad(&mut js, json!({"batch": 1}), "Priority Group missing");
    bad(&mut js, json!({"batch": 1, "group": "B"}), "Invalid Priority Group");
    let mut js = grouped(1, "pinned_client");
    bad(&mut js, json!({"group": "A", "min_pending": 1}), "Not a Overflow Priority consumer");
    let mut js = grouped(1, "overflow");
    bad(&mut js, json!({"group": "A", "id": "x"}), "Not a Pinned Client Priority consumer");
    let mut js = grouped(1, "prioritized");
    bad(&mut js, json!({"group": "A", "priority": 10}), "Priority must be between 0 and 9");
}

// Row 113.
#[test]
fn one_client_is_pinned() {
    let mut js = grouped(4, "pinned_client");
    let pinned = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.PINNED.S.C");
    let unpinned = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.S.C");
    let sid = pull(&mut js, json!({}));
    let first = js.next(&sid);
    assert_eq!(first.seq(), 1);
    let id = first.header("Nats-Pin-Id").expect("a pin").to_owned();
    assert_eq!(first.head, format!("NATS/1.0\r\nNats-Pin-Id: {id}\r\n\r\n"));
    assert_eq!(id.len(), 22);
    has(
        &js.next(&pinned).json(),
        &json!({
            "type": "io.nats.jetstream.advisory.v1.consumer_group_pinned",
            "account": "$G", "stream": "S", "consumer": "C", "group": "A", "pinned_id": id,
        }),
    );
    let info = js.consumer_info("C");
    has(&info["priority_groups"][0], &json!({"group": "A", "pinned_client_id": id}));
    // Another one waits, whatever there is; the pinned one is served.
    let standby = pull(&mut js, json!({}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    let sid = pull(&mut js, json!({"id": id}));
    let second = js.next(&sid);
    assert_eq!((second.seq(), second.header("Nats-Pin-Id")), (2, Some(id.as_str())));
    let sid = pull(&mut js, json!({"id": "someone-else"}));
    assert_eq!(js.next(&sid).head, "NATS/1.0 423 Nats-Pin-Id mismatch\r\n\r\n");
    assert!(js.come(&standby).is_empty());
    // Unpinned by hand, the one that waits is next.
    ok(js.api("CONSUMER.UNPIN.S.C", json!({"group": "A"})));
    let third = js.next(&standby);
    let next_id = third.header("Nats-Pin-Id").expect("a pin").to_owned();
    assert_eq!(third.seq(), 3);
    assert_ne!(next_id, id);
    has(
        &js.next(&unpinned).json(),
        &json!({
            "type": "io.nats.jetstream.advisory.v1.consumer_group_unpinned",
            "stream": "S", "consumer": "C", "group": "A", "reason": "admin",
        }),
    );
    let sid = pull(&mut js, json!({"id": id}));
    assert!(js.next(&sid).status().is_some_and(|status| status.starts_with("423 ")));
}

// Row 113.
#[test]
fn a_pin_ends_when_its_client_is_silent() {
    let mut js = Js::start();
    js.filled(2);
    js.puller(json!({
        "priority_policy": "pinned_client", "priority_groups": ["A"], "priority_timeout": 400 * MS,
    }));
    let unpinned = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.S.C");
    let sid = pull(&mut js, json!({}));
    let first = js.next(&sid);
    let standby = pull(&mut js, json!({}));
    let second = js.next(&standby);
    assert_eq!(seqs(&[first.clone(), second.clone()]), [1, 2]);
    assert_ne!(first.header("Nats-Pin-Id"), second.header("Nats-Pin-Id"));
    has(&js.next(&unpinned).json(), &json!({"group": "A", "reason": "timeout"}));
}

// Row 113.
#[test]
fn only_what_is_pinned_is_unpinned() {
    let mut js = grouped(0, "pinned_client");
    let mut unpin = |subject: &str, body: Value| js.api(&format!("CONSUMER.UNPIN.{subject}"), body);
    let code = |answer: Value| answer["error"]["err_code"].as_u64();
    assert_eq!(code(unpin("S.C", json!({}))), Some(10025));
    assert_eq!(code(unpin("S.C", json!({"group": "not valid"}))), Some(10162));
    assert_eq!(code(unpin("S.C", json!({"group": "B"}))), Some(10160));
    assert_eq!(code(unpin("S.X", json!({"group": "A"}))), Some(10014));
    assert_eq!(code(unpin("X.C", json!({"group": "A"}))), Some(10059));
}

// Row 114.
#[test]
fn the_lower_number_goes_first() {
    let mut js = grouped(0, "prioritized");
    let last = pull(&mut js, json!({"priority": 9}));
    let middle = pull(&mut js, json!({"priority": 5, "batch": 2}));
    let first = pull(&mut js, json!({"priority": 0, "batch": 2}));
    js.wait_consumer("C", |info| info["num_waiting"] == 3);
    js.fill(1..=5);
    assert_eq!([js.next(&first).seq(), js.next(&first).seq()], [1, 2]);
    assert_eq!([js.next(&middle).seq(), js.next(&middle).seq()], [3, 4]);
    assert_eq!(js.next(&last).seq(), 5);
}

// Rows 112 to 114.
#[test]
fn groups_are_checked_when_a_consumer_is_made() {
    let mut js = Js::start();
    js.filled(0);
    for (config, code) in [
        (json!({"priority_policy": "overflow"}), 10159),
        (json!({"priority_policy": "overflow", "priority_groups": [""]}), 10161),
        (json!({"priority_policy": "overflow", "priority_groups": ["no spaces"]}), 10162),
        (json!({"priority_policy": "overflow", "priority_groups": ["seventeen-letters"]}), 10162),
        (
            json!({
                "priority_policy": "overflow", "priority_groups": ["A"], "deliver_subject": "out",
            }),
            10178,
        ),
        (json!({"priority_groups": ["A"]}), 10196),
        (json!({"priority_timeout": 1000 * MS}), 10197),
    ] {
        let answer = js.try_consumer("S", "C", config.clone());
        assert_eq!(answer["error"]["err_code"], code, "{config}: {answer}");
    }
    refused(
        &js.try_consumer("S", "C", json!({"priority_policy": "overflow"})),
        10159,
        "Setting PriorityPolicy requires at least one PriorityGroup to be set",
    );
    let info = js.consumer(
        "S",
        "C",
        json!({"name": "C", "priority_policy": "pinned_client", "priority_groups": ["A"]}),
    );
    has(
        &info["config"],
        &json!({
            "priority_groups": ["A"], "priority_policy": "pinned_client",
            "priority_timeout": 120_000_000_000_u64, "metadata": {"_nats.req.level": "1"},
        }),
    );
}
