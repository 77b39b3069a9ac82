//! Who may be a leaf node, and in which account.

use nkeys::KeyPair;

use crate::harness::Client;
use crate::kit::{
    Make, hub, knows, leaf, leaf_port, links, makes, nats_is_at_least, our_leafs, pairs, refuses,
    start,
};

const ACCOUNTS: &str = "accounts {
  A { users: [{ user: a, password: a }] }
  B { users: [{ user: b, password: b }] }
  SYS { users: [{ user: s, password: s }] }
}
system_account: SYS
";

fn url(port: u16, who: &str) -> String {
    format!("{{ url: \"nats-leaf://{who}127.0.0.1:{port}\" }}")
}

/// A message of `to` arrives at a client of account A on the hub, and at none of B.
fn joins_account_a(pair: (Make, Make), more: &str, who: &str) {
    let hub = hub(pair.0, more, ACCOUNTS);
    let remote = url(leaf_port(&hub), who);
    let leaf = start(pair.1, &format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}"));
    links(&hub, 1);
    let account = hub.json("/leafz")["leafs"][0]["account"].clone();
    assert_eq!(account, "A", "{pair:?} {more}");
    let mut a = hub.client_with(r#"{"user":"a","pass":"a"}"#);
    let mut b = hub.client_with(r#"{"user":"b","pass":"b"}"#);
    for one in [&mut a, &mut b] {
        one.send("SUB x 1\r\n");
        one.ping_pong();
    }
    knows(&leaf, "x");
    leaf.client().publish("x", "1");
    a.expect("MSG x 1 1\r\n1\r\n");
    b.ping_pong();
}

// Row 163.
#[test]
fn a_user_of_leaf_nodes_is_bound_to_an_account() {
    for pair in pairs() {
        joins_account_a(pair, "authorization { user: u, password: p, account: A }", "u:p@");
        let users = "authorization { users: [{ user: u, password: p, account: A }, \
                     { user: v, password: p, account: B }] }";
        joins_account_a(pair, users, "u:p@");
    }
}

// Row 163.
#[test]
fn a_token_is_shown_in_the_place_of_a_user() {
    // Older ones know no tokens of leaf nodes.
    let known = nats_is_at_least(14);
    for pair in pairs().into_iter().filter(|pair| known || *pair == (Make::Ours, Make::Ours)) {
        let hub = hub(pair.0, "", "authorization { token: t0ken }\n");
        let remotes = |who: &str| {
            let remote = url(leaf_port(&hub), who);
            format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}")
        };
        let good = start(pair.1, &remotes("t0ken@"));
        links(&hub, 1);
        drop(good);
        links(&hub, 0);
        let bad = start(pair.1, &remotes("wr0ng@"));
        bad.log.wait_for("Authorization Violation");
        links(&hub, 0);
        let logs = [&hub, &bad].map(|server| server.log.text());
        let shown = |server: &Make, text: &str| {
            *server == Make::Ours && (text.contains("wr0ng") || text.contains("t0ken"))
        };
        assert!(!shown(&pair.0, &logs[0]) && !shown(&pair.1, &logs[1]), "a token is shown");
    }
}

#[test]
fn an_account_that_nobody_knows_is_an_error() {
    for conf in [
        "leafnodes { remotes: [{ url: \"nats://127.0.0.1\", account: NOPE }] }",
        "leafnodes { authorization { user: u, password: p, account: NOPE } }",
    ] {
        for make in makes() {
            refuses(make, conf, "cannot find local account \"NOPE\"");
        }
    }
}

#[test]
fn a_leaf_node_may_be_a_user_as_clients_are() {
    for pair in pairs() {
        joins_account_a(pair, "", "a:a@");
    }
}

// Row 163.
#[test]
fn a_leaf_node_proves_who_it_is_by_a_key() {
    for pair in our_leafs() {
        let key = KeyPair::new_user();
        let users = format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key());
        let hub = hub(pair.0, "", &users);
        let seed = key.seed().unwrap();
        let good = leaf(pair.1, &hub, &format!("nkey: {seed}"), "");
        links(&hub, 1);
        drop(good);
        links(&hub, 0);
        let stranger = KeyPair::new_user().seed().unwrap();
        let bad = leaf(pair.1, &hub, &format!("nkey: {stranger}"), "");
        bad.log.wait_for("Authorization Violation");
        assert!(!bad.log.text().contains(&stranger), "a secret is shown");
        links(&hub, 0);
    }
}

#[test]
fn who_is_not_known_is_refused_and_goes_on_trying() {
    for pair in pairs() {
        let wanted = "authorization { user: u, password: p }";
        let hub = hub(pair.0, wanted, "");
        let remote = url(leaf_port(&hub), "u:wrong@");
        let conf =
            format!("server_name: leaf\nleafnodes {{ reconnect: 1, remotes: [ {remote} ] }}");
        let leaf = start(pair.1, &conf);
        leaf.log.wait_for("Authorization Violation");
        links(&hub, 0);
        let text = leaf.log.text();
        assert!(!text.contains("wrong"), "a password is shown: {text}");
    }
}

#[test]
fn no_more_leaf_nodes_come_than_the_account_may_have() {
    let accounts = "accounts { A { users: [{ user: a, password: a }], limits: { max_leafs: 1 } } }";
    let hub = hub(Make::Ours, "", accounts);
    let remote = url(leaf_port(&hub), "a:a@");
    let leaf = |name: &str| {
        let remotes = format!("leafnodes {{ remotes: [ {remote} ] }}");
        start(Make::Ours, &format!("server_name: {name}\n{remotes}"))
    };
    let _one = leaf("one");
    links(&hub, 1);
    let two = leaf("two");
    two.log.wait_for("maximum account active connections exceeded");
    links(&hub, 1);
}

#[test]
fn a_client_on_the_port_for_leaf_nodes_is_told_so() {
    let hub = hub(Make::Ours, "", "");
    let mut client = Client::connect(leaf_port(&hub));
    let info = &client.info;
    assert!(info["leafnode_urls"][0].is_string() && info["nonce"].is_string());
    client.send("CONNECT {\"lang\":\"go\",\"version\":\"1\"}\r\n");
    client.expect_err_closed("attempted to connect to leaf node port");
}
