//! Batches that are stored as a whole or not at all.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, has, ok, refused};

const ABANDONED: &str = "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.A";

fn start() -> Js {
    let mut js = Js::start();
    js.create(json!({
        "name": "A", "subjects": ["a.>"], "allow_atomic": true, "allow_rollup_hdrs": true,
    }));
    js
}

/// Sends message `seq` of batch `id` to `subject` with more headers.
fn send(js: &mut Js, subject: &str, id: &str, seq: u64, more: &[(&str, &str)]) -> Msg {
    let seq = seq.to_string();
    let mut headers = vec![("Nats-Batch-Id", id), ("Nats-Batch-Sequence", seq.as_str())];
    headers.extend_from_slice(more);
    js.request(subject, &headers, format!("{id}{seq}"))
}

/// Sends a member, which must be taken without a word.
fn member(js: &mut Js, id: &str, seq: u64) {
    let ack = send(js, "a.1", id, seq, &[]);
    assert_eq!((ack.head.as_str(), ack.text()), ("", ""));
}

const COMMIT: (&str, &str) = ("Nats-Batch-Commit", "1");

fn commit(js: &mut Js, id: &str, seq: u64) -> Value {
    send(js, "a.1", id, seq, &[COMMIT]).json()
}

/// Nothing has been stored beyond `last`, nor been left half done.
fn only(js: &mut Js, last: u64) {
    has(&js.state("A"), &json!({"last_seq": last, "messages": last}));
}

// Row 66.
#[test]
fn a_batch_is_stored_at_its_end() {
    let mut js = start();
    member(&mut js, "u", 1);
    member(&mut js, "u", 2);
    assert_eq!(js.state("A")["last_seq"], 0);
    let ack = send(&mut js, "a.2", "u", 3, &[COMMIT]);
    assert_eq!(ack.text(), r#"{"stream":"A","seq":3,"batch":"u","count":3}"#);
    only(&mut js, 3);
    for (seq, subject, text) in [(1, "a.1", "u1"), (2, "a.1", "u2"), (3, "a.2", "u3")] {
        let stored = js.get("A", seq);
        assert_eq!((stored.subject.as_str(), stored.text()), (subject, text));
    }
    let head =
        "NATS/1.0\r\nNats-Batch-Id: u\r\nNats-Batch-Sequence: 3\r\nNats-Batch-Commit: 1\r\n\r\n";
    assert_eq!(js.get("A", 3).head, head);
    let ack = commit(&mut js, "single", 1);
    assert_eq!(ack, json!({"stream": "A", "seq": 4, "batch": "single", "count": 1}));
}

#[test]
fn others_publish_while_a_batch_is_open() {
    let mut js = start();
    member(&mut js, "u", 1);
    member(&mut js, "v", 1);
    js.stored("a.1", "plain", 1);
    member(&mut js, "u", 2);
    assert_eq!(commit(&mut js, "v", 2)["seq"], 3);
    assert_eq!(commit(&mut js, "u", 3)["seq"], 6);
    let texts: Vec<_> = (1..=6).map(|seq| js.get("A", seq).text().to_owned()).collect();
    assert_eq!(texts, ["plain", "v1", "v2", "u1", "u2", "u3"]);
}

#[test]
fn members_need_no_reply() {
    let mut js = start();
    for seq in 1..=99 {
        let seq = seq.to_string();
        js.send("a.1", &[("Nats-Batch-Id", "u"), ("Nats-Batch-Sequence", &seq)], "x");
    }
    assert_eq!(commit(&mut js, "u", 100)["count"], 100);
    only(&mut js, 100);
}

#[test]
fn a_batch_is_lost_with_the_server_and_a_stored_one_is_not() {
    let mut js = start();
    member(&mut js, "u", 1);
    assert_eq!(commit(&mut js, "u", 2)["seq"], 2);
    member(&mut js, "v", 1);
    js.crash();
    only(&mut js, 2);
    refused(&commit(&mut js, "v", 2), 10176, "atomic publish batch is incomplete");
    only(&mut js, 2);
}

// Row 67.
#[test]
fn the_end_of_a_batch_need_not_be_a_message() {
    let mut js = start();
    member(&mut js, "v", 1);
    member(&mut js, "v", 2);
    let ack = send(&mut js, "a.1", "v", 3, &[("Nats-Batch-Commit", "eob")]);
    assert_eq!(ack.text(), r#"{"stream":"A","seq":2,"batch":"v","count":2}"#);
    only(&mut js, 2);
    assert_eq!(js.get("A", 1).header("Nats-Batch-Commit"), None);
    assert_eq!(js.get("A", 2).header("Nats-Batch-Commit"), Some("1"));
    let alone = send(&mut js, "a.1", "w", 1, &[("Nats-Batch-Commit", "eob")]);
    refused(&alone.json(), 10176, "atomic publish batch is incomplete");
}

// Row 68.
#[test]
fn a_batch_with_a_gap_is_dropped() {
    let mut js = start();
    let sid = js.subscribe(ABANDONED);
    member(&mut js, "w", 1);
    let answer = send(&mut js, "a.1", "w", 3, &[]).json();
    has(&answer, &json!({"error": {"code": 400}, "stream": "A", "seq": 0}));
    refused(&answer, 10176, "atomic publish batch is incomplete");
    let advisory = js.next(&sid).json();
    has(
        &advisory,
        &json!({
            "type": "io.nats.jetstream.advisory.v1.stream_batch_abandoned",
            "stream": "A", "batch": "w", "reason": "incomplete",
        }),
    );
    assert_eq!(advisory["id"].as_str().unwrap().len(), 22);
    refused(&commit(&mut js, "w", 2), 10176, "atomic publish batch is incomplete");
    refused(&commit(&mut js, "never begun", 2), 10176, "atomic publish batch is incomplete");
    only(&mut js, 0);
}

#[test]
fn bad_members_are_refused() {
    let mut js = start();
    js.create(json!({"name": "P", "subjects": ["p"]}));
    let id = "i".repeat(65);
    let answer = commit(&mut js, &id, 1);
    refused(&answer, 10179, "atomic publish batch ID is invalid");
    ok(commit(&mut js, &id[..64], 1));
    let answer = js.publish_with("a.1", &[("Nats-Batch-Id", "k")], "x");
    refused(&answer, 10175, "atomic publish sequence is missing");
    let answer = send(&mut js, "p", "k", 1, &[]).json();
    refused(&answer, 10174, "atomic publish is disabled");
    let answer = send(&mut js, "a.1", "z", 1, &[("Nats-Batch-Commit", "2")]).json();
    refused(&answer, 10200, "atomic publish batch commit is invalid");
    let header = [("Nats-Expected-Last-Msg-Id", "q"), COMMIT];
    let answer = send(&mut js, "a.1", "e", 1, &header).json();
    let text = "atomic publish unsupported header used: Nats-Expected-Last-Msg-Id";
    refused(&answer, 10177, text);
    only(&mut js, 1);
}

#[test]
fn a_batch_may_ask_for_a_level() {
    let mut js = start();
    let sid = js.subscribe(ABANDONED);
    let answer = send(&mut js, "a.1", "e", 1, &[("Nats-Required-Api-Level", "9"), COMMIT]).json();
    refused(&answer, 10185, "JetStream minimum api level required");
    has(&js.next(&sid).json(), &json!({"batch": "e", "reason": "unsupported"}));
}

// Checks at the end of a batch.
#[test]
fn what_a_batch_expects_is_checked_as_a_whole() {
    let mut js = start();
    js.stored("a.1", "x", 1);
    let last = |seq: &'static str| ("Nats-Expected-Last-Sequence", seq);
    let of_subject = |seq: &'static str| ("Nats-Expected-Last-Subject-Sequence", seq);
    send(&mut js, "a.1", "1", 1, &[last("99")]);
    refused(&commit(&mut js, "1", 2), 10071, "wrong last sequence: 1");
    send(&mut js, "a.1", "2", 1, &[last("1")]);
    assert_eq!(commit(&mut js, "2", 2)["seq"], 3);
    member(&mut js, "3", 1);
    let answer = send(&mut js, "a.2", "3", 2, &[of_subject("7"), COMMIT]).json();
    refused(&answer, 10071, "wrong last sequence: 0");
    member(&mut js, "4", 1);
    let answer = send(&mut js, "a.1", "4", 2, &[of_subject("3"), COMMIT]).json();
    refused(&answer, 10164, "wrong last sequence");
    send(&mut js, "a.1", "5", 1, &[("Nats-Msg-Id", "q")]);
    let answer = send(&mut js, "a.1", "5", 2, &[("Nats-Msg-Id", "q"), COMMIT]).json();
    refused(&answer, 10201, "atomic publish batch contains duplicate message id");
    only(&mut js, 3);
    send(&mut js, "a.1", "6", 1, &[of_subject("3")]);
    let answer = send(&mut js, "a.2", "6", 2, &[of_subject("0"), COMMIT]).json();
    assert_eq!(answer["seq"], 5);
    js.publish_with("a.1", &[("Nats-Msg-Id", "known")], "x");
    member(&mut js, "7", 1);
    let answer = send(&mut js, "a.1", "7", 2, &[("Nats-Msg-Id", "known"), COMMIT]).json();
    refused(&answer, 10201, "atomic publish batch contains duplicate message id");
    only(&mut js, 6);
}

#[test]
fn a_batch_may_roll_up() {
    let mut js = start();
    js.stored("a.1", "x", 1);
    js.stored("a.2", "x", 2);
    send(&mut js, "a.1", "r", 1, &[("Nats-Rollup", "sub")]);
    assert_eq!(commit(&mut js, "r", 2)["seq"], 4);
    let info = js.api("STREAM.INFO.A", json!({"subjects_filter": ">"}));
    assert_eq!(info["state"]["subjects"], json!({"a.1": 2, "a.2": 1}));
    member(&mut js, "s", 1);
    let answer = send(&mut js, "a.1", "s", 2, &[("Nats-Rollup", "sub"), COMMIT]).json();
    assert_eq!(answer["error"]["err_code"], 10111, "{answer}");
    assert_eq!(js.state("A")["last_seq"], 4);
}

// Row 69.
#[test]
fn a_batch_may_be_too_large() {
    let mut js = start();
    let sid = js.subscribe(ABANDONED);
    for seq in 1..=1000 {
        let seq = seq.to_string();
        js.send("a.1", &[("Nats-Batch-Id", "l"), ("Nats-Batch-Sequence", &seq)], "");
    }
    let answer = commit(&mut js, "l", 1001);
    refused(&answer, 10199, "atomic publish batch is too large: 1000");
    has(&js.next(&sid).json(), &json!({"batch": "l", "reason": "large"}));
    only(&mut js, 0);
}

#[test]
fn too_many_batches_are_refused() {
    let mut js = start();
    for n in 1..=50 {
        member(&mut js, &n.to_string(), 1);
    }
    let answer = send(&mut js, "a.1", "51", 1, &[]).json();
    has(&answer, &json!({"error": {"code": 429}}));
    refused(&answer, 10210, "atomic publish too many inflight");
    assert_eq!(commit(&mut js, "1", 2)["seq"], 2);
    member(&mut js, "51", 1);
}

#[test]
fn the_limits_of_batches_are_configured() {
    let batch = "max_inflight_per_stream: 1, max_msgs: 2, timeout: \"500ms\"";
    let mut js = Js::start_with(&format!("limits {{ batch {{ {batch} }} }}"), "");
    js.create(json!({"name": "A", "subjects": ["a.>"], "allow_atomic": true}));
    let sid = js.subscribe(ABANDONED);
    member(&mut js, "u", 1);
    let answer = send(&mut js, "a.1", "v", 1, &[]).json();
    refused(&answer, 10210, "atomic publish too many inflight");
    has(&js.next(&sid).json(), &json!({"batch": "u", "reason": "timeout"}));
    member(&mut js, "v", 1);
    js.send("a.1", &[("Nats-Batch-Id", "v"), ("Nats-Batch-Sequence", "2")], "");
    refused(&commit(&mut js, "v", 3), 10199, "atomic publish batch is too large: 2");
}
