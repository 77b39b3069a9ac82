//! Streams come, change, are listed, and go.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused};

// Row 4.
#[test]
fn a_stream_is_created_with_defaults() {
    let mut js = Js::start();
    let mut created = js.create(json!({"name": "S", "subjects": ["s.>"]}));
    let version = created["config"]["metadata"]["_nats.ver"].take();
    assert!(version.is_string());
    let config = json!({
        "name": "S", "subjects": ["s.>"], "retention": "limits", "max_consumers": -1,
        "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1,
        "max_msg_size": -1, "discard": "old", "storage": "file", "num_replicas": 1,
        "duplicate_window": 120_000_000_000_u64, "compression": "none", "allow_direct": false,
        "mirror_direct": false, "sealed": false, "deny_delete": false, "deny_purge": false,
        "allow_rollup_hdrs": false, "consumer_limits": {}, "allow_msg_ttl": false,
        "metadata": {"_nats.level": "4", "_nats.req.level": "0", "_nats.ver": null},
    });
    assert_eq!(created["config"], config);
    let state = json!({
        "messages": 0, "bytes": 0, "first_seq": 0, "first_ts": "0001-01-01T00:00:00Z",
        "last_seq": 0, "last_ts": "0001-01-01T00:00:00Z", "consumer_count": 0,
    });
    assert_eq!(created["state"], state);
    has(&created, &json!({"type": "io.nats.jetstream.api.v1.stream_create_response"}));
    has(&created, &json!({"did_create": true}));
    assert!(created["created"].is_string() && created["ts"].is_string(), "{created}");
}

#[test]
fn without_subjects_a_stream_takes_its_own_name() {
    let mut js = Js::start();
    assert_eq!(js.create(json!({"name": "S"}))["config"]["subjects"], json!(["S"]));
    js.stored("S", "x", 1);
}

// Row 5.
#[test]
fn to_create_a_stream_twice_is_to_create_it_once() {
    let mut js = Js::start();
    let config = json!({"name": "S", "subjects": ["s.>"]});
    let first = js.create(config.clone());
    js.stored("s.a", "x", 1);
    let second = js.create(config);
    assert_eq!(second["created"], first["created"]);
    has(&second, &json!({"state": {"messages": 1}}));
    let other = js.try_create(json!({"name": "S", "subjects": ["t.>"]}));
    has(&other, &json!({"error": {"code": 400}}));
    refused(&other, 10058, "stream name already in use with a different configuration");
}

// Row 6.
#[test]
fn what_a_request_may_not_hold_is_refused_by_name() {
    let mut js = Js::start();
    let answer = js.try_create(json!({"name": "S", "foo": 1}));
    refused(&answer, 10025, "invalid JSON: json: unknown field \"foo\"");
    for body in ["{", "[]", r#"{"name":"S","max_msgs":"many"}"#, r#"{"name":"S","storage":"tape"}"#]
    {
        let answer = js.api("STREAM.CREATE.S", body);
        assert_eq!(answer["error"]["err_code"], 10025, "{body:?}: {answer}");
    }
    assert_eq!(js.api("STREAM.NAMES", "")["total"], 0);
}

#[test]
fn a_lenient_server_takes_unknown_fields() {
    let mut js = Js::start_with("strict: false", "");
    ok(js.try_create(json!({"name": "S", "foo": 1})));
}

// Row 7.
#[test]
fn a_pedantic_request_wants_no_adjustments() {
    let mut js = Js::start();
    let mut config = json!({"name": "S", "subjects": ["s"], "max_age": 1_000_000_000});
    assert_eq!(js.create(config.clone())["config"]["duplicate_window"], 1_000_000_000);
    config["name"] = "T".into();
    config["subjects"] = json!(["t"]);
    config["pedantic"] = true.into();
    let answer = js.try_create(config);
    refused(&answer, 10157, "pedantic mode: duplicate window cannot be bigger than max age");
}

#[test]
fn bad_names_and_bad_limits_are_refused() {
    let mut js = Js::start();
    let mismatch = js.api("STREAM.CREATE.X", json!({"name": "Y"}));
    refused(&mismatch, 10056, "stream name in subject does not match request");
    for (extra, text) in [
        (json!({"subjects": ["a..b"]}), "invalid subject"),
        (json!({"subjects": ["a", "a"]}), "subject \"a\" overlaps with \"a\""),
        (
            json!({"subjects": ["$SYS.>"]}),
            "subjects that overlap with system api require no-ack to be true",
        ),
        (json!({"mirror_direct": true}), "stream has no mirror but does have mirror direct"),
        (
            json!({"max_age": 1_000_000_000, "duplicate_window": 2_000_000_000_u64}),
            "duplicates window can not be larger then max age",
        ),
        (
            json!({"subject_delete_marker_ttl": 1}),
            "subject delete marker TTL must be at least 1 second",
        ),
        (
            json!({"subject_delete_marker_ttl": -1}),
            "subject delete marker TTL must not be negative",
        ),
        (
            json!({"metadata": {"a": "b".repeat(131_072)}}),
            "stream metadata exceeds maximum size of 131072 bytes",
        ),
        (json!({"placement": {"preferred": "x"}}), "preferred server not permitted in placement"),
        (
            json!({"allow_msg_counter": true, "discard": "new"}),
            "counter stream cannot use discard new",
        ),
        (
            json!({"allow_msg_counter": true, "allow_msg_ttl": true}),
            "counter stream cannot use message TTLs",
        ),
        (
            json!({"allow_msg_schedules": true, "discard": "new"}),
            "message scheduling cannot use discard new",
        ),
        (json!({"subjects": ["a.*", "a.b"]}), "subject \"a.*\" overlaps with \"a.b\""),
        (json!({"subjects": [">"]}), "capturing all subjects requires no-ack to be true"),
        (
            json!({"subjects": ["$JS.x"]}),
            "subjects that overlap with jetstream api require no-ack to be true",
        ),
        (json!({"max_age": 1}), "max age needs to be >= 100ms"),
        (json!({"max_age": -1}), "max age can not be negative"),
        (json!({"duplicate_window": -1}), "duplicates window can not be negative"),
        (json!({"duplicate_window": 1}), "duplicates window needs to be >= 100ms"),
        (json!({"sealed": true}), "stream configuration for create can not be sealed"),
        (json!({"num_replicas": 6}), "maximum replicas is 5"),
        (
            json!({"discard_new_per_subject": true}),
            "discard new per subject requires discard new policy to be set",
        ),
        (
            json!({"allow_rollup_hdrs": true, "deny_purge": true}),
            "roll-ups require the purge permission",
        ),
        (
            json!({"description": "d".repeat(4097)}),
            "stream description is too long, maximum allowed is 4096",
        ),
    ] {
        let mut config = json!({"name": "S"});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        refused(&js.try_create(config), 10052, text);
    }
    let answer = js.try_create(json!({"name": "S", "num_replicas": 3}));
    refused(&answer, 10074, "replicas > 1 not supported in non-clustered mode");
    let answer = js.try_create(json!({"name": "S", "num_replicas": -1}));
    refused(&answer, 10133, "replicas count cannot be negative");
    let answer = js.try_create(json!({"name": "a/b"}));
    refused(&answer, 10128, "Stream name can not contain path separators");
    let answer = js.try_create(json!({"name": "n".repeat(256)}));
    refused(&answer, 10052, "stream name is too long, maximum allowed is 255");
}

// Row 8.
#[test]
fn two_streams_do_not_share_a_subject() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>", "u"]}));
    for subject in ["s.a", "s.*", "*", "u", ">.x"] {
        let answer = js.try_create(json!({"name": "T", "subjects": [subject]}));
        let code = if subject == ">.x" { 10052 } else { 10065 };
        assert_eq!(answer["error"]["err_code"], code, "{subject}: {answer}");
    }
    js.create(json!({"name": "T", "subjects": ["t"]}));
    let answer = js.update(json!({"name": "T", "subjects": ["t", "u"]}));
    refused(&answer, 10065, "subjects overlap with an existing stream");
    ok(js.update(json!({"name": "S", "subjects": ["s.>"]})));
    ok(js.update(json!({"name": "T", "subjects": ["t", "u"]})));
}

// Row 9.
#[test]
fn a_stream_changes() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    for n in 1..=3 {
        js.stored("s.a", "x", n);
    }
    let config = json!({"name": "S", "subjects": ["s.>", "u.>"], "max_msgs": 2});
    let updated = ok(js.update(config));
    has(
        &updated,
        &json!({
            "type": "io.nats.jetstream.api.v1.stream_update_response",
            "config": {"max_msgs": 2, "subjects": ["s.>", "u.>"]},
            "state": {"messages": 2, "first_seq": 2},
        }),
    );
    assert_eq!(updated.get("did_create"), None);
    js.stored("u.a", "x", 4);
    // The whole configuration is replaced: what is not there takes its default.
    ok(js.update(json!({"name": "S", "subjects": ["u.>"]})));
    assert_eq!(js.info("S")["config"]["max_msgs"], -1);
    assert_eq!(js.request("s.a", &[], "x").status(), Some("503"));
    js.stored("u.a", "x", 5);
}

#[test]
fn some_things_of_a_stream_never_change() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "deny_delete": true, "deny_purge": true}));
    for (extra, text) in [
        (json!({"storage": "memory"}), "stream configuration update can not change storage type"),
        (
            json!({"retention": "workqueue"}),
            "stream configuration update can not change retention policy to/from workqueue",
        ),
        (
            json!({"deny_delete": false}),
            "stream configuration update can not cancel deny message deletes",
        ),
        (json!({"deny_purge": false}), "stream configuration update can not cancel deny purge"),
        (
            json!({"allow_msg_counter": true}),
            "stream configuration update can not change message counter setting",
        ),
    ] {
        let mut config = json!({"name": "S", "subjects": ["s"]});
        config["deny_delete"] = true.into();
        config["deny_purge"] = true.into();
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        refused(&js.update(config), 10052, text);
    }
    let answer = js.update(json!({"name": "Z"}));
    has(&answer, &json!({"error": {"code": 404}}));
    refused(&answer, 10059, "stream not found");
}

// Rows 10 and 11.
#[test]
fn streams_are_listed_by_subject_and_by_page() {
    let mut js = Js::start();
    assert_eq!(
        js.api("STREAM.NAMES", ""),
        json!({
            "type": "io.nats.jetstream.api.v1.stream_names_response",
            "total": 0, "offset": 0, "limit": 1024, "streams": null,
        })
    );
    for name in ["C", "A", "B"] {
        let subject = format!("{}.>", name.to_lowercase());
        js.create(json!({"name": name, "subjects": [subject], "storage": "memory"}));
    }
    let mut names = |body: Value| js.api("STREAM.NAMES", body)["streams"].take();
    assert_eq!(names(json!({})), json!(["A", "B", "C"]));
    assert_eq!(names(json!({"subject": "a.x"})), json!(["A"]));
    assert_eq!(names(json!({"subject": "*.x"})), json!(["A", "B", "C"]));
    assert_eq!(names(json!({"subject": "z"})), Value::Null);
    assert_eq!(names(json!({"offset": 1})), json!(["B", "C"]));
    assert_eq!(names(json!({"offset": 9})), Value::Null);
    assert_eq!(names("no JSON".into()), json!(["A", "B", "C"]));
    let listed = js.api("STREAM.LIST", json!({"offset": 1}));
    has(&listed, &json!({"total": 3, "offset": 1, "limit": 256}));
    let listed = listed["streams"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["config"]["name"], "B");
    let one = js.api("STREAM.LIST", json!({"subject": "c.x"}));
    assert_eq!(one["streams"][0]["config"]["name"], "C");
    assert_eq!((&one["total"], one["streams"].as_array().unwrap().len()), (&json!(1), 1));
}

#[test]
fn a_page_of_the_list_holds_256_streams() {
    let mut js = Js::start();
    for n in 0..300 {
        js.create(json!({"name": format!("S{n:03}"), "storage": "memory"}));
    }
    let page = js.api("STREAM.LIST", "");
    assert_eq!((&page["total"], page["streams"].as_array().unwrap().len()), (&json!(300), 256));
    let page = js.api("STREAM.LIST", json!({"offset": 256}));
    assert_eq!(page["streams"].as_array().unwrap().len(), 44);
    assert_eq!(page["streams"][0]["config"]["name"], "S256");
    assert_eq!(js.api("STREAM.NAMES", "")["streams"].as_array().unwrap().len(), 300);
}

// Row 12.
#[test]
fn a_stream_tells_its_state() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    for (n, subject) in ["s.a", "s.b", "s.a"].into_iter().enumerate() {
        js.stored(subject, "x", n as u64 + 1);
    }
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    let info = js.info("S");
    has(
        &info,
        &json!({
            "type": "io.nats.jetstream.api.v1.stream_info_response",
            "total": 0, "offset": 0, "limit": 0,
            "state": {"messages": 3, "bytes": 102, "first_seq": 1, "last_seq": 3,
                "num_subjects": 2, "consumer_count": 1},
        }),
    );
    assert_eq!(info["cluster"]["leader"], js.client.info["server_name"]);
    assert_eq!(js.api("STREAM.LIST", "")["streams"][0]["cluster"], Value::Null);
    assert!(info["state"]["first_ts"].as_str() < info["state"]["last_ts"].as_str());
    let answer = js.api("STREAM.INFO.Z", "");
    has(&answer, &json!({"type": "io.nats.jetstream.api.v1.stream_info_response"}));
    refused(&answer, 10059, "stream not found");
}

#[test]
fn bytes_are_counted_as_each_kind_of_store_needs_them() {
    let mut js = Js::start();
    for (storage, bytes) in [("file", [33, 53]), ("memory", [19, 35])] {
        js.create(json!({"name": "S", "subjects": ["s"], "storage": storage}));
        js.stored("s", "xx", 1);
        assert_eq!(js.state("S")["bytes"], bytes[0], "{storage}");
        js.publish_with("s", &[("A", "b")], "");
        assert_eq!(js.state("S")["bytes"], bytes[0] + bytes[1], "{storage}");
        ok(js.api("STREAM.DELETE.S", ""));
    }
}

// Row 13.
#[test]
fn subjects_are_counted_on_demand() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s.>"]}));
    for subject in ["s.b.1", "s.a", "s.b.1", "s.b.2"] {
        js.publish(subject, "x");
    }
    let mut subjects = |filter: &str| {
        let info = js.api("STREAM.INFO.S", json!({"subjects_filter": filter}));
        (info["total"].clone(), info["state"]["subjects"].clone())
    };
    assert_eq!(subjects(">"), (json!(3), json!({"s.a": 1, "s.b.1": 2, "s.b.2": 1})));
    assert_eq!(subjects("s.b.*"), (json!(2), json!({"s.b.1": 2, "s.b.2": 1})));
    assert_eq!(subjects("s.z"), (json!(0), Value::Null));
    let none = js.api("STREAM.INFO.S", json!({"subjects_filter": "s.z"}));
    has(&none, &json!({"total": 0, "offset": 0, "limit": 0}));
    let page = js.api("STREAM.INFO.S", json!({"subjects_filter": ">", "offset": 2}));
    has(&page, &json!({"total": 3, "offset": 2, "limit": 100_000}));
    assert_eq!(page["state"]["subjects"], json!({"s.b.2": 1}));
}

// Row 14.
#[test]
fn gaps_are_listed_on_demand() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    for n in 1..=6 {
        js.stored("s", "x", n);
    }
    for seq in [1, 3, 4] {
        ok(js.api("STREAM.MSG.DELETE.S", json!({"seq": seq})));
    }
    let state = js.state("S");
    has(&state, &json!({"messages": 3, "first_seq": 2, "num_deleted": 2}));
    assert_eq!(state.get("deleted"), None);
    let info = js.api("STREAM.INFO.S", json!({"deleted_details": true}));
    assert_eq!(info["state"]["deleted"], json!([3, 4]));
}

// Row 15.
#[test]
fn a_stream_goes_with_all_it_held() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "x", 1);
    let answer = js.api("STREAM.DELETE.S", json!({"a": 1}));
    refused(&answer, 10038, "expected an empty request payload");
    assert_eq!(
        js.api("STREAM.DELETE.S", ""),
        json!({
            "type": "io.nats.jetstream.api.v1.stream_delete_response", "success": true,
        })
    );
    refused(&js.api("STREAM.DELETE.S", ""), 10059, "stream not found");
    assert_eq!(js.request("s", &[], "x").status(), Some("503"));
    assert_eq!(js.api("INFO", "")["storage"], 0);
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "y", 1);
    assert_eq!(js.get("S", 1).text(), "y");
}
