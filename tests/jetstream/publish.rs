//! Publishing to a stream: acknowledgements, duplicates, and what a publisher may expect.

use serde_json::json;

use crate::kit::{Js, has, ok, refused};

fn start() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    js
}

// Row 17.
#[test]
fn a_publish_with_a_reply_is_acknowledged() {
    let mut js = start();
    let ack = js.request("s.a", &[], "hi");
    assert_eq!((ack.head.as_str(), ack.text()), ("", r#"{"stream":"S","seq":1}"#));
    let stored = js.get("S", 1);
    assert_eq!((stored.subject.as_str(), stored.text()), ("s.a", "hi"));
    js.send("s.a", &[], "no reply");
    js.stored("s.a", "", 3);
    assert_eq!(js.get("S", 2).text(), "no reply");
}

#[test]
fn acknowledgements_come_in_the_order_of_publishing() {
    let mut js = start();
    let (inbox, count) = (js.inbox(), 1000);
    let sid = js.subscribe(&format!("{inbox}.*"));
    for n in 1..=count {
        js.send_reply("s.a", &format!("{inbox}.{n}"), &[], n.to_string());
    }
    for n in 1..=count {
        let ack = js.next(&sid);
        assert!(ack.subject.ends_with(&format!(".{n}")), "{ack:?}");
        assert_eq!(ack.json(), json!({"stream": "S", "seq": n}));
    }
    assert_eq!(js.get("S", 777).text(), "777");
}

#[test]
fn publishers_share_a_stream() {
    let mut js = start();
    let (publishers, each) = (8, 250);
    let port = js.server().port;
    let threads: Vec<_> = (0..publishers)
        .map(|id| {
            std::thread::spawn(move || {
                let mut nats = crate::kit::Nats::connect(port, "{}");
                let inbox = nats.inbox();
                let sid = nats.subscribe(&inbox);
                for n in 0..each {
                    nats.send_reply(&format!("s.{id}"), &inbox, &[], n.to_string());
                }
                let seq = |_| nats.next(&sid).json()["seq"].as_u64().unwrap();
                (0..each).map(seq).collect::<Vec<u64>>()
            })
        })
        .collect();
    let mut all = Vec::new();
    for (id, thread) in threads.into_iter().enumerate() {
        let seqs = thread.join().unwrap();
        assert!(seqs.is_sorted(), "each publisher's messages keep their order");
        for n in [0, each / 2, each - 1] {
            let stored = js.get("S", seqs[n]);
            assert_eq!((stored.subject, stored.payload), (format!("s.{id}"), n.to_string().into()));
        }
        all.extend(seqs);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=publishers * each as u64), "each sequence once, and no gap");
}

#[test]
fn plain_subscribers_hear_what_a_stream_stores() {
    let mut js = start();
    let sid = js.subscribe("s.*");
    js.stored("s.a", "x", 1);
    let heard = js.next(&sid);
    assert_eq!((heard.subject.as_str(), heard.text()), ("s.a", "x"));
}

// Row 18.
#[test]
fn nobody_stores_what_no_stream_wants() {
    let mut js = start();
    let answer = js.request("zzz", &[], "x");
    assert_eq!(answer.head, "NATS/1.0 503\r\nNats-Subject: zzz\r\n\r\n");
}

// Row 19.
#[test]
fn a_message_with_a_known_id_is_not_stored_again() {
    let mut js = start();
    let id = [("Nats-Msg-Id", "1")];
    js.stored("s.z", "x", 1);
    assert_eq!(js.request("s.a", &id, "x").text(), r#"{"stream":"S","seq":2}"#);
    let again = js.request("s.b", &id, "y");
    assert_eq!(again.text(), r#"{"stream":"S","seq":2,"duplicate": true}"#);
    assert_eq!(js.state("S")["messages"], 2);
    let other = js.publish_with("s.a", &[("Nats-Msg-Id", "2")], "x");
    assert_eq!(other, json!({"stream": "S", "seq": 3}));
    let stored = js.get("S", 2);
    assert_eq!(stored.head, "NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n");
}

#[test]
fn an_id_is_forgotten_after_the_window() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "duplicate_window": 200_000_000}));
    let id = [("Nats-Msg-Id", "1")];
    js.publish_with("s", &id, "x");
    has(&js.publish_with("s", &id, "x"), &json!({"seq": 1, "duplicate": true}));
    crate::harness::eventually("the window to pass", || {
        let ack = js.publish_with("s", &id, "x");
        (ack["seq"] == 2).then_some(())
    });
}

#[test]
fn an_id_outlives_its_message_and_a_purge() {
    let mut js = start();
    let id = [("Nats-Msg-Id", "1")];
    js.publish_with("s.a", &id, "x");
    ok(js.api("STREAM.PURGE.S", ""));
    has(&js.publish_with("s.a", &id, "x"), &json!({"seq": 1, "duplicate": true}));
}

// Row 20.
#[test]
fn a_publisher_may_expect_a_stream() {
    let mut js = start();
    let ack = js.request("s.a", &[("Nats-Expected-Stream", "Z")], "x");
    has(&ack.json(), &json!({"error": {"code": 400}, "stream": "S", "seq": 0}));
    refused(&ack.json(), 10060, "expected stream does not match");
    has(&js.publish_with("s.a", &[("Nats-Expected-Stream", "S")], "x"), &json!({"seq": 1}));
}

// Row 21.
#[test]
fn a_publisher_may_expect_the_last_sequence() {
    let mut js = start();
    let mut publish =
        |last: &str| js.publish_with("s.a", &[("Nats-Expected-Last-Sequence", last)], "x");
    assert_eq!(publish("0")["seq"], 1);
    assert_eq!(publish("1")["seq"], 2);
    let answer = publish("99");
    has(&answer, &json!({"error": {"code": 400}}));
    refused(&answer, 10071, "wrong last sequence: 2");
    refused(&publish("0"), 10071, "wrong last sequence: 2");
    assert_eq!(publish("2")["seq"], 3);
}

// Row 22.
#[test]
fn a_publisher_may_expect_the_last_sequence_of_its_subject() {
    let mut js = start();
    let mut publish = |subject: &str, last: &str| {
        js.publish_with(subject, &[("Nats-Expected-Last-Subject-Sequence", last)], "x")
    };
    assert_eq!(publish("s.a", "0")["seq"], 1);
    assert_eq!(publish("s.b", "0")["seq"], 2);
    assert_eq!(publish("s.a", "1")["seq"], 3);
    refused(&publish("s.a", "0"), 10071, "wrong last sequence: 3");
    refused(&publish("s.a", "2"), 10071, "wrong last sequence: 3");
    refused(&publish("s.c", "2"), 10071, "wrong last sequence: 0");
    assert_eq!(publish("s.b", "2")["seq"], 4);
}

// Row 23.
#[test]
fn a_publisher_may_expect_the_last_sequence_of_other_subjects() {
    let mut js = start();
    js.stored("s.a.1", "x", 1);
    js.stored("s.b.1", "x", 2);
    let last = "Nats-Expected-Last-Subject-Sequence";
    let subject = "Nats-Expected-Last-Subject-Sequence-Subject";
    let mut publish =
        |wanted: &str, of: &str| js.publish_with("s.c", &[(last, wanted), (subject, of)], "x");
    refused(&publish("2", "s.a.*"), 10071, "wrong last sequence: 1");
    assert_eq!(publish("1", "s.a.*")["seq"], 3);
    assert_eq!(publish("3", "s.>")["seq"], 4);
    assert_eq!(publish("0", "s.z")["seq"], 5);
    let alone = js.publish_with("s.c", &[(subject, "s.a")], "x");
    refused(&alone, 10193, "missing sequence for expected last sequence per subject");
}

// Row 24.
#[test]
fn a_publisher_may_expect_the_last_id() {
    let mut js = start();
    let mut publish = |id: &str, last: &str| {
        js.publish_with("s.a", &[("Nats-Msg-Id", id), ("Nats-Expected-Last-Msg-Id", last)], "x")
    };
    refused(&publish("1", "q"), 10070, "wrong last msg ID: ");
    assert_eq!(publish("1", "")["seq"], 1);
    refused(&publish("2", "q"), 10070, "wrong last msg ID: 1");
    assert_eq!(publish("2", "1")["seq"], 2);
}

// Row 29.
#[test]
fn a_stream_may_limit_the_size_of_messages() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "max_msg_size": 30}));
    js.stored("s", "x".repeat(30), 1);
    let answer = js.publish("s", "x".repeat(31));
    has(&answer, &json!({"error": {"code": 400}}));
    refused(&answer, 10054, "message size exceeds maximum allowed");
    // Headers count: this block has 18 bytes.
    assert_eq!(js.publish_with("s", &[("A", "b")], "x".repeat(12))["seq"], 2);
    let answer = js.publish_with("s", &[("A", "b")], "x".repeat(13));
    refused(&answer, 10054, "message size exceeds maximum allowed");
}

// Row 30.
#[test]
fn headers_have_a_limit_of_their_own() {
    let mut js = start();
    let answer = js.publish_with("s.a", &[("A", &"b".repeat(66_000))], "x");
    refused(&answer, 10097, "header size exceeds maximum allowed of 64k");
    assert_eq!(js.publish_with("s.a", &[("A", &"b".repeat(65_000))], "x")["seq"], 1);
}

// Row 42.
#[test]
fn a_stream_may_keep_silent() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "no_ack": true}));
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    js.send_reply("s", &inbox, &[], "x");
    crate::harness::eventually("it to be stored", || {
        (js.state("S")["messages"] == 1).then_some(())
    });
    assert_eq!(js.come(&sid).len(), 0);
}

#[test]
fn a_status_line_is_not_stored() {
    let mut js = start();
    js.client.send("HPUB s.a 31 32\r\nNATS/1.0 503 No\r\nKey: value\r\n\r\nx\r\n");
    js.flush();
    crate::harness::eventually("it to be stored", || {
        (js.state("S")["messages"] == 1).then_some(())
    });
    let stored = js.get("S", 1);
    assert_eq!((stored.head.as_str(), stored.text()), ("NATS/1.0\r\nKey: value\r\n\r\n", "x"));
}

#[test]
fn headers_are_stored_byte_for_byte() {
    let mut js = start();
    let head = "NATS/1.0\r\nKey:value\r\nkey:  other \r\nNats-Custom: 1\r\n\r\n";
    let (size, total) = (head.len(), head.len() + 4);
    js.client.send(format!("HPUB s.a {size} {total}\r\n{head}body\r\n"));
    crate::harness::eventually("it to be stored", || {
        (js.state("S")["messages"] == 1).then_some(())
    });
    let stored = js.get("S", 1);
    assert_eq!((stored.head.as_str(), stored.text()), (head, "body"));
}
