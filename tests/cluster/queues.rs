//! Queue groups with members at several servers: one of all members gets a message.

use std::collections::HashMap;
use std::time::Duration;

use crate::harness::Client;
use crate::kit::{cluster, sent, wants};

/// What came to a client until the message `end`.
fn drain(client: &mut Client) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match client.payload() {
            end if end == "end" => return all,
            other => all.push(other),
        }
    }
}

// Row 154.
#[test]
fn every_member_of_the_cluster_gets_its_share_and_each_message_comes_once() {
    let [a, b, c] = cluster();
    let mut members = vec![a.client(), b.client(), b.client(), b.client(), c.client()];
    for member in &mut members {
        member.send("SUB job workers 1\r\nSUB end 2\r\n");
        member.ping_pong();
    }
    wants(&a, "job", 3);
    a.wait_json("/routez?subs=detail", |page| {
        let routes = page["routes"].as_array().unwrap();
        let weights = routes.iter().flat_map(|route| route["subscriptions_list_detail"].as_array());
        let job = weights.flatten().filter(|sub| sub["subject"] == "job").count();
        (job == 2).then_some(())
    });
    wants(&a, "end", 3);
    // The number of members follows the first of them.
    std::thread::park_timeout(Duration::from_millis(200));
    let (mut from, count) = (a.client(), 5_000);
    for n in 0..count {
        from.publish("job", n.to_string());
    }
    from.publish("end", "end");
    let shares: Vec<Vec<String>> = members.iter_mut().map(drain).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for message in shares.iter().flatten() {
        *times.entry(message).or_default() += 1;
    }
    assert_eq!(times.len(), count);
    assert!(times.values().all(|times| *times == 1));
    let fair = count / members.len();
    for share in &shares {
        let share = share.len();
        assert!(share > fair * 8 / 10 && share < fair * 12 / 10, "{share} of about {fair}");
    }
}

#[test]
fn plain_subscribers_and_groups_share_one_copy() {
    let [a, b] = cluster();
    let mut at_b = b.client();
    at_b.send("SUB both one 1\r\nSUB both two 2\r\nSUB both 3\r\nSUB * one 4\r\n");
    at_b.ping_pong();
    wants(&a, "both", 4);
    let before = sent(&a);
    let mut from = a.client();
    from.publish("both", "x");
    let mut sids: Vec<_> = (0..3).map(|_| at_b.message().0[1].clone()).collect();
    sids.sort();
    // Both the first and the last are of group one.
    assert!(sids == ["1", "2", "3"] || sids == ["2", "3", "4"], "{sids:?}");
    at_b.ping_pong();
    // By its answer the message is counted.
    from.ping_pong();
    assert_eq!(sent(&a) - before, 1);
}

#[test]
fn whoever_is_left_in_a_group_gets_everything() {
    let [a, b] = cluster();
    let mut near = a.client();
    near.send("SUB job w 1\r\n");
    near.ping_pong();
    let mut far = b.client();
    far.send("SUB job w 1\r\n");
    far.ping_pong();
    wants(&a, "job", 2);
    far.send("UNSUB 1\r\n");
    far.ping_pong();
    wants(&a, "job", 1);
    let mut from = a.client();
    for n in 0..100 {
        from.publish("job", n.to_string());
        assert_eq!(near.payload(), n.to_string());
    }
    // The other way round.
    far.send("SUB job w 2\r\n");
    far.ping_pong();
    wants(&a, "job", 2);
    near.send("UNSUB 1\r\n");
    near.ping_pong();
    for n in 0..100 {
        from.publish("job", n.to_string());
        assert_eq!(far.payload(), n.to_string());
    }
}

/// Messages for plain subscribers alone repeat each other until a member of a group is there, and
/// one on its way to both is not like the one before.
#[test]
fn a_group_that_begins_amid_a_run_of_messages_takes_no_job_from_another_group() {
    const ROUNDS: usize = 20;
    const JOBS: usize = 20;
    let [a, b] = cluster();
    let (mut near, mut far, mut late) = (a.client(), b.client(), b.client());
    near.send("SUB job workers 1\r\nSUB end 3\r\n");
    far.send("SUB job workers 1\r\nSUB news 2\r\nSUB end 3\r\n");
    [&mut near, &mut far].into_iter().for_each(Client::ping_pong);
    wants(&a, "job", 2);
    wants(&a, "news", 1);
    wants(&a, "end", 2);
    let mut from = a.client();
    for round in 0..ROUNDS {
        from.send("PUB news 1\r\nn\r\n".repeat(500));
        late.send(format!("SUB > group{round} {round}\r\n"));
        wants(&a, "news", 2);
        from.send("PUB news 1\r\nn\r\nPUB job 1\r\nj\r\n".repeat(JOBS));
        from.ping_pong();
        late.send(format!("UNSUB {round}\r\nPING\r\n"));
        while late.frame() != "PONG\r\n" {}
        wants(&a, "news", 1);
    }
    from.publish("end", "");
    let (mut jobs, mut news) = (0, 0);
    for client in [&mut near, &mut far] {
        loop {
            match &*client.message().0[1] {
                "1" => jobs += 1,
                "2" => news += 1,
                _ => break,
            }
        }
    }
    assert_eq!((jobs, news), (ROUNDS * JOBS, ROUNDS * (500 + JOBS)));
}
