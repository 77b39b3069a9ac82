//! Where a consumer begins, and what it passes on of a message.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, refused, seqs};

/// `S` with five messages: s.a, s.b, s.a, s.c, s.b.
fn five() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    for (n, subject) in (1..).zip(["s.a", "s.b", "s.a", "s.c", "s.b"]) {
        js.stored(subject, n.to_string(), n);
    }
    js
}

/// What a consumer that starts like this gives until it has no more: the sequences.
#[track_caller]
fn all_of(js: &mut Js, name: &str, config: Value) -> Vec<u64> {
    let mut all = json!({"durable_name": name, "ack_policy": "explicit"});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let pending = js.consumer("S", name, all)["num_pending"].as_u64().unwrap();
    let sid = js.pull_from(name, json!({"batch": 100, "no_wait": true}));
    let mut got: Vec<Msg> = Vec::new();
    loop {
        let message = js.next(&sid);
        if message.status().is_some() {
            assert_eq!(message.head, "NATS/1.0 404 No Messages\r\n\r\n");
            break;
        }
        // Each says how many come after it.
        assert_eq!(message.delivery().pending, pending - 1 - got.len() as u64, "{message:?}");
        got.push(message);
    }
    assert_eq!(got.len() as u64, pending, "num_pending when it was created");
    seqs(&got)
}

// Row 84.
#[test]
fn each_deliver_policy_starts_where_it_says() {
    let mut js = five();
    assert_eq!(all_of(&mut js, "all", json!({"deliver_policy": "all"})), [1, 2, 3, 4, 5]);
    assert_eq!(all_of(&mut js, "last", json!({"deliver_policy": "last"})), [5]);
    assert_eq!(all_of(&mut js, "new", json!({"deliver_policy": "new"})), [0_u64; 0]);
    let from = |n: u64| json!({"deliver_policy": "by_start_sequence", "opt_start_seq": n});
    assert_eq!(all_of(&mut js, "seq", from(3)), [3, 4, 5]);
    assert_eq!(all_of(&mut js, "far", from(7)), [0_u64; 0]);
    let subjects = json!({"deliver_policy": "last_per_subject", "filter_subject": "s.>"});
    assert_eq!(all_of(&mut js, "subjects", subjects), [3, 4, 5]);
    // What comes later comes to all of them.
    js.fill([6, 7, 8]);
    for (name, next) in [("all", 6), ("last", 6), ("new", 6), ("seq", 6), ("far", 7)] {
        assert_eq!(js.fetch_from(name, 1)[0].seq(), next, "{name}");
    }
    assert_eq!(seqs(&js.fetch_from("subjects", 3)), [6, 7, 8]);
}

// Row 84.
#[test]
fn a_start_may_be_a_time() {
    let mut js = five();
    let time = js.api("STREAM.MSG.GET.S", json!({"seq": 3}))["message"]["time"].take();
    let at = json!({"deliver_policy": "by_start_time", "opt_start_time": time});
    assert_eq!(all_of(&mut js, "at", at), [3, 4, 5]);
    let early = json!({
        "deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z",
    });
    assert_eq!(all_of(&mut js, "early", early), [1, 2, 3, 4, 5]);
    let late = json!({
        "deliver_policy": "by_start_time", "opt_start_time": "2100-01-01T00:00:00Z",
    });
    assert_eq!(all_of(&mut js, "late", late), [0_u64; 0]);
}

// Rows 82 and 84.
#[test]
fn a_start_and_a_filter_go_together() {
    let mut js = five();
    let filter = json!({"filter_subject": "s.b"});
    assert_eq!(all_of(&mut js, "b", filter), [2, 5]);
    let last = json!({"deliver_policy": "last", "filter_subject": "s.a"});
    assert_eq!(all_of(&mut js, "last", last), [3]);
    let from = json!({
        "deliver_policy": "by_start_sequence", "opt_start_seq": 3,
        "filter_subjects": ["s.b", "s.c"],
    });
    assert_eq!(all_of(&mut js, "from", from), [4, 5]);
    let lasts = json!({"deliver_policy": "last_per_subject", "filter_subjects": ["s.a", "s.b"]});
    assert_eq!(all_of(&mut js, "lasts", lasts), [3, 5]);
    assert_eq!(all_of(&mut js, "none", json!({"filter_subject": "elsewhere"})), [0_u64; 0]);
}

// Row 84.
#[test]
fn what_is_gone_is_passed_over() {
    let mut js = five();
    js.api("STREAM.MSG.DELETE.S", json!({"seq": 3}));
    js.api("STREAM.PURGE.S", json!({"seq": 2}));
    assert_eq!(all_of(&mut js, "rest", json!({})), [2, 4, 5]);
    let from = json!({"deliver_policy": "by_start_sequence", "opt_start_seq": 1});
    assert_eq!(all_of(&mut js, "from", from), [2, 4, 5]);
}

// Row 84.
#[test]
fn a_start_must_make_sense() {
    let mut js = five();
    for (config, text) in [
        (
            json!({"deliver_policy": "by_start_sequence"}),
            "consumer delivery policy is deliver by start sequence, but optional start sequence \
             is not set",
        ),
        (
            json!({"deliver_policy": "by_start_time"}),
            "consumer delivery policy is deliver by start time, but optional start time is not set",
        ),
        (
            json!({"deliver_policy": "all", "opt_start_seq": 1}),
            "consumer delivery policy is deliver all, but optional start sequence is also set",
        ),
        (
            json!({"deliver_policy": "new", "opt_start_time": "2020-01-01T00:00:00Z"}),
            "consumer delivery policy is deliver new, but optional start time is also set",
        ),
        (
            json!({"deliver_policy": "last_per_subject"}),
            "consumer delivery policy is deliver last per subject, but optional filter subject is \
             not set",
        ),
    ] {
        refused(&js.try_consumer("S", "C", config), 10094, text);
    }
}

// Row 106.
#[test]
fn headers_only_leaves_the_body_out() {
    let mut js = Js::start();
    js.filled(0);
    js.publish_with("s.1", &[("Colour", "red")], "twelve bytes");
    js.publish("s.2", "");
    js.puller(json!({"headers_only": true}));
    let messages = js.fetch(2);
    assert_eq!(messages[0].head, "NATS/1.0\r\nColour: red\r\nNats-Msg-Size: 12\r\n\r\n");
    assert_eq!(messages[0].text(), "");
    assert_eq!(messages[1].head, "NATS/1.0\r\nNats-Msg-Size: 0\r\n\r\n");
    assert_eq!(messages[1].text(), "");
}
