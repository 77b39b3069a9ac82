//! Too much at once.

use serde_json::json;

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

// Row 139.
#[test]
fn requests_beyond_the_limit_are_dropped_and_told_to_the_system() {
    let conf = "accounts {
        A { jetstream: enabled, users: [{user: a, password: p}] }
        SYS { users: [{user: s, password: p}] }
    }
    system_account: SYS";
    let mut js = Js::start_as("request_queue_limit: 10", conf, r#"{"user":"a","pass":"p"}"#);
    let mut system = js.connect_as("s");
    let told = system.subscribe("$JS.EVENT.ADVISORY.API.LIMIT_REACHED");
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let mut answered = 0;
    let count = 500;
    let request = json!({"name": "S", "subjects": ["s.>"]}).to_string();
    let size = request.len();
    let burst: String = (0..count)
        .map(|_| format!("PUB $JS.API.STREAM.CREATE.S {inbox} {size}\r\n{request}\r\n"))
        .collect();
    js.client.send(burst);
    let advisory = system.next(&told).json();
    has(&advisory, &json!({"type": "io.nats.jetstream.advisory.v1.api_limit_reached"}));
    assert!(advisory["dropped"].as_u64() > Some(0), "{advisory}");
    assert_eq!(advisory["server"], js.client.info["server_id"]);
    // Whoever is not dropped is answered; afterwards all is well.
    answered += js.come(&sid).len();
    assert!(answered < count);
    let created = crate::harness::eventually("an answer", || {
        let answer = js.api("STREAM.NAMES", "");
        (answer["total"] == 1).then_some(answer)
    });
    assert_eq!(created["streams"], json!(["S"]));
}
