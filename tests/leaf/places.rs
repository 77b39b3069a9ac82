//! Where leaf nodes are taken in, as servers of a cluster tell it: another hub where one is gone.

use serde_json::Value;

use crate::harness::{Client, Server, eventually};
use crate::kit::{Make, knows, leaf, leaf_port, leafnodes, links, pairs, remote, start};

/// A server of a cluster that takes leaf nodes in.
fn member(make: Make, name: &str, beside: Option<&Server>) -> Server {
    let routes = beside.map_or(String::new(), |other| {
        format!("routes: [\"nats-route://{}\"]", cluster_address(other))
    });
    let conf = format!(
        "server_name: {name}\ncluster {{ name: c, listen: \"127.0.0.1:-1\", {routes} }}\n{}",
        leafnodes("")
    );
    start(make, &conf)
}

fn cluster_address(server: &Server) -> String {
    let url = server.ports["cluster"][0].as_str().unwrap();
    url.rsplit('/').next().unwrap().to_owned()
}

/// Waits until a server tells leaf nodes of so many places.
fn tells_of(server: &Server, places: usize) {
    eventually("all places to be told", || {
        let link = Client::dial(leaf_port(server)).expect_info();
        (link["leafnode_urls"].as_array()?.len() == places).then_some(())
    });
}

/// Both before there was a link, and after.
#[test]
fn a_leaf_node_that_loses_its_hub_finds_another_server_of_the_cluster() {
    for (hub_make, leaf_make) in pairs() {
        let a = member(hub_make, "a", None);
        let early = leaf(leaf_make, &a, "", "");
        links(&a, 1);
        let b = member(hub_make, "b", Some(&a));
        tells_of(&a, 2);
        tells_of(&b, 2);
        let late = start(
            leaf_make,
            &format!("server_name: late\nleafnodes {{ remotes: [ {} ] }}", remote(&a, "")),
        );
        links(&a, 2);
        // Whoever knows what is wanted has heard all that was said before.
        let mut first = a.client();
        first.subscribe("first", "1");
        [&early, &late].into_iter().for_each(|leaf| knows(leaf, "first"));
        a.signal("TERM");
        links(&b, 2);
        let mut reader = b.client();
        reader.subscribe("still", "1");
        reader.ping_pong();
        for leaf in [&early, &late] {
            knows(leaf, "still");
            leaf.client().publish("still", "here");
            reader.expect("MSG still 1 4\r\nhere\r\n");
        }
    }
}

#[test]
fn a_hub_that_ends_does_not_take_back_what_it_has_told_of_others() {
    let mut a = member(Make::Ours, "a", None);
    let _b = member(Make::Ours, "b", Some(&a));
    tells_of(&a, 2);
    let mut link = Client::connect(leaf_port(&a));
    link.send("CONNECT {\"name\":\"raw\",\"cluster\":\"raw\"}\r\n");
    links(&a, 1);
    a.signal("TERM");
    let said = String::from_utf8(link.read_to_end()).unwrap();
    for info in said.lines().filter_map(|line| line.strip_prefix("INFO ")) {
        let info: Value = serde_json::from_str(info).unwrap();
        assert_eq!(info["leafnode_urls"].as_array().map(Vec::len), Some(2), "{info}");
    }
    a.wait_exit();
}

#[test]
fn a_leaf_node_that_is_told_to_keep_to_its_hub_does() {
    let mut a = member(Make::Ours, "a", None);
    let b = member(Make::Ours, "b", Some(&a));
    tells_of(&a, 2);
    let keeps = leaf(Make::Ours, &a, "ignore_discovered_servers: true", "");
    links(&a, 1);
    let port = leaf_port(&a);
    a.signal("TERM");
    a.wait_exit();
    links(&keeps, 0);
    let listen = format!("leafnodes {{ listen: \"127.0.0.1:{port}\" }}");
    let again = start(Make::Ours, &format!("server_name: a\n{listen}"));
    links(&again, 1);
    links(&b, 0);
}
