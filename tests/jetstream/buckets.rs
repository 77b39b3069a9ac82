//! What key-value buckets and object stores ask of a stream, byte by byte.

use serde_json::{Value, json};

use crate::kit::{Js, Msg, has, ok, refused};

/// A bucket as clients make it.
fn bucket(history: u64) -> Js {
    let mut js = Js::start();
    js.create(json!({
        "name": "KV_B", "subjects": ["$KV.B.>"], "max_msgs_per_subject": history,
        "discard": "new", "allow_rollup_hdrs": true, "deny_delete": true, "allow_direct": true,
        "num_replicas": 1, "duplicate_window": 120_000_000_000_u64,
    }));
    js
}

fn put(js: &mut Js, key: &str, headers: &[(&str, &str)], value: &str) -> Value {
    js.publish_with(&format!("$KV.B.{key}"), headers, value)
}

/// The latest of a key, as clients read it.
fn get(js: &mut Js, key: &str) -> Msg {
    js.request(&format!("$JS.API.DIRECT.GET.KV_B.$KV.B.{key}"), &[], "")
}

/// An ordered consumer on the bucket; the sid of what it pushes, and its info.
fn watch(js: &mut Js, more: Value) -> (String, Value) {
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let mut config = json!({
        "deliver_subject": inbox, "deliver_policy": "last_per_subject", "ack_policy": "none",
        "max_deliver": 1, "ack_wait": 79_200_000_000_000_u64, "flow_control": true,
        "idle_heartbeat": 5_000_000_000_u64, "mem_storage": true, "num_replicas": 1,
        "filter_subject": "$KV.B.>",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let body = json!({"stream_name": "KV_B", "config": config});
    let info = ok(js.api("CONSUMER.CREATE.KV_B", body));
    (sid, info)
}

// Row 117.
#[test]
fn a_key_has_so_many_values() {
    let mut js = bucket(2);
    for n in 1..=3 {
        has(&put(&mut js, "k", &[], &n.to_string()), &json!({"stream": "KV_B", "seq": n}));
    }
    put(&mut js, "other", &[], "x");
    // The stream is said to discard what is new, but of a key it is the oldest that goes.
    has(&js.state("KV_B"), &json!({"messages": 3, "first_seq": 2, "num_subjects": 2}));
    let latest = get(&mut js, "k");
    assert_eq!((latest.text(), latest.number("Nats-Sequence")), ("3", 3));
    let time = latest.header("Nats-Time-Stamp").unwrap();
    assert_eq!(
        latest.head,
        format!(
            "NATS/1.0\r\nNats-Stream: KV_B\r\nNats-Subject: $KV.B.k\r\nNats-Sequence: 3\r\n\
             Nats-Time-Stamp: {time}\r\n\r\n"
        )
    );
    assert_eq!(get(&mut js, "none").head, "NATS/1.0 404 Message Not Found\r\n\r\n");
    let info = ok(js.api("STREAM.INFO.KV_B", json!({"subjects_filter": "$KV.B.>"})));
    assert_eq!(info["state"]["subjects"], json!({"$KV.B.k": 2, "$KV.B.other": 1}));
}

// Row 117.
#[test]
fn only_who_knows_the_revision_may_change_it() {
    let mut js = bucket(5);
    let expect = "Nats-Expected-Last-Subject-Sequence";
    has(&put(&mut js, "k", &[(expect, "0")], "new"), &json!({"seq": 1}));
    let again = put(&mut js, "k", &[(expect, "0")], "new");
    refused(&again, 10071, "wrong last sequence: 1");
    put(&mut js, "other", &[], "x");
    has(&put(&mut js, "k", &[(expect, "1")], "changed"), &json!({"seq": 3}));
    refused(&put(&mut js, "k", &[(expect, "1")], "late"), 10071, "wrong last sequence: 3");
    assert_eq!(get(&mut js, "k").text(), "changed");
}

// Row 117.
#[test]
fn a_purge_rolls_a_key_up() {
    let mut js = bucket(5);
    for n in 1..=3 {
        put(&mut js, "k", &[], &n.to_string());
    }
    put(&mut js, "k", &[("KV-Operation", "DEL")], "");
    has(&js.state("KV_B"), &json!({"messages": 4}));
    put(&mut js, "k", &[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")], "");
    has(&js.state("KV_B"), &json!({"messages": 1, "first_seq": 5, "last_seq": 5}));
    let mark = get(&mut js, "k");
    assert_eq!(mark.header("KV-Operation"), Some("PURGE"));
    assert_eq!(mark.header("Nats-Rollup"), Some("sub"));
    let delete = js.api("STREAM.MSG.DELETE.KV_B", json!({"seq": 5}));
    assert_eq!(delete["error"]["err_code"], 10057, "{delete}");
    // What compacts a bucket of its marks.
    let purge = json!({"filter": "$KV.B.k"});
    has(&ok(js.api("STREAM.PURGE.KV_B", purge)), &json!({"success": true, "purged": 1}));
}

// Row 117.
#[test]
fn a_watch_begins_with_the_latest_of_each_key() {
    let mut js = bucket(5);
    for (n, key) in (1..).zip(["a", "b", "a", "c", "b"]) {
        has(&put(&mut js, key, &[], key), &json!({"seq": n}));
    }
    let (sid, info) = watch(&mut js, json!({}));
    assert_eq!(info["num_pending"], 3);
    let got: Vec<_> = (0..3).map(|_| js.next(&sid)).collect();
    let told: Vec<_> = got.iter().map(|m| (m.subject.as_str(), m.counts().0)).collect();
    assert_eq!(told, [("$KV.B.a", 3), ("$KV.B.c", 4), ("$KV.B.b", 5)]);
    // The last one says that nothing is left: this is how a watcher knows that it has seen all.
    let pending: Vec<_> = got.iter().map(|m| m.delivery().pending).collect();
    assert_eq!(pending, [2, 1, 0]);
    put(&mut js, "d", &[], "");
    assert_eq!(js.next(&sid).counts(), (6, 4, 1));
    // Keys alone: no values.
    let (sid, info) = watch(&mut js, json!({"headers_only": true}));
    assert_eq!(info["num_pending"], 4);
    assert_eq!(js.next(&sid).head, "NATS/1.0\r\nNats-Msg-Size: 1\r\n\r\n");
    // An empty part of it: clients read that from the answer alone.
    let (_, info) = watch(&mut js, json!({"filter_subject": "$KV.B.none"}));
    assert_eq!(info["num_pending"], 0);
    let (_, info) = watch(&mut js, json!({"deliver_policy": "new"}));
    assert_eq!(info["num_pending"], 0);
    let (_, info) = watch(&mut js, json!({"deliver_policy": "all", "filter_subject": "$KV.B.a"}));
    assert_eq!(info["num_pending"], 2);
}

// Row 118.
#[test]
fn a_key_that_expires_leaves_a_mark_that_expires() {
    let mut js = Js::start();
    js.create(json!({
        "name": "KV_B", "subjects": ["$KV.B.>"], "max_msgs_per_subject": 1, "discard": "new",
        "allow_rollup_hdrs": true, "deny_delete": true, "allow_direct": true,
        "allow_msg_ttl": true, "subject_delete_marker_ttl": 1_000_000_000,
    }));
    let (sid, _) = watch(&mut js, json!({}));
    put(&mut js, "k", &[("Nats-TTL", "1s")], "x");
    assert_eq!(js.next(&sid).text(), "x");
    let mark = js.next(&sid);
    assert_eq!((mark.subject.as_str(), mark.text(), mark.counts().0), ("$KV.B.k", "", 2));
    assert_eq!(mark.header("Nats-Marker-Reason"), Some("MaxAge"));
    assert_eq!(mark.header("Nats-TTL"), Some("1s"));
    // The mark goes too, and leaves none.
    crate::harness::eventually("the mark to expire", || {
        (js.state("KV_B")["messages"] == 0).then_some(())
    });
    assert_eq!(js.state("KV_B")["last_seq"], 2);
}

// Row 119.
#[test]
fn the_chunks_of_an_object_are_purged_together() {
    let mut js = Js::start();
    js.create(json!({
        "name": "OBJ_O", "subjects": ["$O.O.C.>", "$O.O.M.>"], "discard": "new",
        "allow_rollup_hdrs": true, "allow_direct": true,
    }));
    for (n, subject) in (1..).zip(["C.one", "C.one", "M.b25l", "C.two", "M.dHdv"]) {
        let rollup: &[_] = if subject.starts_with('M') { &[("Nats-Rollup", "sub")] } else { &[] };
        let ack = js.publish_with(&format!("$O.O.{subject}"), rollup, "x");
        has(&ack, &json!({"seq": n}));
    }
    let meta = json!({"last_by_subj": "$O.O.M.b25l"});
    assert_eq!(js.direct("OBJ_O", meta.clone()).number("Nats-Sequence"), 3);
    js.publish_with("$O.O.M.b25l", &[("Nats-Rollup", "sub")], "deleted");
    let purged = ok(js.api("STREAM.PURGE.OBJ_O", json!({"filter": "$O.O.C.one"})));
    assert_eq!(purged["purged"], 2);
    has(&js.state("OBJ_O"), &json!({"messages": 3, "first_seq": 4, "last_seq": 6}));
    assert_eq!(js.direct("OBJ_O", meta).text(), "deleted");
    // Sealed: nothing comes, nothing goes, all is read.
    let mut config = js.info("OBJ_O")["config"].take();
    config["sealed"] = true.into();
    ok(js.update(config));
    let late = js.publish("$O.O.C.two", "x");
    refused(&late, 10109, "invalid operation on sealed stream");
    assert_eq!(js.direct("OBJ_O", json!({"seq": 4})).text(), "x");
}
