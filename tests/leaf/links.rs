//! What crosses a link: messages, requests, answers, queue groups.

use std::thread;

use crate::harness::{Server, eventually};
use crate::kit::{Make, hub, knows, leaf, linked, links, pairs, start};

/// Each end in turn: from which messages go, and to which.
fn both_ways(pair: (Make, Make), test: impl Fn(&Server, &Server)) {
    let (hub, leaf) = linked(pair);
    test(&hub, &leaf);
    test(&leaf, &hub);
}

// Rows 161 and 162.
#[test]
fn what_is_wanted_at_one_end_is_sent_there_from_the_other() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let mut reader = to.client();
            reader.send("SUB plain.* 1\r\n");
            reader.ping_pong();
            knows(from, "plain.*");
            let mut writer = from.header_client();
            let large = "x".repeat(200_000);
            writer.publish("plain.a", "1");
            writer.publish("plain.a", "");
            writer.publish("other", "not wanted");
            writer.publish("plain.b", &large);
            writer.send("PUB plain.c re.ply 2\r\nhi\r\n");
            (0..100).for_each(|n| writer.publish("plain.run", n.to_string()));
            reader.expect("MSG plain.a 1 1\r\n1\r\nMSG plain.a 1 0\r\n\r\n");
            assert_eq!(reader.message().1.len(), large.len());
            reader.expect("MSG plain.c 1 re.ply 2\r\nhi\r\n");
            (0..100).for_each(|n| assert_eq!(reader.payload(), n.to_string()));
        });
    }
}

#[test]
fn headers_cross() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let mut reader = to.header_client();
            reader.send("SUB head 1\r\n");
            reader.ping_pong();
            knows(from, "head");
            let mut writer = from.header_client();
            writer.publish_headers("head", "NATS/1.0\r\nA: 1\r\n\r\n", "body");
            assert_eq!(reader.message().1, b"NATS/1.0\r\nA: 1\r\n\r\nbody");
            writer.publish("head", "bare");
            assert_eq!(reader.payload(), "bare");
        });
    }
}

#[test]
fn a_request_finds_who_answers_and_the_answer_who_asked() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let mut server = to.header_client();
            server.send("SUB ask 1\r\n");
            server.ping_pong();
            knows(from, "ask");
            let mut client = from.client_with(r#"{"headers":true,"no_responders":true}"#);
            for n in 0..20 {
                // The interest in the answer goes ahead of the request.
                client.send(format!("SUB inbox.{n} {n}\r\nPUB ask inbox.{n} 1\r\n?\r\n"));
                let (words, _) = server.message();
                assert_eq!(words[2], format!("inbox.{n}"));
                server.publish(&words[2], "!");
                assert_eq!(client.payload(), "!");
            }
            client.send("SUB nobody 99\r\nPUB unheard nobody 0\r\n\r\n");
            let (words, payload) = client.message();
            assert_eq!(words[0], "nobody");
            assert!(payload.starts_with(b"NATS/1.0 503"));
        });
    }
}

#[test]
fn interest_ends_with_its_subscription_and_with_its_client() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let mut reader = to.client();
            reader.send("SUB gone.a 1\r\nSUB gone.b 2\r\n");
            reader.ping_pong();
            knows(from, "gone.b");
            reader.send("UNSUB 1\r\n");
            from.wait_json("/leafz?subs=1", |page| {
                (!crate::kit::wanted(page, "gone.a")).then_some(())
            });
            knows(from, "gone.b");
            drop(reader);
            from.wait_json("/leafz?subs=1", |page| {
                (!crate::kit::wanted(page, "gone.b")).then_some(())
            });
        });
    }
}

/// Nothing of an end that was killed is waited for.
#[test]
fn what_an_end_wanted_that_is_gone_goes_with_it() {
    for pair in pairs() {
        let (hub, leaf) = linked(pair);
        let mut far = leaf.client();
        far.send("SUB ask 1\r\nSUB ask workers 2\r\n");
        far.ping_pong();
        knows(&hub, "ask");
        leaf.signal("KILL");
        links(&hub, 0);
        if pair.0 == Make::Ours {
            hub.wait_interest("$G", "ask", 0);
        }
        let mut client = hub.header_client();
        client.subscribe("inbox", "1");
        eventually("nobody to be there", || {
            client.send("PUB ask inbox 0\r\n\r\nPING\r\n");
            let answered = client.frame().starts_with("HMSG inbox");
            if answered {
                client.expect("PONG\r\n");
            }
            answered.then_some(())
        });
    }
}

#[test]
fn members_of_a_group_at_the_own_end_come_first() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let (mut near, mut far, mut writer) = (from.client(), to.client(), from.client());
            near.send("SUB job workers 1\r\n");
            near.ping_pong();
            far.send("SUB job workers 1\r\nSUB end 2\r\n");
            far.ping_pong();
            knows(from, "job");
            knows(from, "end");
            (0..50).for_each(|n| writer.publish("job", n.to_string()));
            (0..50).for_each(|n| assert_eq!(near.payload(), n.to_string()));
            drop(near);
            // nats-server lists its links too.
            from.wait_json("/connz", |page| {
                let all = page["connections"].as_array()?;
                (all.iter().filter(|one| one["kind"] == "Client").count() == 1).then_some(())
            });
            (0..50).for_each(|n| writer.publish("job", n.to_string()));
            writer.publish("end", "end");
            (0..50).for_each(|n| assert_eq!(far.payload(), n.to_string()));
            assert_eq!(far.payload(), "end");
        });
    }
}

#[test]
fn each_group_and_every_plain_subscription_of_the_other_end_gets_a_message_once() {
    for pair in pairs() {
        both_ways(pair, |from, to| {
            let mut reader = to.client();
            reader.send("SUB both one 1\r\nSUB both two 2\r\nSUB both 3\r\nSUB * 4\r\n");
            reader.send("SUB both one 5\r\nSUB bend.end 6\r\n");
            reader.ping_pong();
            knows(from, "both");
            knows(from, "bend.end");
            let mut writer = from.client();
            writer.publish("both", "x");
            writer.send("PUB both reply 1\r\ny\r\n");
            writer.publish("bend.end", "end");
            let mut sids = Vec::new();
            loop {
                let (words, payload) = reader.message();
                if payload == b"end" {
                    break;
                }
                assert_eq!(words[0], "both");
                sids.push(words[1].replace('5', "1"));
            }
            sids.sort();
            assert_eq!(sids, ["1", "1", "2", "2", "3", "3", "4", "4"], "{pair:?}");
        });
    }
}

// A spoke's spokes hear of each other through it.
#[test]
fn a_chain_of_links_carries_interest_and_messages_both_ways() {
    for (hub_make, leaf_make) in pairs() {
        let hub = crate::kit::hub(hub_make, "", "");
        let remote = crate::kit::remote(&hub, "");
        let middle = start(
            Make::Ours,
            &format!(
                "server_name: middle\n\
                 leafnodes {{ listen: \"127.0.0.1:-1\", remotes: [ {remote} ] }}"
            ),
        );
        links(&middle, 1);
        let end = crate::kit::leaf(leaf_make, &middle, "", "");
        links(&middle, 2);
        for (from, to) in [(&hub, &end), (&end, &hub)] {
            let mut reader = to.client();
            reader.send("SUB far.> 1\r\n");
            reader.ping_pong();
            knows(from, "far.>");
            let mut writer = from.client();
            writer.publish("far.away", "hello");
            reader.expect("MSG far.away 1 5\r\nhello\r\n");
        }
    }
}

// The link packs what publishers give it, whom nothing else holds back.
#[test]
fn a_flood_waits_for_a_link_that_packs() {
    const COUNT: usize = 60_000;
    let hub = hub(Make::Ours, "", "");
    let leaf = leaf(Make::Ours, &hub, "compression: s2_best", "max_pending: 6MB");
    links(&hub, 1);
    let mut reader = hub.client();
    reader.subscribe("flood", "1");
    knows(&leaf, "flood");
    let counted = thread::spawn(move || (0..COUNT).map(|_| reader.message()).count());
    let one = format!("PUB flood 1024\r\n{}\r\n", "x".repeat(1024));
    let mut from = leaf.client();
    for _ in 0..COUNT / 100 {
        from.send(one.repeat(100));
    }
    from.ping_pong();
    assert_eq!(counted.join().unwrap(), COUNT);
    assert!(!leaf.log.text().contains("Slow Consumer"), "{}", leaf.log.text());
}
