//! A stream taken out of the server in pieces, and put back.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, has, ok, refused};

/// A stream with twenty messages, one of them gone, and a consumer that has done two.
fn stream() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"], "allow_direct": true}));
    for n in 1..=20 {
        js.stored(&format!("s.{n}"), payload(n), n);
    }
    js.publish_with("s.h", &[("Nats-Msg-Id", "known"), ("A", "b")], "x");
    ok(js.api("STREAM.MSG.DELETE.S", json!({"seq": 3})));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    for _ in 0..3 {
        let message = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], "");
        if message.text() != payload(4) {
            js.request(message.reply.as_deref().unwrap(), &[], "");
        }
    }
    js
}

/// 4000 bytes that do not compress to nothing.
fn payload(n: u64) -> String {
    let mut state = n;
    let word = std::iter::repeat_with(|| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    });
    word.take(500).collect()
}

struct Snapshot {
    answer: Value,
    chunks: Vec<Vec<u8>>,
    end: Msg,
}

fn take(js: &mut Js, mut request: Value) -> Snapshot {
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    request["deliver_subject"] = inbox.into();
    let answer = ok(js.api("STREAM.SNAPSHOT.S", request));
    let mut chunks = Vec::new();
    loop {
        let chunk = js.next(&sid);
        if let Some(reply) = &chunk.reply {
            let tokens: Vec<_> = reply.split('.').collect();
            assert_eq!(tokens[..4], ["$JS", "SNAPSHOT", "ACK", "S"]);
            assert_eq!(
                tokens[5..],
                [chunk.payload.len().to_string(), (chunks.len() + 1).to_string()]
            );
            js.send(reply, &[], "");
        }
        if chunk.payload.is_empty() {
            js.unsubscribe(&sid);
            return Snapshot { answer, chunks, end: chunk };
        }
        chunks.push(chunk.payload);
    }
}

fn put_back(js: &mut Js, name: &str, snapshot: &Snapshot) -> Value {
    let request = json!({"config": snapshot.answer["config"], "state": snapshot.answer["state"]});
    let answer = js.api(&format!("STREAM.RESTORE.{name}"), request);
    let Some(deliver) = answer["deliver_subject"].as_str().filter(|s| !s.is_empty()) else {
        return answer;
    };
    assert!(deliver.starts_with("$JS.SNAPSHOT.RESTORE.S."), "{deliver}");
    for chunk in &snapshot.chunks {
        let taken = js.request(deliver, &[], chunk);
        assert_eq!((taken.head.as_str(), taken.text()), ("", ""));
    }
    js.request(deliver, &[], "").json()
}

// Row 58.
#[test]
fn a_stream_comes_back_as_it_was() {
    let mut js = stream();
    let snapshot = take(&mut js, json!({"chunk_size": 10_240}));
    has(
        &snapshot.answer,
        &json!({
            "type": "io.nats.jetstream.api.v1.stream_snapshot_response",
            "config": {"name": "S", "subjects": ["s.>"]},
            "state": {"messages": 20, "first_seq": 1, "last_seq": 21, "num_deleted": 1,
                "consumer_count": 1},
        }),
    );
    assert_eq!(snapshot.end.head, "NATS/1.0 204\r\n\r\n");
    let (last, full) = snapshot.chunks.split_last().unwrap();
    assert!(full.len() >= 3 && full.iter().all(|chunk| chunk.len() == 10_240));
    assert!(last.len() <= 10_240);
    let all = |js: &mut Js| -> Vec<Value> {
        let one = |seq| js.api("STREAM.MSG.GET.S", json!({"seq": seq})).take();
        (1..=21).map(one).collect()
    };
    let (messages, created) = (all(&mut js), js.info("S")["created"].clone());
    ok(js.api("STREAM.DELETE.S", ""));
    let restored = ok(put_back(&mut js, "S", &snapshot));
    has(&restored, &json!({"type": "io.nats.jetstream.api.v1.stream_create_response"}));
    has(&restored, &json!({"state": {"messages": 20, "last_seq": 21}}));
    assert_eq!(all(&mut js), messages);
    assert_eq!(js.info("S")["created"], created);
    // The consumer goes on where it was.
    has(
        &js.api("CONSUMER.INFO.S.C", ""),
        &json!({
            "delivered": {"consumer_seq": 3, "stream_seq": 4}, "ack_floor": {"stream_seq": 2},
            "num_ack_pending": 1, "num_pending": 17,
        }),
    );
    js.stored("s.new", "x", 22);
    js.crash();
    assert_eq!(js.get("S", 20).text(), payload(20));
    assert_eq!(js.get("S", 22).text(), "x");
}

#[test]
fn consumers_may_be_left_out() {
    let mut js = stream();
    let snapshot = take(&mut js, json!({"no_consumers": true}));
    ok(js.api("STREAM.DELETE.S", ""));
    ok(put_back(&mut js, "S", &snapshot));
    assert_eq!(js.api("CONSUMER.NAMES.S", "")["total"], 0);
    assert_eq!(js.state("S")["messages"], 20);
}

#[test]
fn what_cannot_be_taken_is_refused() {
    let mut js = stream();
    let answer = js.api("STREAM.SNAPSHOT.S", json!({"deliver_subject": "a..b"}));
    refused(&answer, 10015, "deliver subject not valid");
    let answer = js.api("STREAM.SNAPSHOT.Z", json!({"deliver_subject": "a"}));
    refused(&answer, 10059, "stream not found");
    js.create(json!({"name": "M", "storage": "memory"}));
    let answer = js.api("STREAM.SNAPSHOT.M", json!({"deliver_subject": "a"}));
    refused(&answer, 10064, "snapshot failed: no impl");
}

#[test]
fn what_cannot_be_put_back_is_refused() {
    let mut js = stream();
    let mut snapshot = take(&mut js, json!({}));
    let answer = put_back(&mut js, "S", &snapshot);
    refused(&answer, 10130, "stream name already in use, cannot restore");
    let answer = put_back(&mut js, "T", &snapshot);
    refused(&answer, 10056, "stream name in subject does not match request");
    ok(js.api("STREAM.DELETE.S", ""));
    // A piece is missing, another is not what it was.
    let middle = snapshot.chunks[0].len() / 2;
    snapshot.chunks[0].truncate(middle);
    let answer = put_back(&mut js, "S", &snapshot);
    assert_eq!(answer["error"]["err_code"], 10062, "{answer}");
    assert_eq!(js.api("STREAM.NAMES", "")["total"], 0);
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    js.stored("s.1", "x", 1);
}
