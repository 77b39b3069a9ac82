//! What accounts and the server allow.

use serde_json::{Value, json};

use crate::kit::{Js, has, ok, refused};

const A: &str = r#"{"user":"a","pass":"p"}"#;

fn account(limits: &str) -> Js {
    let conf = format!(
        "accounts {{
            A {{ jetstream {{ {limits} }}, users: [{{user: a, password: p}}] }}
            B {{ jetstream: enabled, users: [{{user: b, password: p}}] }}
        }}"
    );
    Js::start_as("", &conf, A)
}

// Row 123.
#[test]
fn an_account_has_so_many_streams_and_consumers() {
    let mut js = account("max_streams: 2, max_consumers: 1, max_ack_pending: 50");
    let info = js.api("INFO", "");
    let limits = json!({
        "max_memory": -1, "max_storage": -1, "max_streams": 2, "max_consumers": 1,
        "max_ack_pending": 50, "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1,
        "max_bytes_required": false,
    });
    assert_eq!(info["limits"], limits);
    js.create(json!({"name": "S"}));
    js.create(json!({"name": "T"}));
    let answer = js.try_create(json!({"name": "U"}));
    has(&answer, &json!({"error": {"code": 400}}));
    refused(&answer, 10027, "maximum number of streams reached");
    js.create(json!({"name": "S"}));
    let explicit = |name: &str| json!({"durable_name": name, "ack_policy": "explicit"});
    let made = js.consumer("S", "C", explicit("C"));
    assert_eq!(made["config"]["max_ack_pending"], 50);
    let answer = js.try_consumer("S", "D", explicit("D"));
    refused(&answer, 10026, "maximum consumers limit reached");
    let mut config = explicit("C");
    config["max_ack_pending"] = 51.into();
    let answer = js.try_consumer("S", "C", config);
    refused(&answer, 10121, "consumer max ack pending exceeds system limit of 50");
    let answer = js.try_create(json!({"name": "V", "max_consumers": 2}));
    refused(&answer, 10027, "maximum number of streams reached");
    ok(js.api("STREAM.DELETE.T", ""));
    js.create(json!({"name": "U"}));
    // Another account has its own limits.
    js.connect_as("b").create(json!({"name": "S"}));
}

#[test]
fn an_account_has_so_many_bytes() {
    let mut js = account("max_mem: 1000, max_file: 2000, disk_max_stream_bytes: 1500");
    let answer = js.try_create(json!({"name": "S", "max_bytes": 1600}));
    refused(&answer, 10122, "stream max bytes exceeds account limit max stream bytes");
    js.create(json!({"name": "S", "max_bytes": 1400}));
    let answer = js.try_create(json!({"name": "T", "max_bytes": 700}));
    has(&answer, &json!({"error": {"code": 500}}));
    refused(&answer, 10047, "insufficient storage resources available");
    let answer = js.try_create(json!({"name": "M", "storage": "memory", "max_bytes": 2000}));
    refused(&answer, 10028, "insufficient memory resources available");
    js.create(json!({"name": "T", "subjects": ["t"]}));
    has(&js.api("INFO", ""), &json!({"reserved_storage": 1400, "streams": 2}));
    for n in 1..=3 {
        js.stored("t", "x".repeat(500), n);
    }
    let answer = js.publish("t", "x".repeat(500));
    has(&answer, &json!({"error": {"code": 400}, "stream": "T", "seq": 0}));
    refused(&answer, 10002, "resource limits exceeded for account");
    ok(js.api("STREAM.PURGE.T", ""));
    js.stored("t", "x".repeat(500), 4);
}

#[test]
fn an_account_may_want_to_know_how_large_a_stream_gets() {
    let mut js = account("max_bytes_required: true");
    let answer = js.try_create(json!({"name": "S"}));
    refused(&answer, 10113, "account requires a stream config to have max bytes set");
    js.create(json!({"name": "S", "max_bytes": 100}));
}

// Row 125.
#[test]
fn the_server_limits_everybody() {
    let limits = "max_ack_pending: 40, max_request_batch: 30, duplicate_window: \"1m\"";
    let mut js = Js::start_with(&format!("limits {{ {limits} }}"), "");
    let made = js.create(json!({"name": "S"}));
    assert_eq!(made["config"]["duplicate_window"], 60_000_000_000_u64);
    let text = "duplicates window can not be larger then server limit of 1m0s";
    let mut config = json!({"name": "S", "duplicate_window": 120_000_000_000_u64});
    refused(&js.update(config.clone()), 10052, text);
    config["name"] = "T".into();
    refused(&js.try_create(config), 10052, text);
    let mut consumer = |extra: Value| {
        let mut config = json!({"durable_name": "C", "ack_policy": "explicit"});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        js.try_consumer("S", "C", config)
    };
    let answer = consumer(json!({"max_ack_pending": 41}));
    refused(&answer, 10121, "consumer max ack pending exceeds system limit of 40");
    let answer = consumer(json!({"max_batch": 31}));
    refused(&answer, 10125, "consumer max request batch exceeds server limit of 30");
    let made = ok(consumer(json!({})));
    has(&made["config"], &json!({"max_ack_pending": 40, "max_batch": 30}));
}

#[test]
fn the_server_has_so_many_bytes() {
    let mut js = Js::start_with("max_mem: 5000, max_file: 10000", "");
    let answer = js.try_create(json!({"name": "S", "max_bytes": 10_001}));
    refused(&answer, 10047, "insufficient storage resources available");
    let answer = js.try_create(json!({"name": "S", "max_bytes": 5001, "storage": "memory"}));
    refused(&answer, 10028, "insufficient memory resources available");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    let refusal = (1..=20).map(|_| js.publish("s", "x".repeat(1000))).find(|ack| ack["seq"] == 0);
    let refusal = refusal.expect("a limit");
    has(&refusal, &json!({"error": {"code": 503}}));
    refused(&refusal, 10023, "insufficient resources");
}
