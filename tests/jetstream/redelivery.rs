//! What is not acknowledged in time comes again, as often as the consumer says, and no more.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::is_reference;
use crate::kit::{Js, has, seqs};

const MS: u64 = 1_000_000;

fn filled(count: u64, config: Value) -> Js {
    let mut js = Js::start();
    js.filled(count);
    js.puller(config);
    js
}

// Row 98.
#[test]
fn what_is_not_acknowledged_in_time_comes_again() {
    let mut js = filled(2, json!({"ack_wait": 300 * MS}));
    let sid = js.pull(json!({"batch": 10, "expires": 30_000 * MS}));
    let first = js.next(&sid);
    let came = Instant::now();
    let second = js.next(&sid);
    js.double_ack(&second, "+ACK");
    for count in 2..=3 {
        assert_eq!(js.next(&sid).counts(), (1, count + 1, count));
    }
    assert!(came.elapsed() >= Duration::from_millis(590), "after {:?}", came.elapsed());
    has(&js.consumer_info("C"), &json!({"num_redelivered": 1, "num_ack_pending": 1}));
    // Any of the deliveries may be acknowledged.
    js.double_ack(&first, "+ACK");
    has(
        &js.consumer_info("C"),
        &json!({
            "num_redelivered": 0, "num_ack_pending": 0,
            "delivered": {"consumer_seq": 4, "stream_seq": 2},
            "ack_floor": {"consumer_seq": 4, "stream_seq": 2},
        }),
    );
}

// Row 98.
#[test]
fn messages_come_again_in_the_order_they_expired() {
    let mut js = filled(5, json!({"ack_wait": 300 * MS}));
    let messages = js.fetch(5);
    js.double_ack(&messages[2], "+ACK");
    let sid = js.pull(json!({"batch": 4, "expires": 30_000 * MS}));
    let again: Vec<_> = (0..4).map(|_| js.next(&sid)).collect();
    assert_eq!(seqs(&again), [1, 2, 4, 5]);
    assert!(again.iter().all(|message| message.counts().2 == 2));
}

// Row 98.
#[test]
fn after_so_many_deliveries_it_is_given_up() {
    let mut js = filled(2, json!({"ack_wait": 150 * MS, "max_deliver": 2}));
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C");
    let sid = js.pull(json!({"batch": 10, "expires": 30_000 * MS}));
    let mut got: Vec<_> = (0..4).map(|_| js.next(&sid).counts()).collect();
    got.sort_unstable();
    let told: Vec<_> = got.iter().map(|(seq, _, count)| (*seq, *count)).collect();
    assert_eq!(told, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    let mut given_up: Vec<_> = (0..2)
        .map(|_| {
            let advisory = js.next(&advisories).json();
            has(
                &advisory,
                &json!({
                    "type": "io.nats.jetstream.advisory.v1.max_deliver",
                    "stream": "S", "consumer": "C", "deliveries": 2,
                }),
            );
            advisory["stream_seq"].as_u64().unwrap()
        })
        .collect();
    given_up.sort_unstable();
    assert_eq!(given_up, [1, 2]);
    js.wait_consumer("C", |info| info["num_ack_pending"] == 0);
    // It is still in the stream, and what is new is delivered.
    assert_eq!(js.state("S")["messages"], 2);
    js.fill([3]);
    assert_eq!(js.next(&sid).seq(), 3);
}

// Row 98.
#[test]
fn a_refusal_of_the_last_delivery_is_the_end() {
    let mut js = filled(1, json!({"max_deliver": 1}));
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C");
    let message = js.fetch(1).remove(0);
    js.double_ack(&message, "-NAK");
    js.nothing_due();
    has(&js.next(&advisories).json(), &json!({"stream_seq": 1, "deliveries": 1}));
    has(&js.consumer_info("C"), &json!({"num_redelivered": 0}));
}

// Row 99.
#[test]
fn a_backoff_says_how_long_to_wait_each_time() {
    let mut js = filled(1, json!({"backoff": [200 * MS, 600 * MS], "max_deliver": 4}));
    let sid = js.pull(json!({"batch": 10, "expires": 30_000 * MS}));
    let mut last = Instant::now();
    for (count, wait) in [(1, 0), (2, 200), (3, 600), (4, 600)] {
        let message = js.next(&sid);
        let waited = last.elapsed();
        last = Instant::now();
        assert_eq!(message.counts(), (1, count, count));
        // The one before may have come late on a busy machine.
        assert!(waited.as_millis() + 100 >= wait, "{waited:?} before delivery {count}");
        assert!(waited.as_millis() < wait + 500, "{waited:?} before delivery {count}");
    }
}

// Row 101.
#[test]
fn only_so_many_are_under_way() {
    let mut js = filled(4, json!({"max_ack_pending": 2}));
    let sid = js.pull(json!({"batch": 10, "expires": 30_000 * MS}));
    let (one, two) = (js.next(&sid), js.next(&sid));
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 2, "num_pending": 2, "num_waiting": 1}));
    assert!(js.come(&sid).is_empty());
    js.double_ack(&two, "+ACK");
    assert_eq!(js.next(&sid).seq(), 3);
    assert!(js.come(&sid).is_empty());
    // What was refused comes again all the same.
    js.ack(&one, "-NAK");
    assert_eq!(js.next(&sid).counts(), (1, 4, 2));
    js.ack(&one, "+TERM");
    assert_eq!(js.next(&sid).seq(), 4);
}

// Row 98.
#[test]
fn what_the_stream_removes_is_no_longer_waited_for() {
    let mut js = filled(3, json!({}));
    js.fetch(2);
    js.api("STREAM.PURGE.S", "");
    js.wait_consumer("C", |info| info["num_ack_pending"] == 0);
    has(&js.consumer_info("C"), &json!({"num_pending": 0}));
    js.stored("s.x", "", 4);
    assert_eq!(js.fetch(1)[0].seq(), 4);
}

// Row 98.
#[test]
fn what_limits_remove_is_told_to_be_terminated() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "max_msgs": 2}));
    js.fill([1, 2]);
    js.puller(json!({}));
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.C");
    js.fetch(2);
    js.fill([3]);
    has(
        &js.next(&advisories).json(),
        &json!({
            "type": "io.nats.jetstream.advisory.v1.terminated", "stream": "S", "consumer": "C",
            "stream_seq": 1, "consumer_seq": 1, "deliveries": 1,
            "reason": "Unacknowledged message was deleted",
        }),
    );
    js.wait_consumer("C", |info| info["num_ack_pending"] == 1);
    has(&js.consumer_info("C"), &json!({"ack_floor": {"stream_seq": 1}, "num_pending": 1}));
}

// Row 128, as a consumer sees it.
#[test]
fn a_consumer_goes_on_after_a_crash() {
    let mut js = filled(6, json!({}));
    let messages = js.fetch(4);
    js.double_ack(&messages[0], "+ACK");
    js.double_ack(&messages[2], "+ACK");
    js.double_ack(&messages[3], "-NAK");
    let again = js.fetch(1).remove(0);
    assert_eq!(again.counts(), (4, 5, 2));
    let before = js.consumer_info("C");
    js.double_ack(&again, "+WPI");
    if is_reference() {
        // It writes consumers down a moment later.
        js.restart();
    } else {
        js.crash();
    }
    let after = js.consumer_info("C");
    for field in ["created", "ack_floor", "num_ack_pending", "num_pending", "config"] {
        if field == "ack_floor" {
            assert_eq!(before[field]["stream_seq"], after[field]["stream_seq"], "{field}");
        } else {
            assert_eq!(before[field], after[field], "{field}");
        }
    }
    has(&after, &json!({"delivered": {"stream_seq": 4}, "num_ack_pending": 2, "num_pending": 2}));
    // Old deliveries can still be acknowledged, and new ones follow.
    js.double_ack(&messages[1], "+ACK");
    has(&js.consumer_info("C"), &json!({"ack_floor": {"stream_seq": 3}, "num_ack_pending": 1}));
    assert_eq!(seqs(&js.fetch(2)), [5, 6]);
}
