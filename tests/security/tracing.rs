//! Traces of messages that go from one account to another, and of those whose account says where
//! their traces go (rows 38 to 40).

use serde_json::Value;

use crate::harness::{Client, Server};
use crate::kit::user;

const SHARED: &str = r#"accounts {
    A {
        users: [{user: a, password: x}, {user: a2, password: x}]
        exports: [{service: "open.*", allow_trace: true}, {service: "closed.*"}, {stream: "st.*"}]
        msg_trace: {dest: "ext.trace", sampling: 100}
    }
    B {
        users: [{user: b, password: x}]
        imports: [
            {service: {account: A, subject: "open.*"}, to: "ask.*"}
            {service: {account: A, subject: "closed.*"}}
            {stream: {account: A, subject: "st.*"}, prefix: "from_a", allow_trace: true}
        ]
    }
    C { users: [{user: c, password: x}], imports: [{stream: {account: A, subject: "st.*"}}] }
}"#;

const DEST: &str = "Nats-Trace-Dest: trace\r\n";
const ONLY: &str = "Nats-Trace-Only: true\r\n";

/// A client that hears of traces.
#[track_caller]
fn tracer(server: &Server, name: &str) -> Client {
    let mut client = user(server, name);
    client.send("SUB trace 1\r\nSUB ext.trace 2\r\nSUB inbox 3\r\n");
    client.ping_pong();
    client
}

fn publish(client: &mut Client, subject: &str, headers: &str) {
    client.publish_headers(subject, &format!("NATS/1.0\r\n{headers}\r\n"), "x");
}

/// The events of the next report, in short.
#[track_caller]
fn events(client: &mut Client) -> Vec<String> {
    let (_, payload) = client.message();
    let report: Value = serde_json::from_slice(&payload).expect("a report is JSON");
    let short = |event: &Value| {
        let words = ["type", "acc", "from", "to", "sub"].map(|name| event[name].as_str());
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    report["events"].as_array().unwrap().iter().map(short).collect()
}

// Row 38.
#[test]
fn a_service_that_lets_traces_through_is_seen() {
    let server = Server::start(SHARED);
    let (mut client, mut service) = (tracer(&server, "b"), user(&server, "a"));
    service.subscribe("open.*", "1");
    publish(&mut client, "ask.x", DEST);
    assert_eq!(events(&mut client), ["in B", "si A ask.x open.x", "eg A open.*"]);
    let headers = String::from_utf8(service.message().1).unwrap();
    assert!(headers.contains("Nats-Trace-Dest: _R_."), "{headers}");
    publish(&mut client, "ask.x", &[DEST, ONLY].concat());
    assert_eq!(events(&mut client), ["in B", "si A ask.x open.x", "eg A open.*"]);
    service.ping_pong();
}

// Row 39.
#[test]
fn a_service_that_does_not_is_where_a_trace_ends() {
    let server = Server::start(SHARED);
    let (mut client, mut service) = (tracer(&server, "b"), user(&server, "a"));
    service.subscribe("closed.*", "1");
    publish(&mut client, "closed.x", DEST);
    assert_eq!(events(&mut client), ["in B", "si A closed.x closed.x"]);
    let headers = String::from_utf8(service.message().1).unwrap();
    assert!(headers.contains("Nats-Trace-Dest: trace disabled"), "{headers}");
    publish(&mut client, "closed.x", &[DEST, ONLY].concat());
    assert_eq!(events(&mut client), ["in B", "si A closed.x closed.x"]);
    service.ping_pong();
}

#[test]
fn an_answer_is_traced_until_it_is_back() {
    let server = Server::start(SHARED);
    let (mut client, mut service) = (user(&server, "b"), tracer(&server, "a"));
    service.subscribe("open.*", "4");
    client.subscribe("inbox", "1");
    client.send("PUB ask.x inbox 1\r\nx\r\n");
    let reply = service.message().0[2].clone();
    publish(&mut service, &reply, DEST);
    assert_eq!(events(&mut service), ["in A".to_owned(), format!("si B {reply} inbox")]);
    let answer = String::from_utf8(client.message().1).unwrap();
    assert!(answer.contains("Nats-Trace-Dest: trace disabled"), "{answer}");
}

#[test]
fn who_imports_a_stream_is_seen_as_far_as_it_lets() {
    let server = Server::start(SHARED);
    let mut client = tracer(&server, "a");
    let (mut b, mut c) = (user(&server, "b"), user(&server, "c"));
    b.subscribe("from_a.>", "1");
    c.subscribe("st.*", "1");
    for headers in [DEST, &[DEST, ONLY].concat()] {
        publish(&mut client, "st.x", headers);
        let mut seen = events(&mut client);
        let at = seen.iter().position(|event| event.starts_with("eg B")).expect("no egress");
        assert_eq!(seen[at - 1], "se B from_a.st.x", "{seen:?}");
        seen.sort();
        assert_eq!(seen, ["eg B st.*", "in A", "se B from_a.st.x", "se C st.x"]);
    }
    // Once: the second was only to be traced.
    for client in [&mut b, &mut c] {
        assert!(client.message().1.ends_with(b"\r\n\r\nx"));
        client.ping_pong();
    }
}

/// The header of a trace of others, with these flags.
fn parent(flags: &str) -> String {
    format!("TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}\r\n")
}

// Row 40.
#[test]
fn the_account_of_a_sampled_traceparent_is_told() {
    let server = Server::start(SHARED);
    let (mut client, mut sub) = (tracer(&server, "a"), user(&server, "a2"));
    sub.subscribe("q", "7");
    sub.subscribe("unsampled", "8");
    publish(&mut client, "unsampled", &[&parent("00"), ONLY].concat());
    publish(&mut client, "q", &[&parent("01"), ONLY].concat());
    assert_eq!(events(&mut client), ["in A", "eg q"], "the first is not sampled");
    assert!(sub.message().1.starts_with(b"NATS/1.0\r\nTraceParent: "));
    assert!(sub.message().1.ends_with(b"x"), "only what names a destination is only traced");
    let mut other = tracer(&server, "b");
    publish(&mut other, "q", &parent("01"));
    other.ping_pong();
}

// Row 40.
#[test]
fn an_account_may_be_told_of_some() {
    let server = Server::start(&SHARED.replace("sampling: 100", "sampling: 25"));
    let mut client = tracer(&server, "a");
    for _ in 0..400 {
        publish(&mut client, "q", &parent("01"));
    }
    client.publish("ext.trace", "end");
    let told = std::iter::from_fn(|| Some(client.payload()).filter(|said| said != "end")).count();
    assert!((40..160).contains(&told), "{told} of 400 at 25 per cent");
}
