//! A stream that follows another one, message for message.

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::kit::{Js, has, ok, refused};

/// `O` with five messages on `o.0` to `o.4`, the third deleted.
fn origin() -> Js {
    let mut js = Js::start();
    js.create(json!({"name": "O", "subjects": ["o.>"], "allow_direct": true}));
    for n in 0..5 {
        let headers = [("Nats-Msg-Id", "1"), ("Nats-Expected-Stream", "O")];
        let headers = if n == 1 { &headers[..] } else { &[] };
        assert_eq!(js.publish_with(&format!("o.{n}"), headers, n.to_string())["seq"], n + 1);
    }
    ok(js.api("STREAM.MSG.DELETE.O", json!({"seq": 3})));
    js
}

fn wait_for(js: &mut Js, stream: &str, last_seq: u64) {
    eventually("the mirror to catch up", || {
        (js.state(stream)["last_seq"] == last_seq).then_some(())
    });
}

fn raw(js: &mut Js, stream: &str, seq: u64) -> Value {
    js.api(&format!("STREAM.MSG.GET.{stream}"), json!({"seq": seq}))["message"].take()
}

// Row 43.
#[test]
fn a_mirror_holds_the_same_messages() {
    let mut js = origin();
    let created = js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    assert_eq!(created["config"].get("subjects"), None);
    assert_eq!(created["config"].get("duplicate_window"), None);
    wait_for(&mut js, "M", 5);
    let info = js.info("M");
    has(
        &info,
        &json!({
            "state": {"messages": 4, "first_seq": 1, "num_deleted": 1, "num_subjects": 4},
            "mirror": {"name": "O", "lag": 0},
        }),
    );
    assert!(info["mirror"]["active"].as_i64() > Some(0), "{info}");
    for seq in [1, 4, 5] {
        assert_eq!(raw(&mut js, "M", seq), raw(&mut js, "O", seq));
    }
    assert_eq!(js.api("STREAM.MSG.GET.M", json!({"seq": 3}))["error"]["err_code"], 10037);
    // What a publisher expected of the origin is nothing to a mirror.
    assert_eq!(js.get("M", 2).head, "NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n");
    js.stored("o.9", "new", 6);
    wait_for(&mut js, "M", 6);
    assert_eq!(raw(&mut js, "M", 6), raw(&mut js, "O", 6));
    let names = js.api("CONSUMER.NAMES.O", "");
    assert_eq!(names["total"], 0, "what feeds a mirror is not shown");
}

#[test]
fn a_mirror_keeps_what_its_origin_lets_go_and_the_reverse() {
    let mut js = origin();
    js.create(json!({"name": "M", "mirror": {"name": "O"}, "max_msgs": 2}));
    wait_for(&mut js, "M", 5);
    has(&js.state("M"), &json!({"messages": 2, "first_seq": 4}));
    ok(js.api("STREAM.PURGE.O", ""));
    js.stored("o.9", "new", 6);
    wait_for(&mut js, "M", 6);
    has(&js.state("M"), &json!({"messages": 2, "first_seq": 5}));
}

#[test]
fn a_mirror_may_take_a_part() {
    let mut js = origin();
    js.create(json!({"name": "F", "mirror": {"name": "O", "filter_subject": "o.1"}}));
    js.create(json!({"name": "T", "mirror": {
        "name": "O", "subject_transforms": [{"src": "o.*", "dest": "t.{{wildcard(1)}}"}],
    }}));
    js.create(json!({"name": "L", "mirror": {"name": "O", "opt_start_seq": 4}}));
    for (stream, messages, first) in [("F", 1, 2), ("T", 4, 1), ("L", 2, 4)] {
        eventually("the mirror to catch up", || {
            (js.state(stream)["messages"] == messages).then_some(())
        });
        assert_eq!(js.state(stream)["first_seq"], first, "{stream}");
    }
    assert_eq!(js.get("T", 2).subject, "t.1");
    assert_eq!(js.get("L", 4).text(), "3");
}

#[test]
fn a_mirror_waits_for_its_origin() {
    let mut js = Js::start();
    js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    eventually("the reason to be shown", || {
        let info = js.info("M");
        (info["mirror"]["error"]["err_code"] == 10059).then_some(())
    });
    has(
        &js.info("M")["mirror"],
        &json!({
            "name": "O", "lag": 0, "active": -1,
            "error": {"code": 404, "description": "stream not found"},
        }),
    );
}

#[test]
fn what_a_mirror_cannot_be_is_refused() {
    let mut js = origin();
    js.create(json!({"name": "B", "subjects": ["b"], "max_msg_size": 100}));
    for (extra, code, text) in [
        (json!({"subjects": ["q"]}), 10034, "stream mirrors can not contain subjects"),
        (
            json!({"sources": [{"name": "O"}]}),
            10031,
            "stream mirrors can not also contain other sources",
        ),
        (json!({"first_seq": 4}), 10143, "stream mirrors can not have first sequence configured"),
        (json!({"allow_atomic": true}), 10198, "stream mirrors can not also use atomic publishing"),
        (json!({"allow_batched": true}), 10209, "stream mirrors can not also use batch publishing"),
        (
            json!({"allow_msg_counter": true}),
            10173,
            "stream mirrors can not also calculate counters",
        ),
        (
            json!({"allow_msg_schedules": true}),
            10186,
            "stream mirrors can not also schedule messages",
        ),
        (json!({"mirror": {"name": "O.x"}}), 10142, "mirrored stream name is invalid"),
        (
            json!({"mirror": {"name": "O", "filter_subject": "a",
            "subject_transforms": [{"src": "a", "dest": "b"}]}}),
            10150,
            "mirror with multiple subject transforms cannot also have a single subject filter",
        ),
        (
            json!({"mirror": {"name": "O", "subject_transforms": [{"src": "a..", "dest": "b"}]}}),
            10151,
            "mirror transform source: invalid subject a..",
        ),
        (
            json!({"mirror": {"name": "B"}, "max_msg_size": 10}),
            10030,
            "stream mirror must have max message size >= source",
        ),
        (
            json!({"mirror": {"name": "O", "external": {"api": "$JS.API", "deliver": "x"}}}),
            10021,
            "stream external api prefix $JS.API must not overlap with $JS.API",
        ),
        (
            json!({"mirror": {"name": "O", "external": {"api": "$JS.D.API", "deliver": "x.*"}}}),
            10024,
            "stream external delivery prefix x.* must not contain wildcards",
        ),
    ] {
        let mut config = json!({"name": "M", "mirror": {"name": "O"}});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        refused(&js.try_create(config), code, text);
    }
}

// Row 44.
#[test]
fn a_mirror_becomes_a_stream() {
    let mut js = origin();
    js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    wait_for(&mut js, "M", 5);
    let answer = js.update(json!({"name": "M", "mirror": {"name": "T"}}));
    refused(&answer, 10055, "stream mirror configuration can not be updated");
    let updated = ok(js.update(json!({"name": "M", "subjects": ["m.>"]})));
    assert_eq!((updated.get("mirror"), updated["config"].get("mirror")), (None, None));
    js.stored("m.1", "x", 6);
    js.stored("o.9", "x", 6);
    assert_eq!(js.get("M", 6).subject, "m.1");
}

// Row 56.
#[test]
fn a_mirror_answers_for_its_origin() {
    let mut js = origin();
    let created = js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    assert_eq!(created["config"]["mirror_direct"], true);
    wait_for(&mut js, "M", 5);
    // The origin answers for itself until it forgets; only the mirror still has the message.
    ok(js.update(json!({"name": "O", "subjects": ["o.>"]})));
    eventually("the mirror to answer", || {
        let answer = js.direct("O", json!({"seq": 2}));
        (answer.text() == "1" && answer.header("Nats-Stream") == Some("M")).then_some(())
    });
    assert_eq!(js.request("$JS.API.DIRECT.GET.O.o.4", &[], "").text(), "4");
}

#[test]
fn a_mirror_goes_on_after_a_restart() {
    let mut js = origin();
    js.create(json!({"name": "M", "mirror": {"name": "O"}}));
    wait_for(&mut js, "M", 5);
    js.restart();
    js.stored("o.9", "new", 6);
    wait_for(&mut js, "M", 6);
    assert_eq!(js.get("M", 6).text(), "new");
    has(&js.state("M"), &json!({"messages": 5, "first_seq": 1, "num_deleted": 1}));
}
