//! What is published in one cluster, and who gets it in others.

use crate::kit::{regions, regions_with, wants};

// Row 156.
#[test]
fn every_plain_subscriber_of_every_cluster_gets_one_copy() {
    let all = regions(["east", "west", "north"], 2);
    let servers: Vec<_> = all.iter().flat_map(|region| &region.servers).collect();
    let mut readers: Vec<_> = servers.iter().map(|server| server.client()).collect();
    for reader in &mut readers {
        reader.subscribe("news.*", "1");
    }
    for server in &servers {
        // Its own, that of the other server beside it, and one for each other cluster.
        wants(server, "news.x", 4);
    }
    for round in 0..3 {
        for (n, server) in servers.iter().enumerate() {
            let payload = format!("{round} {n}");
            server.client().publish("news.x", &payload);
            for reader in &mut readers {
                assert_eq!(reader.payload(), payload, "a second copy would come in between");
            }
        }
    }
}

#[test]
fn a_message_crosses_to_a_cluster_once_whatever_is_wanted_there() {
    let [east, west] = regions(["east", "west"], 2);
    let mut readers: Vec<_> = west.servers.iter().map(|server| server.client()).collect();
    for reader in &mut readers {
        reader.send("SUB both 1\r\nSUB * 2\r\nSUB both group 3\r\nSUB end 4\r\n");
        reader.ping_pong();
    }
    for server in &west.servers {
        // Its own, and of the other server that it wants it, and that the group does.
        wants(server, "both", 5);
        wants(server, "end", 3);
    }
    let from = &east.servers[0];
    // Of plain subscriptions one is enough, and one of the group.
    wants(from, "both", 2);
    wants(from, "end", 1);
    let mut client = from.client();
    client.publish("both", "x");
    client.publish("end", "");
    let mut sids: Vec<String> = Vec::new();
    for reader in &mut readers {
        // The last is wanted by two of its subscriptions.
        let mut ends = 0;
        while ends < 2 {
            let (words, _) = reader.message();
            match &*words[0] {
                "end" => ends += 1,
                _ => sids.push(words[1].clone()),
            }
        }
    }
    sids.sort();
    assert_eq!(sids, ["1", "1", "2", "2", "3"], "one member of the group, and all others");
    client.ping_pong();
    let page = from.json("/gatewayz?acc_name=$G");
    let west = &page["outbound_gateways"]["west"];
    let metrics = from.get("/metrics").body;
    let line = "vagus_gateway_out_messages_total{cluster=\"west\",account=\"$G\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(west["connection"]["out_msgs"], 2);
    assert_eq!(west["accounts"][0]["sent"]["msgs"], 2);
    assert_eq!(west["accounts"][0]["sent"]["bytes"], 1);
}

#[test]
fn accounts_stay_apart_across_clusters() {
    let accounts = "accounts { A { users: [{ user: a, password: p }] }\n\
                    B { users: [{ user: b, password: p }] } }";
    let [east, west] = regions_with(["east", "west"], 1, accounts);
    let (east, west) = (&east.servers[0], &west.servers[0]);
    let client = |server: &crate::harness::Server, user: &str| {
        server.client_with(&format!("{{\"user\":\"{user}\",\"pass\":\"p\"}}"))
    };
    let (mut a, mut b) = (client(west, "a"), client(west, "b"));
    a.subscribe("x", "1");
    b.subscribe("x", "1");
    east.wait_interest("A", "x", 1);
    east.wait_interest("B", "x", 1);
    client(east, "a").publish("x", "for A");
    assert_eq!(a.payload(), "for A");
    client(east, "b").publish("x", "for B");
    assert_eq!(b.payload(), "for B");
}
