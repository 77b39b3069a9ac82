//! What the server tells of what it did.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok};

/// The next advisory, which must have the envelope that all have, and the type `kind`.
#[track_caller]
fn advisory(js: &mut Js, sid: &str, subject: &str, kind: &str) -> Value {
    let message = js.next(sid);
    assert_eq!(message.subject, format!("$JS.EVENT.ADVISORY.{subject}"));
    let advisory = message.json();
    assert_eq!(advisory["type"], format!("io.nats.jetstream.advisory.v1.{kind}"));
    assert_eq!(advisory["id"].as_str().map(str::len), Some(22), "{advisory}");
    assert!(advisory["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')), "{advisory}");
    advisory
}

// Row 120.
#[test]
fn the_life_of_streams_and_consumers_is_told() {
    let mut js = Js::start();
    let stream = js.subscribe("$JS.EVENT.ADVISORY.STREAM.>");
    let consumer = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.>");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let told = advisory(&mut js, &stream, "STREAM.CREATED.S", "stream_action");
    has(&told, &json!({"stream": "S", "action": "create"}));
    ok(js.update(json!({"name": "S", "subjects": ["s"], "max_msgs": 9})));
    let told = advisory(&mut js, &stream, "STREAM.UPDATED.S", "stream_action");
    has(&told, &json!({"stream": "S", "action": "modify"}));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    let told = advisory(&mut js, &consumer, "CONSUMER.CREATED.S.C", "consumer_action");
    has(&told, &json!({"stream": "S", "consumer": "C", "action": "create"}));
    ok(js.api("CONSUMER.DELETE.S.C", ""));
    let told = advisory(&mut js, &consumer, "CONSUMER.DELETED.S.C", "consumer_action");
    has(&told, &json!({"stream": "S", "consumer": "C", "action": "delete"}));
    ok(js.api("STREAM.DELETE.S", ""));
    let told = advisory(&mut js, &stream, "STREAM.DELETED.S", "stream_action");
    has(&told, &json!({"stream": "S", "action": "delete"}));
}

#[test]
fn every_request_is_told_with_its_answer() {
    let mut js = Js::start_as("domain: D", "", r#"{"name":"asker","lang":"rust","version":"1"}"#);
    let sid = js.subscribe("$JS.EVENT.ADVISORY.API");
    let request = json!({"name": "S", "subjects": ["s"]});
    let answer = js.create(request.clone());
    let told = advisory(&mut js, &sid, "API", "api_audit");
    let subject = "$JS.API.STREAM.CREATE.S";
    has(&told, &json!({"subject": subject, "domain": "D"}));
    assert_eq!(told["server"], js.client.info["server_id"]);
    let text =
        |field: &str| -> Value { serde_json::from_str(told[field].as_str().unwrap()).unwrap() };
    assert_eq!((text("request"), text("response")), (request, answer));
    has(
        &told["client"],
        &json!({
            "host": "127.0.0.1", "id": js.client.info["client_id"], "acc": "$G", "name": "asker",
            "lang": "rust", "ver": "1", "kind": "Client", "client_type": "nats",
        }),
    );
    assert!(told["client"]["start"].is_string(), "{told}");
    // Failures are told too.
    let answer = js.api("STREAM.INFO.Z", "");
    let told = advisory(&mut js, &sid, "API", "api_audit");
    let response: Value = serde_json::from_str(told["response"].as_str().unwrap()).unwrap();
    assert_eq!((&told["subject"], response), (&json!("$JS.API.STREAM.INFO.Z"), answer));
    // Reading a message is not.
    js.stored("s", "x", 1);
    js.get("S", 1);
    js.api("STREAM.NAMES", "");
    let told = advisory(&mut js, &sid, "API", "api_audit");
    assert_eq!(told["subject"], "$JS.API.STREAM.NAMES");
}

#[test]
fn a_snapshot_and_its_return_are_told() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "x", 1);
    let sid = js.subscribe("$JS.EVENT.ADVISORY.STREAM.>");
    let inbox = js.inbox();
    let pieces = js.subscribe(&inbox);
    let answer = ok(js.api("STREAM.SNAPSHOT.S", json!({"deliver_subject": inbox})));
    let told = advisory(&mut js, &sid, "STREAM.SNAPSHOT_CREATE.S", "snapshot_create");
    has(&told, &json!({"stream": "S", "state": {"messages": 1}, "client": {"kind": "Client"}}));
    let told = advisory(&mut js, &sid, "STREAM.SNAPSHOT_COMPLETE.S", "snapshot_complete");
    has(&told, &json!({"stream": "S"}));
    assert!(told["start"].as_str() <= told["end"].as_str(), "{told}");
    let piece = js.next(&pieces);
    assert!(js.next(&pieces).payload.is_empty());
    ok(js.api("STREAM.DELETE.S", ""));
    js.next(&sid);
    let request = json!({"config": answer["config"], "state": answer["state"]});
    let deliver = ok(js.api("STREAM.RESTORE.S", request))["deliver_subject"].take();
    let told = advisory(&mut js, &sid, "STREAM.RESTORE_CREATE.S", "restore_create");
    has(&told, &json!({"stream": "S"}));
    let deliver = deliver.as_str().unwrap();
    js.request(deliver, &[], &piece.payload);
    ok(js.request(deliver, &[], "").json());
    let mut subjects: Vec<_> = (0..2).map(|_| js.next(&sid)).collect();
    subjects.sort_by(|a, b| a.subject.cmp(&b.subject));
    assert!(subjects[0].subject.ends_with(".CREATED.S"), "{subjects:?}");
    assert!(subjects[1].subject.ends_with(".RESTORE_COMPLETE.S"), "{subjects:?}");
    let told = subjects[1].json();
    has(&told, &json!({"type": "io.nats.jetstream.advisory.v1.restore_complete"}));
    has(&told, &json!({"stream": "S", "bytes": piece.payload.len()}));
}
