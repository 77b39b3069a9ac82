//! Flow control: a listener that can't keep up is asked, waited for, and told why.

use serde_json::json;

use crate::kit::{Js, Msg, has};

const MS: u64 = 1_000_000;
const SIZE: usize = 50_000;

/// `S` with 60 messages of 50 kB, and `C`, which pushes them under flow control.
fn flowing() -> Js {
    let mut js = Js::start();
    js.filled(0);
    for n in 1..=60 {
        js.stored("s.x", vec![b'x'; SIZE], n);
    }
    js.puller(json!({
        "deliver_subject": "out", "ack_policy": "none", "flow_control": true,
        "idle_heartbeat": 200 * MS,
    }));
    js
}

fn is_request(message: &Msg) -> bool {
    message.status() == Some("100 FlowControl Request")
}

/// Takes what comes until a heartbeat says that the consumer has stalled: how many messages, the
/// requests, and the heartbeat.
#[track_caller]
fn until_stalled(js: &mut Js, sid: &str, from: u64) -> (u64, Vec<Msg>, Msg) {
    let (mut messages, mut requests) = (0, Vec::new());
    loop {
        let message = js.next(sid);
        if is_request(&message) {
            requests.push(message);
        } else if message.status().is_some() {
            return (messages, requests, message);
        } else {
            assert_eq!(message.seq(), from + messages);
            messages += 1;
        }
    }
}

// Row 104.
#[test]
fn a_listener_that_says_nothing_stalls_the_consumer() {
    let mut js = flowing();
    let sid = js.subscribe("out");
    let (messages, requests, beat) = until_stalled(&mut js, &sid, 1);
    // Two mebibytes, of which the last one was begun.
    assert_eq!(messages, 42);
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(request.head, "NATS/1.0 100 FlowControl Request\r\n\r\n");
    assert_eq!((request.subject.as_str(), request.payload.len()), ("out", 0));
    let subject = request.reply.clone().unwrap();
    let id = subject.strip_prefix("$JS.FC.S.C.").expect("the subject of the consumer");
    assert!(id.len() == 4 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{subject}");
    assert_eq!(
        beat.head,
        format!(
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 42\r\nNats-Last-Stream: 42\r\n\
             Nats-Consumer-Stalled: {subject}\r\n\r\n"
        )
    );
    has(&js.consumer_info("C"), &json!({"num_pending": 18, "delivered": {"stream_seq": 42}}));
    // The answer to what the heartbeat names lets the rest come.
    js.send(&subject, &[], "");
    for n in 43..=60 {
        let message = loop {
            let message = js.next(&sid);
            if message.status().is_none() {
                break message;
            }
            // More may be asked; what is left fits into the window all the same.
        };
        assert_eq!(message.seq(), n);
    }
}

// Row 104.
#[test]
fn a_listener_that_answers_gets_all() {
    let mut js = flowing();
    let sid = js.subscribe("out");
    let (mut next, mut asked) = (1, 0);
    while next <= 60 {
        let message = js.next(&sid);
        if is_request(&message) {
            asked += 1;
            js.send(message.reply.as_deref().unwrap(), &[], "");
        } else if message.status().is_none() {
            assert_eq!((message.seq(), message.payload.len()), (next, SIZE));
            next += 1;
        } else {
            assert_eq!(message.header("Nats-Consumer-Stalled"), None);
        }
    }
    assert!(asked >= 1);
    // Then silence, with heartbeats that know of no stall.
    let beat = loop {
        let message = js.next(&sid);
        if !is_request(&message) {
            break message;
        }
        js.send(message.reply.as_deref().unwrap(), &[], "");
    };
    assert_eq!(
        beat.head,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 60\r\nNats-Last-Stream: 60\r\n\r\n"
    );
}

// Row 104.
#[test]
fn small_messages_need_no_control() {
    let mut js = Js::start();
    js.filled(20);
    js.puller(json!({
        "deliver_subject": "out", "ack_policy": "none", "flow_control": true,
        "idle_heartbeat": 200 * MS,
    }));
    let sid = js.subscribe("out");
    for n in 1..=20 {
        assert_eq!(js.next(&sid).seq(), n);
    }
    assert_eq!(js.next(&sid).status(), Some("100 Idle Heartbeat"));
}

// Row 47, from the listener's side.
#[test]
fn answers_to_flow_control_may_acknowledge() {
    let mut js = Js::start();
    js.filled(10);
    js.puller(json!({"deliver_subject": "out", "ack_policy": "flow_control"}));
    has(
        &js.consumer_info("C")["config"],
        &json!({"flow_control": true, "idle_heartbeat": 1_000_000_000}),
    );
    let sid = js.subscribe("out");
    for n in 1..=10 {
        assert_eq!(js.next(&sid).seq(), n);
    }
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 10}));
    // At the time of the heartbeat the listener is asked how far it is.
    let request = loop {
        let message = js.next(&sid);
        if is_request(&message) {
            break message;
        }
    };
    let reply = request.reply.unwrap();
    js.send(&reply, &[("Nats-Last-Consumer", "7"), ("Nats-Last-Stream", "7")], "");
    js.wait_consumer("C", |info| info["ack_floor"]["stream_seq"] == 7);
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 3}));
}
