//! Messages that make other messages later.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::kit::{Js, Msg, has, ok, refused};

fn start() -> Js {
    let mut js = Js::start();
    let created = js.create(json!({
        "name": "S", "subjects": ["s.>", "out.>"], "allow_msg_schedules": true,
        "allow_msg_ttl": true,
    }));
    assert_eq!(created["config"]["allow_rollup_hdrs"], true);
    js
}

fn schedule(js: &mut Js, subject: &str, when: &str, more: &[(&str, &str)]) -> Value {
    let mut headers = vec![("Nats-Schedule", when)];
    headers.extend_from_slice(more);
    js.publish_with(subject, &headers, "body")
}

/// The last message of `subject`, once there is one.
fn last(js: &mut Js, subject: &str) -> Msg {
    eventually("the message to be made", || {
        let answer = js.api("STREAM.MSG.GET.S", json!({"last_by_subj": subject}));
        answer.get("message").map(Msg::stored)
    })
}

fn subjects(js: &mut Js) -> Value {
    js.api("STREAM.INFO.S", json!({"subjects_filter": ">"}))["state"]["subjects"].take()
}

/// `@at` some time from now.
fn at(from_now: Duration) -> String {
    format!("@at {}", jiff::Timestamp::now() + from_now)
}

// Row 72.
#[test]
fn a_message_is_made_at_its_time() {
    let mut js = start();
    let when = at(Duration::from_millis(300));
    let more = [
        ("Nats-Schedule-Target", "out.1"),
        ("Own", "1"),
        ("Nats-Schedule-TTL", "5s"),
        ("Nats-Msg-Id", "m"),
    ];
    assert_eq!(schedule(&mut js, "s.1", &when, &more)["seq"], 1);
    let stored = js.get("S", 1);
    let head = format!(
        "NATS/1.0\r\nNats-Schedule: {when}\r\nNats-Schedule-Target: out.1\r\nOwn: 1\r\n\
         Nats-Schedule-TTL: 5s\r\nNats-Msg-Id: m\r\nNats-Rollup: sub\r\n\r\n"
    );
    assert_eq!(stored.head, head);
    let made = last(&mut js, "out.1");
    let head = "NATS/1.0\r\nOwn: 1\r\nNats-Scheduler: s.1\r\nNats-Schedule-Next: purge\r\n\
                Nats-TTL: 5s\r\n\r\n";
    assert_eq!((made.head.as_str(), made.text()), (head, "body"));
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 2, "last_seq": 2}));
}

#[test]
fn what_is_past_is_made_at_once() {
    let mut js = start();
    let target = [("Nats-Schedule-Target", "out.1")];
    schedule(&mut js, "s.1", "@at 2020-01-01T00:00:00Z", &target);
    assert_eq!(last(&mut js, "out.1").text(), "body");
    assert_eq!(subjects(&mut js), json!({"out.1": 1}));
}

#[test]
fn a_schedule_outlives_a_restart() {
    let mut js = start();
    let target = [("Nats-Schedule-Target", "out.1")];
    schedule(&mut js, "s.1", &at(Duration::from_millis(1500)), &target);
    js.crash();
    assert_eq!(last(&mut js, "out.1").text(), "body");
    has(&js.state("S"), &json!({"messages": 1, "last_seq": 2}));
}

// Row 73.
#[test]
fn messages_are_made_again_and_again() {
    let mut js = start();
    ok(schedule(&mut js, "s.1", "@every 1s", &[("Nats-Schedule-Target", "out.1")]));
    ok(schedule(&mut js, "s.2", "* * * * * *", &[("Nats-Schedule-Target", "out.2")]));
    ok(schedule(
        &mut js,
        "s.3",
        "*/1 * * * * *",
        &[("Nats-Schedule-Target", "out.3"), ("Nats-Schedule-Time-Zone", "America/New_York")],
    ));
    eventually("two of each", || {
        let counts = subjects(&mut js);
        let two = |subject: &str| counts[subject].as_u64() >= Some(2);
        (two("out.1") && two("out.2") && two("out.3")).then_some(())
    });
    for (subject, scheduler) in [("out.1", "s.1"), ("out.2", "s.2"), ("out.3", "s.3")] {
        let made = last(&mut js, subject);
        assert_eq!((made.header("Nats-Scheduler"), made.text()), (Some(scheduler), "body"));
        let next = made.header("Nats-Schedule-Next").unwrap();
        assert!(next.starts_with("20") && next.contains('T'), "{next}");
    }
    assert_eq!(subjects(&mut js)["s.1"], 1);
}

#[test]
fn one_schedule_a_subject() {
    let mut js = start();
    for seq in 1..=3 {
        let ack = schedule(&mut js, "s.1", "@daily", &[("Nats-Schedule-Target", "out.1")]);
        assert_eq!(ack["seq"], seq);
    }
    assert_eq!(subjects(&mut js), json!({"s.1": 1}));
}

#[test]
fn what_is_no_time_is_refused() {
    let mut js = start();
    let target = ("Nats-Schedule-Target", "out.1");
    for when in [
        "bad",
        "@every 500ms",
        "@every",
        "@at yesterday",
        "* * *",
        "60 * * * * *",
        "* * * 32 * *",
        "@sometimes",
        "* * * * * * *",
        "5-1 * * * * *",
    ] {
        let answer = schedule(&mut js, "s.1", when, &[target]);
        has(&answer, &json!({"error": {"code": 400}, "stream": "S", "seq": 0}));
        refused(&answer, 10189, "message schedules pattern is invalid");
    }
    for when in ["@every 1s", "@at 2020-01-01T00:00:00Z"] {
        let answer = schedule(&mut js, "s.1", when, &[target, ("Nats-Schedule-Time-Zone", "UTC")]);
        refused(&answer, 10189, "message schedules pattern is invalid");
    }
    let zone = ("Nats-Schedule-Time-Zone", "Nowhere/X");
    let answer = schedule(&mut js, "s.1", "0 0 0 * * *", &[target, zone]);
    refused(&answer, 10223, "message schedules time zone is invalid");
    assert_eq!(js.state("S")["last_seq"], 0);
    for when in [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
        "0 30 8 * * mon-fri",
        "0 0 12 ? JAN,jul SUN",
        "*/15 1-5 0 1,15 * *",
    ] {
        ok(schedule(&mut js, "s.1", when, &[target]));
    }
    let zone = ("Nats-Schedule-Time-Zone", "Europe/Paris");
    ok(schedule(&mut js, "s.1", "0 0 0 * * *", &[target, zone]));
}

// Row 74.
#[test]
fn a_schedule_may_take_its_message_from_elsewhere() {
    let mut js = start();
    js.publish_with("s.src", &[("A", "b")], "sourced");
    js.stored("out.1", "old", 2);
    let more = [
        ("Nats-Schedule-Target", "out.1"),
        ("Nats-Schedule-Source", "s.src"),
        ("Nats-Schedule-Rollup", "sub"),
    ];
    schedule(&mut js, "s.1", "@at 2020-01-01T00:00:00Z", &more);
    eventually("the message to be made", || {
        (subjects(&mut js) == json!({"s.src": 1, "out.1": 1})).then_some(())
    });
    let made = last(&mut js, "out.1");
    let head = "NATS/1.0\r\nA: b\r\nNats-Scheduler: s.1\r\nNats-Schedule-Next: purge\r\n\
                Nats-Rollup: sub\r\n\r\n";
    assert_eq!((made.head.as_str(), made.text()), (head, "sourced"));
    // Without a message there it is its own.
    let more = [("Nats-Schedule-Target", "out.2"), ("Nats-Schedule-Source", "s.none")];
    schedule(&mut js, "s.2", "@at 2020-01-01T00:00:00Z", &more);
    assert_eq!(last(&mut js, "out.2").text(), "body");
}

#[test]
fn bad_schedules_are_refused() {
    let mut js = start();
    let target = ("Nats-Schedule-Target", "out.1");
    for wrong in ["", "s.1", "zz", "out.*"] {
        let answer = schedule(&mut js, "s.1", "@daily", &[("Nats-Schedule-Target", wrong)]);
        refused(&answer, 10190, "message schedules target is invalid");
    }
    let answer = schedule(&mut js, "s.1", "@daily", &[]);
    refused(&answer, 10190, "message schedules target is invalid");
    for wrong in ["out.1", "s.1", "zz", "s.*"] {
        let more = [target, ("Nats-Schedule-Source", wrong)];
        let answer = schedule(&mut js, "s.1", "@daily", &more);
        refused(&answer, 10203, "message schedules source is invalid");
    }
    for wrong in [("Nats-Schedule-Rollup", "all"), ("Nats-Rollup", "all")] {
        let answer = schedule(&mut js, "s.1", "@daily", &[target, wrong]);
        refused(&answer, 10192, "message schedules invalid rollup");
    }
    let answer = schedule(&mut js, "s.1", "@daily", &[target, ("Nats-Schedule-TTL", "x")]);
    refused(&answer, 10191, "message schedules invalid per-message TTL");
    js.create(json!({"name": "P", "subjects": ["p.>"]}));
    let answer = schedule(&mut js, "p.1", "@daily", &[("Nats-Schedule-Target", "p.2")]);
    refused(&answer, 10188, "message schedules is disabled");
    js.create(json!({"name": "Q", "subjects": ["q.>"], "allow_msg_schedules": true}));
    let more = [("Nats-Schedule-Target", "q.2"), ("Nats-Schedule-TTL", "2s")];
    let answer = schedule(&mut js, "q.1", "@daily", &more);
    refused(&answer, 10166, "per-message TTL is disabled");
    let sources = json!([{"name": "P"}]);
    let answer =
        js.try_create(json!({"name": "Z", "allow_msg_schedules": true, "sources": sources}));
    refused(&answer, 10187, "stream source can not also schedule messages");
    assert_eq!(js.state("S")["last_seq"], 0);
}

// Row 75.
#[test]
fn a_schedule_is_cancelled_by_a_message() {
    let mut js = start();
    ok(schedule(&mut js, "s.1", "@daily", &[("Nats-Schedule-Target", "out.1")]));
    let (purge, of) = (("Nats-Schedule-Next", "purge"), ("Nats-Scheduler", "s.1"));
    let wrong = "message schedules invalid scheduler";
    refused(&js.publish_with("out.9", &[purge], "x"), 10212, wrong);
    refused(&js.publish_with("out.9", &[of], "x"), 10212, wrong);
    refused(&js.publish_with("s.1", &[purge, of], "x"), 10212, wrong);
    let next = ("Nats-Schedule-Next", "2030-01-01T00:00:00Z");
    refused(&js.publish_with("out.9", &[next, of], "x"), 10212, wrong);
    assert_eq!(js.publish_with("out.9", &[purge, of], "x")["seq"], 2);
    assert_eq!(subjects(&mut js), json!({"out.9": 1}));
}

#[test]
fn a_deleted_schedule_makes_nothing() {
    let mut js = start();
    let target = |subject: &'static str| [("Nats-Schedule-Target", subject)];
    schedule(&mut js, "s.1", &at(Duration::from_millis(700)), &target("out.1"));
    schedule(&mut js, "s.2", &at(Duration::from_millis(1000)), &target("out.2"));
    ok(js.api("STREAM.MSG.DELETE.S", json!({"seq": 1})));
    assert_eq!(last(&mut js, "out.2").text(), "body");
    assert_eq!(subjects(&mut js), json!({"out.2": 1}));
}
