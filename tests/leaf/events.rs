//! What the system is told of leaf nodes.

use serde_json::Value;

use crate::harness::{Client, Server};
use crate::kit::{Make, hub, leaf_port, links, nats_is_at_least, our_hubs, pairs, start};

const ACCOUNTS: &str = "accounts {
  A { users: [{ user: a, password: a }] }
  SYS { users: [{ user: s, password: s }] }
}
system_account: SYS
";

fn leaf(make: Make, hub: &Server, password: &str) -> Server {
    let url = format!("nats-leaf://a:{password}@127.0.0.1:{}", leaf_port(hub));
    let conf = format!(
        "server_name: leaf\n{ACCOUNTS}leafnodes {{ remotes: [{{ url: \"{url}\", account: A }}] }}"
    );
    start(make, &conf)
}

/// Somebody who hears all that is said of this subject.
fn listener(server: &Server, subject: &str) -> Client {
    let mut client = server.client_with(r#"{"user":"s","pass":"s"}"#);
    client.subscribe(subject, "1");
    client.ping_pong();
    client
}

#[track_caller]
fn event(listener: &mut Client) -> Value {
    serde_json::from_str(&listener.payload()).unwrap()
}

// Row 163.
#[test]
fn the_hub_tells_who_comes_and_goes() {
    // Older ones say nothing of leaf nodes.
    let tells = nats_is_at_least(14);
    for (hub_make, leaf_make) in pairs() {
        if hub_make == Make::Nats && !tells {
            continue;
        }
        let hub = hub(hub_make, "", ACCOUNTS);
        let mut comes = listener(&hub, "$SYS.ACCOUNT.A.CONNECT");
        let mut goes = listener(&hub, "$SYS.ACCOUNT.A.DISCONNECT");
        let leaf = leaf(leaf_make, &hub, "a");
        let came = event(&mut comes);
        assert_eq!(came["type"], "io.nats.server.advisory.v1.client_connect");
        let client = &came["client"];
        assert_eq!((&client["kind"], &client["acc"]), (&"Leafnode".into(), &"A".into()));
        assert_eq!((&client["user"], &client["name"]), (&"a".into(), &"leaf".into()));
        assert_eq!(client["name_tag"], "A");
        links(&hub, 1);
        assert_eq!(client["id"], hub.json("/leafz")["leafs"][0]["id"]);
        drop(leaf);
        let went = event(&mut goes);
        assert_eq!(went["type"], "io.nats.server.advisory.v1.client_disconnect");
        assert_eq!(went["client"]["id"], client["id"]);
        assert!(went["reason"].is_string());
        assert!(went["client"]["stop"].is_string() && went["sent"]["msgs"].is_u64());
    }
}

#[test]
fn a_leaf_node_tells_of_its_own_end_of_the_link() {
    for (hub_make, _) in our_hubs() {
        let hub = hub(hub_make, "", ACCOUNTS);
        let leaf = leaf(Make::Ours, &hub, "a");
        links(&leaf, 1);
        let mut goes = listener(&leaf, "$SYS.ACCOUNT.A.DISCONNECT");
        let id = leaf.json("/leafz")["leafs"][0]["id"].clone();
        drop(hub);
        let went = event(&mut goes);
        assert_eq!((&went["client"]["id"], &went["client"]["kind"]), (&id, &"Leafnode".into()));
    }
}

#[test]
fn the_hub_tells_who_was_refused() {
    let tells = nats_is_at_least(14);
    for (hub_make, leaf_make) in pairs() {
        if hub_make == Make::Nats && !tells {
            continue;
        }
        let hub = hub(hub_make, "", ACCOUNTS);
        let mut hears = listener(&hub, "$SYS.SERVER.*.CLIENT.AUTH.ERR");
        let _leaf = leaf(leaf_make, &hub, "wrong");
        let refused = event(&mut hears);
        let client = &refused["client"];
        assert_eq!((&client["kind"], &client["acc"]), (&"Leafnode".into(), &"N/A".into()));
        assert_eq!((&client["user"], &client["name"]), (&"a".into(), &"leaf".into()));
        assert_eq!(refused["reason"], "Authentication Failure");
        assert!(!refused.to_string().contains("wrong"));
    }
}
