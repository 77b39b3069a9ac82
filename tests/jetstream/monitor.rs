//! JetStream on the monitoring port.

use serde_json::{Value, json};

use crate::kit::{Js, has};

fn start() -> Js {
    let mut js = Js::start_with("max_mem: 100000, max_file: 2000000", "");
    js.create(json!({"name": "S", "subjects": ["s"], "max_bytes": 1500}));
    js.stored("s", "x", 1);
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    js.create(json!({"name": "T", "storage": "memory"}));
    js.stored("T", "x", 1);
    js
}

// Row 140.
#[test]
fn jsz_sums_up() {
    let js = start();
    let page = js.server().json("/jsz");
    let config = json!({
        "max_memory": 100_000, "max_storage": 2_000_000, "compress_ok": true, "strict": true,
    });
    has(
        &page,
        &json!({
            "memory": 18, "storage": 32, "reserved_memory": 0, "reserved_storage": 1500,
            "accounts": 1, "ha_assets": 0, "api": {"level": 4, "errors": 0}, "streams": 2,
            "consumers": 1, "messages": 2, "bytes": 50, "total": 1, "config": config,
        }),
    );
    assert!(page["api"]["total"].as_u64() >= Some(3), "{page:#}");
    assert_eq!(page["server_id"], js.client.info["server_id"]);
    assert!(page["config"]["store_dir"].as_str().unwrap().ends_with("/jetstream"));
    assert_eq!(page.get("account_details"), None);
}

#[test]
fn jsz_goes_into_detail() {
    let js = start();
    let page = js.server().json("/jsz?accounts=true&streams=true&consumers=true&config=true");
    let account = &page["account_details"][0];
    has(account, &json!({"name": "$G", "id": "$G", "storage": 32, "memory": 18}));
    let streams = account["stream_detail"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    let stream = streams.iter().find(|stream| stream["name"] == "S").unwrap();
    has(
        stream,
        &json!({
            "config": {"subjects": ["s"]},
            "state": {"messages": 1, "bytes": 32, "consumer_count": 1},
        }),
    );
    has(
        &stream["consumer_detail"][0],
        &json!({
            "stream_name": "S", "name": "C", "num_pending": 1, "config": {"ack_policy": "explicit"},
        }),
    );
    let page = js.server().json("/jsz?acc=$G&streams=true");
    let streams = page["account_details"][0]["stream_detail"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!((streams[0].get("config"), streams[0].get("consumer_detail")), (None, None));
    let page = js.server().json("/jsz?accounts=true");
    assert_eq!(page["account_details"][0].get("stream_detail"), None);
}

#[test]
fn jsz_tells_accounts_apart() {
    let conf = "accounts {
        A { jetstream { max_file: 1000000 }, users: [{user: a, password: p}] }
        B { jetstream: enabled, users: [{user: b, password: p}] }
    }";
    let mut js = Js::start_as("", conf, r#"{"user":"a","pass":"p"}"#);
    js.create(json!({"name": "S"}));
    js.connect_as("b").create(json!({"name": "T", "storage": "memory"}));
    let page = js.server().json("/jsz?acc=B&streams=true");
    let accounts = page["account_details"].as_array().unwrap();
    assert_eq!((accounts.len(), &accounts[0]["name"]), (1, &json!("B")));
    assert_eq!(accounts[0]["stream_detail"][0]["name"], "T");
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
            "stats": {"storage": 32, "reserved_storage": 1500, "accounts": 1},
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
    assert_eq!(health("?account=$G&stream=S&consumer=C"), fine);
    let missing = |text: &str| (404, json!({"status": "unavailable", "error": text}));
    let (stream, consumer) = ("?account=$G&stream=Z", "?account=$G&stream=S&consumer=Z");
    let text = "JetStream stream \"Z\" not found on account \"$G\"";
    assert_eq!(health(stream), missing(text));
    let text = "JetStream consumer \"Z\" not found for stream \"S\" on account \"$G\"";
    assert_eq!(health(consumer), missing(text));
    assert_eq!(health("?account=Q"), missing("JetStream account \"Q\" not found"));
    let text = "\"account\" must not be empty when checking stream health";
    assert_eq!(health("?stream=S"), (400, json!({"status": "error", "error": text})));
}
