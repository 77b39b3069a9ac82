//! Leaf nodes of clusters, and clusters of leaf nodes: what one server hears from its leaf node,
//! the others hear as well, and nobody hears it twice.

use crate::harness::{Client, Server, eventually};
use crate::kit::{
    Make, Pair, cluster_of, knows, leaf, leafnodes, links, our_hubs, pairs, remote, start,
};
use crate::net::{Net, drain};

/// Two servers of a cluster, each of which takes leaf nodes in.
fn hubs(make: Make) -> [Server; 2] {
    cluster_of(make, "c", ["a", "b"], |_| leafnodes(""))
}

/// The same, and two of another cluster, each of which is a leaf node of one of them.
fn two_clusters((hub_make, leaf_make): Pair) -> [Server; 4] {
    let [a, b] = hubs(hub_make);
    let [x, y] = cluster_of(leaf_make, "d", ["x", "y"], |n| {
        format!("leafnodes {{ remotes: [ {} ] }}", remote([&a, &b][n], ""))
    });
    let all = [a, b, x, y];
    all.iter().for_each(|server| links(server, 1));
    all
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
        let [a, b] = hubs(Make::Ours);
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

#[test]
fn every_subscriber_of_two_clusters_gets_a_message_once() {
    for pair in pairs() {
        let servers = two_clusters(pair);
        let mut net = Net::of(&servers);
        let mut readers: Vec<_> = servers.iter().map(Server::client).collect();
        for (n, reader) in readers.iter_mut().enumerate() {
            reader.send("SUB all.it 1\r\nSUB all.* 2\r\n");
            // Interest in a subject that is the same at both servers of a cluster, and one's own.
            reader.subscribe(&format!("own{n}.>"), "3");
        }
        net.settle();
        for from in 0..servers.len() {
            let mut expected = Vec::new();
            for n in 0..20 {
                let payload = format!("{from} {n}");
                net.publish(from, "all.it", &payload);
                expected.extend(["1", "2"].map(|sid| (sid.to_owned(), payload.clone())));
            }
            (0..servers.len()).for_each(|to| net.publish(from, &format!("own{to}.a"), "own"));
            expected.push(("3".to_owned(), "own".to_owned()));
            expected.sort();
            net.settle();
            net.settle();
            for (at, reader) in readers.iter_mut().enumerate() {
                let mut got = drain(reader);
                got.sort();
                assert_eq!(got, expected, "{pair:?}, from {from} to {at}");
            }
        }
    }
}

#[test]
fn one_member_of_a_group_in_two_clusters_gets_a_message() {
    for pair in pairs() {
        let servers = two_clusters(pair);
        let mut net = Net::of(&servers);
        for (name, places) in
            [("all", &[0, 1, 2, 3][..]), ("leafs", &[2, 3]), ("one", &[3]), ("ends", &[0, 3])]
        {
            let mut members: Vec<Client> = places.iter().map(|n| servers[*n].client()).collect();
            members.iter_mut().for_each(|member| member.subscribe(name, "workers 1"));
            net.settle();
            for from in 0..servers.len() {
                (0..20).for_each(|n| net.publish(from, name, &n.to_string()));
                net.settle();
                net.settle();
                let mut got: Vec<u32> = members
                    .iter_mut()
                    .flat_map(drain)
                    .map(|(_, payload)| payload.parse().unwrap())
                    .collect();
                got.sort_unstable();
                assert_eq!(got, (0..20).collect::<Vec<_>>(), "{pair:?}, {name}, from {from}");
            }
        }
        for server in &servers {
            assert!(!server.log.text().contains("Loop detected"), "{pair:?}");
        }
    }
}

/// They agree on a name when some are leaf nodes already, under another.
#[test]
fn servers_that_agree_on_the_name_of_their_cluster_are_one_leaf_cluster() {
    let [a, b] = hubs(Make::Ours);
    let [x, y] = cluster_of(Make::Ours, "", ["x", "y"], |n| {
        let remote = remote([&a, &b][n], "");
        format!("leafnodes {{ reconnect: \"50ms\", remotes: [ {remote} ] }}")
    });
    eventually("one of two names", || {
        let logs = [&x, &y].map(|server| server.log.text());
        let renamed = logs.iter().filter(|log| log.contains("Cluster name updated"));
        let names = [&x, &y].map(|server| server.json("/varz")["cluster"]["name"].clone());
        (renamed.count() == 1 && names[0] == names[1]).then_some(())
    });
    let mut reader = y.client();
    reader.subscribe("some", "1");
    let mut net = Net::of([&a, &b, &x, &y]);
    // To hear of all others, each needs a link under the new name.
    net.settle();
    net.publish(2, "some", "once");
    net.settle();
    net.settle();
    assert_eq!(drain(&mut reader), [("1".to_owned(), "once".to_owned())]);
}

/// Interest that has ended at one of two servers of a leaf cluster goes on at the other.
#[test]
fn interest_of_a_leaf_cluster_ends_with_the_last_who_has_it() {
    let servers = two_clusters((Make::Ours, Make::Ours));
    let mut net = Net::of(&servers);
    let [a, _, x, y] = &servers;
    let (mut at_x, mut at_y, mut at_a) = (x.client(), y.client(), a.client());
    [&mut at_x, &mut at_y, &mut at_a].into_iter().for_each(|one| one.subscribe("some", "1"));
    net.settle();
    at_x.send("UNSUB 1\r\n");
    at_x.ping_pong();
    at_a.send("UNSUB 1\r\n");
    at_a.ping_pong();
    net.settle();
    (0..servers.len()).for_each(|from| net.publish(from, "some", &from.to_string()));
    net.settle();
    let mut got: Vec<String> = drain(&mut at_y).into_iter().map(|(_, payload)| payload).collect();
    got.sort();
    assert_eq!(got, ["0", "1", "2", "3"]);
    assert!(drain(&mut at_x).is_empty() && drain(&mut at_a).is_empty());
    at_y.send("UNSUB 1\r\n");
    at_y.ping_pong();
    for server in &servers {
        server
            .wait_json("/subsz?subs=1&acc=$G&test=some", |page| (page["total"] == 0).then_some(()));
    }
}

// Row 164.
#[test]
fn a_loop_through_several_servers_of_two_clusters_is_found_and_cut() {
    for (one, other) in pairs() {
        let [a, b] = hubs(one);
        // One is a leaf node of the first cluster, the other has a leaf node in it.
        let [x, y] = cluster_of(other, "d", ["x", "y"], |n| match n {
            0 => format!("leafnodes {{ remotes: [ {} ] }}", remote(&a, "")),
            _ => leafnodes(""),
        });
        links(&a, 1);
        let z = start(
            one,
            &format!(
                "server_name: z\n\
                 cluster {{ name: c, listen: \"127.0.0.1:-1\", routes: [{:?}] }}\n\
                 leafnodes {{ remotes: [ {} ] }}",
                b.ports["cluster"][0].as_str().unwrap(),
                remote(&y, "")
            ),
        );
        let all = [&a, &b, &x, &y, &z];
        eventually("a loop that is found", || {
            let logs = all.map(|server| server.log.text());
            let told = logs.iter().filter(|log| log.contains("Loop detected"));
            // Both ends of a link say so: the one that has found it, and the one that is told.
            (told.count() >= 2).then_some(())
        });
        // Whoever is to wait for half a minute is not back at once.
        eventually("a link that is cut", || {
            let linked = |server: &Server| server.json("/leafz")["leafnodes"].as_u64();
            (linked(&x) == Some(0) || linked(&z) == Some(0)).then_some(())
        });
    }
}
