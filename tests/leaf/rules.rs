//! What keeps a link from being, and what does not pass it.

use std::net::TcpListener;

use crate::harness::{Client, eventually};
use crate::kit::{
    Make, hub, knows, leaf, leaf_port, leafnodes, links, our_hubs, our_leafs, pairs, remote, start,
    wanted,
};

// Row 164.
#[test]
fn a_loop_is_found_and_cut() {
    for (first, second) in pairs() {
        let a = start(first, &format!("server_name: a\n{}", leafnodes("")));
        let to_a = remote(&a, "");
        let b = start(
            second,
            &format!(
                "server_name: b\nleafnodes {{ listen: \"127.0.0.1:-1\", remotes: [ {to_a} ] }}"
            ),
        );
        links(&a, 1);
        // Whoever sees its own mark come back says so; in a triangle that is one of the three.
        let (to_a, to_b) = (remote(&a, ""), remote(&b, ""));
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let to_nobody = format!("{{ url: \"nats-leaf://{}\" }}", nobody.local_addr().unwrap());
        let c = start(
            Make::Ours,
            &format!(
                "server_name: c\nleafnodes {{ reconnect: \"20ms\", \
                 remotes: [ {to_a}, {to_b}, {to_nobody} ] }}"
            ),
        );
        let loops = || {
            let logs = [&a, &b, &c].map(|server| server.log.text());
            logs.iter().map(|log| log.matches("Loop detected").count()).sum::<usize>()
        };
        eventually("a loop that is found", || (loops() > 0).then_some(()));
        // While another remote is looked for again and again, the link is not made anew: that would
        // find the loop as often.
        for _ in 0..100 {
            drop(nobody.accept().unwrap());
        }
        assert!(loops() < 20, "found {} times by {first:?} and {second:?}", loops());
    }
}

// Row 164: servers that have not heard of the end of a link yet say what looks like a loop.
#[test]
fn what_may_be_left_of_the_last_link_delays_the_next_only_for_a_moment() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = port.local_addr().unwrap();
    let leaf = start(
        Make::Ours,
        &format!(
            "server_name: leaf\nleafnodes {{ reconnect: \"20ms\", remotes: [ \
             {{ url: \"nats-leaf://{place}\", compression: off }} ] }}"
        ),
    );
    // A hub that says what it is told to.
    let link = || {
        let mut link = Client::over(port.accept().unwrap().0);
        let urls = format!("[\"{place}\"]");
        link.send(format!(
            "INFO {{\"server_name\":\"h\",\"client_id\":1,\"leafnode_urls\":{urls}}}\r\n"
        ));
        link.expect_start("CONNECT ");
        let mark = link.expect_start("LS+ $LDS.");
        (link, mark)
    };
    let (first, mark) = link();
    drop(first);
    for told in ["1s", "30s"] {
        let (mut next, same) = link();
        assert_eq!(same, mark);
        next.send(&mark);
        leaf.log.wait_for(&format!("Delaying attempt to reconnect for {told}"));
    }
}

// Row 165.
#[test]
fn ends_of_one_cluster_name_are_not_linked() {
    for (hub_make, leaf_make) in pairs() {
        let name = "cluster { name: same, listen: \"127.0.0.1:-1\" }\n";
        let hub = hub(hub_make, "", name);
        let leaf = leaf(leaf_make, &hub, "", name);
        hub.log.wait_for("remote leafnode has same cluster name");
        leaf.log.wait_for("same cluster name");
        links(&hub, 0);
    }
}

// Row 166.
#[test]
fn denied_subjects_stay() {
    for (hub_make, leaf_make) in our_leafs() {
        let hub = hub(hub_make, "", "");
        let rules = "deny_imports: \"no.in.>\", deny_exports: [\"no.out.>\"]";
        let leaf = leaf(leaf_make, &hub, rules, "");
        links(&hub, 1);
        let (mut at_hub, mut at_leaf) = (hub.client(), leaf.client());
        at_hub.send("SUB no.out.a 1\r\nSUB no.> 2\r\nSUB yes 3\r\n");
        at_hub.ping_pong();
        at_leaf.send("SUB no.in.a 1\r\nSUB no.in.> 2\r\nSUB no.> 3\r\nSUB yes 4\r\n");
        at_leaf.ping_pong();
        // Each comes when its shard has told of it.
        for allowed in ["yes", "no.>"] {
            knows(&hub, allowed);
            knows(&leaf, allowed);
        }
        let page = hub.json("/leafz?subs=1");
        assert!(!wanted(&page, "no.in.a") && !wanted(&page, "no.in.>"));
        let (mut from_hub, mut from_leaf) = (hub.client(), leaf.client());
        from_leaf.publish("no.out.a", "to be kept at the leaf node");
        from_leaf.publish("yes", "out");
        assert_eq!(at_hub.payload(), "out");
        from_hub.publish("no.in.a", "to be kept at the hub");
        from_hub.publish("yes", "in");
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != "in") {
            seen.push(at_leaf.payload());
        }
        assert!(!seen.contains(&"to be kept at the hub".to_owned()));
        links(&hub, 1);
    }
}

// Row 166.
#[test]
fn a_user_s_permissions_hold_for_its_link() {
    for (hub_make, leaf_make) in pairs() {
        let users = "authorization { users: [{ user: u, password: p, permissions: {
            publish: { allow: \"up.>\", deny: \"up.no\" }, subscribe: \"down.>\" } },
            { user: c, password: c }] }\n";
        let hub = hub(hub_make, "", users);
        let port = leaf_port(&hub);
        let remote = format!("{{ url: \"nats-leaf://u:p@127.0.0.1:{port}\" }}");
        let leaf =
            start(leaf_make, &format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}"));
        links(&hub, 1);
        let mut at_hub = hub.client_with(r#"{"user":"c","pass":"c"}"#);
        at_hub.send("SUB > 1\r\n");
        at_hub.ping_pong();
        let mut at_leaf = leaf.client();
        at_leaf.send("SUB down.a 1\r\nSUB other 2\r\n");
        at_leaf.ping_pong();
        knows(&hub, "down.a");
        knows(&leaf, ">");
        assert!(!wanted(&hub.json("/leafz?subs=1"), "other"));
        let mut writer = leaf.client();
        for subject in ["up.no", "elsewhere", "up.yes"] {
            writer.publish(subject, subject);
        }
        assert_eq!(at_hub.payload(), "up.yes", "{hub_make:?} {leaf_make:?}");
        let mut writer = hub.client_with(r#"{"user":"c","pass":"c"}"#);
        writer.publish("other", "no");
        writer.publish("down.a", "yes");
        assert_eq!(at_leaf.payload(), "yes");
        links(&hub, 1);
    }
}

// Row 166.
#[test]
fn who_sends_what_it_may_not_is_cut_off() {
    let users = "authorization { users: [{ user: u, password: p, permissions: {
        publish: \"up.>\", subscribe: \"down.>\" } }] }\n";
    let hub = hub(Make::Ours, "", users);
    for (line, text) in [
        ("LMSG other 1\r\nx\r\n", "Permissions Violation for Publish to \"other\""),
        ("LS+ other\r\n", "Permissions Violation for Subscription to \"other\""),
    ] {
        let mut link = Client::connect(leaf_port(&hub));
        link.send(
            "CONNECT {\"name\":\"raw\",\"cluster\":\"raw\",\"user\":\"u\",\"pass\":\"p\",\
             \"headers\":true}\r\n",
        );
        let info = link.expect_info();
        assert_eq!(info["import"]["allow"][0], "down.>");
        assert_eq!(info["export"]["allow"][0], "up.>");
        link.send("LMSG up.a 1\r\nx\r\nLS+ down.>\r\n");
        link.send(line);
        let rest = String::from_utf8_lossy(&link.read_to_end()).into_owned();
        assert!(rest.contains(&format!("-ERR '{text}'")), "{rest}");
    }
}

// Row 170.
#[test]
fn a_release_that_is_too_old_is_refused() {
    for (hub_make, leaf_make) in our_hubs() {
        let hub = hub(hub_make, "min_version: 99.1.0", "");
        let leaf = leaf(leaf_make, &hub, "", "");
        hub.log.wait_for("connection rejected since minimum version required is \"99.1.0\"");
        leaf.log.wait_for("minimum version");
        links(&hub, 0);
    }
}

// Row 171.
#[test]
fn isolated_leaf_nodes_hear_nothing_of_each_other() {
    for (isolates, asks) in
        [("isolate_leafnode_interest: true", ""), ("", "request_isolation: true")]
    {
        let hub = hub(Make::Ours, isolates, "");
        let one = leaf(Make::Ours, &hub, asks, "");
        let remote = remote(&hub, "");
        let conf = format!("server_name: two\nleafnodes {{ remotes: [ {remote} ] }}");
        let two = start(Make::Ours, &conf);
        links(&hub, 2);
        let mut at_two = two.client();
        at_two.send("SUB east 1\r\n");
        at_two.ping_pong();
        knows(&hub, "east");
        let mut at_hub = hub.client();
        at_hub.send("SUB north 1\r\n");
        at_hub.ping_pong();
        knows(&one, "north");
        assert!(!wanted(&one.json("/leafz?subs=1"), "east"));
        let page = hub.json("/leafz");
        let isolated = |leaf: &&serde_json::Value| leaf["is_isolated"] == true;
        let count = page["leafs"].as_array().unwrap().iter().filter(isolated).count();
        assert_eq!(count, if asks.is_empty() { 2 } else { 1 });
        let mut writer = hub.client();
        writer.publish("east", "hello");
        at_two.expect("MSG east 1 5\r\nhello\r\n");
    }
}

// The side that connects takes the part of the hub.
#[test]
fn a_hub_may_be_the_one_that_connects() {
    for (first, second) in our_leafs() {
        let spoke = hub(first, "", "");
        let center = leaf(second, &spoke, "hub: true", "");
        links(&center, 1);
        assert_eq!(center.json("/leafz")["leafs"][0]["is_spoke"], false);
        if first == Make::Ours {
            assert_eq!(spoke.json("/leafz")["leafs"][0]["is_spoke"], true);
        }
        let mut reader = spoke.client();
        reader.send("SUB a 1\r\n");
        reader.ping_pong();
        knows(&center, "a");
        center.client().publish("a", "1");
        reader.expect("MSG a 1 1\r\n1\r\n");
    }
}
