//! Links that come and go: reconnects, and remotes that a reload adds or takes away.

use crate::harness::{Client, Server, eventually};
use crate::kit::{
    Make, hub, knows, leaf_port, leafnodes, links, our_leafs, reload, remote, start, start_in,
};
use crate::tls::{folder, own, papers, write};

// Row 161: never gives up.
#[test]
fn a_leaf_node_comes_back_whenever_the_hub_does() {
    let first = hub(Make::Ours, "", "");
    let port = leaf_port(&first);
    let conf = format!(
        "server_name: leaf\n\
         leafnodes {{ reconnect: \"50ms\", remotes: [{{ url: \"nats://127.0.0.1:{port}\" }}] }}"
    );
    let leaf = start(Make::Ours, &conf);
    links(&leaf, 1);
    let mut reader = leaf.client();
    reader.send("SUB still 1\r\n");
    reader.ping_pong();
    drop(first);
    links(&leaf, 0);
    let listen = format!("leafnodes {{ listen: \"127.0.0.1:{port}\" }}");
    let second = start(Make::Ours, &format!("server_name: hub\n{listen}"));
    knows(&second, "still");
    second.client().publish("still", "there");
    reader.expect("MSG still 1 5\r\nthere\r\n");
}

// Row 172.
#[test]
fn a_reload_adds_disables_and_removes_remotes() {
    for (hub_make, leaf_make) in our_leafs() {
        let hub = hub(hub_make, "", "");
        let conf =
            |remotes: &str| format!("server_name: leaf\nleafnodes {{ remotes: [{remotes}] }}");
        let leaf = start(leaf_make, "server_name: leaf\n");
        reload(&leaf, &conf(&remote(&hub, "")));
        links(&hub, 1);
        reload(&leaf, &conf(&remote(&hub, "disabled: true")));
        links(&hub, 0);
        links(&leaf, 0);
        reload(&leaf, &conf(&remote(&hub, "disabled: false")));
        links(&hub, 1);
        links(&leaf, 1);
        let before = leaf.json("/leafz")["leafs"][0]["id"].clone();
        // Whoever stays is left alone.
        let other = start(Make::Ours, &format!("server_name: other\n{}", leafnodes("")));
        let two = format!("{}, {}", remote(&hub, "disabled: false"), remote(&other, ""));
        reload(&leaf, &conf(&two));
        links(&other, 1);
        let page = leaf.json("/leafz");
        assert!(page["leafs"].as_array().unwrap().iter().any(|link| link["id"] == before));
        reload(&leaf, &conf(""));
        links(&hub, 0);
        links(&other, 0);
        eventually("no link", || (leaf.json("/varz")["leafnodes"] == 0).then_some(()));
    }
}

#[test]
fn a_reload_of_the_hub_cuts_off_whom_it_does_not_know_any_more() {
    let conf = |password: &str, allowed: &str| {
        format!(
            "server_name: hub\nmax_payload: 100000\n{}authorization {{ users: [{{ user: u, \
             password: {password}, permissions: {{ publish: \"{allowed}\" }} }}] }}",
            leafnodes("")
        )
    };
    let hub = start(Make::Ours, &conf("p", "a.>"));
    let url = format!("nats-leaf://u:p@127.0.0.1:{}", leaf_port(&hub));
    let leaf = format!(
        "server_name: leaf\nleafnodes {{ reconnect: \"50ms\", remotes: [{{ url: \"{url}\" }}] }}"
    );
    let _leaf = start(Make::Ours, &leaf);
    links(&hub, 1);
    let first = id(&hub);
    reload(&hub, &format!("{}\ndebug: true", conf("p", "a.>")));
    hub.log.wait_for("Reloaded: debug");
    assert_eq!(id(&hub), first);
    // One who may do something else comes again.
    reload(&hub, &conf("p", "b.>"));
    eventually("another link", || {
        let now = id(&hub);
        (now != first && !now.is_null()).then_some(())
    });
    reload(&hub, &conf("other", "b.>"));
    hub.log.wait_for("authentication error - User \"u\"");
    links(&hub, 0);
}

fn id(server: &Server) -> serde_json::Value {
    server.json("/leafz")["leafs"][0]["id"].clone()
}

// Row 163.
#[test]
fn certificates_are_taken_up_at_both_ends_and_links_stay() {
    let (old, new) = (papers(), papers());
    let (hub_dir, leaf_dir) = (folder(&old), folder(&old));
    let tls = own(&hub_dir, "verify: true, timeout: 5");
    let of_hub = |user: &str| {
        let users = format!("authorization {{ user: {user}, password: p }}");
        format!("server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\", {tls}, {users} }}")
    };
    let hub = start_in(hub_dir, Make::Ours, &of_hub("u"));
    let (port, tls) = (leaf_port(&hub), own(&leaf_dir, "timeout: 5"));
    let of_leaf = format!(
        "server_name: leaf\nleafnodes {{ reconnect: \"50ms\", remotes: [ \
         {{ url: \"tls://u:p@127.0.0.1:{port}\", {tls} }} ] }}"
    );
    let leaf = start_in(leaf_dir, Make::Ours, &of_leaf);
    links(&hub, 1);
    let first = id(&hub);

    write(&new, hub.dir.path());
    reload(&hub, &of_hub("u"));
    hub.log.wait_for("Reloaded server configuration");
    assert_eq!(id(&hub), first, "a link that is there stays");
    // It has to come again, and does not know who is there.
    reload(&hub, &of_hub("other"));
    links(&hub, 0);
    leaf.log.wait_for("invalid peer certificate");
    reload(&hub, &of_hub("u"));
    write(&new, leaf.dir.path());
    reload(&leaf, &of_leaf);
    links(&hub, 1);
}

// Row 160.
#[test]
fn users_of_leaf_nodes_alone_are_looked_at_again() {
    let conf = |users: &str, more: &str| {
        format!(
            "server_name: hub\naccounts {{ A {{}}, B {{}} }}\nleafnodes {{ \
             listen: \"127.0.0.1:-1\", {more} authorization {{ users: [{users}] }} }}"
        )
    };
    let user =
        |name: &str, account: &str| format!("{{ user: {name}, password: p, account: {account} }}");
    let both = format!("{}, {}", user("one", "A"), user("two", "A"));
    let hub = start(Make::Ours, &conf(&both, ""));
    let port = leaf_port(&hub);
    let leaf = |name: &str| {
        let url = format!("nats-leaf://{name}:p@127.0.0.1:{port}");
        let conf = format!(
            "server_name: {name}\n\
             leafnodes {{ reconnect: \"50ms\", remotes: [{{ url: \"{url}\" }}] }}"
        );
        start(Make::Ours, &conf)
    };
    let (_one, two) = (leaf("one"), leaf("two"));
    links(&hub, 2);
    let link = |of: &str| {
        let page = hub.json("/leafz");
        let all = page["leafs"].as_array().unwrap();
        all.iter().find(|link| link["name"] == of).cloned().unwrap_or_default()
    };
    let (first, second) = (link("one")["id"].clone(), link("two")["id"].clone());
    // Of the one nothing changes, the other is of another account.
    reload(&hub, &conf(&format!("{}, {}", user("one", "A"), user("two", "B")), ""));
    eventually("the other account", || (link("two")["account"] == "B").then_some(()));
    assert_eq!(link("one")["id"], first);
    assert_ne!(link("two")["id"], second);

    let mut slow = Client::connect(port);
    reload(&hub, &conf(&user("one", "A"), ""));
    links(&hub, 1);
    two.log.wait_for("Authorization Violation");
    assert_eq!(link("one")["id"], first);
    // It had connected when that one was known.
    slow.send("CONNECT {\"name\":\"x\",\"cluster\":\"x\",\"user\":\"two\",\"pass\":\"p\"}\r\n");
    slow.expect_err_closed("Authorization Violation");
    // Whoever is to come has to be new enough.
    reload(&hub, &conf(&both, "min_version: \"99.0.0\","));
    two.log.wait_for("minimum version required is \"99.0.0\"");
    assert_eq!(link("one")["id"], first);
}
