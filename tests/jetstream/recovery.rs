//! What is there after the server was killed.

use serde_json::{Value, json};

use crate::harness::{eventually, is_reference};
use crate::kit::{Js, has, ok};

fn pull(js: &mut Js, stream: &str, consumer: &str) -> crate::kit::Msg {
    js.request(&format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"), &[], "")
}

/// What must be the same before and after; what tells of the moment is left out.
fn picture(js: &mut Js) -> Value {
    let mut info = js.api("STREAM.INFO.S", json!({"deleted_details": true}));
    info["ts"].take();
    info["cluster"].take();
    info["config"]["metadata"].take();
    let mut consumer = js.api("CONSUMER.INFO.S.C", "");
    for field in ["ts", "cluster", "delivered", "ack_floor", "config"] {
        consumer[field].take();
    }
    let messages: Vec<_> =
        (1..=20).map(|seq| js.api("STREAM.MSG.GET.S", json!({"seq": seq}))).collect();
    json!({"stream": info, "consumer": consumer, "messages": messages})
}

// Row 128.
#[test]
fn everything_acknowledged_is_there_after_a_crash() {
    let mut js = Js::start();
    js.create(json!({
        "name": "S", "subjects": ["s.>"], "metadata": {"owner": "me"}, "allow_direct": true,
        "max_msgs_per_subject": 8, "description": "of everything",
    }));
    for n in 1..=18 {
        js.stored(&format!("s.{}", n % 2), format!("{n}").repeat(n as usize), n);
    }
    js.publish_with("s.h", &[("Nats-Msg-Id", "known"), ("A", "b")], "x");
    js.stored("s.h", "", 20);
    ok(js.api("STREAM.MSG.DELETE.S", json!({"seq": 7})));
    ok(js.api("STREAM.PURGE.S", json!({"filter": "s.0", "keep": 4})));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    let first = pull(&mut js, "S", "C");
    js.request(first.reply.as_deref().unwrap(), &[], "");
    let before = picture(&mut js);
    assert_eq!(
        before["consumer"]["num_pending"].as_u64(),
        before["stream"]["state"]["messages"].as_u64().map(|n| n - 1)
    );
    if is_reference() {
        // There, messages that limits removed come back when the end was not an orderly one.
        js.restart();
    } else {
        js.crash();
    }
    assert_eq!(picture(&mut js), before);
    let again = js.publish_with("s.h", &[("Nats-Msg-Id", "known")], "x");
    has(&again, &json!({"seq": 19, "duplicate": true}));
    let second = pull(&mut js, "S", "C");
    assert!(second.text() > first.text());
    js.stored("s.n", "new", 21);
    js.crash();
    assert_eq!(js.get("S", 21).text(), "new");
}

#[test]
fn an_orderly_end_loses_nothing_either() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    for n in 1..=100 {
        js.send("s", &[], n.to_string());
    }
    js.stored("s", "101", 101);
    for n in 1..=10 {
        let message = pull(&mut js, "S", "C");
        assert_eq!(message.text(), n.to_string());
        // An acknowledgement that nobody waits for.
        js.send(message.reply.as_deref().unwrap(), &[], "");
    }
    js.flush();
    eventually("the acknowledgements", || {
        (js.api("CONSUMER.INFO.S.C", "")["ack_floor"]["stream_seq"] == 10).then_some(())
    });
    js.restart();
    let info = js.api("CONSUMER.INFO.S.C", "");
    has(&info, &json!({"ack_floor": {"stream_seq": 10}, "num_pending": 91}));
    assert_eq!(pull(&mut js, "S", "C").text(), "11");
}

#[test]
fn what_was_deleted_stays_deleted() {
    let mut js = Js::start();
    for name in ["A", "B"] {
        js.create(json!({"name": name}));
        js.stored(name, "x", 1);
        js.consumer(name, "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    }
    ok(js.api("STREAM.DELETE.A", ""));
    ok(js.api("CONSUMER.DELETE.B.C", ""));
    ok(js.api("STREAM.PURGE.B", ""));
    ok(js.update(json!({"name": "B", "subjects": ["b"]})));
    js.crash();
    assert_eq!(js.api("STREAM.NAMES", "")["streams"], json!(["B"]));
    assert_eq!(js.api("CONSUMER.NAMES.B", "")["total"], 0);
    has(
        &js.info("B"),
        &json!({
            "config": {"subjects": ["b"]}, "state": {"messages": 0, "first_seq": 2, "last_seq": 1},
        }),
    );
    js.stored("b", "x", 2);
}

#[test]
fn accounts_stay_apart() {
    let conf = "accounts {
        A { jetstream: enabled, users: [{user: a, password: p}] }
        B { jetstream: enabled, users: [{user: b, password: p}] }
    }";
    let mut js = Js::start_as("", conf, r#"{"user":"a","pass":"p"}"#);
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "a", 1);
    let mut other = js.connect_as("b");
    other.create(json!({"name": "S", "subjects": ["s"]}));
    other.stored("s", "b", 1);
    js.crash();
    assert_eq!(js.get("S", 1).text(), "a");
    assert_eq!(js.connect_as("b").get("S", 1).text(), "b");
}

#[test]
fn a_crash_in_the_middle_of_publishing_loses_nothing_acknowledged() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let inbox = js.inbox();
    let sid = js.subscribe(&inbox);
    let mut acknowledged = 0;
    for round in 0..40 {
        for n in 0..50 {
            js.send_reply("s", &inbox, &[], (round * 50 + n + 1).to_string());
        }
        for _ in 0..25 {
            acknowledged = js.next(&sid).json()["seq"].as_u64().unwrap();
        }
    }
    js.crash();
    let last = js.state("S")["last_seq"].as_u64().unwrap();
    assert!(last >= acknowledged, "{last} of {acknowledged}");
    for seq in [1, acknowledged / 2, acknowledged, last] {
        assert_eq!(js.get("S", seq).text(), seq.to_string());
    }
    js.stored("s", "next", last + 1);
}

// Row 127.
#[test]
fn the_server_may_sync_at_every_write() {
    let mut js = Js::start_with("sync_interval: always", "");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    for n in 1..=50 {
        js.stored("s", n.to_string(), n);
    }
    js.crash();
    assert_eq!(js.get("S", 50).text(), "50");
    let page = js.server().json("/jsz");
    assert_eq!(page["config"]["sync_always"], true, "{page:#}");
}

/// How often the write-ahead log was synced for twenty messages, each sent after the
/// acknowledgement of the one before.
fn syncs(block: &str) -> u64 {
    let mut js = Js::start_with(block, "");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let count = |js: &Js| -> u64 {
        let page = js.server().get("/metrics").body;
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix("vagus_store_wal_syncs_total "));
        line.expect("the counter").parse().expect("a number")
    };
    let before = count(&js);
    (1..=20).for_each(|n| js.stored("s", "x", n));
    count(&js) - before
}

// There the default is to sync every two minutes, and nothing tells how often it did.
#[test]
fn an_acknowledged_message_is_on_the_disk() {
    if is_reference() {
        return;
    }
    assert!(syncs("") >= 20, "the default is to be safe");
    assert!(syncs("sync_interval: always") >= 20);
    assert!(syncs("sync_interval: \"10m\"") < 10, "who asks for it gets it");
}

// Row 34.
#[test]
fn compressed_messages_are_read_back() {
    let mut js = Js::start();
    let made = js.create(json!({
        "name": "S", "subjects": ["s"], "compression": "s2", "allow_direct": true,
    }));
    assert_eq!(made["config"]["compression"], "s2");
    let payload = |n: u64| format!("{n} ").repeat(20_000);
    for n in 1..=300 {
        js.send("s", &[], payload(n));
    }
    js.stored("s", payload(301), 301);
    for seq in [1, 150, 301] {
        assert_eq!(js.direct("S", json!({"seq": seq})).text(), payload(seq));
    }
    js.restart();
    for seq in [1, 150, 300, 301] {
        assert_eq!(js.direct("S", json!({"seq": seq})).text(), payload(seq));
    }
    ok(js.update(json!({"name": "S", "subjects": ["s"], "allow_direct": true})));
    assert_eq!(js.direct("S", json!({"seq": 2})).text(), payload(2));
}
