//! `/leafz`, and the same page by request.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::Server;
use crate::kit::{Make, hub, leaf_port, links, nats_is_at_least, our_leafs, start};

const ACCOUNTS: &str = "accounts {
  A { users: [{ user: a, password: a }] }
  B { users: [{ user: b, password: b }] }
  SYS { users: [{ user: s, password: s }] }
}
system_account: SYS
";

/// A hub with a leaf node in each of its accounts, A and B.
fn linked(make: Make) -> (Server, [Server; 2]) {
    let isolates = make == Make::Ours || nats_is_at_least(14);
    let hub = hub(make, if isolates { "isolate_leafnode_interest: true" } else { "" }, ACCOUNTS);
    let leafs = ["a", "b"].map(|user| {
        let url = format!("nats-leaf://{user}:{user}@127.0.0.1:{}", leaf_port(&hub));
        start(
            Make::Ours,
            &format!("server_name: leaf-{user}\nleafnodes {{ remotes: [{{ url: \"{url}\" }}] }}"),
        )
    });
    links(&hub, 2);
    (hub, leafs)
}

/// The link in account A, once all is known of it.
fn of_a(hub: &Server, query: &str) -> Value {
    hub.wait_json(&format!("/leafz?acc=A{query}"), |page| {
        page["leafs"][0]["rtt"].is_string().then(|| page.clone())
    })
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

// Row 127.
#[test]
fn leafz_tells_all_of_a_link() {
    let (hub, [leaf, _]) = linked(Make::Ours);
    let mut reader = leaf.client();
    reader.subscribe("down", "1");
    reader.send("SUB work q 2\r\n");
    reader.ping_pong();
    let page = hub.wait_json("/leafz?acc=A&subs=1", |page| {
        let known = page["leafs"][0]["subscriptions_list"].as_array()?;
        let all = ["down", "work"].iter().all(|one| known.iter().any(|known| known == one));
        (all && page["leafs"][0]["rtt"].is_string()).then(|| page.clone())
    });
    assert_eq!(keys(&page), ["leafnodes", "leafs", "now", "server_id"].into());
    assert_eq!((&page["leafnodes"], page["leafs"].as_array().unwrap().len()), (&1.into(), 1));
    let link = &page["leafs"][0];
    assert_eq!((&link["name"], &link["account"]), (&"leaf-a".into(), &"A".into()));
    assert_eq!((&link["is_spoke"], &link["is_isolated"]), (&false.into(), &true.into()));
    assert_eq!(link["ip"], "127.0.0.1");
    let subscriptions = link["subscriptions"].as_u64().unwrap();
    assert_eq!(subscriptions, link["subscriptions_list"].as_array().unwrap().len() as u64);
    for none in ["in_msgs", "in_bytes", "out_msgs", "out_bytes"] {
        assert_eq!(link[none], 0, "{none}");
    }
    let mut writer = hub.client_with(r#"{"user":"a","pass":"a"}"#);
    (0..3).for_each(|_| writer.publish("down", "12345"));
    (0..3).for_each(|_| assert_eq!(reader.payload(), "12345"));
    let sent = |link: &Value| (link["out_msgs"].clone(), link["out_bytes"].clone());
    hub.wait_json("/leafz?acc=A", |page| {
        (sent(&page["leafs"][0]) == (3.into(), 15.into())).then_some(())
    });
    let other = leaf.json("/leafz")["leafs"][0].clone();
    assert_eq!((&other["name"], &other["account"]), (&"hub".into(), &"$G".into()));
    assert_eq!((&other["is_spoke"], &other["in_msgs"]), (&true.into(), &3.into()));
}

// Row 127.
#[test]
fn leafz_is_of_one_account_and_without_interest_unless_it_is_asked_for() {
    for (make, _) in our_leafs() {
        let (hub, _leafs) = linked(make);
        assert_eq!(hub.json("/leafz")["leafnodes"], 2);
        let page = of_a(&hub, "");
        assert_eq!(page["leafs"][0]["subscriptions_list"], Value::Null);
        let none = hub.json("/leafz?acc=NOBODY");
        assert_eq!(none["leafnodes"], 0);
        assert!(none["leafs"].as_array().is_none_or(Vec::is_empty), "{none}");
        let refused = hub.get("/leafz?subs=maybe");
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("Error decoding boolean for 'subs'"), "{}", refused.body);
    }
}

// Row 127.
#[test]
fn leafz_has_the_fields_of_nats_server() {
    if !nats_is_at_least(14) {
        return;
    }
    let (ours, _leafs) = linked(Make::Ours);
    let (theirs, _others) = linked(Make::Nats);
    for query in ["", "&subs=1"] {
        let (ours, theirs) = (of_a(&ours, query), of_a(&theirs, query));
        assert_eq!(keys(&ours), keys(&theirs));
        let (ours, theirs) = (&ours["leafs"][0], &theirs["leafs"][0]);
        assert_eq!(keys(ours), keys(theirs));
        for key in keys(ours) {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert_eq!(kind(&ours[key]), kind(&theirs[key]), "{key}");
        }
    }
}

// Row 127.
#[test]
fn the_system_account_asks_for_the_same_page() {
    let (hub, _leafs) = linked(Make::Ours);
    let mut asks = hub.client_with(r#"{"user":"s","pass":"s"}"#);
    asks.subscribe("answer", "1");
    let id = hub.json("/varz")["server_id"].as_str().unwrap().to_owned();
    for (subject, body, count) in [
        ("$SYS.REQ.SERVER.PING.LEAFZ".to_owned(), "", 2),
        (format!("$SYS.REQ.SERVER.{id}.LEAFZ"), r#"{"account":"A","subscriptions":true}"#, 1),
        ("$SYS.REQ.ACCOUNT.B.LEAFZ".to_owned(), "", 1),
    ] {
        asks.send(format!("PUB {subject} answer {}\r\n{body}\r\n", body.len()));
        let answer: Value = serde_json::from_str(&asks.payload()).unwrap();
        assert_eq!(answer["server"]["id"], id);
        let page = &answer["data"];
        assert_eq!((&page["server_id"], &page["leafnodes"]), (&id.clone().into(), &count.into()));
        let listed = page["leafs"][0]["subscriptions_list"].is_array();
        assert_eq!(listed, body.contains("subscriptions"), "{subject}: {answer}");
    }
}
