//! The monitoring port: what every tool that watches a NATS server reads.

use serde_json::Value;

use crate::harness::Server;

// Row 121.
#[test]
fn varz_describes_the_server() {
    let server = Server::start("server_name: watched");
    let page = server.get("/varz");
    assert_eq!(page.header("content-type"), Some("application/json"));
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    let (varz, info) = (page.json(), server.connect().info);
    for same in ["server_id", "server_name", "version", "proto", "git_commit", "go", "host"] {
        assert_eq!(varz[same], info[same], "{same}");
    }
    assert_eq!(varz["port"], server.port);
    assert_eq!(varz["http_host"], "127.0.0.1");
    assert_eq!(varz["system_account"], "$SYS");
    for empty in ["cluster", "gateway", "leaf", "mqtt", "websocket", "jetstream"] {
        assert_eq!(varz[empty], Value::Object(Default::default()), "{empty}");
    }
    for text in ["start", "now", "config_load_time", "uptime"] {
        assert!(varz[text].is_string(), "{text} in {varz:#}");
    }
    for number in [
        "mem",
        "cores",
        "gomaxprocs",
        "cpu",
        "connections",
        "total_connections",
        "routes",
        "remotes",
        "leafnodes",
        "in_msgs",
        "out_msgs",
        "in_bytes",
        "out_bytes",
        "in_client_msgs",
        "in_client_bytes",
        "out_client_msgs",
        "out_client_bytes",
        "slow_consumers",
        "stale_connections",
        "stalled_clients",
        "subscriptions",
        "http_port",
        "https_port",
        "tls_timeout",
    ] {
        assert!(varz[number].is_number(), "{number} in {varz:#}");
    }
    assert!(varz["mem"].as_u64() > Some(1_000_000), "resident memory in bytes: {}", varz["mem"]);
    for kind in ["clients", "routes", "gateways", "leafs"] {
        assert_eq!(varz["slow_consumer_stats"][kind], 0);
    }
}

#[test]
fn varz_counts_messages_and_bytes() {
    let server = Server::start("");
    let (mut one, mut two) = (server.client(), server.client());
    one.subscribe("a", "1");
    two.subscribe("a", "1");
    for _ in 0..10 {
        one.publish("a", "12345");
    }
    one.publish("nobody", "12");
    for _ in 0..10 {
        one.message();
        two.message();
    }
    let varz = server.wait_json("/varz", |varz| {
        (varz["in_msgs"] == 11 && varz["out_msgs"] == 20).then(|| varz.clone())
    });
    assert_eq!(varz["in_bytes"], 52);
    assert_eq!(varz["out_bytes"], 100);
    assert_eq!((&varz["in_client_msgs"], &varz["out_client_msgs"]), (&11.into(), &20.into()));
    assert_eq!((&varz["in_client_bytes"], &varz["out_client_bytes"]), (&52.into(), &100.into()));
    assert_eq!((&varz["connections"], &varz["total_connections"]), (&2.into(), &2.into()));
}

#[test]
fn times_are_rfc_3339_and_uptime_counts_from_the_largest_unit() {
    let varz = Server::start("").json("/varz");
    for field in ["start", "now"] {
        let text = varz[field].as_str().unwrap();
        let shape: String =
            text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert!(shape.starts_with("0000-00-00T00:00:00") && shape.ends_with('Z'), "{text}");
    }
    let uptime = varz["uptime"].as_str().unwrap();
    assert!(uptime.ends_with('s') && !uptime.contains('m'), "{uptime}");
}

#[test]
fn requests_to_the_pages_are_counted() {
    let server = Server::start("");
    server.get("/connz");
    server.get("/connz");
    server.get("/healthz");
    let stats = &server.json("/varz")["http_req_stats"];
    assert_eq!((&stats["/connz"], &stats["/healthz"]), (&2.into(), &1.into()), "{stats}");
    assert!(stats["/varz"].as_u64() >= Some(1), "{stats}");
}

#[test]
fn the_root_page_links_to_the_others() {
    let page = Server::start("").get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    for path in ["varz", "connz", "subsz", "healthz"] {
        assert!(page.body.contains(path), "{path}");
    }
}

#[test]
fn unknown_pages_are_404() {
    let page = Server::start("").get("/nonsense");
    assert_eq!((page.status, page.body.trim()), (404, "404 page not found"));
}

#[test]
fn wrong_parameters_are_400_and_say_why() {
    let server = Server::start("");
    for (path, text) in [
        (
            "/connz?limit=x",
            r#"Error decoding int for 'limit': strconv.Atoi: parsing "x": invalid syntax"#,
        ),
        (
            "/connz?subs=x",
            r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "x": invalid syntax"#,
        ),
        (
            "/connz?cid=x",
            r#"Error decoding uint64 for 'cid': strconv.ParseUint: parsing "x": invalid syntax"#,
        ),
        ("/connz?state=foo", "Error decoding state for foo"),
        ("/connz?sort=foo", "invalid sorting option: foo"),
        ("/connz?sort=stop", "sort by stop only valid on closed connections"),
        ("/connz?sort=reason", "sort by reason only valid on closed connections"),
        ("/subsz?test=a.*", "invalid test subject, must be valid publish subject: a.*"),
    ] {
        let page = server.get(path);
        assert_eq!((page.status, page.body.trim()), (400, text), "for {path}");
    }
}

// Row 128.
#[test]
fn subsz_counts_and_lists() {
    let server = Server::start("");
    let before = server.json("/subsz");
    let mut client = server.client();
    client.send("SUB foo.* 1\r\nSUB bar q 2\r\nUNSUB 2 5\r\n");
    client.publish("foo.x", "");
    client.message();
    let page = server.json("/subsz?subs=1");
    let count = before["num_subscriptions"].as_u64().unwrap() + 2;
    assert_eq!(page["num_subscriptions"], count);
    assert_eq!((&page["total"], &page["limit"]), (&count.into(), &1024.into()));
    for number in [
        "num_cache",
        "num_inserts",
        "num_removes",
        "num_matches",
        "cache_hit_rate",
        "max_fanout",
        "avg_fanout",
        "offset",
    ] {
        assert!(page[number].is_number(), "{number} in {page:#}");
    }
    let list = page["subscriptions_list"].as_array().unwrap();
    let foo = list.iter().find(|sub| sub["subject"] == "foo.*").unwrap();
    assert_eq!(foo["account"], "$G");
    assert_eq!((&foo["sid"], &foo["msgs"]), (&"1".into(), &1.into()));
    assert_eq!(foo["cid"], client.info["client_id"]);
    let bar = list.iter().find(|sub| sub["subject"] == "bar").unwrap();
    assert_eq!((&bar["qgroup"], &bar["max"]), (&"q".into(), &5.into()));
    assert!(before.get("subscriptions_list").is_none());
}

#[test]
fn subsz_tests_a_subject() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB foo.* 1\r\nSUB foo.> 2\r\nSUB bar 3\r\n");
    client.ping_pong();
    for (subject, count) in [("foo.x", 2), ("foo.x.y", 1), ("bar", 1), ("nothing.here", 0)] {
        let page = server.json(&format!("/subsz?subs=1&test={subject}"));
        assert_eq!(page["total"], count, "{subject}: {page:#}");
    }
    let page = server.json("/subscriptionsz?subs=1&test=foo.x&limit=1&offset=1");
    assert_eq!((&page["offset"], &page["limit"]), (&1.into(), &1.into()));
    assert_eq!(page["subscriptions_list"].as_array().map(Vec::len), Some(1), "{page:#}");
}

// Row 132.
#[test]
fn healthz_says_ok() {
    let server = Server::start("");
    for path in ["/healthz", "/healthz?js-server-only=true", "/healthz?js-enabled-only=1"] {
        let page = server.get(path);
        assert_eq!((page.status, page.body.as_str()), (200, r#"{"status":"ok"}"#), "for {path}");
        assert_eq!(page.header("content-type"), Some("application/json"));
    }
}

// Row 133.
#[test]
fn healthz_details_lists_its_errors() {
    let server = Server::start("");
    assert_eq!(server.get("/healthz?details=1").body, r#"{"status":"ok"}"#);
    let page = server.get("/healthz?stream=S");
    assert_eq!(page.status, 400);
    let reason = r#""error":"\"account\" must not be empty when checking stream health""#;
    assert_eq!(page.body, format!(r#"{{"status":"error",{reason}}}"#));
    let page = server.get("/healthz?details=1&stream=S");
    let list = format!(r#"[{{"type":"BAD_REQUEST",{reason}}}]"#);
    assert_eq!(page.body, format!(r#"{{"status":"error","errors":{list}}}"#));
}

// Row 135.
#[test]
fn stacksz_is_a_text_about_what_runs() {
    let page = Server::start("").get("/stacksz");
    assert_eq!(page.status, 200);
    assert!(page.body.lines().count() > 3, "{page:?}");
}

// Row 136.
#[test]
fn a_base_path_stands_before_all_pages() {
    let server = Server::start("http_base_path: \"/base\"");
    assert_eq!(server.json("/base/varz")["http_base_path"], "/base");
    assert_eq!(server.get("/base/healthz").status, 200);
    assert_eq!(server.get("/base").status, 200);
    assert_eq!(server.get("/varz").status, 404);
    assert_eq!(server.get("/").status, 404);
}

// Row 142.
#[test]
fn varz_and_connz_hold_what_nats_top_reads() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"name":"top","lang":"rust","version":"1.2.3"}"#);
    client.send("SUB a 1\r\n");
    client.publish("a", "12345");
    client.message();
    let varz = server.json("/varz");
    for number in ["cpu", "mem", "slow_consumers", "in_msgs", "out_msgs", "in_bytes", "out_bytes"] {
        assert!(varz[number].is_number(), "{number}");
    }
    let connz = server.wait_json("/connz?limit=1024&sort=msgs_to&subs=1", |page| {
        (page["connections"][0]["in_msgs"] == 1).then(|| page.clone())
    });
    assert_eq!(connz["num_connections"], 1);
    let entry = &connz["connections"][0];
    assert_eq!((&entry["name"], &entry["lang"]), (&"top".into(), &"rust".into()));
    assert_eq!((&entry["version"], &entry["ip"]), (&"1.2.3".into(), &"127.0.0.1".into()));
    assert_eq!((&entry["in_msgs"], &entry["out_msgs"]), (&1.into(), &1.into()));
    assert_eq!((&entry["in_bytes"], &entry["out_bytes"]), (&5.into(), &5.into()));
    assert_eq!((&entry["subscriptions"], &entry["pending_bytes"]), (&1.into(), &0.into()));
    assert_eq!(entry["subscriptions_list"][0], "a");
    assert!(entry["uptime"].is_string() && entry["last_activity"].is_string(), "{entry:#}");
    assert_eq!(entry["port"], client.socket.local_addr().unwrap().port());
}

#[test]
fn the_numbers_an_exporter_reads_are_json_numbers_at_the_top_level() {
    let server = Server::start("");
    // The exporter makes a gauge of every number of these pages and skips what is not one.
    for path in ["/varz", "/connz", "/subsz", "/routez", "/gatewayz", "/leafz", "/accstatz"] {
        let page = server.json(path);
        assert!(page["server_id"].is_string(), "{path}: {page:#}");
    }
    assert_eq!(server.json("/routez")["num_routes"], 0);
    assert_eq!(server.json("/leafz")["leafnodes"], 0);
}
