//! A subject shard dies: publishers go on reading its slice, and changes wait for its successor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::Waker;
use std::thread;

use vagus_actors::delivery::interest::Change;
use vagus_actors::shard::{Ack, Apply, Barrier};

use crate::flow::{Flow, WANTED};
use crate::kit::{
    SHARDS, actorz, client, drill, drill_alone, eventually, page, port, shard_of, start,
};

#[test]
fn each_kind_of_slice_is_rebuilt_while_messages_flow() {
    let server = start();
    let flow = Flow::start(port(&server));
    let held = server.broker().realms.global().interest.len();
    for subject in WANTED {
        let path = shard_of(&server, subject);
        let before = actorz(&server, &path).unwrap();
        for _ in 0..2 {
            drill_alone(&server, &path);
            flow.advance(200);
        }
        let after = actorz(&server, &path).unwrap();
        let restarts = |actor: &serde_json::Value| actor["restarts"].as_u64().unwrap();
        assert_eq!(restarts(&after), restarts(&before) + 2);
        let cause = after["last_cause"].as_str().unwrap();
        assert!(cause.starts_with("panicked: fire drill"), "{cause}");
        assert_eq!(after["state"], "running");
        assert_eq!(after["observed"]["subscriptions"], before["observed"]["subscriptions"]);
        assert_eq!(server.broker().realms.global().interest.len(), held);
    }
    assert_eq!(page(&server, "/subsz")["num_subscriptions"], held);
    flow.end();
}

#[test]
fn a_pong_says_that_a_subscription_is_in_force_also_when_its_shard_has_just_died() {
    let server = start();
    let (mut publisher, mut subscriber) = (client(port(&server)), client(port(&server)));
    // Two of the patterns may share a shard, and that has a budget.
    for round in 0..4 {
        for pattern in ["moment.literal", "moment.*", "*.moment"] {
            let subject = match pattern {
                "*.moment" => "at.moment",
                _ => "moment.literal",
            };
            let path = shard_of(&server, pattern);
            let before = server.actors().get(&path).unwrap().restarts();
            // The shard is down from here, for the back-off at least.
            assert!(server.actors().drill(&path, "fire drill"));
            subscriber.send(format!("SUB {pattern} {round}\r\nPING\r\n"));
            subscriber.expect("PONG\r\n");
            publisher.publish(subject, "hello");
            subscriber.expect(format!("MSG {subject} {round} 5\r\nhello\r\n"));
            subscriber.send(format!("UNSUB {round}\r\n"));
            subscriber.ping_pong();
            publisher.publish(subject, "nobody");
            publisher.ping_pong();
            subscriber.ping_pong();
            eventually("the successor", || {
                (server.actors().get(&path)?.restarts() > before).then_some(())
            });
        }
    }
    assert_eq!(server.broker().realms.global().interest.len(), 0);
}

/// Drills all shards in turn while many clients subscribe, publish to themselves, unsubscribe.
#[test]
fn shards_die_under_clients_that_subscribe_all_the_time() {
    const CLIENTS: usize = 12;
    let server = start();
    let flow = Flow::start(port(&server));
    let held = server.broker().realms.global().interest.len();
    let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..CLIENTS)
        .map(|id| {
            let (mut one, over, rounds) = (client(port(&server)), over.clone(), rounds.clone());
            thread::spawn(move || {
                let mut n = 0;
                while !over.load(Relaxed) {
                    n += 1;
                    let own = format!("own{id}");
                    let wanted = [format!("{own}.{n}"), format!("{own}.*"), format!("*.{n}.{id}")];
                    let [literal, pattern, root] = &wanted;
                    one.send(format!("SUB {literal} 1\r\nSUB {pattern} 2\r\nSUB {root} 3\r\n"));
                    one.ping_pong();
                    one.send(format!("PUB {own}.{n} 1\r\na\r\nPUB {own}.{n}.{id} 1\r\nb\r\n"));
                    let mut sids: Vec<_> = (0..3).map(|_| one.message().0[1].clone()).collect();
                    sids.sort();
                    assert_eq!(sids, ["1", "2", "3"]);
                    one.send("UNSUB 1\r\nUNSUB 2\r\nUNSUB 3\r\n");
                    one.ping_pong();
                    one.send(format!("PUB {own}.{n} 1\r\na\r\nPUB {own}.{n}.{id} 1\r\nb\r\n"));
                    one.ping_pong();
                    rounds.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..2 {
        for writer in 0..=SHARDS {
            drill(&server, &format!("/server/shard-{writer}"));
        }
        flow.advance(200);
    }
    let so_far = rounds.load(Relaxed);
    eventually("more rounds", || (rounds.load(Relaxed) > so_far + CLIENTS).then_some(()));
    over.store(true, Relaxed);
    for worker in workers {
        worker.join().expect("no subscription was lost, and none outlived its UNSUB");
    }
    assert_eq!(server.broker().realms.global().interest.len(), held);
    flow.end();
}

/// A shard dies in the middle of its work: whoever waits for that piece of work hears of it, and
/// the changes behind it are made by the successor.
#[test]
fn what_dies_with_a_shard_is_reported_as_not_done() {
    let server = start();
    let mut subscriber = client(port(&server));
    subscriber.subscribe("keep.literal", "1");
    subscriber.subscribe("*.keep", "2");
    let cast = server.broker().cast().unwrap();
    let mut wanted = Vec::new();
    server.broker().realms.global().interest.for_each(|sub| wanted.push(sub.clone()));
    let literal = wanted.iter().find(|sub| sub.subject() == b"keep.literal").unwrap().clone();
    let root = wanted.iter().find(|sub| sub.subject() == b"*.keep").unwrap().clone();
    // The slice for leading wildcards has no place for a literal subject: it panics.
    let (bad, good) =
        (Barrier::new(1, Waker::noop().clone()), Barrier::new(1, Waker::noop().clone()));
    let apply = |change, barrier| {
        let realm = Arc::clone(server.broker().realms.global());
        Apply { realm, changes: vec![change], ack: Ack::of(barrier) }
    };
    let shard = &cast.shards[SHARDS];
    shard.send(apply(Change::Add(literal), &bad)).unwrap();
    shard.send(apply(Change::Add(root), &good)).unwrap();
    let path = format!("/server/shard-{SHARDS}");
    eventually("both answers", || (bad.is_open() && good.is_open()).then_some(()));
    assert!(bad.has_failed() && !good.has_failed());
    assert_eq!(server.actors().get(&path).unwrap().restarts(), 1);
    assert!(server.actors().get(&path).unwrap().last_cause().unwrap().starts_with("panicked: "));
    assert_eq!(server.broker().realms.global().interest.len(), 2, "to add twice is to add once");
    let mut publisher = client(port(&server));
    publisher.send("PUB keep.literal 1\r\na\r\nPUB b.keep 1\r\nb\r\n");
    subscriber.expect("MSG keep.literal 1 1\r\na\r\nMSG b.keep 2 1\r\nb\r\n");
}
