//! /connz: the connections, open and closed, in pages and by order.

use serde_json::Value;

use crate::harness::{Client, Server, eventually};

/// `count` clients named c0, c1, ... of which client n has published n messages of n bytes, and has
/// n subscriptions to a subject that nobody uses.
#[track_caller]
fn crowd(server: &Server, count: usize) -> Vec<Client> {
    let clients = (0..count)
        .map(|n| {
            let mut client = server.client_with(&format!(r#"{{"name":"c{n}"}}"#));
            for sid in 0..n {
                client.send(format!("SUB unused {sid}\r\n"));
                client.publish("nobody", vec![b'x'; n]);
            }
            client.ping_pong();
            client
        })
        .collect();
    // Counters may follow a little later than the messages.
    server.wait_json("/varz", |varz| (varz["in_msgs"] == count * (count - 1) / 2).then_some(()));
    clients
}

fn names(page: &Value) -> Vec<&str> {
    let entries = page["connections"].as_array().unwrap();
    entries.iter().map(|entry| entry["name"].as_str().unwrap_or("-")).collect()
}

// Row 122.
#[test]
fn pages_have_an_offset_and_a_limit() {
    let server = Server::start("");
    let _crowd = crowd(&server, 5);
    let page = server.json("/connz");
    assert_eq!(names(&page), ["c0", "c1", "c2", "c3", "c4"]);
    for (field, value) in [("num_connections", 5), ("total", 5), ("offset", 0), ("limit", 1024)] {
        assert_eq!(page[field], value, "{field}");
    }
    let page = server.json("/connz?limit=2");
    assert_eq!(names(&page), ["c0", "c1"]);
    assert_eq!((&page["num_connections"], &page["total"]), (&2.into(), &5.into()));
    let page = server.json("/connz?limit=2&offset=3");
    assert_eq!(names(&page), ["c3", "c4"]);
    assert_eq!(page["offset"], 3);
    assert_eq!(names(&server.json("/connz?offset=99")).len(), 0);
    assert_eq!(names(&server.json("/connz?offset=-1&limit=0")).len(), 5);
}

#[test]
fn pages_are_sorted_as_asked() {
    let server = Server::start("");
    let _crowd = crowd(&server, 4);
    for (sort, wanted) in [
        ("cid", ["c0", "c1", "c2", "c3"]),
        ("start", ["c0", "c1", "c2", "c3"]),
        ("subs", ["c3", "c2", "c1", "c0"]),
        ("msgs_from", ["c3", "c2", "c1", "c0"]),
        ("bytes_from", ["c3", "c2", "c1", "c0"]),
    ] {
        assert_eq!(names(&server.json(&format!("/connz?sort={sort}"))), wanted, "by {sort}");
    }
    for sort in ["pending", "msgs_to", "bytes_to", "idle", "uptime", "rtt"] {
        assert_eq!(names(&server.json(&format!("/connz?sort={sort}"))).len(), 4, "by {sort}");
    }
    assert_eq!(names(&server.json("/connz?sort=pending&limit=1")).len(), 1);
    let page = server.json("/connz?sort=last");
    let times = page["connections"].as_array().unwrap().iter();
    // Without the Z, the order of the texts is the order of the times.
    let text = |entry: &'_ Value| entry["last_activity"].as_str().unwrap().replace('Z', "");
    let times: Vec<_> = times.map(text).collect();
    assert!(times.is_sorted_by(|one, two| one >= two), "the latest first: {times:?}");
}

#[test]
fn what_clients_receive_can_be_sorted_by() {
    let server = Server::start("");
    let mut crowd = crowd(&server, 3);
    for (n, client) in crowd.iter_mut().enumerate() {
        for sid in 0..=n {
            client.send(format!("SUB fan f{sid}\r\n"));
        }
        client.ping_pong();
    }
    server.client().publish("fan", "12345");
    for (n, client) in crowd.iter_mut().enumerate() {
        for _ in 0..=n {
            client.message();
        }
    }
    for sort in ["msgs_to", "bytes_to"] {
        let page = server.json(&format!("/connz?sort={sort}&limit=3"));
        assert_eq!(names(&page), ["c2", "c1", "c0"], "by {sort}");
    }
    let page = server.json("/connz?sort=bytes_to&limit=1");
    let entry = &page["connections"][0];
    assert_eq!((&entry["out_msgs"], &entry["out_bytes"]), (&3.into(), &15.into()));
}

#[test]
fn one_connection_is_found_by_its_cid() {
    let server = Server::start("");
    let crowd = crowd(&server, 3);
    let cid = crowd[1].info["client_id"].as_u64().unwrap();
    let page = server.json(&format!("/connz?cid={cid}"));
    assert_eq!(names(&page), ["c1"]);
    assert_eq!(page["limit"], 1);
    assert_eq!(page["connections"][0]["cid"], cid);
    assert_eq!(server.json("/connz?cid=4711")["num_connections"], 0);
}

#[test]
fn an_entry_describes_its_connection() {
    let server = Server::start("");
    let client = server.client_with(r#"{"name":"n","lang":"l","version":"v"}"#);
    let entry = server.json("/connz")["connections"][0].clone();
    assert_eq!((&entry["kind"], &entry["type"]), (&"Client".into(), &"nats".into()));
    assert_eq!((&entry["name"], &entry["lang"]), (&"n".into(), &"l".into()));
    assert_eq!((&entry["version"], &entry["ip"]), (&"v".into(), &"127.0.0.1".into()));
    assert_eq!(entry["port"], client.socket.local_addr().unwrap().port());
    for text in ["start", "last_activity", "uptime", "idle"] {
        assert!(entry[text].is_string(), "{text} in {entry:#}");
    }
    for absent in ["stop", "reason", "subscriptions_list", "authorized_user", "tls_version"] {
        assert!(entry.get(absent).is_none(), "{absent} in {entry:#}");
    }
}

// Row 123.
#[test]
fn closed_connections_are_kept_with_their_reason() {
    let server = Server::start("");
    let open = server.client_with(r#"{"name":"open"}"#);
    let mut client = server.client_with(r#"{"name":"broken"}"#);
    client.send("FOO\r\n");
    client.expect_err_closed("Unknown Protocol Operation");
    drop(client);
    drop(server.client_with(r#"{"name":"left"}"#));
    server.wait_json("/connz?state=closed", |page| (page["total"] == 2).then_some(()));

    let page = server.json("/connz?state=closed&sort=stop");
    let entries = page["connections"].as_array().unwrap();
    let reason = |name| {
        let entry = entries.iter().find(|entry| entry["name"] == name).expect("the entry");
        assert!(entry["stop"].is_string(), "{entry:#}");
        entry["reason"].clone()
    };
    assert_eq!(reason("broken"), "Protocol Violation");
    assert_eq!(reason("left"), "Client Closed");
    assert_eq!(names(&server.json("/connz")), ["open"]);
    assert_eq!(server.json("/connz?state=any")["total"], 3);
    assert_eq!(names(&server.json("/connz?state=closed&sort=reason")).len(), 2);
    drop(open);
}

#[test]
fn reasons_tell_what_went_wrong() {
    let server = Server::start("max_payload: 10\nmax_control_line: 100");
    for (bytes, reason) in [
        ("PUB a\r\n", "Protocol Violation"),
        ("CONNECT {\r\n", "Protocol Violation"),
        ("NONSENSE\r\n", "Protocol Violation"),
        ("-ERR 'x'\r\n", "Parse Error"),
        ("PUB a 11\r\n", "Maximum Message Payload Exceeded"),
        ("CONNECT {\"protocol\":7}\r\n", "Bad Client Protocol Version"),
        ("CONNECT {\"no_responders\":true}\r\n", "No Responders Requires Headers"),
    ] {
        let mut client = server.client();
        client.send(bytes);
        client.read_to_end();
        let cid = client.info["client_id"].as_u64().unwrap();
        let path = format!("/connz?state=closed&cid={cid}");
        let entry = server.wait_json(&path, |page| page["connections"].get(0).cloned());
        assert_eq!(entry["reason"], reason, "after {bytes:?}");
    }
}

#[test]
fn only_so_many_closed_connections_are_kept() {
    let server = Server::start("max_closed_clients: 3");
    for n in 0..6 {
        let mut client = server.client_with(&format!(r#"{{"name":"c{n}"}}"#));
        client.finish_writing();
        client.expect_closed();
    }
    server
        .wait_json("/connz?state=closed", |page| (names(page) == ["c3", "c4", "c5"]).then_some(()));
}

// Row 124.
#[test]
fn subscriptions_are_listed_when_asked_for() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB a.> q 1\r\nUNSUB 1 9\r\nSUB b 2\r\n");
    client.publish("a.x", "");
    client.message();
    let page = server.json("/connz?subs=1");
    let mut list: Vec<_> = page["connections"][0]["subscriptions_list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|subject| subject.as_str().unwrap())
        .collect();
    list.sort_unstable();
    assert_eq!(list, ["a.>", "b"]);

    let page = server.json("/connz?subs=detail");
    let details = page["connections"][0]["subscriptions_list_detail"].as_array().unwrap();
    let queue = details.iter().find(|sub| sub["subject"] == "a.>").unwrap();
    assert_eq!((&queue["qgroup"], &queue["sid"]), (&"q".into(), &"1".into()));
    assert_eq!((&queue["msgs"], &queue["max"]), (&1.into(), &9.into()));
    assert_eq!(queue["cid"], client.info["client_id"]);
    assert_eq!(details.len(), 2);
}

#[test]
fn a_client_is_active_when_messages_come_or_go_and_not_by_pings() {
    let server = Server::start("");
    let (mut reader, mut writer) = (server.client(), server.client());
    reader.subscribe("a", "1");
    let active = || {
        let page = server.json("/connz?sort=cid");
        page["connections"][0]["last_activity"].as_str().unwrap().replace('Z', "")
    };
    let subscribed = active();
    reader.ping_pong();
    assert_eq!(active(), subscribed);
    writer.publish("a", "x");
    reader.expect("MSG a 1 1\r\nx\r\n");
    eventually("the message to count", || (active() > subscribed).then_some(()));
    let received = active();
    reader.send("UNSUB 1\r\n");
    reader.ping_pong();
    assert!(active() > received);
}
