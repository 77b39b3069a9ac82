//! Push consumers: messages go to a subject, as long as somebody listens there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{Js, has, refused, seqs};

const MS: u64 = 1_000_000;

/// The durable `C` of `S`, which pushes to `out`.
fn pushing(count: u64, config: Value) -> Js {
    let mut js = Js::start();
    js.filled(count);
    let mut all = json!({"deliver_subject": "out"});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    js.puller(all);
    js
}

// Row 102.
#[test]
fn messages_flow_while_somebody_listens() {
    let mut js = pushing(2, json!({}));
    let info = js.consumer_info("C");
    has(&info, &json!({"num_pending": 2, "delivered": {"stream_seq": 0}}));
    assert_eq!(info["push_bound"], Value::Null);
    let sid = js.subscribe("out");
    let first = js.next(&sid);
    assert_eq!((first.subject.as_str(), first.text()), ("s.1", "1"));
    assert_eq!(first.counts(), (1, 1, 1));
    assert_eq!(first.delivery().pending, 1);
    assert_eq!(js.next(&sid).seq(), 2);
    js.wait_consumer("C", |info| info["push_bound"] == true);
    js.fill([3]);
    assert_eq!(js.next(&sid).seq(), 3);
    // Nobody listens: it waits, and goes on when somebody comes back.
    js.unsubscribe(&sid);
    js.wait_consumer("C", |info| info["push_bound"].is_null());
    js.fill([4]);
    js.wait_consumer("C", |info| info["num_pending"] == 1);
    has(&js.consumer_info("C"), &json!({"delivered": {"stream_seq": 3}}));
    let sid = js.subscribe("out");
    assert_eq!(js.next(&sid).counts(), (4, 4, 1));
}

// Row 102.
#[test]
fn a_durable_has_one_listener_at_a_time() {
    let mut js = pushing(0, json!({}));
    let sid = js.subscribe("out");
    js.wait_consumer("C", |info| info["push_bound"] == true);
    let elsewhere =
        json!({"durable_name": "C", "ack_policy": "explicit", "deliver_subject": "else"});
    refused(&js.try_consumer("S", "C", elsewhere.clone()), 10013, "consumer name already in use");
    js.unsubscribe(&sid);
    js.wait_consumer("C", |info| info["push_bound"].is_null());
    js.consumer("S", "C", elsewhere);
    let sid = js.subscribe("else");
    js.fill([1]);
    assert_eq!(js.next(&sid).seq(), 1);
}

// Row 102.
#[test]
fn queue_members_share() {
    let mut js = pushing(0, json!({"deliver_group": "crew"}));
    // Who listens outside of the group is no reason to deliver, but hears what is.
    let aside = js.subscribe("out");
    js.fill([1]);
    js.wait_consumer("C", |info| info["num_pending"] == 1);
    let one = js.subscribe_queue("out", "crew");
    let two = js.subscribe_queue("out", "crew");
    js.fill(2..=100);
    js.wait_consumer("C", |info| info["delivered"]["stream_seq"] == 100);
    has(&js.consumer_info("C"), &json!({"push_bound": true}));
    let (one, two) = (seqs(&js.come(&one)), seqs(&js.come(&two)));
    assert!(one.len() > 10 && two.len() > 10, "{} and {}", one.len(), two.len());
    let mut all = [one, two].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=100).collect::<Vec<_>>());
    assert_eq!(js.come(&aside).len(), 100);
}

// Rows 93 and 94.
#[test]
fn what_is_pushed_is_acknowledged_and_refused_too() {
    let mut js = pushing(3, json!({"max_ack_pending": 2, "ack_wait": 400 * MS}));
    let sid = js.subscribe("out");
    let (one, two) = (js.next(&sid), js.next(&sid));
    assert!(js.come(&sid).is_empty());
    js.double_ack(&one, "-NAK");
    assert_eq!(js.next(&sid).counts(), (1, 3, 2));
    js.double_ack(&one, "+ACK");
    assert_eq!(js.next(&sid).seq(), 3);
    // Neither 2 nor 3 is acknowledged in time.
    let mut late = [js.next(&sid).counts(), js.next(&sid).counts()];
    late.sort_unstable();
    assert_eq!((late[0].0, late[0].2, late[1].0, late[1].2), (2, 2, 3, 2));
    js.double_ack(&two, "+ACK");
}

// Row 103.
#[test]
fn silence_is_filled_with_heartbeats() {
    let mut js = pushing(1, json!({"idle_heartbeat": 150 * MS}));
    let sid = js.subscribe("out");
    assert_eq!(js.next(&sid).seq(), 1);
    for _ in 0..2 {
        let beat = js.next(&sid);
        assert_eq!(
            beat.head,
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n"
        );
        assert_eq!((beat.subject.as_str(), beat.reply, beat.payload.len()), ("out", None, 0));
    }
    js.fill([2]);
    let next = loop {
        let message = js.next(&sid);
        if message.status().is_none() {
            break message;
        }
    };
    assert_eq!(next.seq(), 2);
    assert_eq!(js.next(&sid).header("Nats-Last-Consumer"), Some("2"));
}

// Row 102.
#[test]
fn without_acknowledgements_a_push_still_says_where_it_is() {
    let mut js = pushing(3, json!({"ack_policy": "none", "durable_name": "C"}));
    let sid = js.subscribe("out");
    let got: Vec<_> = (0..3).map(|_| js.next(&sid)).collect();
    assert_eq!(seqs(&got), [1, 2, 3]);
    js.wait_consumer("C", |info| info["ack_floor"]["stream_seq"] == 3);
    has(&js.consumer_info("C"), &json!({"num_ack_pending": 0}));
}

// Row 107.
#[test]
fn a_replay_keeps_the_pace_of_the_original() {
    let mut js = Js::start();
    js.filled(1);
    for n in 2..=3 {
        std::thread::park_timeout(Duration::from_millis(300));
        js.fill([n]);
    }
    js.puller(json!({"deliver_subject": "out", "replay_policy": "original"}));
    let sid = js.subscribe("out");
    let mut messages = vec![js.next(&sid)];
    let started = Instant::now();
    messages.push(js.next(&sid));
    let first_gap = started.elapsed();
    messages.push(js.next(&sid));
    assert_eq!(seqs(&messages), [1, 2, 3]);
    let spaced = Duration::from_millis(270);
    assert!(first_gap >= spaced, "2 after {first_gap:?}");
    assert!(started.elapsed() >= 2 * spaced, "3 after {:?}", started.elapsed());
    // Caught up, it no longer waits.
    let started = Instant::now();
    js.fill([4]);
    assert_eq!(js.next(&sid).seq(), 4);
    assert!(started.elapsed() < spaced, "4 after {:?}", started.elapsed());
}

// Row 107.
#[test]
fn a_rate_is_kept() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "max_msg_size": 50_000}));
    for n in 1..=7 {
        js.stored("s.x", vec![0; 49_000], n);
    }
    // 300 kB more than may come at once, at 500 kB a second.
    js.puller(json!({"deliver_subject": "out", "rate_limit_bps": 4_000_000}));
    let started = Instant::now();
    let sid = js.subscribe("out");
    let got: Vec<_> = (0..7).map(|_| js.next(&sid)).collect();
    assert_eq!(seqs(&got), (1..=7).collect::<Vec<_>>());
    let took = started.elapsed();
    // One message may go ahead of its share.
    assert!(took >= Duration::from_millis(450), "too fast: {took:?}");
    assert!(took <= Duration::from_millis(3000), "too slow: {took:?}");
}

// Row 108.
#[test]
fn acknowledgements_are_sampled() {
    let mut js = Js::start();
    js.filled(2);
    let metrics = js.subscribe("$JS.EVENT.METRIC.CONSUMER.ACK.S.C");
    js.puller(json!({"sample_freq": "100%"}));
    for message in js.fetch(2) {
        js.double_ack(&message, "+ACK");
    }
    for n in 1..=2 {
        let metric = js.next(&metrics).json();
        has(
            &metric,
            &json!({
                "type": "io.nats.jetstream.metric.v1.consumer_ack", "stream": "S",
                "consumer": "C", "consumer_seq": n, "stream_seq": n, "deliveries": 1,
            }),
        );
        let (ns, id) = (&metric["ack_time"], metric["id"].as_str().unwrap());
        assert!(ns.as_u64().is_some_and(|ns| ns > 0 && ns < 15_000_000_000), "{metric}");
        assert!(id.len() == 22 && metric["timestamp"].is_string(), "{metric}");
    }
}
