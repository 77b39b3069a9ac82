//! JetStream on the monitoring port, of a server that has one account.

use serde_json::{Value, json};

use crate::harness::{eventually, is_reference};
use crate::kit::{Js, has};

fn start() -> Js {
    let mut js = Js::start_with("max_mem: 100000, max_file: 2000000", "");
    js.create(json!({"name": "S", "subjects": ["s.>"], "max_bytes": 1500}));
    js.create(json!({"name": "T", "subjects": ["t"], "storage": "memory"}));
    js.stored("s.a", "x", 1);
    js.stored("s.b", "yy", 2);
    js.stored("t", "z", 1);
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    js
}

/// Adds a stream `M` that mirrors `S`, and waits until it does.
fn mirror(js: &mut Js) {
    js.create(json!({"name": "M", "mirror": {"name": "S"}}));
    let page = || js.server().json("/jsz?streams=1")["account_details"][0]["stream_detail"].clone();
    eventually("the mirror to be filled", || {
        let streams = page();
        let mirror = streams.as_array()?.iter().find(|stream| stream["name"] == "M")?.clone();
        (mirror["state"]["messages"] == 2).then_some(())
    });
}

fn names(list: &Value) -> Vec<String> {
    let mut names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

// Row 140.
#[test]
fn jsz_sums_up_in_the_order_of_fields_that_tools_know() {
    let js = start();
    let page = js.server().json("/jsz");
    let expected = [
        "memory",
        "storage",
        "reserved_memory",
        "reserved_storage",
        "accounts",
        "ha_assets",
        "api",
        "server_id",
        "now",
        "config",
        "limits",
        "streams",
        "consumers",
        "messages",
        "bytes",
        "total",
    ];
    assert_eq!(keys(&page), expected);
    has(
        &page,
        &json!({
            "reserved_memory": 0, "reserved_storage": 1500, "accounts": 1, "ha_assets": 0,
            "api": {"level": 4, "errors": 0}, "limits": {}, "streams": 2, "consumers": 1,
            "messages": 3, "total": 1,
            "config": {"max_memory": 100_000, "max_storage": 2_000_000, "compress_ok": true,
                "strict": true},
        }),
    );
    assert_eq!(page["server_id"], js.client.info["server_id"]);
    assert!(page["config"]["store_dir"].as_str().unwrap().ends_with("/jetstream"));
    let raft = js.server().json("/jsz?raft=1");
    has(&raft, &json!({"streams_leader": 2, "consumers_leader": 1}));
    // Of a server that is alone, all is led here.
    assert_eq!(js.server().json("/jsz?leader-only=1")["streams"], 2);
}

#[test]
fn jsz_tells_how_often_it_syncs() {
    let config = |block: &str| Js::start_with(block, "").server().json("/jsz")["config"].clone();
    let always = config("sync_interval: always");
    assert_eq!(always["sync_always"], true);
    let sometimes = config("sync_interval: 30s");
    assert_eq!(sometimes["sync_interval"], 30_000_000_000u64);
    assert_eq!(sometimes.get("sync_always"), None);
    // Ours syncs before it acknowledges, unless it is told otherwise.
    let default = config("");
    assert_eq!(default.get("sync_always"), (!is_reference()).then_some(&json!(true)));
}

#[test]
fn jsz_tells_limits() {
    let block = "domain: hub, strict: false, limits { max_ack_pending: 5, max_request_batch: 7,
        duplicate_window: 10s, batch { max_inflight_per_stream: 3, max_inflight_total: 4,
        max_msgs: 5, timeout: 2s } }";
    let js = Js::start_with(block, "");
    let page = js.server().json("/jsz");
    let limits = json!({
        "max_request_batch": 7, "max_ack_pending": 5, "max_duplicate_window": 10_000_000_000u64,
        "max_batch_inflight_per_stream": 3, "max_batch_inflight_total": 4, "max_batch_size": 5,
        "max_batch_timeout": 2_000_000_000u64,
    });
    assert_eq!(page["limits"], limits);
    assert_eq!(page["config"]["domain"], "hub");
    assert_eq!(page["config"].get("strict"), None);
    assert_eq!(js.server().json("/varz")["jetstream"]["limits"], limits);
}

#[test]
fn jsz_goes_into_detail() {
    let mut js = start();
    mirror(&mut js);
    let page = js.server().json("/jsz?accounts=1");
    let account = &page["account_details"][0];
    has(account, &json!({"name": "$G", "id": "$G", "accounts": 0, "api": {"level": 0}}));
    assert_eq!(account["reserved_storage"], u64::MAX, "no limit");
    assert_eq!(account.get("stream_detail"), None);

    let page = js.server().json("/jsz?streams=1");
    let streams = &page["account_details"][0]["stream_detail"];
    assert_eq!(names(streams), ["M", "S", "T"]);
    let of = |streams: &Value, name: &str| {
        streams.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    };
    let stream = of(streams, "S");
    assert_eq!(keys(&stream), ["name", "created", "cluster", "state"]);
    has(&stream["state"], &json!({"messages": 2, "num_subjects": 2, "consumer_count": 1}));
    let server_name = &js.server().json("/varz")["server_name"];
    assert_eq!(stream["cluster"]["leader"], *server_name);
    has(&of(streams, "M")["mirror"], &json!({"name": "S", "lag": 0}));

    let page = js.server().json("/jsz?consumers=1&config=1");
    let stream = of(&page["account_details"][0]["stream_detail"], "S");
    assert_eq!(stream["config"]["subjects"], json!(["s.>"]));
    assert_eq!(names(&stream["consumer_detail"]), ["C"], "what a mirror uses is not listed");
    has(
        &stream["consumer_detail"][0],
        &json!({
            "stream_name": "S", "num_pending": 2, "num_ack_pending": 0, "num_waiting": 0,
            "config": {"ack_policy": "explicit"}, "delivered": {"stream_seq": 0},
        }),
    );
    let page = js.server().json("/jsz?consumers=1");
    let stream = of(&page["account_details"][0]["stream_detail"], "S");
    assert_eq!(stream["consumer_detail"][0].get("config"), None);
}

#[test]
fn jsz_shows_the_page_or_the_account_asked_for() {
    let js = start();
    let details = |query: &str| {
        let page = js.server().json(&format!("/jsz?{query}"));
        assert_eq!(page["total"], 1, "{query}");
        page.get("account_details").map(|list| list.as_array().unwrap().len())
    };
    assert_eq!(details(""), None);
    assert_eq!(details("accounts=1&limit=1"), Some(1));
    assert_eq!(details("accounts=1&offset=1"), None);
    assert_eq!(details("acc=$G"), Some(1));
    assert_eq!(details("acc=$G&offset=1"), Some(1));
    assert_eq!(details("acc=nobody&streams=1"), None);
}

#[test]
fn a_server_without_jetstream_says_so() {
    let server = crate::harness::Server::start("");
    has(&server.json("/jsz"), &json!({"disabled": true, "streams": 0, "total": 0}));
    assert_eq!(server.json("/varz")["jetstream"], json!({}));
    let page = server.get("/jsz?leader-only=1");
    assert_eq!((page.status, &*page.body), (400, "filtered response: not leader"));
    assert_eq!(server.get("/healthz?account=A&stream=S").status, 200);
}

#[test]
fn health_is_that_of_the_server_or_of_what_is_named() {
    let js = start();
    let health = |query: &str| {
        let page = js.server().get(&format!("/healthz?{query}"));
        (page.status, serde_json::from_str::<Value>(&page.body).unwrap())
    };
    for fine in [
        "",
        "js-enabled-only=1",
        "js-server-only=1",
        "js-meta-only=1",
        "details=1",
        "account=$G",
        "account=$G&stream=S",
        "account=$G&stream=S&consumer=C",
    ] {
        assert_eq!(health(fine), (200, json!({"status": "ok"})), "{fine}");
    }
    let text = "JetStream stream \"Z\" not found on account \"$G\"";
    let missing = json!({"status": "unavailable", "error": text});
    assert_eq!(health("account=$G&stream=Z"), (404, missing));
    let text = "JetStream consumer \"Z\" not found for stream \"S\" on account \"$G\"";
    let problem = json!({"type": "CONSUMER", "account": "$G", "stream": "S", "consumer": "Z",
        "error": text});
    let missing = json!({"status": "error", "errors": [problem]});
    assert_eq!(health("account=$G&stream=S&consumer=Z&details=1"), (404, missing));
    let text = "JetStream account \"Q\" not found";
    let problem = json!({"type": "ACCOUNT", "account": "Q", "error": text});
    let missing = json!({"status": "error", "errors": [problem]});
    assert_eq!(health("account=Q&details=1"), (404, missing));
}

#[test]
fn an_account_tells_that_it_has_jetstream() {
    let js = start();
    let detail = &js.server().json("/accountz?acc=$G")["account_detail"];
    assert_eq!(detail["jetstream_enabled"], true);
}

#[test]
fn varz_counts_as_jsz_does() {
    let js = start();
    let (varz, jsz) = (js.server().json("/varz"), js.server().json("/jsz"));
    assert_eq!(keys(&varz["jetstream"]), ["config", "stats", "limits"]);
    assert_eq!(varz["jetstream"]["config"], jsz["config"]);
    for field in ["memory", "storage", "reserved_storage", "accounts"] {
        assert_eq!(varz["jetstream"]["stats"][field], jsz[field], "{field}");
    }
}

#[test]
fn metrics_sum_over_all_streams() {
    if is_reference() {
        return;
    }
    let js = start();
    let text = js.server().get("/metrics").body;
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    assert_eq!(value("vagus_jetstream_streams"), 2.0);
    assert!(value("vagus_jetstream_bytes{storage=\"file\"}") > 64.0);
    assert_eq!(value("vagus_jetstream_reserved_bytes{storage=\"file\"}"), 1500.0);
    assert!(value("vagus_jetstream_api_requests_total") >= 3.0);
    assert!(value("vagus_store_commits_total") > 0.0);
    assert!(value("vagus_store_wal_syncs_total") > 0.0);
    assert_eq!(value("vagus_store_damaged_records_total"), 0.0);
    assert_eq!(value("vagus_store_health{state=\"good\"}"), 1.0);
    assert!(!text.contains("\"S\""), "names of streams are no labels");
}
