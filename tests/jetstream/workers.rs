//! Many workers at one consumer: nothing is lost, nothing is done twice while all do their duty.

use std::collections::HashMap;
use std::thread;

use serde_json::json;

use crate::kit::{Js, Nats};

const MS: u64 = 1_000_000;

/// Pulls and does with each message what `work` says, until the consumer has nothing left and
/// waits for nobody; what was done, by sequence.
fn worker(mut nats: Nats, work: impl Fn(&mut Nats, &crate::kit::Msg) -> bool) -> Vec<u64> {
    let mut done = Vec::new();
    let inbox = nats.inbox();
    let sid = nats.subscribe(&inbox);
    loop {
        let body = json!({"batch": 20, "expires": 300 * MS});
        nats.ask_next("C", &inbox, body);
        for _ in 0..20 {
            let message = nats.next(&sid);
            if message.status().is_some() {
                break;
            }
            if work(&mut nats, &message) {
                done.push(message.seq());
            }
        }
        let info = nats.consumer_info("C");
        if info["num_pending"] == 0 && info["num_ack_pending"] == 0 {
            return done;
        }
    }
}

fn spawn(js: &Js, work: fn(&mut Nats, &crate::kit::Msg) -> bool) -> thread::JoinHandle<Vec<u64>> {
    let nats = js.connect();
    thread::spawn(move || worker(nats, work))
}

fn times(done: Vec<Vec<u64>>) -> HashMap<u64, usize> {
    let mut times = HashMap::new();
    for seq in done.into_iter().flatten() {
        *times.entry(seq).or_default() += 1;
    }
    times
}

/// Publishes `count` messages at once and waits until all are stored.
fn publish_many(js: &mut Js, count: u64) {
    for n in 0..count {
        js.send(&format!("s.{}", n % 10), &[], n.to_string());
    }
    js.wait_state(|state| state["last_seq"] == count);
}

// Rows 85 and 93.
#[test]
fn workers_share_without_repeats() {
    let mut js = Js::start();
    js.filled(0);
    js.puller(json!({"max_ack_pending": 100}));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            spawn(&js, |nats, message| {
                nats.ack(message, "+ACK");
                true
            })
        })
        .collect();
    publish_many(&mut js, 2000);
    let done: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    let times = times(done);
    assert!(times.values().all(|times| *times == 1), "delivered twice");
    // A worker that found nothing at first may have left before the messages came.
    let left: Vec<_> = (1..=2000).filter(|seq| !times.contains_key(seq)).collect();
    let rest = spawn(&js, |nats, message| {
        nats.double_ack(message, "+ACK");
        true
    });
    assert_eq!(rest.join().unwrap(), left);
    js.wait_consumer("C", |info| info["ack_floor"]["stream_seq"] == 2000);
}

// Rows 32, 94 and 98.
#[test]
fn a_work_queue_outlives_bad_workers() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "retention": "workqueue"}));
    js.puller(json!({"ack_wait": 500 * MS}));
    publish_many(&mut js, 500);
    // One refuses every third message, one forgets every fifth the first time, one is good.
    let bad: fn(&mut Nats, &crate::kit::Msg) -> bool = |nats, message| {
        let refuse = message.seq() % 3 == 0 && message.delivery().count == 1;
        nats.ack(message, if refuse { "-NAK" } else { "+ACK" });
        !refuse
    };
    let forgetful: fn(&mut Nats, &crate::kit::Msg) -> bool = |nats, message| {
        let forget = message.seq() % 5 == 0 && message.delivery().count == 1;
        if !forget {
            nats.double_ack(message, "+ACK");
        }
        !forget
    };
    let good: fn(&mut Nats, &crate::kit::Msg) -> bool = |nats, message| {
        nats.double_ack(message, "");
        true
    };
    let workers = [bad, forgetful, good].map(|work| spawn(&js, work));
    let done: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    let times = times(done);
    assert_eq!(times.len(), 500);
    js.wait_state(|state| state["messages"] == 0 && state["first_seq"] == 501);
}

// Row 82.
#[test]
fn each_filter_is_a_queue_of_its_own() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "retention": "workqueue"}));
    for part in 0..3 {
        let name = format!("W{part}");
        let config = json!({
            "durable_name": name, "ack_policy": "explicit", "filter_subject": format!("s.{part}"),
        });
        js.consumer("S", &name, config);
    }
    publish_many(&mut js, 300);
    // 30 of each subject; those without a consumer stay.
    for part in 0..3_u64 {
        let messages = js.fetch_from(&format!("W{part}"), 30);
        for message in messages {
            assert_eq!(message.subject, format!("s.{part}"));
            js.ack(&message, "+ACK");
        }
    }
    js.wait_state(|state| state["messages"] == 210);
}
