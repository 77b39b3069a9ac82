//! Too much at once.

use serde_json::json;

use crate::harness::eventually;
use crate::kit::{Js, Msg, has};

// Row 138.
#[test]
fn a_publisher_is_told_when_a_stream_cannot_keep_up() {
    let mut js = Js::start_with("max_buffered_msgs: 1", "");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let burst: String = (0..2000).map(|n| format!("PUB s {inbox} 4\r\n{n:04}\r\n")).collect();
    js.client.send(burst);
    let answers: Vec<Msg> = (0..2000).map(|_| js.next(&sid)).collect();
    let (refused, stored): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status().is_some());
    assert!(!refused.is_empty() && !stored.is_empty(), "{} refused", refused.len());
    for answer in refused {
        assert_eq!(answer.head, "NATS/1.0 429 Too Many Requests\r\n\r\n");
        let body = answer.json();
        has(&body, &json!({"error": {"code": 429}, "stream": "S", "seq": 0}));
        crate::kit::refused(&body, 10167, "too many requests");
    }
    assert_eq!(js.state("S")["messages"], stored.len());
    js.stored("s", "x", stored.len() as u64 + 1);
}

/// Sends `count` requests at once, with the inbox of the subscription that is returned.
fn flood(js: &mut Js, count: usize) -> String {
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let request = json!({"name": "S", "subjects": ["s.>"]}).to_string();
    let size = request.len();
    let one = format!("PUB $JS.API.STREAM.CREATE.S {inbox} {size}\r\n{request}\r\n");
    js.client.send(one.repeat(count));
    sid
}

// Row 139.
#[test]
fn requests_beyond_the_limit_are_dropped() {
    let mut js = Js::start_with("request_queue_limit: 10", "");
    let sid = flood(&mut js, 2000);
    // Whoever was dropped is not answered, and who asks soon after may be dropped, too; afterwards
    // all is well.
    let inbox = js.inbox();
    let again = js.subscribe(&inbox);
    eventually("a request to be answered", || {
        js.send_reply("$JS.API.INFO", &inbox, &[], "");
        (!js.come(&again).is_empty()).then_some(())
    });
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    js.stored("s.x", "x", 1);
    let answered = js.come(&sid).len();
    assert!(answered < 2000, "{answered} requests were answered");
    let mut js = Js::start();
    let sid = flood(&mut js, 2000);
    (0..2000).for_each(|_| drop(js.next(&sid)));
}

#[test]
fn dropped_requests_are_told_to_the_system() {
    let conf = "accounts {
        A { jetstream: enabled, users: [{user: a, password: p}] }
        SYS { users: [{user: s, password: p}] }
    }
    system_account: SYS";
    let mut js = Js::start_as("request_queue_limit: 10", conf, r#"{"user":"a","pass":"p"}"#);
    let mut system = js.connect_as("s");
    let told = system.subscribe("$JS.EVENT.ADVISORY.API.LIMIT_REACHED");
    flood(&mut js, 2000);
    let advisory = system.next(&told).json();
    has(&advisory, &json!({"type": "io.nats.jetstream.advisory.v1.api_limit_reached"}));
    assert!(advisory["dropped"].as_u64() > Some(0), "{advisory}");
    assert_eq!(advisory["server"], js.client.info["server_id"]);
}
