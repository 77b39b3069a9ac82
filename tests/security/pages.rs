//! Accounts and users in the monitoring pages (rows 124 and 129).

use serde_json::{Value, json};

use crate::harness::{Server, is_reference};
use crate::kit::user;

const SHARED: &str = r#"accounts {
    E {
        users: [{user: e, password: x}]
        mappings { from: to }
        exports: [
            {stream: "s.>", accounts: [I]}
            {service: "q.*", latency: {subject: times, sampling: 50}}
            {service: "many", response: stream}
        ]
    }
    I {
        users: [{user: i, password: x}]
        imports: [
            {stream: {account: E, subject: "s.*"}, to: "local.$1"}
            {service: {account: E, subject: "q.*"}, to: "ask.*", share: true}
        ]
    }
}"#;

#[track_caller]
fn entry<'a>(detail: &'a Value, list: &str, subject: &str) -> &'a Value {
    let all = detail[list].as_array().unwrap();
    all.iter().find(|one| one["subject"] == subject).unwrap()
}

#[test]
fn what_accounts_share_is_shown() {
    let server = Server::start(SHARED);
    let names = server.json("/accountz")["accounts"].clone();
    for name in ["$G", "$SYS", "E", "I"] {
        assert!(names.as_array().unwrap().contains(&name.into()), "{names}");
    }
    let page = server.json("/accountz?acc=E");
    let detail = &page["account_detail"];
    assert_eq!(detail["mappings"]["from"][0]["subject"], "to");
    let stream = json!({"subject": "s.>", "type": "stream", "approved_accounts": ["I"]});
    assert_eq!(entry(detail, "exports", "s.>"), &stream);
    let service = entry(detail, "exports", "q.*");
    assert_eq!(service["response_type"], "Singleton");
    assert_eq!(service["service_latency"], json!({"sampling": 50, "results": "times"}));
    assert_eq!(entry(detail, "exports", "many")["response_type"], "Streamed");

    let page = server.json("/accountz?acc=I");
    let detail = &page["account_detail"];
    let stream = json!({"subject": "s.*", "account": "E", "local_subject": "local.*",
        "type": "stream", "invalid": false, "share": false, "tracking": false});
    assert_eq!(entry(detail, "imports", "s.*"), &stream);
    let service = entry(detail, "imports", "q.*");
    assert_eq!((&service["to"], &service["share"]), (&"ask.*".into(), &true.into()));
    assert_eq!(service["latency"]["results"], "times");
}

/// nats-server counts what an importer is sent with the exporter.
#[test]
fn traffic_is_counted_for_each_account() {
    if is_reference() {
        return;
    }
    let server = Server::start(SHARED);
    let (mut e, mut i) = (user(&server, "e"), user(&server, "i"));
    i.subscribe("local.*", "1");
    for _ in 0..10 {
        e.publish("s.a", "12345");
        i.expect("MSG local.a 1 5\r\n12345\r\n");
    }
    server.wait_json("/accstatz", |page| {
        let of =
            |name: &str| page["account_statz"].as_array()?.iter().find(|one| one["acc"] == name);
        let (e, i) = (of("E")?, of("I")?);
        assert_eq!((&e["conns"], &i["conns"]), (&1.into(), &1.into()));
        let heard = json!({"m": e["received"]["msgs"], "b": e["received"]["bytes"]});
        let told = json!({"m": i["sent"]["msgs"], "b": i["sent"]["bytes"]});
        (heard == json!({"m": 10, "b": 50}) && heard == told).then_some(())
    });
    drop(i);
    server.wait_json("/connz?state=closed&auth=1", |page| {
        let gone = page["connections"].get(0)?;
        assert_eq!((&gone["account"], &gone["authorized_user"]), (&"I".into(), &"i".into()));
        Some(())
    });
}
