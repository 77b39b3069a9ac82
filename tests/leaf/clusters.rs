//! Leaf nodes of clusters: what one server hears from its leaf node, the others hear as well.

use crate::harness::Server;
use crate::kit::{Make, knows, leaf, leafnodes, links, our_hubs, remote, start};

/// Two servers of a cluster, each of which takes leaf nodes in.
fn cluster() -> [Server; 2] {
    let conf = |name: &str, routes: &str| {
        format!(
            "server_name: {name}\ncluster {{ name: c, listen: \"127.0.0.1:-1\", {routes} }}\n{}",
            leafnodes("")
        )
    };
    let a = start(Make::Ours, &conf("a", ""));
    let url = a.ports["cluster"][0].as_str().unwrap().to_owned();
    let b = start(Make::Ours, &conf("b", &format!("routes: [\"{url}\"]")));
    for server in [&a, &b] {
        server.wait_json("/varz", |page| (page["remotes"] == 1).then_some(()));
    }
    [a, b]
}

/// Waits until somebody beyond the server's own clients wants `subject`.
fn hears_of(server: &Server, subject: &str) {
    server.wait_json(&format!("/subsz?subs=1&acc=$G&test={subject}"), |page| {
        (page["total"].as_u64() >= Some(1)).then_some(())
    });
}

#[test]
fn the_whole_cluster_reaches_a_leaf_node_and_is_reached_by_it() {
    for (_, leaf_make) in our_hubs() {
        let [a, b] = cluster();
        let leaf = leaf(leaf_make, &a, "", "");
        links(&a, 1);
        let (mut at_leaf, mut at_b) = (leaf.client(), b.client());
        at_leaf.send("SUB down 1\r\n");
        at_leaf.ping_pong();
        hears_of(&b, "down");
        at_b.send("SUB up 1\r\n");
        at_b.ping_pong();
        knows(&leaf, "up");
        b.client().publish("down", "1");
        at_leaf.expect("MSG down 1 1\r\n1\r\n");
        leaf.client().publish("up", "2");
        at_b.expect("MSG up 1 1\r\n2\r\n");
    }
}

/// Each server of the leaf nodes' cluster has a link of its own, to another server of the hub's.
#[test]
fn what_a_cluster_of_hubs_says_comes_to_a_cluster_of_leaf_nodes_once() {
    let [a, b] = cluster();
    let conf = |name: &str, hub: &Server, routes: &str| {
        format!(
            "server_name: {name}\ncluster {{ name: d, listen: \"127.0.0.1:-1\", {routes} }}\n\
             leafnodes {{ remotes: [ {} ] }}",
            remote(hub, "")
        )
    };
    let x = start(Make::Ours, &conf("x", &a, ""));
    let url = x.ports["cluster"][0].as_str().unwrap().to_owned();
    let y = start(Make::Ours, &conf("y", &b, &format!("routes: [\"{url}\"]")));
    for server in [&x, &y] {
        server.wait_json("/varz", |page| (page["remotes"] == 1).then_some(()));
        links(server, 1);
    }
    let mut readers: Vec<_> = [&a, &b, &x, &y].into_iter().map(Server::client).collect();
    for reader in &mut readers {
        reader.send("SUB all 1\r\nSUB end 2\r\n");
        reader.ping_pong();
    }
    knows(&a, "end");
    knows(&b, "end");
    knows(&x, "end");
    knows(&y, "end");
    for (n, from) in [&a, &b].into_iter().enumerate() {
        let mut writer = from.client();
        let (once, end) = (format!("once {n}"), format!("end {n}"));
        writer.publish("all", &once);
        writer.publish("end", &end);
        for reader in &mut readers {
            // What came twice would show up here or in the next round.
            assert_eq!([reader.payload(), reader.payload()], [once.clone(), end.clone()]);
        }
    }
    for reader in &mut readers {
        reader.ping_pong();
    }
}
