//! Where streams are kept: odd names, big messages, many streams, and whose store it is.

use serde_json::json;

use crate::harness::{Server, is_reference};
use crate::kit::{Js, has, ok, refused};

#[test]
fn names_may_be_odd() {
    let mut js = Js::start();
    let longest = "n".repeat(255);
    let names = [
        longest.as_str(),
        "ÅÄÖ",
        "日本",
        "$G",
        "meta",
        "wal",
        "jetstream",
        "-",
        "_",
        "%2F",
        "a:b",
        "CON",
        "x~",
        "#",
        "'",
        "\"",
        "{}",
        "a&b<c",
    ];
    for name in names {
        let subject = format!("s.{}", names.iter().position(|other| *other == name).unwrap());
        js.create(json!({"name": name, "subjects": [subject]}));
        js.stored(&subject, name, 1);
        js.consumer(name, name, json!({"durable_name": name, "ack_policy": "explicit"}));
    }
    js.restart();
    for name in names {
        assert_eq!(js.get(name, 1).text(), name);
        assert_eq!(js.api(&format!("CONSUMER.INFO.{name}.{name}"), "")["num_pending"], 1);
    }
    assert_eq!(js.api("STREAM.NAMES", "")["total"], names.len());
}

#[test]
fn messages_may_be_big() {
    const MIB: usize = 1024 * 1024;
    let mut js = Js::start_with("", "max_payload: 64MB");
    js.create(json!({"name": "S", "subjects": ["s"], "allow_direct": true}));
    let payload = |size: usize| -> Vec<u8> {
        let digits = size.to_string();
        digits.bytes().cycle().take(size).collect()
    };
    let sizes = [MIB, 9 * MIB, 17, 20 * MIB, 0, 31 * MIB];
    for (n, size) in sizes.iter().enumerate() {
        js.stored("s", payload(*size), n as u64 + 1);
    }
    refused(&js.publish("s", payload(33 * MIB)), 10077, "message too large");
    for again in [false, true] {
        if again {
            js.crash();
        }
        for (n, size) in sizes.iter().enumerate() {
            let message = js.direct("S", json!({"seq": n + 1}));
            assert!(message.payload == payload(*size), "message {} of {size} bytes", n + 1);
        }
    }
    ok(js.api("STREAM.PURGE.S", json!({"seq": 6})));
    js.restart();
    has(&js.state("S"), &json!({"messages": 1, "first_seq": 6, "last_seq": 6}));
}

#[test]
fn a_stream_may_be_made_and_deleted_over_and_over() {
    let mut js = Js::start();
    for round in 1..=50 {
        js.create(json!({"name": "S", "subjects": ["s"], "first_seq": round}));
        js.stored("s", round.to_string(), round);
        js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
        if round % 10 == 0 {
            js.crash();
            assert_eq!(js.get("S", round).text(), round.to_string());
            has(&js.state("S"), &json!({"messages": 1, "consumer_count": 1}));
        }
        ok(js.api("STREAM.DELETE.S", ""));
    }
    js.restart();
    has(&js.api("INFO", ""), &json!({"streams": 0, "consumers": 0, "storage": 0}));
}

#[test]
fn streams_may_be_many() {
    let mut js = Js::start();
    let count = 200;
    for n in 0..count {
        js.create(json!({"name": format!("S{n}"), "subjects": [format!("s.{n}")]}));
        js.stored(&format!("s.{n}"), n.to_string(), 1);
    }
    js.crash();
    for n in 0..count {
        js.stored(&format!("s.{n}"), "again", 2);
        assert_eq!(js.get(&format!("S{n}"), 1).text(), n.to_string());
    }
    assert_eq!(js.api("INFO", "")["streams"], count);
}

fn conf(dir: &std::path::Path) -> String {
    format!("listen: \"127.0.0.1:-1\"\njetstream {{ store_dir: \"{}\" }}", dir.display())
}

#[test]
fn a_store_has_one_server() {
    if is_reference() {
        // It would let a second server destroy the store of the first.
        return;
    }
    let mut js = Js::start();
    js.create(json!({"name": "S"}));
    let second = Server::run_conf(&conf(js.store()), &[]);
    assert_eq!(second.code, Some(1), "{second:?}");
    js.stored("S", "x", 1);
}

#[test]
fn a_store_that_cannot_be_used_is_no_store() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    assert_eq!(Server::run_conf(&conf(&file), &[]).code, Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn the_store_may_be_named_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let server = Server::start_args(&["-js", "-sd", path]);
    let mut nats = crate::kit::Nats::connect(server.port, "{}");
    nats.create(json!({"name": "S"}));
    nats.stored("S", "x", 1);
    assert!(dir.path().join("jetstream").is_dir());
    drop(server);
    let server = Server::start_args(&["-js", "-sd", path]);
    let mut nats = crate::kit::Nats::connect(server.port, "{}");
    assert_eq!(nats.get("S", 1).text(), "x");
}
