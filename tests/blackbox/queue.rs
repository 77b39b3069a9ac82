//! Queue groups: one member of each group gets a message.

use crate::harness::{Client, Server};

/// Publishes `count` numbered messages on `subject`, then one on `done`.
fn publish_numbers(publisher: &mut Client, subject: &str, count: usize) {
    for n in 0..count {
        publisher.publish(subject, n.to_string());
    }
    publisher.publish("done", "");
}

/// What came before the message on `done`: the sid and the number of each.
fn until_done(client: &mut Client) -> Vec<(String, usize)> {
    let mut got = Vec::new();
    loop {
        let (args, payload) = client.message();
        if args[0] == "done" {
            return got;
        }
        got.push((args[1].clone(), String::from_utf8(payload).unwrap().parse().unwrap()));
    }
}

// Row 4.
#[test]
fn a_group_shares_the_messages() {
    let server = Server::start("");
    let mut members = [server.client(), server.client(), server.client()];
    for member in &mut members {
        member.send("SUB q g 1\r\nSUB done 2\r\n");
        member.ping_pong();
    }
    publish_numbers(&mut server.client(), "q", 300);
    let shares: Vec<_> = members.iter_mut().map(until_done).collect();
    for share in &shares {
        assert!(share.len() > 30, "an unfair split: {:?}", shares.iter().map(Vec::len));
        assert!(share.is_sorted_by_key(|(_, n)| *n), "out of order: {share:?}");
    }
    let mut all: Vec<_> = shares.into_iter().flatten().map(|(_, n)| n).collect();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

#[test]
fn two_members_of_one_connection_share_too() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB q g 1\r\nSUB q g 2\r\nSUB done 9\r\n");
    publish_numbers(&mut client, "q", 100);
    let got = until_done(&mut client);
    let first = got.iter().filter(|(sid, _)| sid == "1").count();
    assert_eq!(got.len(), 100);
    assert!((1..100).contains(&first), "all to one member");
}

#[test]
fn every_group_and_every_plain_subscription_gets_a_copy() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB q g 1\r\nSUB q g 1b\r\nSUB q h 2\r\nSUB q 3\r\nSUB done 9\r\n");
    publish_numbers(&mut client, "q", 50);
    let got = until_done(&mut client);
    assert_eq!(got.len(), 150);
    let count = |sid: &str| got.iter().filter(|(s, _)| s.starts_with(sid)).count();
    assert_eq!((count("1"), count("2"), count("3")), (50, 50, 50));
}

#[test]
fn one_queue_name_on_overlapping_subjects_is_one_group() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB q.* g 1\r\nSUB q.> g 2\r\nSUB q.a g 3\r\nSUB done 9\r\n");
    publish_numbers(&mut client, "q.a", 100);
    let mut numbers: Vec<_> = until_done(&mut client).into_iter().map(|(_, n)| n).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_member_that_left_gets_nothing_more() {
    let server = Server::start("");
    let (mut stays, mut leaves) = (server.client(), server.client());
    stays.send("SUB q g 1\r\nSUB done 9\r\n");
    stays.ping_pong();
    leaves.send("SUB q g 1\r\nSUB done 9\r\n");
    leaves.ping_pong();
    leaves.send("UNSUB 1\r\n");
    leaves.ping_pong();
    publish_numbers(&mut server.client(), "q", 50);
    assert_eq!(until_done(&mut stays).len(), 50);
    assert_eq!(until_done(&mut leaves).len(), 0);
}

#[test]
fn a_member_whose_connection_ended_gets_nothing_more() {
    let server = Server::start("");
    let (mut stays, mut leaves) = (server.client(), server.client());
    stays.send("SUB q g 1\r\nSUB done 9\r\n");
    stays.ping_pong();
    leaves.subscribe("q", "1");
    drop(leaves);
    server.wait_json("/varz", |page| (page["connections"] == 1).then_some(()));
    publish_numbers(&mut server.client(), "q", 50);
    assert_eq!(until_done(&mut stays).len(), 50);
}

#[test]
fn a_maximum_holds_for_a_queue_member() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB q g 1\r\nUNSUB 1 3\r\nSUB done 9\r\n");
    publish_numbers(&mut client, "q", 10);
    let numbers: Vec<_> = until_done(&mut client).into_iter().map(|(_, n)| n).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn without_echo_a_member_passes_its_own_messages_to_the_others() {
    let server = Server::start("");
    let (mut quiet, mut other) = (server.client_with(r#"{"echo":false}"#), server.client());
    other.send("SUB q g 1\r\nSUB done 9\r\n");
    other.ping_pong();
    quiet.send("SUB q g 1\r\n");
    publish_numbers(&mut quiet, "q", 40);
    assert_eq!(until_done(&mut other).len(), 40);
}
