//! What crosses routes, where that is not everything.

use crate::harness::{Server, eventually};
use crate::kit::{meshed, server};

fn conf(permissions: &str) -> String {
    format!("server_name: a\ncluster {{ name: c, listen: \"127.0.0.1:-1\", {permissions} }}")
}

// Row 153.
#[test]
fn what_is_denied_does_not_cross() {
    let a = Server::start(&conf(
        "permissions { import: { deny: [\"secret.>\"] }, export: { deny: [\"local.>\"] } }",
    ));
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    let (mut at_a, mut at_b) = (a.header_client(), b.header_client());
    at_a.send("SUB secret.x 1\r\nSUB *.x 2\r\nSUB secret.* g 3\r\nSUB end.a 4\r\n");
    at_b.send("SUB local.x 1\r\nSUB *.x 2\r\nSUB local.* g 3\r\nSUB end.b 4\r\n");
    for (server, subject) in [(&a, "end.b"), (&b, "end.a")] {
        crate::kit::wants(server, subject, 1);
    }
    // What is not let in is not asked for.
    let page = b.json("/routez?subs=1");
    let routes = page["routes"].as_array().unwrap().iter();
    let asked: Vec<_> = routes.filter_map(|route| route["subscriptions_list"].as_array()).collect();
    let asks = |subject: &str| asked.iter().any(|list| list.iter().any(|one| one == subject));
    assert!(asks("*.x") && !asks("secret.x") && !asks("secret.*"), "{page}");
    // Neither its own server's clients nor what is allowed are concerned.
    b.client().send("PUB secret.x 1\r\nS\r\nPUB local.x 1\r\nL\r\nPUB open.x 1\r\nO\r\n");
    let mut seen: Vec<String> = (0..5).map(|_| at_b.payload()).collect();
    seen.sort();
    assert_eq!(seen, ["L", "L", "L", "O", "S"]);
    // All of it has to have come: the server's order is that of the publisher.
    let mut from = b.client();
    from.send("PUB secret.x 1\r\nS\r\nPUB open.x 1\r\nP\r\nPUB end.a 3\r\nend\r\n");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "end") {
        seen.push(at_a.payload());
    }
    assert!(seen.iter().all(|payload| !payload.contains('S')), "{seen:?}");
    a.client().send("PUB local.x 1\r\nL\r\nPUB open.x 1\r\nP\r\nPUB end.b 3\r\nend\r\n");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "end") {
        seen.push(at_b.payload());
    }
    assert!(seen.iter().all(|payload| !payload.contains('L')), "{seen:?}");
    // Nobody is there for it, as far as it goes.
    let mut asker = a.header_client();
    asker.send("SUB inbox 9\r\nPUB local.y inbox 0\r\n\r\n");
    assert!(asker.message().1.starts_with(b"NATS/1.0 503"));
    // What was denied crosses once it no longer is.
    a.rewrite(&conf(""));
    a.signal("HUP");
    a.log.wait_for("Reloaded: cluster");
    eventually("secrets to cross", || {
        let mut from = b.client();
        from.send("PUB secret.x 1\r\nS\r\n");
        from.ping_pong();
        at_a.send("PUB end.a 3\r\nend\r\n");
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != "end") {
            seen.push(at_a.payload());
        }
        seen.iter().any(|payload| payload == "S").then_some(())
    });
}
