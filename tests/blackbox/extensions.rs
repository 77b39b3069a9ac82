//! Pages that nats-server does not have: the actors at work, and metrics for Prometheus.

use std::collections::BTreeMap;

use crate::harness::{Server, eventually, is_reference};

/// The samples of a page in the Prometheus text format, by name and labels.
#[track_caller]
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("not a number: {line}")))
        })
        .collect()
}

#[test]
fn metrics_follow_the_traffic() {
    if is_reference() {
        return println!("skipped: /metrics is an extension of vagus");
    }
    let server = Server::start("");
    let page = server.get("/metrics");
    assert_eq!(page.status, 200);
    let kind = page.header("content-type").unwrap();
    assert!(kind.contains("text/plain") || kind.contains("openmetrics-text"), "{kind}");
    assert!(page.body.contains("# TYPE ") && page.body.contains("# HELP "), "{}", page.body);
    let before = samples(&page.body);

    let mut client = server.client();
    for _ in 0..1234 {
        client.publish("nobody", "x");
    }
    client.ping_pong();
    let after = samples(&server.get("/metrics").body);
    let grown = after
        .iter()
        .filter(|(name, value)| *value - before.get(*name).copied().unwrap_or_default() == 1234.0);
    assert!(grown.count() > 0, "nothing counted 1234 messages: {after:#?}");
}

#[test]
fn actorz_shows_the_living() {
    if is_reference() {
        return println!("skipped: /actorz is an extension of vagus");
    }
    let server = Server::start("");
    let connections = || {
        let page = server.json("/actorz");
        assert!(!page["actors"].as_array().unwrap().is_empty(), "{page:#}");
        page["summary"]["kinds"]["connection"]["count"].as_u64().unwrap_or_default()
    };
    let before = connections();
    let clients: Vec<_> = (0..5).map(|_| server.client()).collect();
    assert_eq!(connections(), before + 5);
    drop(clients);
    eventually("the actors of closed connections to end", || {
        (connections() == before).then_some(())
    });
}
