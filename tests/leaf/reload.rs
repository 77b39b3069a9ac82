//! Links that come and go: reconnects, and remotes that a reload adds or takes away.

use crate::harness::eventually;
use crate::kit::{Make, hub, knows, leaf_port, leafnodes, links, our_leafs, reload, remote, start};

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
    let id = |server: &crate::harness::Server| server.json("/leafz")["leafs"][0]["id"].clone();
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
