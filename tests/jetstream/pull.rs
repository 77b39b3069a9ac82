//! Pull requests in all their forms, and the statuses that end them.

use serde_json::json;

use crate::kit::{Js, has, seqs};

const NO_MESSAGES: &str = "NATS/1.0 404 No Messages\r\n\r\n";
const MS: u64 = 1_000_000;

fn filled(count: u64) -> Js {
    let mut js = Js::start();
    js.filled(count);
    js
}

fn timeout(messages: u64, bytes: u64) -> String {
    format!(
        "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: {messages}\r\n\
         Nats-Pending-Bytes: {bytes}\r\n\r\n"
    )
}

// Row 85.
#[test]
fn a_message_looks_as_it_was_stored() {
    let mut js = filled(5);
    js.puller(json!({}));
    let answer = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], "");
    assert_eq!((answer.subject.as_str(), answer.text(), answer.head.as_str()), ("s.1", "1", ""));
    let it = answer.delivery();
    assert_eq!((it.stream.as_str(), it.consumer.as_str()), ("S", "C"));
    assert_eq!((it.count, it.stream_seq, it.consumer_seq, it.pending), (1, 1, 1, 4));
    // The time is that of the stored message, to the nanosecond.
    let stored = js.api("STREAM.MSG.GET.S", json!({"seq": 1}))["message"]["time"].take();
    let fraction = format!("{:09}", it.time_ns % 1_000_000_000);
    let text = stored.as_str().unwrap().trim_end_matches('Z');
    let stored_fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    assert_eq!(stored_fraction.trim_end_matches('0'), fraction.trim_end_matches('0'));
    has(
        &js.consumer_info("C"),
        &json!({
            "delivered": {"consumer_seq": 1, "stream_seq": 1},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 0},
            "num_ack_pending": 1, "num_pending": 4, "num_waiting": 0, "num_redelivered": 0,
        }),
    );
}

// Row 85.
#[test]
fn headers_and_payload_come_back_byte_by_byte() {
    let mut js = filled(0);
    let payload: Vec<u8> = (0..=255).collect();
    js.publish_with("s.1", &[("A", "1"), ("a", "two words"), ("A", "3")], &payload);
    js.publish("s.2", "");
    js.puller(json!({}));
    let messages = js.fetch(2);
    assert_eq!(messages[0].head, "NATS/1.0\r\nA: 1\r\na: two words\r\nA: 3\r\n\r\n");
    assert_eq!(messages[0].payload, payload);
    assert_eq!((messages[1].head.as_str(), messages[1].text()), ("", ""));
}

// Row 85.
#[test]
fn a_request_may_be_a_number_or_nothing() {
    let mut js = filled(4);
    js.puller(json!({}));
    let sid = js.pull(json!(""));
    assert_eq!(js.next(&sid).seq(), 1);
    let sid = js.pull(json!("2"));
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [2, 3]);
    let sid = js.pull(json!({"unknown": true}));
    assert_eq!(js.next(&sid).seq(), 4);
    // What is no number asks for one.
    let sid = js.pull(json!("nonsense"));
    js.fill([5, 6]);
    assert_eq!(js.next(&sid).seq(), 5);
    let sid = js.pull(json!(r#"{"batch": "#));
    assert_eq!(js.next(&sid).status().unwrap().split(" - ").next(), Some("400 Bad Request"));
}

// Row 86.
#[test]
fn no_wait_gives_what_is_there() {
    let mut js = filled(3);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 5, "no_wait": true}));
    for n in 1..=3 {
        assert_eq!(js.next(&sid).counts(), (n, n, 1));
    }
    assert_eq!(js.next(&sid).head, NO_MESSAGES);
    js.ask_next("C", "_INBOX.elsewhere", json!({"batch": 1, "no_wait": true}));
    js.nothing_due();
    js.fill([4]);
    // A batch that is full ends without a word.
    let sid = js.pull(json!({"batch": 1, "no_wait": true}));
    assert_eq!(js.next(&sid).seq(), 4);
    js.nothing_due();
    assert!(js.come(&sid).is_empty());
}

// Row 86.
#[test]
fn no_wait_with_an_expiry_waits_for_the_first() {
    let mut js = filled(2);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 5, "no_wait": true, "expires": 10_000 * MS}));
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [1, 2]);
    assert_eq!(js.next(&sid).head, NO_MESSAGES);
    let sid = js.pull(json!({"batch": 5, "no_wait": true, "expires": 200 * MS}));
    assert_eq!(js.next(&sid).head, timeout(5, 0));
}

// Row 87.
#[test]
fn a_request_expires() {
    let mut js = filled(2);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 5, "expires": 200 * MS}));
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [1, 2]);
    assert_eq!(js.next(&sid).head, timeout(3, 0));
    let sid = js.pull(json!({"batch": 5, "expires": 200 * MS, "max_bytes": 1000}));
    assert_eq!(js.next(&sid).head, timeout(5, 1000));
    has(&js.consumer_info("C"), &json!({"num_waiting": 0, "num_ack_pending": 2}));
}

// Row 87.
#[test]
fn a_waiting_request_gets_what_comes() {
    let mut js = filled(0);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 2, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    js.fill([1, 2, 3]);
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [1, 2]);
    js.wait_consumer("C", |info| info["num_waiting"] == 0 && info["num_pending"] == 1);
    assert!(js.come(&sid).is_empty());
}

// Row 85.
#[test]
fn requests_take_turns() {
    let mut js = filled(0);
    js.puller(json!({}));
    let one = js.pull(json!({"batch": 3}));
    let two = js.pull(json!({"batch": 2}));
    js.wait_consumer("C", |info| info["num_waiting"] == 2);
    js.fill(1..=5);
    assert_eq!([js.next(&one).seq(), js.next(&one).seq(), js.next(&one).seq()], [1, 3, 5]);
    assert_eq!([js.next(&two).seq(), js.next(&two).seq()], [2, 4]);
}

// Row 85.
#[test]
fn a_request_ends_with_the_interest_in_its_answer() {
    let mut js = filled(0);
    js.puller(json!({}));
    let gone = js.pull(json!({"batch": 3}));
    let here = js.pull(json!({"batch": 3}));
    js.wait_consumer("C", |info| info["num_waiting"] == 2);
    js.unsubscribe(&gone);
    js.fill(1..=3);
    let got: Vec<_> = (0..3).map(|_| js.next(&here)).collect();
    assert_eq!(seqs(&got), [1, 2, 3]);
    assert_eq!(got[2].counts(), (3, 3, 1));
}

// Row 88.
#[test]
fn an_idle_request_hears_a_heartbeat() {
    let mut js = filled(1);
    js.puller(json!({}));
    assert_eq!(js.fetch(1)[0].seq(), 1);
    let body = json!({"batch": 1, "expires": 1000 * MS, "idle_heartbeat": 100 * MS});
    let sid = js.pull(body);
    let beat = js.next(&sid);
    assert_eq!(
        beat.head,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n"
    );
    assert_eq!((beat.reply, beat.payload.len()), (None, 0));
    assert_eq!(js.next(&sid).status(), Some("100 Idle Heartbeat"));
    js.fill([2]);
    let message = loop {
        let message = js.next(&sid);
        if message.status() != Some("100 Idle Heartbeat") {
            break message;
        }
    };
    assert_eq!(message.seq(), 2);
    for body in [
        json!({"batch": 1, "expires": 1000 * MS, "idle_heartbeat": 600 * MS}),
        json!({"batch": 1, "idle_heartbeat": 600 * MS}),
    ] {
        let sid = js.pull(body);
        let answer = js.next(&sid).head;
        assert_eq!(answer, "NATS/1.0 400 Bad Request - heartbeat value too large\r\n\r\n");
    }
}

// Row 89.
#[test]
fn a_request_may_be_for_so_many_bytes() {
    let mut js = filled(0);
    for n in 1..=4 {
        js.stored("s.x", [b'x'; 100], n);
    }
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 10, "max_bytes": 50, "expires": 5000 * MS}));
    assert_eq!(
        js.next(&sid).head,
        "NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 10\r\n\
         Nats-Pending-Bytes: 50\r\n\r\n"
    );
    let sid = js.pull(json!({"batch": 1, "max_bytes": 1000, "expires": 5000 * MS}));
    let first = js.next(&sid);
    // Subject, reply, headers and payload count.
    let size = (first.subject.len() + first.reply.as_ref().unwrap().len() + 100) as u64;
    assert_eq!(
        js.next(&sid).head,
        format!(
            "NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 0\r\n\
             Nats-Pending-Bytes: {}\r\n\r\n",
            1000 - size
        )
    );
    // Room for two of them and a half.
    let budget = size * 5 / 2;
    let sid = js.pull(json!({"batch": 10, "max_bytes": budget, "expires": 5000 * MS}));
    assert_eq!([js.next(&sid).seq(), js.next(&sid).seq()], [2, 3]);
    let end = js.next(&sid);
    assert_eq!(end.status(), Some("409 Message Size Exceeds MaxBytes"));
    assert_eq!(end.header("Nats-Pending-Messages"), Some("8"));
    assert_eq!(end.number("Nats-Pending-Bytes"), budget - 2 * size);
    assert_eq!(js.fetch(1)[0].seq(), 4);
}

// Row 90.
#[test]
fn a_consumer_limits_requests() {
    let mut js = filled(3);
    js.puller(json!({
        "max_batch": 5, "max_expires": 1500 * MS, "max_bytes": 200, "max_waiting": 2,
    }));
    for (body, status) in [
        (json!({"batch": 6}), "409 Exceeded MaxRequestBatch of 5"),
        (json!({"batch": 1, "expires": 2000 * MS}), "409 Exceeded MaxRequestExpires of 1.5s"),
        (
            json!({"batch": 1, "expires": 1000 * MS, "max_bytes": 201}),
            "409 Exceeded MaxRequestMaxBytes of 200",
        ),
    ] {
        let sid = js.pull(body);
        assert_eq!(js.next(&sid).head, format!("NATS/1.0 {status}\r\n\r\n"));
    }
    assert_eq!(seqs(&js.fetch(3)), [1, 2, 3]);
    let waiting: Vec<_> =
        (0..2).map(|_| js.pull(json!({"batch": 1, "expires": 1500 * MS}))).collect();
    js.wait_consumer("C", |info| info["num_waiting"] == 2);
    let sid = js.pull(json!({"batch": 1, "expires": 1500 * MS}));
    assert_eq!(js.next(&sid).head, "NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n");
    js.fill([4, 5]);
    assert_eq!([js.next(&waiting[0]).seq(), js.next(&waiting[1]).seq()], [4, 5]);
}

// Row 91.
#[test]
fn waiting_requests_hear_that_the_consumer_is_deleted() {
    let mut js = filled(0);
    js.puller(json!({}));
    let one = js.pull(json!({"batch": 2, "expires": 30_000 * MS}));
    let two = js.pull(json!({"batch": 2}));
    js.wait_consumer("C", |info| info["num_waiting"] == 2);
    js.api("CONSUMER.DELETE.S.C", "");
    for sid in [one, two] {
        let end = js.next(&sid);
        assert_eq!(end.head, "NATS/1.0 409 Consumer Deleted\r\n\r\n");
        assert_eq!(end.reply, None);
    }
}

// Row 91.
#[test]
fn waiting_requests_hear_that_the_stream_is_deleted() {
    let mut js = filled(0);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 2, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    js.api("STREAM.DELETE.S", "");
    assert_eq!(js.next(&sid).head, "NATS/1.0 409 Consumer Deleted\r\n\r\n");
}

// Row 91.
#[test]
fn waiting_requests_hear_that_the_server_ends() {
    let mut js = filled(0);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 2, "expires": 30_000 * MS, "max_bytes": 500}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    js.server().signal("TERM");
    assert_eq!(
        js.next(&sid).head,
        "NATS/1.0 409 Server Shutdown\r\nNats-Pending-Messages: 2\r\n\
         Nats-Pending-Bytes: 500\r\n\r\n"
    );
}

// Row 92.
#[test]
fn nobody_pulls_from_a_push_consumer() {
    let mut js = filled(1);
    js.puller(json!({"deliver_subject": "out"}));
    let sid = js.pull(json!({"batch": 1}));
    assert_eq!(js.next(&sid).head, "NATS/1.0 409 Consumer is push based\r\n\r\n");
}

// Row 60.
#[test]
fn a_request_may_ask_for_a_level_of_the_api() {
    let mut js = filled(1);
    js.puller(json!({}));
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.C";
    let answer = js.request(next, &[("Nats-Required-Api-Level", "99")], "");
    assert_eq!(answer.head, "NATS/1.0 412 Required Api Level\r\n\r\n");
    let answer = js.request(next, &[("Nats-Required-Api-Level", "4")], "");
    assert_eq!(answer.seq(), 1);
}

// Row 86.
#[test]
fn no_wait_does_not_push_ahead() {
    let mut js = filled(0);
    js.puller(json!({"max_ack_pending": 1}));
    js.fill([1, 2]);
    assert_eq!(js.fetch(1)[0].seq(), 1);
    // What is left can't be given yet, and is spoken for.
    let waiting = js.pull(json!({"batch": 5, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    let sid = js.pull(json!({"batch": 1, "no_wait": true}));
    assert_eq!(js.next(&sid).head, "NATS/1.0 408 Requests Pending\r\n\r\n");
    assert!(js.come(&waiting).is_empty());
}

// Row 90.
#[test]
fn one_too_many_with_a_heartbeat_is_not_told() {
    let mut js = filled(0);
    js.puller(json!({"max_waiting": 1}));
    let first = js.pull(json!({"batch": 1, "expires": 30_000 * MS}));
    js.wait_consumer("C", |info| info["num_waiting"] == 1);
    let body = json!({"batch": 1, "expires": 2000 * MS, "idle_heartbeat": 500 * MS});
    let quiet = js.pull(body);
    let loud = js.pull(json!({"batch": 1, "expires": 2000 * MS}));
    assert_eq!(js.next(&loud).head, "NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n");
    assert!(js.come(&quiet).is_empty());
    js.fill([1]);
    assert_eq!(js.next(&first).seq(), 1);
}

// Row 90.
#[test]
fn the_server_limits_requests_too() {
    let mut js = Js::start_with("limits { max_request_batch: 5 }", "");
    js.filled(0);
    js.puller(json!({}));
    let sid = js.pull(json!({"batch": 6}));
    assert_eq!(js.next(&sid).head, "NATS/1.0 409 Exceeded MaxRequestBatch of 5\r\n\r\n");
}

#[test]
fn who_no_longer_listens_does_not_count_as_waiting() {
    let mut js = Js::start();
    js.filled(0);
    js.puller(json!({}));
    let [gone, _stays] = [(); 2].map(|()| js.pull(json!({"batch": 1, "expires": 60_000 * MS})));
    js.wait_consumer("C", |info| info["num_waiting"] == 2);
    js.unsubscribe(&gone);
    has(&js.consumer_info("C"), &json!({"num_waiting": 1}));
}
