//! Batches that are stored as they come, steered by their reply subjects.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, has, ok};

/// What the last but one token of a reply subject means.
const START: u8 = 0;
const APPEND: u8 = 1;
const COMMIT: u8 = 2;
const END: u8 = 3;
const PING: u8 = 4;

struct Fast {
    js: Js,
    prefix: String,
    sid: String,
}

impl Fast {
    fn start() -> Fast {
        let mut js = Js::start();
        js.create(json!({"name": "F", "subjects": ["f.>"], "allow_batched": true}));
        let prefix = js.inbox();
        let sid = js.subscribe(&format!("{prefix}.>"));
        Fast { js, prefix, sid }
    }

    /// Sends message `seq` of batch `id`; `control` is `<flow>.<gap>`, such as `3.ok`.
    fn send(&mut self, id: &str, control: &str, seq: u64, op: u8) {
        self.send_with(id, control, seq, op, &[]);
    }

    fn send_with(&mut self, id: &str, control: &str, seq: u64, op: u8, headers: &[(&str, &str)]) {
        let reply = format!("{}.{id}.{control}.{seq}.{op}.$FI", self.prefix);
        self.js.send_reply("f.1", &reply, headers, format!("{id}{seq}"));
    }

    fn next(&mut self) -> Msg {
        self.js.next(&self.sid)
    }

    fn answer(&mut self) -> Value {
        self.next().json()
    }

    #[track_caller]
    fn says(&mut self, text: &str) {
        assert_eq!(self.next().text(), text);
    }

    fn messages(&mut self) -> u64 {
        self.js.state("F")["messages"].as_u64().unwrap()
    }
}

const UNKNOWN: &str = "{\"error\":{\"code\":400,\"err_code\":10208,\
    \"description\":\"batch publish ID unknown\"},\"stream\":\"F\",\"seq\":0}";

// Row 70.
#[test]
fn a_batch_is_acknowledged_now_and_then() {
    let mut fast = Fast::start();
    fast.send("a", "3.ok", 1, START);
    for seq in 2..=10 {
        fast.send("a", "3.ok", seq, APPEND);
    }
    fast.send("a", "3.ok", 11, COMMIT);
    let first = fast.next();
    assert_eq!(first.text(), r#"{"type":"ack","seq":0,"msgs":3}"#);
    assert_eq!(first.subject, format!("{}.a.3.ok.1.0.$FI", fast.prefix));
    for seq in [3, 6, 9] {
        let ack = fast.next();
        assert_eq!(ack.text(), format!(r#"{{"type":"ack","seq":{seq},"msgs":3}}"#));
        assert!(ack.subject.ends_with(&format!(".{seq}.1.$FI")), "{}", ack.subject);
    }
    fast.says(r#"{"stream":"F","seq":11,"batch":"a","count":11}"#);
    assert_eq!(fast.messages(), 11);
    let stored = fast.js.get("F", 7);
    assert_eq!((stored.head.as_str(), stored.text()), ("", "a7"));
}

#[test]
fn a_batch_may_end_without_a_message() {
    let mut fast = Fast::start();
    fast.send("b", "3.ok", 1, START);
    fast.send("b", "3.ok", 2, APPEND);
    fast.send("b", "3.ok", 3, END);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(r#"{"stream":"F","seq":2,"batch":"b","count":2}"#);
    fast.send("c", "3.ok", 1, COMMIT);
    fast.says(r#"{"stream":"F","seq":3,"batch":"c","count":1}"#);
    assert_eq!(fast.messages(), 3);
}

#[test]
fn what_was_stored_of_an_unfinished_batch_stays() {
    let mut fast = Fast::start();
    fast.send("a", "1.ok", 1, START);
    fast.send("a", "1.ok", 2, APPEND);
    fast.says(r#"{"type":"ack","seq":0,"msgs":1}"#);
    assert_eq!(fast.answer()["type"], "ack");
    has(&fast.answer(), &json!({"type": "ack", "seq": 2}));
    fast.js.crash();
    assert_eq!(fast.messages(), 2);
}

#[test]
fn two_batches_share_what_may_be_under_way() {
    let mut fast = Fast::start();
    fast.send("m", "100.ok", 1, START);
    fast.says(r#"{"type":"ack","seq":0,"msgs":100}"#);
    fast.send("n", "100.ok", 1, START);
    fast.says(r#"{"type":"ack","seq":0,"msgs":1}"#);
    fast.says(r#"{"type":"ack","seq":1,"msgs":2}"#);
    for seq in 2..=7 {
        fast.send("n", "100.ok", seq, APPEND);
    }
    fast.says(r#"{"type":"ack","seq":3,"msgs":4}"#);
    fast.says(r#"{"type":"ack","seq":7,"msgs":8}"#);
    fast.send("n", "100.ok", 8, COMMIT);
    fast.says(r#"{"stream":"F","seq":9,"batch":"n","count":8}"#);
}

#[test]
fn a_flow_has_a_default() {
    let mut fast = Fast::start();
    fast.send("l", "0.ok", 1, START);
    fast.says(r#"{"type":"ack","seq":0,"msgs":10}"#);
    for seq in 2..=10 {
        fast.send("l", "0.ok", seq, APPEND);
    }
    fast.says(r#"{"type":"ack","seq":10,"msgs":10}"#);
}

// Row 71.
#[test]
fn a_gap_is_told_and_may_be_passed_over() {
    let mut fast = Fast::start();
    fast.send("d", "3.ok", 1, START);
    fast.send("d", "3.ok", 3, APPEND);
    fast.send("d", "3.ok", 4, COMMIT);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(r#"{"type":"gap","last_seq":2,"seq":3}"#);
    fast.says(r#"{"type":"ack","seq":3,"msgs":3}"#);
    fast.says(r#"{"stream":"F","seq":3,"batch":"d","count":4}"#);
    assert_eq!(fast.messages(), 3);
}

#[test]
fn a_gap_may_end_a_batch() {
    let mut fast = Fast::start();
    fast.send("e", "3.fail", 1, START);
    fast.send("e", "3.fail", 3, APPEND);
    fast.send("e", "3.fail", 4, COMMIT);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(r#"{"type":"gap","last_seq":2,"seq":3}"#);
    fast.says(r#"{"stream":"F","seq":1,"batch":"e","count":1}"#);
    fast.says(UNKNOWN);
    assert_eq!(fast.messages(), 1);
}

#[test]
fn a_ping_tells_how_far_it_is() {
    let mut fast = Fast::start();
    fast.send("g", "3.ok", 1, START);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    for seq in 2..=4 {
        fast.send("g", "3.ok", seq, APPEND);
    }
    fast.says(r#"{"type":"ack","seq":3,"msgs":3}"#);
    fast.send("g", "3.ok", 4, PING);
    fast.says(r#"{"type":"ack","seq":3,"msgs":3}"#);
    fast.send("g", "3.ok", 5, COMMIT);
    fast.says(r#"{"stream":"F","seq":5,"batch":"g","count":5}"#);
}

#[test]
fn a_refused_message_is_told_and_may_end_a_batch() {
    let mut fast = Fast::start();
    let wrong = [("Nats-Expected-Last-Sequence", "999")];
    let error = |seq: u64, last: u64| {
        let description = format!(r#""description":"wrong last sequence: {last}""#);
        let error = format!(r#"{{"code":400,"err_code":10071,{description}}}"#);
        format!(r#"{{"type":"err","seq":{seq},"error":{error}}}"#)
    };
    fast.send("j", "3.ok", 1, START);
    fast.send_with("j", "3.ok", 2, APPEND, &wrong);
    fast.send("j", "3.ok", 3, COMMIT);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(&error(2, 1));
    fast.says(r#"{"stream":"F","seq":2,"batch":"j","count":3}"#);
    fast.send("k", "3.fail", 1, START);
    fast.send_with("k", "3.fail", 2, APPEND, &wrong);
    fast.send("k", "3.fail", 3, COMMIT);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(&error(2, 3));
    fast.says(r#"{"stream":"F","seq":3,"batch":"k","count":1}"#);
    fast.says(UNKNOWN);
    assert_eq!(fast.messages(), 3);
}

#[test]
fn duplicates_are_passed_over() {
    let mut fast = Fast::start();
    let id = [("Nats-Msg-Id", "1")];
    fast.send_with("k", "3.ok", 1, START, &id);
    fast.send_with("k", "3.ok", 2, APPEND, &id);
    fast.send("k", "3.ok", 3, COMMIT);
    fast.says(r#"{"type":"ack","seq":0,"msgs":3}"#);
    fast.says(r#"{"stream":"F","seq":2,"batch":"k","count":3}"#);
    assert_eq!(fast.messages(), 2);
}

#[test]
fn bad_control_is_refused() {
    let mut fast = Fast::start();
    let too_long = "i".repeat(65);
    for (id, control, seq, op, code, text) in [
        ("h", "3.ok", 4, APPEND, 10208, "batch publish ID unknown"),
        ("h", "3.ok", 1, 7, 10206, "batch publish pattern is invalid"),
        ("h", "3.maybe", 1, START, 10206, "batch publish pattern is invalid"),
        ("h", "3.ok", 0, START, 10206, "batch publish pattern is invalid"),
        ("h", "3.ok", 2, START, 10206, "batch publish pattern is invalid"),
        ("h", "3.ok", 1, END, 10206, "batch publish pattern is invalid"),
        (&too_long, "3.ok", 1, START, 10207, "batch publish ID is invalid"),
    ] {
        fast.send(id, control, seq, op);
        let answer = fast.answer();
        crate::kit::refused(&answer, code, text);
        has(&answer, &json!({"error": {"code": 400}, "stream": "F", "seq": 0}));
    }
    ok(fast.js.update(json!({"name": "F", "subjects": ["f.>"]})));
    fast.send("z", "3.ok", 1, START);
    crate::kit::refused(&fast.answer(), 10205, "batch publish is disabled");
    assert_eq!(fast.messages(), 0);
}
