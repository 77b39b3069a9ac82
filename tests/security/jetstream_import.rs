//! JetStream's requests are services like others: an account may let another use its streams.

use serde_json::Value;

use crate::harness::{Client, Server};
use crate::kit::{request, user};

#[track_caller]
fn ask(client: &mut Client, subject: &str, body: &str) -> Value {
    request(client, subject, "inbox.1", body);
    let (_, bytes) = client.message();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn an_account_uses_the_streams_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&format!(
        r#"jetstream {{ store_dir: "{}" }}
        accounts {{
            J {{ jetstream: enabled, users: [{{user: j, password: x}}]
                exports: [{{service: "$JS.API.>", response: stream}}, {{service: "in.*"}},
                          {{service: "$JS.ACK.>"}}, {{stream: "out.>"}}] }}
            C {{ users: [{{user: c, password: x}}]
                imports: [{{service: {{account: J, subject: "$JS.API.>"}}, to: "js.api.>"}}
                          {{service: {{account: J, subject: "in.*"}}}}
                          {{service: {{account: J, subject: "$JS.ACK.>"}}}}
                          {{stream: {{account: J, subject: "out.>"}}}}] }}
        }}"#,
        dir.path().display()
    ));
    let (mut j, mut c) = (user(&server, "j"), user(&server, "c"));
    j.subscribe("inbox.>", "1");
    c.subscribe("inbox.>", "1");
    let made = ask(&mut c, "js.api.STREAM.CREATE.S", r#"{"name":"S","subjects":["in.*"]}"#);
    assert_eq!(made["config"]["name"], "S", "{made}");
    let stored = ask(&mut c, "in.a", "first");
    assert_eq!((&stored["stream"], &stored["seq"]), (&"S".into(), &1.into()));
    let seen = ask(&mut j, "$JS.API.STREAM.INFO.S", "");
    assert_eq!(seen["state"]["messages"], 1);
    let push = r#"{"stream_name":"S","config":{"durable_name":"d","deliver_subject":"out.d",
        "ack_policy":"explicit"}}"#;
    c.subscribe("out.d", "2");
    let made = ask(&mut c, "js.api.CONSUMER.DURABLE.CREATE.S.d", push);
    assert_eq!(made["name"], "d", "{made}");
    let (words, bytes) = c.message();
    assert_eq!((words[0].as_str(), bytes.as_slice()), ("in.a", &b"first"[..]));
    let ack = words[2].clone();
    assert!(ack.starts_with("$JS.ACK."), "{ack}");
    c.publish(&ack, "+ACK");
    crate::harness::eventually("the ack", || {
        let info = ask(&mut j, "$JS.API.CONSUMER.INFO.S.d", "");
        (info["ack_floor"]["stream_seq"] == 1).then_some(())
    });
    let pull = r#"{"stream_name":"S","config":{"durable_name":"p","ack_policy":"none"}}"#;
    let made = ask(&mut c, "js.api.CONSUMER.DURABLE.CREATE.S.p", pull);
    assert_eq!(made["name"], "p", "{made}");
    request(&mut c, "js.api.CONSUMER.MSG.NEXT.S.p", "inbox.2", "1");
    let (words, bytes) = c.message();
    assert_eq!((words[0].as_str(), bytes.as_slice()), ("in.a", &b"first"[..]));
}

/// nats.go binds to consumers it can't look up only when nobody answers.
#[test]
fn who_asks_another_account_for_its_info_is_told_nothing_by_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&format!(
        r#"jetstream {{ store_dir: "{}" }}
        accounts {{
            J {{ jetstream: enabled, users: [{{user: j, password: x}}]
                exports: [{{service: "$JS.API.INFO"}}, {{service: "$JS.API.STREAM.NAMES"}}] }}
            C {{ users: [{{user: c, password: x}}]
                imports: [{{service: {{account: J, subject: "$JS.API.INFO"}}}}] }}
            D {{ users: [{{user: d, password: x}}]
                imports: [{{service: {{account: J, subject: "$JS.API.STREAM.NAMES"}}}}] }}
        }}"#,
        dir.path().display()
    ));
    for (name, info, lookup) in [("c", Value::Null, None), ("d", 10039.into(), Some(10039))] {
        let mut client = user(&server, name);
        client.subscribe("inbox.*", "1");
        let answer = ask(&mut client, "$JS.API.INFO", "");
        assert_eq!(answer["error"]["err_code"], info, "{answer}");
        request(&mut client, "$JS.API.CONSUMER.INFO.S.c", "inbox.1", "");
        match lookup {
            None => assert!(client.frame().contains("NATS/1.0 503")),
            Some(code) => {
                let (_, bytes) = client.message();
                let answer: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(answer["error"]["err_code"], code);
            }
        }
    }
}
