//! JetStream on the monitoring port.

use serde_json::{Value, json};

use crate::kit::{Js, has};

fn start() -> Js {
    let conf = "accounts {
        A { jetstream { max_file: 1000000 }, users: [{user: a, password: p}] }
        B { jetstream: enabled, users: [{user: b, password: p}] }
    }";
    let block = "max_mem: 100000, max_file: 2000000";
    let mut js = Js::start_as(block, conf, r#"{"user":"a","pass":"p"}"#);
    js.create(json!({"name": "S", "subjects": ["s"], "max_bytes": 1500}));
    js.stored("s", "x", 1);
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    js.connect_as("b").create(json!({"name": "T", "storage": "memory"}));
    js
}

// Row 140.
#[test]
fn jsz_sums_up() {
    let js = start();
    let page = js.server().json("/jsz");
    has(
        &page,
        &json!({
            "memory": 0, "storage": 32, "reserved_memory": 0, "reserved_storage": 1500,
            "accounts": 2, "ha_assets": 0, "api": {"level": 4, "errors": 0}, "streams": 2,
            "consumers": 1, "messages": 1, "bytes": 32, "total": 2,
            "config": {"max_memory": 100_000, "max_storage": 2_000_000, "compress_ok": true,
                "strict": true},
        }),
    );
    assert_eq!(page["server_id"], js.client.info["server_id"]);
    assert!(page["config"]["store_dir"].as_str().unwrap().ends_with("/jetstream"));
    assert_eq!(page.get("account_details"), None);
}

#[test]
fn jsz_goes_into_detail() {
    let js = start();
    let page = js.server().json("/jsz?accounts=true&streams=true&consumers=true&config=true");
    let accounts = page["account_details"].as_array().unwrap();
    let of = |name: &str| accounts.iter().find(|account| account["name"] == name).unwrap();
    has(of("A"), &json!({"id": "A", "storage": 32, "memory": 0}));
    let stream = &of("A")["stream_detail"][0];
    has(
        stream,
        &json!({
            "name": "S", "config": {"subjects": ["s"]},
            "state": {"messages": 1, "bytes": 32, "consumer_count": 1},
        }),
    );
    has(
        &stream["consumer_detail"][0],
        &json!({
            "stream_name": "S", "name": "C", "num_pending": 1, "config": {"ack_policy": "explicit"},
        }),
    );
    assert_eq!(of("B")["stream_detail"][0]["name"], "T");
    let page = js.server().json("/jsz?acc=B&streams=true");
    let accounts = page["account_details"].as_array().unwrap();
    assert_eq!((accounts.len(), &accounts[0]["name"]), (1, &json!("B")));
    let stream = &accounts[0]["stream_detail"][0];
    assert_eq!((stream.get("config"), stream.get("consumer_detail")), (None, None));
    let page = js.server().json("/jsz?accounts=true&limit=1&offset=1");
    assert_eq!(page["account_details"].as_array().unwrap().len(), 1);
    assert_eq!(page["account_details"][0]["name"], "B");
}

#[test]
fn varz_and_healthz_know_of_jetstream() {
    let js = start();
    let page = js.server().json("/varz");
    has(
        &page["jetstream"],
        &json!({
            "config": {"max_memory": 100_000, "max_storage": 2_000_000},
            "stats": {"storage": 32, "reserved_storage": 1500, "accounts": 2},
        }),
    );
    let health = |query: &str| {
        let page = js.server().get(&format!("/healthz{query}"));
        (page.status, serde_json::from_str::<Value>(&page.body).unwrap())
    };
    let fine = (200, json!({"status": "ok"}));
    assert_eq!(health(""), fine);
    assert_eq!(health("?js-enabled-only=true"), fine);
    assert_eq!(health("?js-server-only=true"), fine);
    assert_eq!(health("?account=A&stream=S&consumer=C"), fine);
    let missing = |text: &str| (404, json!({"status": "unavailable", "error": text}));
    let (stream, consumer) = ("?account=A&stream=Z", "?account=A&stream=S&consumer=Z");
    let text = "JetStream stream \"Z\" not found on account \"A\"";
    assert_eq!(health(stream), missing(text));
    let text = "JetStream consumer \"Z\" not found for stream \"S\" on account \"A\"";
    assert_eq!(health(consumer), missing(text));
    assert_eq!(health("?account=Q"), missing("JetStream account \"Q\" not found"));
    let text = "\"account\" must not be empty when checking stream health";
    assert_eq!(health("?stream=S"), (400, json!({"status": "error", "error": text})));
}
