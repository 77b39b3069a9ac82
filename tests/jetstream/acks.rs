//! Acknowledgements: every word a client may say of a message, and what comes of it.

use serde_json::{Value, json};

use crate::kit::{Js, has, seqs};

const MS: u64 = 1_000_000;

fn filled(count: u64, config: Value) -> Js {
    let mut js = Js::start();
    js.filled(count);
    js.puller(config);
    js
}

/// Delivered, acknowledged up to, and waited for, of `C`.
#[track_caller]
fn progress(js: &mut Js) -> (u64, u64, u64) {
    let info = js.consumer_info("C");
    let number = |value: &Value| value.as_u64().unwrap();
    (
        number(&info["delivered"]["stream_seq"]),
        number(&info["ack_floor"]["stream_seq"]),
        number(&info["num_ack_pending"]),
    )
}

// Row 93.
#[test]
fn an_acknowledged_message_is_done() {
    let mut js = filled(6, json!({}));
    let messages = js.fetch(6);
    for (message, word) in messages.iter().zip(["", "+ACK", "+OK"]) {
        js.double_ack(message, word);
    }
    assert_eq!(progress(&mut js), (6, 3, 3));
    js.double_ack(&messages[5], "+ACK");
    assert_eq!(progress(&mut js), (6, 3, 2));
    // What closes the gap moves the floor over what was done before.
    js.double_ack(&messages[4], "+ACK");
    js.double_ack(&messages[3], "+ACK");
    assert_eq!(progress(&mut js), (6, 6, 0));
    has(
        &js.consumer_info("C"),
        &json!({
            "delivered": {"consumer_seq": 6, "stream_seq": 6},
            "ack_floor": {"consumer_seq": 6, "stream_seq": 6},
        }),
    );
    // Again, and of what never was: answered, without effect.
    js.double_ack(&messages[0], "+ACK");
    assert_eq!(progress(&mut js), (6, 6, 0));
}

// Row 93.
#[test]
fn anyone_may_acknowledge_without_an_answer() {
    let mut js = filled(3, json!({}));
    let messages = js.fetch(3);
    let mut other = js.connect();
    for message in &messages {
        other.ack(message, "+ACK");
    }
    js.wait_consumer("C", |info| info["ack_floor"]["stream_seq"] == 3);
    assert_eq!(progress(&mut js), (3, 3, 0));
}

// Row 93.
#[test]
fn nobody_answers_for_a_consumer_that_is_gone() {
    let mut js = filled(1, json!({}));
    let message = js.fetch(1).remove(0);
    js.api("CONSUMER.DELETE.S.C", "");
    let reply = message.reply.unwrap();
    let answer = js.request(&reply, &[], "+ACK");
    assert_eq!(answer.head, format!("NATS/1.0 503\r\nNats-Subject: {reply}\r\n\r\n"));
}

// Row 94.
#[test]
fn a_refused_message_comes_again_at_once() {
    let mut js = filled(3, json!({}));
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.S.C");
    let messages = js.fetch(2);
    js.double_ack(&messages[1], "-NAK");
    // Before what is new, and with its count and a consumer sequence of its own.
    let again = js.fetch(2);
    assert_eq!(again[0].counts(), (2, 3, 2));
    assert_eq!(again[1].counts(), (3, 4, 1));
    assert_eq!(again[0].delivery().pending, 1);
    has(&js.consumer_info("C"), &json!({"num_redelivered": 1, "num_ack_pending": 3}));
    let advisory = js.next(&advisories).json();
    has(
        &advisory,
        &json!({
            "type": "io.nats.jetstream.advisory.v1.nak",
            "stream": "S", "consumer": "C", "consumer_seq": 2, "stream_seq": 2, "deliveries": 1,
        }),
    );
    js.double_ack(&again[0], "+ACK");
    has(&js.consumer_info("C"), &json!({"num_redelivered": 0, "num_ack_pending": 2}));
}

// Row 94.
#[test]
fn a_refused_message_goes_to_who_waits() {
    let mut js = filled(1, json!({}));
    let message = js.fetch(1).remove(0);
    let sid = js.pull(json!({"batch": 1, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    js.ack(&message, "-NAK");
    assert_eq!(js.next(&sid).counts(), (1, 2, 2));
}

// Row 94.
#[test]
fn a_refused_message_may_come_later() {
    let mut js = filled(1, json!({}));
    let mut message = js.fetch(1).remove(0);
    for (count, word) in (2..).zip([r#"-NAK {"delay": 300000000}"#, "-NAK 300ms"]) {
        let refused = std::time::Instant::now();
        js.double_ack(&message, word);
        js.nothing_due();
        message = js.fetch(1).remove(0);
        assert_eq!(message.counts(), (1, count, count), "{word}");
        assert!(refused.elapsed().as_millis() >= 290, "{word}: after {:?}", refused.elapsed());
    }
    // A delay that can't be read is none.
    js.double_ack(&message, r#"-NAK {"delay": "soon"}"#);
    assert_eq!(js.fetch(1)[0].counts(), (1, 4, 4));
}

// Row 95.
#[test]
fn a_terminated_message_never_comes_again() {
    let mut js = filled(2, json!({"ack_wait": 200 * MS}));
    let advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.C");
    let messages = js.fetch(2);
    js.double_ack(&messages[0], "+TERM");
    js.double_ack(&messages[1], "+TERM not for me");
    assert_eq!(progress(&mut js), (2, 2, 0));
    let plain = js.next(&advisories).json();
    has(
        &plain,
        &json!({
            "type": "io.nats.jetstream.advisory.v1.terminated",
            "stream": "S", "consumer": "C", "consumer_seq": 1, "stream_seq": 1, "deliveries": 1,
        }),
    );
    assert_eq!(plain["reason"], Value::Null);
    has(&js.next(&advisories).json(), &json!({"stream_seq": 2, "reason": "not for me"}));
    // Past the time to acknowledge, still nothing.
    let sid = js.pull(json!({"batch": 1, "expires": 400 * MS}));
    assert_eq!(js.next(&sid).status(), Some("408 Request Timeout"));
}

// Row 96.
#[test]
fn work_in_progress_is_waited_for() {
    let mut js = filled(2, json!({"ack_wait": 600 * MS}));
    // Before the delivery: it is from then on that the time counts.
    let started = std::time::Instant::now();
    let messages = js.fetch(2);
    let sid = js.pull(json!({"batch": 2, "expires": 30_000 * MS}));
    // The first one is worked on for longer than the time to acknowledge; the second one is not.
    let mut again = Vec::new();
    while again.is_empty() {
        js.double_ack(&messages[0], "+WPI");
        again = js.come(&sid);
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert_eq!(seqs(&again), [2]);
    assert!(started.elapsed().as_millis() >= 590, "after {:?}", started.elapsed());
    js.double_ack(&messages[0], "+ACK");
    js.double_ack(&again[0], "+ACK");
    assert_eq!(progress(&mut js), (2, 2, 0));
}

// Row 97.
#[test]
fn an_acknowledgement_may_ask_for_more() {
    let mut js = filled(6, json!({}));
    let first = js.fetch(1).remove(0);
    let second = js.request(&first.reply.unwrap(), &[], "+NXT");
    assert_eq!((second.subject.as_str(), second.seq()), ("s.2", 2));
    assert_eq!(progress(&mut js), (2, 1, 1));
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    js.send_reply(&second.reply.unwrap(), &inbox, &[], "+NXT 2");
    let third = js.next(&sid);
    assert_eq!([third.seq(), js.next(&sid).seq()], [3, 4]);
    let body = r#"+NXT {"batch": 10, "no_wait": true}"#;
    js.send_reply(&third.reply.unwrap(), &inbox, &[], body);
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [5, 6]);
    assert_eq!(js.next(&sid).head, "NATS/1.0 404 No Messages\r\n\r\n");
    assert_eq!(progress(&mut js), (6, 3, 3));
}

// Row 100.
#[test]
fn one_acknowledgement_may_cover_all_before() {
    let mut js = filled(6, json!({"ack_policy": "all"}));
    let messages = js.fetch(6);
    js.double_ack(&messages[4], "+ACK");
    assert_eq!(progress(&mut js), (6, 5, 1));
    js.double_ack(&messages[1], "+ACK");
    assert_eq!(progress(&mut js), (6, 5, 1));
    js.double_ack(&messages[5], "+ACK");
    assert_eq!(progress(&mut js), (6, 6, 0));
}

// Row 93.
#[test]
fn without_acknowledgements_what_is_delivered_is_done() {
    let mut js = filled(3, json!({"ack_policy": "none"}));
    let messages = js.fetch(2);
    assert_eq!(messages[1].delivery().pending, 1);
    assert_eq!(progress(&mut js), (2, 2, 0));
    let reply = messages[0].reply.clone().unwrap();
    let answer = js.request(&reply, &[], "+ACK");
    assert_eq!(answer.head, format!("NATS/1.0 503\r\nNats-Subject: {reply}\r\n\r\n"));
}

// Row 32, as consumers do it.
#[test]
fn what_all_have_acknowledged_leaves_a_stream_of_interest() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "retention": "interest"}));
    js.puller(json!({}));
    js.consumer("S", "D", json!({"durable_name": "D", "ack_policy": "explicit"}));
    js.fill(1..=3);
    for message in js.fetch(3) {
        js.double_ack(&message, "+ACK");
    }
    assert_eq!(js.state("S")["messages"], 3);
    let messages = js.fetch_from("D", 3);
    js.double_ack(&messages[1], "+TERM");
    js.wait_state(|state| state["messages"] == 2);
    js.double_ack(&messages[0], "+ACK");
    js.double_ack(&messages[2], "+ACK");
    js.wait_state(|state| state["messages"] == 0 && state["first_seq"] == 4);
}
