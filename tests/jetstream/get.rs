//! Reading stored messages: one by one as JSON, and directly as they are.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, has, ok, refused};

/// Five messages: `s.a` (1, 3, 5) and `s.b` (2, 4), with their numbers as payload.
fn five() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "allow_direct": true}));
    for n in 1..=5 {
        js.stored(if n % 2 == 1 { "s.a" } else { "s.b" }, n.to_string(), n);
    }
    js
}

fn time_of(js: &mut Js, seq: u64) -> String {
    let answer = ok(js.api("STREAM.MSG.GET.S", json!({"seq": seq})));
    answer["message"]["time"].as_str().unwrap().to_owned()
}

// Row 49.
#[test]
fn a_message_is_read_by_sequence() {
    let mut js = five();
    let answer = js.api("STREAM.MSG.GET.S", json!({"seq": 2}));
    has(
        &answer,
        &json!({
            "type": "io.nats.jetstream.api.v1.stream_msg_get_response",
            "message": {"subject": "s.b", "seq": 2, "data": "Mg=="},
        }),
    );
    assert_eq!(answer["message"].get("hdrs"), None);
    assert!(answer["message"]["time"].as_str().unwrap().ends_with('Z'));
    let answer = js.api("STREAM.MSG.GET.S", json!({"seq": 6}));
    has(&answer, &json!({"error": {"code": 404}}));
    refused(&answer, 10037, "no message found");
    let answer = js.api("STREAM.MSG.GET.Z", json!({"seq": 1}));
    refused(&answer, 10059, "stream not found");
    for body in
        ["", "{}", r#"{"seq":0}"#, r#"{"seq":1,"batch":2}"#, r#"{"seq":1,"last_by_subj":"a"}"#]
    {
        refused(&js.api("STREAM.MSG.GET.S", body), 10003, "bad request");
    }
    js.publish_with("s.c", &[("A", "b")], "");
    let answer = js.api("STREAM.MSG.GET.S", json!({"seq": 6}));
    assert_eq!(answer["message"]["hdrs"], "TkFUUy8xLjANCkE6IGINCg0K");
    assert_eq!(answer["message"].get("data"), None);
}

#[test]
fn a_message_is_read_by_subject() {
    let mut js = five();
    let mut get = |body: Value| {
        let answer = js.api("STREAM.MSG.GET.S", body);
        answer["message"]["seq"].as_u64().ok_or(answer["error"]["err_code"].as_u64())
    };
    assert_eq!(get(json!({"last_by_subj": "s.a"})), Ok(5));
    assert_eq!(get(json!({"last_by_subj": "s.b"})), Ok(4));
    assert_eq!(get(json!({"last_by_subj": "s.*"})), Ok(5));
    assert_eq!(get(json!({"last_by_subj": "s.c"})), Err(Some(10037)));
    assert_eq!(get(json!({"next_by_subj": "s.b"})), Ok(2));
    assert_eq!(get(json!({"next_by_subj": "s.b", "seq": 3})), Ok(4));
    assert_eq!(get(json!({"next_by_subj": "s.>", "seq": 5})), Ok(5));
    assert_eq!(get(json!({"next_by_subj": "s.b", "seq": 5})), Err(Some(10037)));
}

// Row 50.
#[test]
fn a_message_is_read_by_time() {
    let mut js = five();
    let third = time_of(&mut js, 3);
    let mut get = |body: Value| {
        let answer = js.api("STREAM.MSG.GET.S", body);
        answer["message"]["seq"].as_u64().ok_or(answer["error"]["err_code"].as_u64())
    };
    assert_eq!(get(json!({"start_time": third})), Ok(3));
    assert_eq!(get(json!({"start_time": "2020-01-01T00:00:00Z"})), Ok(1));
    assert_eq!(get(json!({"start_time": third, "next_by_subj": "s.b"})), Ok(4));
    assert_eq!(get(json!({"start_time": "2099-01-01T00:00:00Z"})), Err(Some(10037)));
}

// Row 51.
#[test]
fn a_message_is_read_as_it_is() {
    let mut js = five();
    let time = time_of(&mut js, 2);
    let message = js.direct("S", json!({"seq": 2}));
    let block = format!(
        "NATS/1.0\r\nNats-Stream: S\r\nNats-Subject: s.b\r\nNats-Sequence: 2\r\n\
         Nats-Time-Stamp: {time}\r\n\r\n"
    );
    assert_eq!((message.head.as_str(), message.text()), (block.as_str(), "2"));
    js.publish_with("s.c", &[("Own", "1")], "x");
    let message = js.direct("S", json!({"last_by_subj": "s.c"}));
    assert!(message.head.starts_with("NATS/1.0\r\nOwn: 1\r\nNats-Stream: S\r\n"), "{message:?}");
    assert_eq!(js.direct("S", json!({"next_by_subj": "s.b", "seq": 3})).text(), "4");
    let third = time_of(&mut js, 3);
    assert_eq!(js.direct("S", json!({"start_time": third})).text(), "3");
}

#[test]
fn direct_reading_needs_permission() {
    let mut js = five();
    ok(js.update(json!({"name": "S", "subjects": ["s.>"]})));
    let answer = js.direct("S", json!({"seq": 2}));
    assert_eq!(answer.head, "NATS/1.0 503\r\nNats-Subject: $JS.API.DIRECT.GET.S\r\n\r\n");
    assert_eq!(js.direct("Z", json!({"seq": 2})).status(), Some("503"));
    ok(js.update(json!({"name": "S", "subjects": ["s.>"], "allow_direct": true})));
    assert_eq!(js.direct("S", json!({"seq": 2})).text(), "2");
}

#[test]
fn a_bad_direct_request_gets_a_status() {
    let mut js = five();
    for (body, status) in [
        ("", "408 Empty Request"),
        ("{}", "408 Empty Request"),
        ("{", "408 Malformed Request"),
        (r#"{"seq":1,"last_by_subj":"s.a"}"#, "408 Bad Request"),
        (r#"{"seq":1,"start_time":"2020-01-01T00:00:00Z"}"#, "408 Bad Request"),
        (r#"{"last_by_subj":"s.a","next_by_subj":"s.a"}"#, "408 Bad Request"),
        (r#"{"last_by_subj":"s.a","batch":2}"#, "408 Bad Request"),
        (r#"{"next_by_subj":"s.a","multi_last":["s.a"]}"#, "408 Bad Request"),
        (r#"{"seq":6}"#, "404 Message Not Found"),
        (r#"{"last_by_subj":"s.z"}"#, "404 Message Not Found"),
        (r#"{"multi_last":["s.z"]}"#, "404 No Results"),
    ] {
        let answer = js.request("$JS.API.DIRECT.GET.S", &[], body);
        assert_eq!(answer.head, format!("NATS/1.0 {status}\r\n\r\n"), "{body}");
    }
}

// Row 52.
#[test]
fn the_last_message_of_a_subject_is_read_by_its_subject() {
    let mut js = five();
    assert_eq!(js.request("$JS.API.DIRECT.GET.S.s.a", &[], "").text(), "5");
    assert_eq!(js.request("$JS.API.DIRECT.GET.S.s.b", &[], "").number("Nats-Sequence"), 4);
    let missing = js.request("$JS.API.DIRECT.GET.S.s.z", &[], "");
    assert_eq!(missing.head, "NATS/1.0 404 Message Not Found\r\n\r\n");
    let bad = js.request("$JS.API.DIRECT.GET.S.s.a", &[], r#"{"seq":1}"#);
    assert_eq!(bad.status(), Some("408 Bad Request"));
    let bare = js.request("$JS.API.DIRECT.GET.S.s.a", &[], r#"{"no_hdr":true}"#);
    assert_eq!((bare.head.as_str(), bare.text()), ("", "5"));
}

/// The answers of a batch up to its end, and the end.
fn batch(js: &mut Js, body: Value) -> (Vec<Msg>, Msg) {
    let end = |message: &Msg| message.status().is_some();
    let mut all = js.request_until("$JS.API.DIRECT.GET.S", body.to_string(), end);
    let end = all.pop().unwrap();
    (all, end)
}

fn texts(messages: &[Msg]) -> Vec<&str> {
    messages.iter().map(Msg::text).collect()
}

// Row 53.
#[test]
fn messages_are_read_in_batches() {
    let mut js = five();
    let (messages, end) = batch(&mut js, json!({"batch": 3, "seq": 1}));
    assert_eq!(texts(&messages), ["1", "2", "3"]);
    let numbers = |name: &str| messages.iter().map(|m| m.number(name)).collect::<Vec<_>>();
    assert_eq!(numbers("Nats-Num-Pending"), [4, 3, 2]);
    assert_eq!(numbers("Nats-Last-Sequence"), [0, 1, 2]);
    let wanted = "NATS/1.0 204 EOB\r\nNats-Num-Pending: 2\r\nNats-Last-Sequence: 3\r\n\r\n";
    assert_eq!((end.head.as_str(), end.text()), (wanted, ""));
    let (messages, end) = batch(&mut js, json!({"batch": 9, "next_by_subj": "s.b", "seq": 2}));
    assert_eq!(texts(&messages), ["2", "4"]);
    assert_eq!(end.number("Nats-Num-Pending"), 0);
    let (messages, end) = batch(&mut js, json!({"batch": 9, "seq": 6}));
    assert_eq!((messages.len(), end.status()), (0, Some("404 Message Not Found")));
    let third = time_of(&mut js, 3);
    let (messages, _) = batch(&mut js, json!({"batch": 9, "start_time": third}));
    assert_eq!(texts(&messages), ["3", "4", "5"]);
}

#[test]
fn a_batch_may_be_limited_in_bytes() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "allow_direct": true}));
    for n in 1..=5 {
        js.stored("s", "x".repeat(1000), n);
    }
    let (messages, end) = batch(&mut js, json!({"batch": 5, "seq": 1, "max_bytes": 2500}));
    assert!((1..5).contains(&messages.len()), "{} messages", messages.len());
    assert_eq!(end.number("Nats-Num-Pending"), 5 - messages.len() as u64);
}

// Row 54.
#[test]
fn the_last_messages_of_many_subjects_are_read_at_once() {
    let mut js = five();
    js.stored("s.c.d", "6", 6);
    let (messages, end) = batch(&mut js, json!({"multi_last": ["s.*"]}));
    assert_eq!(texts(&messages), ["4", "5"]);
    let numbers = |name: &str| messages.iter().map(|m| m.number(name)).collect::<Vec<_>>();
    assert_eq!(numbers("Nats-Num-Pending"), [1, 0]);
    assert_eq!(numbers("Nats-Last-Sequence"), [0, 4]);
    let wanted = "NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 5\r\n\
                  Nats-UpTo-Sequence: 6\r\n\r\n";
    assert_eq!(end.head, wanted);
    let (messages, _) = batch(&mut js, json!({"multi_last": ["s.a", "s.c.d"], "up_to_seq": 4}));
    assert_eq!(texts(&messages), ["3"]);
    let fourth = time_of(&mut js, 4);
    let (messages, _) = batch(&mut js, json!({"multi_last": ["s.>"], "up_to_time": fourth}));
    assert_eq!(texts(&messages), ["2", "3"]);
    let (messages, end) = batch(&mut js, json!({"multi_last": ["s.>"], "batch": 2}));
    assert_eq!(texts(&messages), ["4", "5"]);
    assert_eq!((end.number("Nats-Num-Pending"), end.number("Nats-UpTo-Sequence")), (1, 6));
    let (messages, _) =
        batch(&mut js, json!({"multi_last": ["s.>"], "batch": 2, "seq": 6, "up_to_seq": 6}));
    assert_eq!(texts(&messages), ["6"]);
}

#[test]
fn the_last_messages_of_too_many_subjects_are_not_read() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.*"], "allow_direct": true, "storage": "memory"}));
    for n in 0..1025 {
        js.send(&format!("s.{n}"), &[], "");
    }
    js.publish("s.0", "");
    let (messages, end) = batch(&mut js, json!({"multi_last": ["s.*"]}));
    assert_eq!((messages.len(), end.head.as_str()), (0, "NATS/1.0 413 Too Many Results\r\n\r\n"));
}

// Row 55.
#[test]
fn messages_are_read_without_headers() {
    let mut js = five();
    js.publish_with("s.c", &[("Own", "1")], "x");
    let message = js.direct("S", json!({"seq": 6, "no_hdr": true}));
    assert_eq!((message.head.as_str(), message.text()), ("", "x"));
    let answer = js.api("STREAM.MSG.GET.S", json!({"seq": 6, "no_hdr": true}));
    assert_eq!(answer["message"].get("hdrs"), None);
    assert_eq!(answer["message"]["data"], "eA==");
}

#[test]
fn reading_reaches_into_everything_that_was_ever_written() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "allow_direct": true}));
    let payload = |n: u64| format!("{n}-{}", "x".repeat(10_000));
    for n in 1..=2000 {
        js.send("s", &[], payload(n));
    }
    js.stored("s", payload(2001), 2001);
    for n in [1, 2, 500, 999, 1500, 2001, 3] {
        assert_eq!(js.direct("S", json!({"seq": n})).text(), payload(n));
    }
    js.restart();
    for n in [1, 1999, 1000, 2001] {
        assert_eq!(js.direct("S", json!({"seq": n})).text(), payload(n));
    }
}
