//! Order, and the promise behind PONG: what was sent before PING is in force everywhere.

use std::thread;

use crate::harness::{Client, Server};

#[test]
fn one_publishers_messages_arrive_in_order() {
    const COUNT: usize = 20_000;
    let server = Server::start("");
    let mut subs: Vec<_> = (0..8).map(|_| server.client()).collect();
    for (n, sub) in subs.iter_mut().enumerate() {
        sub.send(format!("SUB order.> 1\r\nSUB order.{n} 2\r\n"));
        sub.ping_pong();
    }
    let mut publisher = server.client();
    let writer = thread::spawn(move || {
        let mut bytes = String::new();
        for n in 0..COUNT {
            bytes.push_str(&format!("PUB order.{} 8\r\n{n:08}\r\n", n % 8));
            if bytes.len() > 30_000 {
                publisher.send(&bytes);
                bytes.clear();
            }
        }
        publisher.send(bytes);
        publisher.ping_pong();
    });
    let readers: Vec<_> = subs
        .into_iter()
        .enumerate()
        .map(|(n, sub)| thread::spawn(move || check_order(sub, n, COUNT)))
        .collect();
    for handle in readers {
        handle.join().unwrap();
    }
    writer.join().unwrap();
}

/// Subscription 1 must see every number, subscription 2 each eighth one, both in order.
fn check_order(mut sub: Client, own: usize, count: usize) {
    let (mut next_all, mut next_own) = (0, own);
    while next_all < count || next_own < count {
        let (args, payload) = sub.message();
        let n: usize = String::from_utf8(payload).unwrap().parse().unwrap();
        assert_eq!(args[0], format!("order.{}", n % 8));
        if args[1] == "1" {
            assert_eq!(n, next_all, "subscription 1 out of order");
            next_all += 1;
        } else {
            assert_eq!(n, next_own, "subscription 2 out of order");
            next_own += 8;
        }
    }
}

#[test]
fn every_publisher_keeps_its_order_among_others() {
    const COUNT: usize = 3_000;
    let server = Server::start("");
    let mut sub = server.client();
    sub.subscribe("many.*", "1");
    let writers: Vec<_> = (0..4)
        .map(|id| {
            let mut publisher = server.client();
            thread::spawn(move || {
                for n in 0..COUNT {
                    publisher.publish(&format!("many.{id}"), n.to_string());
                }
                publisher.ping_pong();
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..4 * COUNT {
        let (args, payload) = sub.message();
        let id: usize = args[0][5..].parse().unwrap();
        assert_eq!(String::from_utf8(payload).unwrap(), next[id].to_string());
        next[id] += 1;
    }
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn after_pong_a_subscription_is_in_force_for_all_connections() {
    let server = Server::start("");
    let mut publishers: Vec<_> = (0..8).map(|_| server.client()).collect();
    let mut subs: Vec<_> = (0..4).map(|_| server.client()).collect();
    for round in 0..300 {
        let sub = &mut subs[round % 4];
        let subject = format!("fresh.{}", round % 16);
        sub.subscribe(&subject, &round.to_string());
        for publisher in &mut publishers {
            publisher.publish(&subject, "x");
            sub.expect(format!("MSG {subject} {round} 1\r\nx\r\n"));
        }
        sub.send(format!("UNSUB {round}\r\n"));
        sub.ping_pong();
    }
}

#[test]
fn after_pong_an_unsub_is_in_force_for_all_connections() {
    let server = Server::start("");
    let mut publishers: Vec<_> = (0..8).map(|_| server.client()).collect();
    let mut sub = server.client();
    sub.subscribe("done", "done");
    for round in 0..200 {
        sub.subscribe("stale", &round.to_string());
        // Warm whatever the publishers remember of this subject.
        for publisher in &mut publishers {
            publisher.publish("stale", "x");
            sub.expect(format!("MSG stale {round} 1\r\nx\r\n"));
        }
        sub.send(format!("UNSUB {round}\r\n"));
        sub.ping_pong();
        for publisher in &mut publishers {
            publisher.publish("stale", "x");
            publisher.publish("done", "x");
            sub.expect("MSG done done 1\r\nx\r\n");
        }
    }
}

#[test]
fn a_subscription_is_in_force_for_the_next_line_of_its_own_connection() {
    let server = Server::start("");
    let mut client = server.client();
    for round in 0..500 {
        client.send(format!("SUB own.{round} {round}\r\nPUB own.{round} 1\r\nx\r\n"));
        client.expect(format!("MSG own.{round} {round} 1\r\nx\r\n"));
        client.send(format!("UNSUB {round}\r\nPUB own.{round} 1\r\nx\r\n"));
    }
    client.ping_pong();
}

#[test]
fn a_new_wildcard_is_in_force_for_subjects_published_before() {
    let server = Server::start("");
    let (mut publisher, mut sub) = (server.client(), server.client());
    sub.subscribe("w.a.b", "1");
    for (sid, subject) in ["w.*.b", "w.>", "*.a.*", ">"].iter().enumerate() {
        publisher.publish("w.a.b", "");
        publisher.ping_pong();
        for _ in 0..=sid {
            sub.message();
        }
        sub.subscribe(subject, &format!("w{sid}"));
    }
    publisher.publish("w.a.b", "");
    let mut sids: Vec<_> = (0..5).map(|_| sub.message().0[1].clone()).collect();
    sids.sort();
    assert_eq!(sids, ["1", "w0", "w1", "w2", "w3"]);
}

#[test]
fn answers_wait_for_what_was_delivered_before() {
    let server = Server::start("");
    let (mut publisher, mut sub) = (server.client(), server.client());
    sub.subscribe("a", "1");
    for n in 0..500 {
        publisher.publish("a", n.to_string());
        publisher.ping_pong();
        // The publisher's PONG says that the message is on its way before our PONG.
        sub.send("PING\r\n");
        let text = n.to_string();
        sub.expect(format!("MSG a 1 {}\r\n{text}\r\nPONG\r\n", text.len()));
    }
}
