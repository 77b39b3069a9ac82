//! Leaf nodes of several clusters of a supercluster.

use crate::harness::Server;
use crate::kit::regions_with;
use crate::net::{Net, drain};

/// The servers of a leaf cluster have their hubs in different clusters: what one of them says comes
/// to the other by itself, and not a second time by way of the hubs.
#[test]
fn what_a_leaf_cluster_of_two_regions_says_comes_to_everyone_once() {
    let regions = regions_with(["east", "west"], 2, "leafnodes { listen: \"127.0.0.1:-1\" }");
    let hubs = [&regions[0].servers[0], &regions[1].servers[1]];
    let mut leafs: Vec<Server> = Vec::new();
    for hub in hubs {
        let routes: Vec<_> = leafs.iter().map(|one| one.ports["cluster"][0].clone()).collect();
        let routes = serde_json::Value::from(routes);
        let port = &hub.json("/varz")["leaf"]["port"];
        leafs.push(Server::start(&format!(
            "server_name: leaf{}\n\
             cluster {{ name: edge, listen: \"127.0.0.1:-1\", routes: {routes} }}\n\
             leafnodes {{ remotes: [ {{ url: \"nats-leaf://127.0.0.1:{port}\" }} ] }}",
            leafs.len()
        )));
    }
    for leaf in &leafs {
        leaf.wait_json("/leafz", |page| (page["leafnodes"] == 1).then_some(()));
        leaf.wait_json("/varz", |page| (page["remotes"] == 1).then_some(()));
    }
    let all: Vec<&Server> =
        regions.iter().flat_map(|region| &region.servers).chain(&leafs).collect();
    let mut net = Net::of(all.iter().copied());
    let mut readers: Vec<_> = all.iter().map(|server| server.client()).collect();
    readers.iter_mut().for_each(|reader| reader.subscribe("all.*", "1"));
    let mut members = [leafs[1].client(), regions[0].servers[1].client()];
    members.iter_mut().for_each(|member| member.subscribe("job", "workers 1"));
    net.settle();
    for from in 0..all.len() {
        let payloads: Vec<String> = (0..20).map(|n| format!("{from} {n}")).collect();
        for payload in &payloads {
            net.publish(from, "all.it", payload);
            net.publish(from, "job", payload);
        }
        net.settle();
        net.settle();
        for reader in &mut readers {
            let got: Vec<String> = drain(reader).into_iter().map(|(_, payload)| payload).collect();
            assert_eq!(got, payloads, "from {from}");
        }
        let done = members.iter_mut().map(|member| drain(member).len());
        assert_eq!(done.sum::<usize>(), payloads.len(), "from {from}");
    }
}
