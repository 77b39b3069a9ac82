//! What a newer server has left behind: assets that this one must not touch, and must not lose.

use std::path::Path;
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};
use vagus_store::disk::RealDisk;
use vagus_store::{Mode, Options, Store, TableOp};

use crate::harness::is_reference;
use crate::kit::{Js, has, ok, refused};

/// Changes what the store in `dir` holds under `key` of `stream`, as a newer server might have.
/// No server may run on it.
fn rewrite(dir: &Path, stream: &str, key: &'static str, change: impl FnOnce(&mut Value)) {
    let store = Store::open(Options::new(dir), Arc::new(RealDisk)).expect("the store");
    let group = store.groups().into_iter().find(|group| group.name == stream).expect("the stream");
    let table = store.table(group.id).expect("its table");
    let before = table.get(key.as_bytes()).unwrap_or_else(|| panic!("{stream} has no {key}"));
    let mut value: Value = serde_json::from_slice(&before.base).expect("JSON");
    change(&mut value);
    let op = TableOp::Put(key.into(), value.to_string().into());
    let (tell, told) = mpsc::channel();
    table.write(vec![op], Mode::Durable, Box::new(move |done| tell.send(done).unwrap()));
    told.recv().expect("an answer").expect("it is written");
    store.shutdown();
}

/// The object with this member, however deep it lies.
fn holder<'a>(value: &'a mut Value, member: &str) -> Option<&'a mut Value> {
    if value.get(member).is_some() {
        return Some(value);
    }
    match value {
        Value::Object(members) => members.values_mut().find_map(|inner| holder(inner, member)),
        _ => None,
    }
}

/// A stream `S` with a message, and `T` beside it.
fn two() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.create(json!({"name": "T", "subjects": ["t"]}));
    js.stored("s", "x", 1);
    js.stop();
    js
}

fn offline(js: &mut Js, reason: &str) {
    let answer = js.api("STREAM.INFO.S", "");
    has(&answer, &json!({"error": {"code": 500}}));
    refused(&answer, 10194, &format!("stream is offline: {reason}"));
    let listed = js.api("STREAM.LIST", "");
    has(&listed, &json!({"total": 2, "missing": ["S"], "offline": {"S": reason}}));
    assert_eq!(listed["streams"].as_array().unwrap().len(), 1);
    assert_eq!(js.api("STREAM.NAMES", "")["streams"], json!(["S", "T"]));
    assert_eq!(js.request("s", &[], "x").status(), Some("503"));
    js.publish("t", "x");
}

// Row 137. Only our own store can be opened here; how the other's would have to be changed is
// secured by a checksum.
#[test]
fn a_stream_of_a_higher_level_is_kept_and_left_alone() {
    if is_reference() {
        return;
    }
    let mut js = two();
    rewrite(js.store(), "S", "config", |config| {
        let holder = holder(config, "subjects").expect("a configuration");
        holder["metadata"]["_nats.req.level"] = "9".into();
    });
    js.start_again();
    offline(&mut js, "unsupported - required API level: 9, current API level: 4");
    // It is still there for the server that knows it.
    js.stop();
    rewrite(js.store(), "S", "config", |config| {
        let holder = holder(config, "subjects").expect("a configuration");
        holder["metadata"]["_nats.req.level"] = "0".into();
    });
    js.start_again();
    assert_eq!(js.get("S", 1).text(), "x");
    js.stored("s", "y", 2);
}

#[test]
fn a_stream_with_unknown_fields_is_kept_and_may_be_deleted() {
    if is_reference() {
        return;
    }
    let mut js = two();
    rewrite(js.store(), "S", "config", |config| {
        holder(config, "subjects").expect("a configuration")["from_the_future"] = true.into();
    });
    js.start_again();
    let answer = js.api("STREAM.INFO.S", "");
    assert_eq!(answer["error"]["err_code"], 10194, "{answer}");
    ok(js.api("STREAM.DELETE.S", ""));
    assert_eq!(js.api("STREAM.NAMES", "")["streams"], json!(["T"]));
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "new", 1);
}
