//! Services that one account imports from another (rows 55, 58 to 62).

use crate::harness::{Client, Server};
use crate::kit::{request, user};

const SHARED: &str = r#"accounts {
    E {
        users: [{user: e, password: x}]
        mappings { "mapped": "real" }
        exports: [
            {service: "q.*"}, {service: "mapped"}
            {service: "stream", response: stream, threshold: "400ms"}
            {service: "chunked", response_type: chunked}
            {service: "slow", threshold: "200ms"}
            {service: "private", accounts: [I]}, {service: "pos.*", account_token_position: 2}
        ]
    }
    I {
        users: [{user: i, password: x}, {user: i2, password: x}]
        imports: [
            {service: {account: E, subject: "q.*"}, to: "ask.*"}
            {service: {account: E, subject: "q.own"}, share: true}
            {service: {account: E, subject: "mapped"}}
            {service: {account: E, subject: "stream"}}
            {service: {account: E, subject: "chunked"}}
            {service: {account: E, subject: "slow"}}
            {service: {account: E, subject: "private"}}
            {service: {account: E, subject: "pos.I"}, to: "pos"}
        ]
    }
}"#;

fn pair(server: &Server) -> (Client, Client) {
    let (mut e, mut i) = (user(server, "e"), user(server, "i"));
    e.subscribe("other", "9");
    i.subscribe("inbox.>", "1");
    (e, i)
}

/// The next request: its subject and reply, and its bytes.
#[track_caller]
fn asked(e: &mut Client) -> (String, String, String) {
    let (words, bytes) = e.message();
    let reply = if words.len() == 5 { words[2].clone() } else { String::new() };
    (words[0].clone(), reply, String::from_utf8(bytes).unwrap())
}

#[test]
fn a_request_crosses_over_and_its_answer_comes_back() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.send("SUB q.* 1\r\nSUB real 2\r\nSUB private 3\r\nSUB pos.* 4\r\n");
    e.ping_pong();
    for (n, (asks, named)) in
        [("ask.a", "q.a"), ("mapped", "real"), ("private", "private"), ("pos", "pos.I")]
            .into_iter()
            .cycle()
            .take(12)
            .enumerate()
    {
        let inbox = format!("inbox.{n}");
        request(&mut i, asks, &inbox, "?");
        let (subject, reply, bytes) = asked(&mut e);
        assert_eq!(subject, named);
        assert!(reply.starts_with("_R_."), "{reply}");
        assert!(bytes.starts_with("NATS/1.0\r\nNats-Request-Info: {\"acc\":\"I\""), "{bytes}");
        assert!(!bytes.contains("\"user\"") && bytes.ends_with("\r\n\r\n?"), "{bytes}");
        e.publish(&reply, "!");
        i.expect(format!("MSG {inbox} 1 1\r\n!\r\n"));
        e.publish(&reply, "a second answer");
        e.ping_pong();
        i.ping_pong();
    }
}

#[test]
fn headers_cross_in_both_directions_and_nobody_pretends() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.subscribe("q.*", "1");
    let forged = "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"X\"}\r\nA: b\r\n\r\n";
    let (head, total) = (forged.len(), forged.len() + 1);
    i.send(format!("HPUB ask.a inbox.1 {head} {total}\r\n{forged}?\r\n"));
    let (_, reply, bytes) = asked(&mut e);
    assert!(bytes.contains("\"acc\":\"I\"") && !bytes.contains("\"acc\":\"X\""), "{bytes}");
    assert!(bytes.contains("\r\nA: b\r\n"), "{bytes}");
    e.send(format!("HPUB {reply} 18 19\r\nNATS/1.0\r\nB: c\r\n\r\n!\r\n"));
    i.expect("HMSG inbox.1 1 18 19\r\nNATS/1.0\r\nB: c\r\n\r\n!\r\n");
}

#[test]
fn who_shares_is_named() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.subscribe("q.own", "1");
    request(&mut i, "q.own", "inbox.1", "?");
    let (_, _, bytes) = asked(&mut e);
    for part in ["\"acc\":\"I\"", "\"user\":\"i\"", "\"host\":\"127.0.0.1\"", "\"kind\":\"Client\""]
    {
        assert!(bytes.contains(part), "{bytes}");
    }
}

#[test]
fn a_traced_request_crosses_over_and_is_traced_no_further() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.subscribe("q.*", "1");
    i.subscribe("trace", "2");
    let headers = "NATS/1.0\r\nNats-Trace-Dest: trace\r\n\r\n";
    i.publish_headers("ask.a", headers, "?");
    let (subject, _, bytes) = asked(&mut e);
    assert_eq!(subject, "q.a");
    assert!(bytes.contains("\r\nNats-Trace-Dest: trace disabled\r\n"), "{bytes}");
    let event = &report(&mut i, "2")["events"][1];
    assert_eq!((&event["type"], &event["acc"]), (&"si".into(), &"E".into()));
    assert_eq!((&event["from"], &event["to"]), (&"ask.a".into(), &"q.a".into()));
}

#[test]
fn without_a_responder_the_requester_is_told() {
    let server = Server::start(SHARED);
    let (_e, mut i) = pair(&server);
    for (n, subject) in ["ask.a", "mapped", "stream"].into_iter().enumerate() {
        let inbox = format!("inbox.{n}");
        request(&mut i, subject, &inbox, "?");
        let (words, bytes) = i.message();
        assert_eq!(words[0], inbox);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("NATS/1.0 503\r\n"), "{text}");
    }
}

#[test]
fn without_a_reply_there_is_nothing_to_answer() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.subscribe("q.*", "1");
    i.publish("ask.a", "?");
    let (subject, reply, _) = asked(&mut e);
    assert_eq!((subject.as_str(), reply.as_str()), ("q.a", ""));
}

// Row 59.
#[test]
fn several_answers_come_until_an_empty_one() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    for (n, subject) in ["stream", "chunked"].into_iter().enumerate() {
        e.subscribe(subject, "1");
        let inbox = format!("inbox.{n}");
        request(&mut i, subject, &inbox, "?");
        let (_, reply, _) = asked(&mut e);
        for text in ["1", "2", "3", ""] {
            e.publish(&reply, text);
            i.expect(format!("MSG {inbox} 1 {}\r\n{text}\r\n", text.len()));
        }
        e.publish(&reply, "4");
        e.ping_pong();
        i.ping_pong();
        e.send("UNSUB 1\r\n");
    }
}

// Row 60.
#[test]
fn answers_after_the_threshold_do_not_come() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.send("SUB slow 1\r\nSUB stream 2\r\n");
    e.ping_pong();
    for subject in ["slow", "stream"] {
        request(&mut i, subject, "inbox.1", "?");
        let (_, reply, _) = asked(&mut e);
        crate::kit::pass(600);
        e.publish(&reply, "late");
        e.ping_pong();
        i.ping_pong();
    }
}

#[test]
fn an_answer_may_ask_back() {
    let server = Server::start(SHARED);
    let (mut e, mut i) = pair(&server);
    e.send("SUB q.* 1\r\nSUB back.> 2\r\n");
    e.ping_pong();
    request(&mut i, "ask.a", "inbox.1", "?");
    let (_, reply, _) = asked(&mut e);
    e.send(format!("PUB {reply} back.1 1\r\n!\r\n"));
    let (words, _) = i.message();
    assert!(words[2].starts_with("_R_."), "{words:?}");
    i.publish(&words[2], "and back");
    e.expect("MSG back.1 2 8\r\nand back\r\n");
}

#[test]
fn a_request_passes_through_several_accounts() {
    let server = Server::start(
        r#"accounts {
            A { users: [{user: a, password: x}], exports: [{service: "a.>"}] }
            B { users: [{user: b, password: x}], exports: [{service: "b.*"}]
                imports: [{service: {account: A, subject: "a.*"}, to: "b.*"}] }
            C { users: [{user: c, password: x}]
                imports: [{service: {account: B, subject: "b.x"}, to: "c"}] }
        }"#,
    );
    let (mut a, mut c) = (user(&server, "a"), user(&server, "c"));
    a.subscribe("a.*", "1");
    c.subscribe("inbox", "1");
    for _ in 0..3 {
        request(&mut c, "c", "inbox", "?");
        let (subject, reply, bytes) = asked(&mut a);
        assert_eq!(subject, "a.x");
        assert!(bytes.contains("\"acc\":\"C\"") && bytes.contains("\"svc\":\"B\""), "{bytes}");
        a.publish(&reply, "!");
        c.expect("MSG inbox 1 1\r\n!\r\n");
    }
    a.send("UNSUB 1\r\n");
    a.ping_pong();
    request(&mut c, "c", "inbox", "?");
    assert!(c.message().1.starts_with(b"NATS/1.0 503"));
}

/// The latency subject's next report.
#[track_caller]
fn report(client: &mut Client, sid: &str) -> serde_json::Value {
    let (words, bytes) = client.message();
    assert_eq!(words[1], sid);
    serde_json::from_slice(&bytes).unwrap()
}

// Row 61.
#[test]
fn response_times_are_reported_to_the_exporter() {
    let server = Server::start(
        r#"accounts {
            E { users: [{user: e, password: x}]
                exports: [{service: "q", latency: "times", threshold: "200ms"}
                          {service: "h", latency: {subject: "traced", sampling: headers}}] }
            I { users: [{user: i, password: x}, {user: i2, password: x}]
                imports: [{service: {account: E, subject: "q"}}
                          {service: {account: E, subject: "h"}, share: true}] }
        }"#,
    );
    let (mut e, mut i) = pair(&server);
    e.send("SUB times 1\r\nSUB traced 2\r\nSUB q 3\r\nSUB h 4\r\n");
    e.ping_pong();
    request(&mut i, "q", "inbox.1", "?");
    let (_, reply, _) = asked(&mut e);
    crate::kit::pass(20);
    e.publish(&reply, "!");
    i.expect("MSG inbox.1 1 1\r\n!\r\n");
    let times = report(&mut e, "1");
    assert_eq!(times["type"], "io.nats.server.metric.v1.service_latency");
    assert_eq!(times["status"], 200);
    assert_eq!(times["requestor"]["acc"], "I");
    assert_eq!(times["responder"]["user"], "e");
    let ns = |name: &str| times[name].as_u64().unwrap();
    let rtts = ["requestor", "responder"].map(|who| times[who]["rtt"].as_u64().unwrap_or(0));
    assert!(ns("service") + rtts[1] >= 20_000_000, "{times}");
    assert_eq!(ns("total"), ns("service") + ns("system") + rtts.iter().sum::<u64>());

    i.publish("q", "?");
    asked(&mut e);
    assert_eq!(report(&mut e, "1")["status"], 400);
    request(&mut i, "q", "inbox.2", "?");
    asked(&mut e);
    let late = report(&mut e, "1");
    assert_eq!((&late["status"], &late["description"]), (&504.into(), &"Service Timeout".into()));

    request(&mut i, "h", "inbox.3", "?");
    let (_, reply, _) = asked(&mut e);
    e.publish(&reply, "!");
    i.expect("MSG inbox.3 1 1\r\n!\r\n");
    let sampled = "NATS/1.0\r\nX-B3-Sampled: 1\r\n\r\n";
    let (head, total) = (sampled.len(), sampled.len() + 1);
    i.send(format!("HPUB h inbox.4 {head} {total}\r\n{sampled}?\r\n"));
    let (_, reply, _) = asked(&mut e);
    e.publish(&reply, "!");
    i.expect("MSG inbox.4 1 1\r\n!\r\n");
    let traced = report(&mut e, "2");
    assert_eq!(traced["header"]["X-B3-Sampled"][0], "1");
    assert_eq!(traced["requestor"]["user"], "i");

    e.send("UNSUB 3\r\n");
    e.ping_pong();
    request(&mut i, "q", "inbox.5", "?");
    assert_eq!(report(&mut e, "1")["status"], 503);
    assert!(i.message().1.starts_with(b"NATS/1.0 503"));
}

#[test]
fn a_requester_that_leaves_is_reported() {
    let server = Server::start(
        r#"accounts {
            E { users: [{user: e, password: x}], exports: [{service: "q", latency: "times"}] }
            I { users: [{user: i, password: x}], imports: [{service: {account: E, subject: "q"}}] }
        }"#,
    );
    let (mut e, mut i) = pair(&server);
    e.send("SUB times 1\r\nSUB q 3\r\n");
    e.ping_pong();
    request(&mut i, "q", "inbox.1", "?");
    asked(&mut e);
    drop(i);
    assert_eq!(report(&mut e, "1")["status"], 408);
}
