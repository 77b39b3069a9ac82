//! Accounts do not hear each other (row 53), and have mappings of their own.

use crate::harness::Server;
use crate::kit::{request, user};

const TWO: &str = r#"accounts {
    A { users: [{user: a, password: x}], mappings { m: mapped.a } }
    B { users: [{user: b, password: x}], mappings { m: mapped.b } }
}
authorization { users: [{user: g, password: x}] }
"#;

#[test]
fn the_same_subjects_in_different_accounts_are_different() {
    let server = Server::start(TWO);
    let mut all = ["a", "b", "g"].map(|name| (name, user(&server, name)));
    for (_, client) in &mut all {
        client.send("SUB > 1\r\nSUB shared 2\r\nSUB *.x q 3\r\n");
        client.ping_pong();
    }
    // The same subject again and again, so that it is cached, from each in turn.
    for round in 0..5 {
        for (name, client) in &mut all {
            let text = format!("{name}{round}");
            client.publish("shared", &text);
            let mut got = [client.message(), client.message()];
            got.sort();
            assert_eq!(
                got.map(|(words, bytes)| (words[1].clone(), bytes)),
                [("1".to_owned(), text.clone().into_bytes()), ("2".to_owned(), text.into_bytes()),]
            );
        }
        all.iter_mut().for_each(|(_, client)| client.ping_pong());
    }
}

#[test]
fn a_request_finds_no_responder_of_another_account() {
    let server = Server::start(TWO);
    let (mut a, mut b) = (user(&server, "a"), user(&server, "b"));
    a.subscribe("service", "1");
    b.subscribe("inbox", "1");
    request(&mut b, "service", "inbox", "hello");
    let (words, bytes) = b.message();
    assert_eq!(words[0], "inbox");
    assert!(bytes.starts_with(b"NATS/1.0 503"));
    a.ping_pong();
}

#[test]
fn every_account_has_mappings_of_its_own() {
    let server = Server::start(TWO);
    for name in ["a", "b"] {
        let mut client = user(&server, name);
        client.subscribe(">", "1");
        client.publish("m", "hi");
        assert_eq!(client.message().0, [&format!("mapped.{name}"), "1", "2"]);
    }
    let mut global = user(&server, "g");
    global.subscribe(">", "1");
    global.publish("m", "hi");
    assert_eq!(global.message().0, ["m", "1", "2"]);
}

#[test]
fn a_second_connect_moves_a_client_to_another_account() {
    let server = Server::start(TWO);
    let (mut a, mut b) = (user(&server, "a"), user(&server, "b"));
    let mut mover = user(&server, "a");
    mover.subscribe("here", "1");
    a.publish("here", "1");
    mover.expect("MSG here 1 1\r\n1\r\n");
    mover.login(r#"{"user":"b","pass":"x"}"#);
    a.publish("here", "2");
    b.publish("here", "3");
    a.ping_pong();
    b.ping_pong();
    mover.subscribe("here", "2");
    a.publish("here", "4");
    a.ping_pong();
    b.publish("here", "5");
    mover.expect("MSG here 2 1\r\n5\r\n");
    mover.ping_pong();
}

#[test]
fn monitoring_tells_accounts_apart() {
    let server = Server::start(TWO);
    let mut a = user(&server, "a");
    a.subscribe("only.a", "1");
    let _b = user(&server, "b");
    let page = server.json("/connz?auth=1&acc=A");
    assert_eq!(page["num_connections"], 1);
    assert_eq!(page["connections"][0]["account"], "A");
    assert_eq!(page["connections"][0]["authorized_user"], "a");
    let page = server.json("/subsz?subs=1&acc=A");
    let subs = page["subscriptions_list"].as_array().unwrap();
    assert!(subs.iter().any(|sub| sub["subject"] == "only.a" && sub["account"] == "A"));
    let page = server.json("/subsz?subs=1&acc=B");
    let none = Vec::new();
    let subs = page["subscriptions_list"].as_array().unwrap_or(&none);
    assert!(subs.iter().all(|sub| sub["subject"] != "only.a"));
}

// Rows 56 and 63.
#[test]
fn imports_that_are_not_meant_or_form_a_ring_are_refused() {
    let shared = |c: &str| {
        format!(
            r#"accounts {{
    A {{ exports: [{{stream: "p.>", accounts: [B]}}, {{service: "q", accounts: [B]}}] }}
    B {{
        imports: [
            {{stream: {{account: A, subject: "p.>"}}}}
            {{service: {{account: A, subject: q}}}}
        ]
    }}
    C {{ imports: [{c}] }}
}}"#
        )
    };
    let ring = |kind: &str| {
        format!(
            r#"accounts {{
    A {{ exports: [{{{kind}: s}}], imports: [{{{kind}: {{account: B, subject: s}}}}] }}
    B {{ exports: [{{{kind}: s}}], imports: [{{{kind}: {{account: A, subject: s}}}}] }}
}}"#
        )
    };
    assert_eq!(Server::run_conf(&shared(""), &["-t"]).code, Some(0));
    for (conf, text) in [
        (
            shared("{stream: {account: A, subject: p.x}}"),
            "Error adding stream import \"p.x\": stream import not authorized",
        ),
        (
            shared("{service: {account: A, subject: q}}"),
            "Error adding service import \"q\": service import not authorized",
        ),
        (ring("stream"), "Error adding stream import \"s\": import forms a cycle"),
        (ring("service"), "Error adding service import \"s\": import forms a cycle"),
    ] {
        Server::run_conf(&conf, &["-t"]).refused_with(text);
    }
}

// Row 58.
#[test]
fn what_names_an_account_is_imported_by_that_one_alone() {
    let import = |import: &str| {
        let conf = format!(
            r#"accounts {{
    A {{
        exports: [
            {{stream: "p.*", account_token_position: 2}}
            {{service: "q.*.x", account_token_position: 2}}
        ]
    }}
    B {{ imports: [{import}] }}
    C {{}}
}}"#
        );
        Server::run_conf(&conf, &["-t"])
    };
    for (kind, own, others) in [("stream", "p.B", "p.C"), ("service", "q.B.x", "q.C.x")] {
        let of = |subject| format!("{{{kind}: {{account: A, subject: {subject}}}}}");
        assert_eq!(import(&of(own)).code, Some(0));
        let text = format!("Error adding {kind} import {others:?}: {kind} import not authorized");
        import(&of(others)).refused_with(&text);
    }
}
