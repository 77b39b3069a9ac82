//! What a connection and an account hear about JetStream.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::kit::{Js, Nats, has, ok, refused};

// Row 1.
#[test]
fn info_advertises_jetstream() {
    let js = Js::start();
    let info = &js.client.info;
    assert_eq!((&info["jetstream"], &info["api_lvl"]), (&json!(true), &json!(4)));
}

#[test]
fn without_jetstream_info_says_nothing_and_nobody_answers() {
    let server = Server::start("");
    let mut nats = Nats::connect(server.port, "{}");
    assert_eq!(nats.client.info.get("jetstream"), None);
    let answer = nats.request("$JS.API.INFO", &[], "");
    assert_eq!(answer.head, "NATS/1.0 503\r\nNats-Subject: $JS.API.INFO\r\n\r\n");
}

// Row 2.
#[test]
fn an_account_learns_what_it_uses_and_may_use() {
    let mut js = Js::start();
    let unlimited = json!({
        "max_memory": -1, "max_storage": -1, "max_streams": -1, "max_consumers": -1,
        "max_ack_pending": -1, "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1,
        "max_bytes_required": false,
    });
    let empty = json!({
        "type": "io.nats.jetstream.api.v1.account_info_response",
        "memory": 0, "storage": 0, "reserved_memory": 0, "reserved_storage": 0,
        "streams": 0, "consumers": 0, "limits": unlimited,
        "api": {"level": 4, "total": 0, "errors": 0},
    });
    assert_eq!(js.api("INFO", ""), empty);
    js.create(json!({"name": "F", "subjects": ["f"], "max_bytes": 1000}));
    js.create(json!({"name": "M", "subjects": ["m"], "max_bytes": 2000, "storage": "memory"}));
    js.consumer("F", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    js.stored("f", "x", 1);
    js.stored("m", "x", 1);
    ok(js.api("STREAM.INFO.F", ""));
    assert!(js.api("STREAM.INFO.Z", "").get("error").is_some());
    let used = js.api("INFO", "");
    has(
        &used,
        &json!({
            "memory": 18, "storage": 32, "reserved_memory": 2000, "reserved_storage": 1000,
            "streams": 2, "consumers": 1, "api": {"errors": 1},
        }),
    );
    assert!(used["api"]["total"].as_u64() > Some(4), "{used}");
}

// Row 3.
#[test]
fn an_account_without_jetstream_is_told_so() {
    let conf = "accounts {
        A { jetstream: enabled, users: [{user: a, password: p}] }
        B { users: [{user: b, password: p}] }
    }";
    let js = Js::start_as("", conf, r#"{"user":"a","pass":"p"}"#);
    let mut other = js.connect_as("b");
    let answer = other.api("INFO", "");
    has(&answer, &json!({"type": "io.nats.jetstream.api.v1.account_info_response"}));
    has(&answer, &json!({"error": {"code": 503}}));
    assert!(answer.get("memory").is_none(), "{answer}");
    refused(&answer, 10039, "JetStream not enabled for account");
    let answer = other.try_create(json!({"name": "S"}));
    has(&answer, &json!({"type": "io.nats.jetstream.api.v1.stream_create_response"}));
    refused(&answer, 10039, "JetStream not enabled for account");
}

#[test]
fn accounts_do_not_see_each_other() {
    let conf = "accounts {
        A { jetstream: enabled, users: [{user: a, password: p}] }
        B { jetstream: enabled, users: [{user: b, password: p}] }
    }";
    let mut js = Js::start_as("", conf, r#"{"user":"a","pass":"p"}"#);
    let mut other = js.connect_as("b");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    assert_eq!(other.api("STREAM.NAMES", "")["streams"], Value::Null);
    other.create(json!({"name": "S", "subjects": ["s"], "storage": "memory"}));
    js.stored("s", "a", 1);
    js.stored("s", "aa", 2);
    other.stored("s", "b", 1);
    assert_eq!(other.get("S", 1).text(), "b");
    assert_eq!(js.state("S")["messages"], 2);
}

// Row 59.
#[test]
fn metadata_names_the_level_an_asset_needs() {
    let mut js = Js::start();
    let mut levels = Vec::new();
    for (n, extra) in [
        json!({}),
        json!({"allow_msg_ttl": true}),
        json!({"allow_atomic": true}),
        json!({"allow_batched": true}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut config = json!({"name": format!("S{n}"), "subjects": [format!("s{n}")]});
        config["metadata"] = json!({"owner": "me", "_nats.req.level": "7"});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let created = js.create(config);
        let metadata = &created["config"]["metadata"];
        assert_eq!(metadata["owner"], "me");
        assert_eq!(metadata["_nats.level"], "4");
        assert!(metadata["_nats.ver"].is_string(), "{metadata}");
        levels.push(metadata["_nats.req.level"].as_str().unwrap().to_owned());
    }
    assert_eq!(levels, ["0", "1", "2", "4"]);
    let listed = js.api("STREAM.LIST", "");
    let metadata = &listed["streams"][0]["config"]["metadata"];
    assert_eq!(*metadata, json!({"_nats.req.level": "0", "owner": "me"}));
}

// Row 60.
#[test]
fn a_request_may_ask_for_a_level() {
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"], "allow_direct": true}));
    js.stored("s", "x", 1);
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    ok(js.api_with("STREAM.INFO.S", &[("Nats-Required-Api-Level", "4")], ""));
    for level in ["5", "9", "x"] {
        let header = [("Nats-Required-Api-Level", level)];
        let answer = js.api_with("STREAM.INFO.S", &header, "");
        has(&answer, &json!({"error": {"code": 412}}));
        refused(&answer, 10185, "JetStream minimum api level required");
        let direct = js.request("$JS.API.DIRECT.GET.S", &header, r#"{"seq":1}"#);
        assert_eq!(direct.head, "NATS/1.0 412 Required Api Level\r\n\r\n");
        let pull = js.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &header, "");
        assert_eq!(pull.head, "NATS/1.0 412 Required Api Level\r\n\r\n");
    }
}

// Row 121.
#[test]
fn a_domain_is_a_second_name_of_the_api() {
    let mut js = Js::start_with("domain: HUB", "");
    assert_eq!(js.client.info["domain"], "HUB");
    let answer = js.request("$JS.HUB.API.INFO", &[], "").json();
    has(&answer, &json!({"domain": "HUB", "api": {"level": 4}}));
    let config = json!({"name": "S", "subjects": ["s"], "allow_direct": true}).to_string();
    let created = js.request("$JS.HUB.API.STREAM.CREATE.S", &[], config).json();
    has(&created, &json!({"did_create": true}));
    assert_eq!(js.request("s", &[], "x").text(), r#"{"stream":"S","domain":"HUB","seq":1}"#);
    let direct = js.request("$JS.HUB.API.DIRECT.GET.S", &[], r#"{"seq":1}"#);
    assert_eq!(direct.text(), "x");
    assert_eq!(js.info("S")["domain"], "HUB");
    let unknown = js.request("$JS.HUG.API.INFO", &[], "");
    assert_eq!(unknown.status(), Some("503"));
}

#[test]
fn buckets_are_reached_through_their_domain() {
    let mut js = Js::start_with("domain: HUB", "");
    js.create(json!({"name": "KV_B", "subjects": ["$KV.B.>"]}));
    js.create(json!({"name": "OBJ_B", "subjects": ["$O.B.>"]}));
    let ack = js.publish("$JS.HUB.API.$KV.B.key", "x");
    assert_eq!(ack, json!({"stream": "KV_B", "domain": "HUB", "seq": 1}));
    assert_eq!(js.get("KV_B", 1).subject, "$KV.B.key");
    // Whoever imports the API under `x.>` and buckets under `x.$KV.>` would put everything twice.
    js.client.publish("$JS.API.$KV.B.key", "x");
    assert_eq!(js.info("KV_B")["state"]["messages"], 1);
    let config = json!({"durable_name": "C", "ack_policy": "explicit"});
    js.consumer("KV_B", "C", config);
    let message = js.request("$JS.HUB.API.CONSUMER.MSG.NEXT.KV_B.C", &[], "");
    assert_eq!((message.subject.as_str(), message.text()), ("$KV.B.key", "x"));
    let acked = js.request(message.reply.as_deref().unwrap(), &[], "");
    assert_eq!(acked.text(), "");
}

#[test]
fn a_domain_is_one_token() {
    for domain in ["a.b", "a b", "*", ">"] {
        let store = tempfile::tempdir().unwrap();
        let conf = format!(
            "listen: \"127.0.0.1:-1\"\njetstream {{ store_dir: \"{}\", domain: \"{domain}\" }}",
            store.path().display()
        );
        assert_eq!(Server::run_conf(&conf, &[]).code, Some(1), "{domain:?} is no domain");
    }
}
