//! Subjects changed on the way in, and messages sent on after they were stored.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused};

fn stream(extra: Value) -> Js {
    let mut js = Js::start();
    let mut config = json!({"name": "S", "subjects": ["rp.>"]});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    js.create(config);
    js
}

// Row 36.
#[test]
fn a_stream_stores_under_another_subject() {
    let mut js = stream(json!({"subject_transform": {"src": "rp.x.>", "dest": "rp.y.>"}}));
    js.stored("rp.x.1", "x", 1);
    js.stored("rp.z.1", "x", 2);
    assert_eq!(js.get("S", 1).subject, "rp.y.1");
    assert_eq!(js.get("S", 2).subject, "rp.z.1");
    let last = [("Nats-Expected-Last-Subject-Sequence", "0")];
    refused(&js.publish_with("rp.x.1", &last, "x"), 10071, "wrong last sequence: 1");
    let config = json!({
        "name": "S", "subjects": ["rp.>"],
        "subject_transform": {"src": "rp.*.*", "dest": "rp.{{wildcard(2)}}.$1"},
    });
    ok(js.update(config));
    js.stored("rp.a.b", "x", 3);
    assert_eq!(js.get("S", 3).subject, "rp.b.a");
}

#[test]
fn all_functions_of_a_destination_work() {
    let mut js = stream(json!({}));
    for (n, (src, dest, subject, stored)) in [
        ("rp.*.*", "rp.{{split(1,-)}}.$2", "rp.a-b.c", "rp.a.b.c"),
        ("rp.*", "rp.{{splitfromleft(1,2)}}", "rp.abcd", "rp.ab.cd"),
        ("rp.*", "rp.{{SplitFromRight(1,1)}}", "rp.abcd", "rp.abc.d"),
        ("rp.*", "rp.{{slicefromleft(1,2)}}", "rp.abcde", "rp.ab.cd.e"),
        ("rp.*", "rp.{{SliceFromRight(1,2)}}", "rp.abcde", "rp.a.bc.de"),
        ("rp.*.*", "rp.{{partition(10,1,2)}}", "rp.foo.bar", "rp.0"),
    ]
    .into_iter()
    .enumerate()
    {
        let config = json!({
            "name": "S", "subjects": ["rp.>"], "subject_transform": {"src": src, "dest": dest},
        });
        ok(js.update(config));
        js.stored(subject, "x", n as u64 + 1);
        assert_eq!(js.get("S", n as u64 + 1).subject, stored, "{src} -> {dest}");
    }
}

#[test]
fn what_cannot_be_transformed_is_refused() {
    let mut js = Js::start();
    let mut create = |src: &str, dest: &str| {
        let transform = json!({"src": src, "dest": dest});
        js.try_create(json!({"name": "S", "subject_transform": transform}))
    };
    refused(&create("a..", "b"), 10155, "stream transform source: invalid subject a..");
    let answer = create("a.*", "b.{{wildcard(3)}}");
    let text = "stream transform: invalid mapping destination: \
        wildcard index out of range in {{wildcard(3)}}: [3]";
    refused(&answer, 10156, text);
}

// Row 36 of the core: the two functions are for what is sent on, and for nothing that is stored.
#[test]
fn the_first_and_the_last_letters_of_a_token_are_for_what_is_sent_on() {
    let mut js = Js::start();
    for function in ["{{left(1,2)}}", "{{Right(1,2)}}"] {
        let transform = json!({"src": "rp.*", "dest": format!("out.{function}")});
        let origin = json!({"name": "O", "subject_transforms": [transform]});
        let why = format!("invalid mapping destination: unknown function in {function}");
        for (config, code, kind) in [
            (json!({"subject_transform": transform}), 10156, "stream"),
            (json!({"mirror": origin}), 10154, "mirror"),
            (json!({"sources": [origin]}), 10146, "source"),
        ] {
            let mut config = config;
            config["name"] = "S".into();
            refused(&js.try_create(config), code, &format!("{kind} transform: {why}"));
        }
    }
    let sid = js.subscribe("out.>");
    for (n, (function, sent)) in
        [("{{left(1,2)}}", "out.ab"), ("{{right(1,2)}}", "out.cd")].into_iter().enumerate()
    {
        let republish = json!({"src": "rp.*", "dest": format!("out.{function}")});
        let config = json!({"name": "S", "subjects": ["rp.>"], "republish": republish});
        ok(if n == 0 { js.try_create(config) } else { js.update(config) });
        js.stored("rp.abcd", "x", n as u64 + 1);
        assert_eq!(js.next(&sid).subject, sent);
    }
}

// Row 37.
#[test]
fn stored_messages_are_sent_on() {
    let mut js = stream(json!({"republish": {"src": "rp.>", "dest": "repub.>"}}));
    let sid = js.subscribe("repub.>");
    js.stored("rp.1", "a", 1);
    let time = js.api("STREAM.MSG.GET.S", json!({"seq": 1}))["message"]["time"].clone();
    let time = time.as_str().unwrap();
    let first = js.next(&sid);
    assert_eq!(
        (first.subject.as_str(), first.text(), first.reply.as_deref()),
        ("repub.1", "a", None)
    );
    let block = format!(
        "NATS/1.0\r\nNats-Stream: S\r\nNats-Subject: rp.1\r\nNats-Sequence: 1\r\n\
         Nats-Time-Stamp: {time}\r\nNats-Last-Sequence: 0\r\n\r\n"
    );
    assert_eq!(first.head, block);
    js.publish_with("rp.2", &[("Own", "1")], "b");
    js.publish_with("rp.1", &[("Own", "1")], "c");
    assert!(js.next(&sid).head.starts_with("NATS/1.0\r\nOwn: 1\r\nNats-Stream: S\r\n"));
    let third = js.next(&sid);
    assert_eq!((third.number("Nats-Sequence"), third.number("Nats-Last-Sequence")), (3, 1));
    assert_eq!(third.text(), "c");
    // What is not stored is not sent on.
    js.publish_with("rp.3", &[("Nats-Expected-Last-Sequence", "9")], "d");
    assert_eq!(js.come(&sid).len(), 0);
}

#[test]
fn what_is_sent_on_may_be_a_part() {
    let mut js = stream(json!({"republish": {"src": "rp.a.*", "dest": "r.{{wildcard(1)}}.x"}}));
    let sid = js.subscribe("r.>");
    js.stored("rp.b.1", "no", 1);
    js.stored("rp.a.1", "yes", 2);
    let sent = js.next(&sid);
    assert_eq!((sent.subject.as_str(), sent.text()), ("r.1.x", "yes"));
    // The subject is the one it was stored under.
    ok(js.update(json!({
        "name": "S", "subjects": ["rp.>"], "republish": {"dest": "all.>"},
        "subject_transform": {"src": "rp.x", "dest": "rp.y"},
    })));
    let sid = js.subscribe("all.>");
    js.stored("rp.x", "x", 3);
    let sent = js.next(&sid);
    assert_eq!((sent.subject.as_str(), sent.header("Nats-Subject")), ("all.rp.y", Some("rp.y")));
}

// Row 38.
#[test]
fn headers_alone_may_be_sent_on() {
    let republish = json!({"src": "rp.>", "dest": "repub.>", "headers_only": true});
    let mut js = stream(json!({"republish": republish}));
    let sid = js.subscribe("repub.>");
    js.stored("rp.1", "12345", 1);
    let sent = js.next(&sid);
    assert_eq!((sent.text(), sent.number("Nats-Msg-Size")), ("", 5));
    assert_eq!(sent.header("Nats-Subject"), Some("rp.1"));
}

#[test]
fn sending_on_into_itself_is_refused() {
    let mut js = Js::start();
    let republish = json!({"src": ">", "dest": "rp.z"});
    let answer = js.try_create(json!({"name": "S", "subjects": ["rp.>"], "republish": republish}));
    refused(&answer, 10052, "stream configuration for republish destination forms a cycle");
}

// Row 39.
#[test]
fn a_rollup_replaces_what_was_there() {
    let mut js = stream(json!({"allow_rollup_hdrs": true}));
    for subject in ["rp.a", "rp.b", "rp.a", "rp.b"] {
        js.publish(subject, "x");
    }
    let ack = js.publish_with("rp.a", &[("Nats-Rollup", "sub")], "all of a");
    assert_eq!(ack["seq"], 5);
    let info = js.api("STREAM.INFO.S", json!({"subjects_filter": ">"}));
    assert_eq!(info["state"]["subjects"], json!({"rp.a": 1, "rp.b": 2}));
    assert_eq!(js.get("S", 5).head, "NATS/1.0\r\nNats-Rollup: sub\r\n\r\n");
    js.publish_with("rp.c", &[("Nats-Rollup", "ALL")], "all");
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 6, "last_seq": 6}));
    let answer = js.publish_with("rp.c", &[("Nats-Rollup", "some")], "x");
    refused(&answer, 10111, "rollup value invalid: \"some\"");
    has(&js.state("S"), &json!({"messages": 1, "last_seq": 6}));
}

#[test]
fn a_rollup_needs_permission() {
    let mut js = stream(json!({}));
    js.stored("rp.a", "x", 1);
    let answer = js.publish_with("rp.a", &[("Nats-Rollup", "sub")], "x");
    refused(&answer, 10111, "rollup not permitted");
    has(&js.state("S"), &json!({"messages": 1, "last_seq": 1}));
}
