//! Who gets what: subjects, wildcards, echo, and subscriptions that end.

use crate::harness::Server;

// Row 2.
#[test]
fn exact_subjects_only_match_themselves() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a.b 1\r\nSUB done 9\r\n");
    sub.ping_pong();
    for subject in ["a", "a.b.c", "A.b", "a.bc", "b", "a.b", "done"] {
        publisher.publish(subject, "x");
    }
    sub.expect("MSG a.b 1 1\r\nx\r\nMSG done 9 1\r\nx\r\n");
}

// Row 3.
#[test]
fn both_wildcards_match() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    for (subject, sid) in [("a.*.c", "1"), ("a.>", "2"), ("*.b.*", "3"), (">", "4")] {
        sub.send(format!("SUB {subject} {sid}\r\n"));
    }
    sub.ping_pong();
    publisher.publish("a.b.c", "hi");
    let mut got: Vec<_> = (0..4).map(|_| sub.frame()).collect();
    got.sort();
    let wanted: Vec<_> = (1..=4).map(|sid| format!("MSG a.b.c {sid} 2\r\nhi\r\n")).collect();
    assert_eq!(got, wanted);
    sub.ping_pong();
}

#[test]
fn wildcards_match_whole_tokens_and_at_least_one() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a.* 1\r\nSUB b.> 2\r\nSUB c*.d 3\r\nSUB e.>f 4\r\nSUB done 9\r\n");
    sub.ping_pong();
    for subject in ["a", "a.b.c", "b", "cx.d", "e.xf", "c*.d", "e.>f", "done"] {
        publisher.publish(subject, "");
    }
    sub.expect("MSG c*.d 3 0\r\n\r\nMSG e.>f 4 0\r\n\r\nMSG done 9 0\r\n\r\n");
}

#[test]
fn a_wildcard_in_a_publish_is_a_plain_word() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a.b 1\r\nSUB a.* 2\r\nSUB done 9\r\n");
    sub.ping_pong();
    publisher.publish("a.*", "x");
    publisher.publish("done", "");
    sub.expect("MSG a.* 2 1\r\nx\r\nMSG done 9 0\r\n\r\n");
}

#[test]
fn subjects_may_hold_any_text() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB grüße.* 1\r\n");
    client.publish("grüße.✓", "x");
    client.expect("MSG grüße.✓ 1 1\r\nx\r\n");
}

#[test]
fn deep_subjects_match() {
    let server = Server::start("");
    let mut client = server.client();
    let deep = vec!["t"; 200].join(".");
    client.send(format!("SUB {deep} 1\r\n"));
    client.publish(&deep, "x");
    client.expect(format!("MSG {deep} 1 1\r\nx\r\n"));
}

// Row 5.
#[test]
fn a_reply_subject_travels_with_the_request() {
    let server = Server::start("");
    let (mut service, mut requester) = (server.client(), server.client());
    service.subscribe("svc", "1");
    requester.send("SUB _INBOX.x.* 7\r\nPUB svc _INBOX.x.1 3\r\nask\r\n");
    service.expect("MSG svc 1 _INBOX.x.1 3\r\nask\r\n");
    service.publish("_INBOX.x.1", "answer");
    requester.expect("MSG _INBOX.x.1 7 6\r\nanswer\r\n");
}

#[test]
fn every_subscription_of_a_connection_gets_its_copy() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a 1\r\nSUB a 2\r\nSUB a two-words_3\r\n");
    sub.ping_pong();
    publisher.publish("a", "x");
    let mut got: Vec<_> = (0..3).map(|_| sub.message().0[1].clone()).collect();
    got.sort();
    assert_eq!(got, ["1", "2", "two-words_3"]);
}

// Row 10.
#[test]
fn unsub_with_a_maximum_ends_after_so_many() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a 1\r\nUNSUB 1 2\r\nSUB done 9\r\n");
    sub.ping_pong();
    for subject in ["a", "a", "a", "done"] {
        publisher.publish(subject, "x");
    }
    sub.expect("MSG a 1 1\r\nx\r\nMSG a 1 1\r\nx\r\nMSG done 9 1\r\nx\r\n");
}

#[test]
fn the_maximum_counts_from_the_subscription_on() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a 1\r\nSUB done 9\r\n");
    sub.ping_pong();
    publisher.publish("a", "1");
    publisher.publish("a", "2");
    sub.expect("MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n");
    sub.send("UNSUB 1 3\r\n");
    sub.ping_pong();
    for subject in ["a", "a", "done"] {
        publisher.publish(subject, "x");
    }
    sub.expect("MSG a 1 1\r\nx\r\nMSG done 9 1\r\nx\r\n");
}

#[test]
fn a_maximum_already_reached_ends_the_subscription_at_once() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a 1\r\nSUB done 9\r\n");
    sub.ping_pong();
    publisher.publish("a", "1");
    sub.expect("MSG a 1 1\r\n1\r\n");
    sub.send("UNSUB 1 1\r\n");
    sub.ping_pong();
    publisher.publish("a", "2");
    publisher.publish("done", "");
    sub.expect("MSG done 9 0\r\n\r\n");
}

#[test]
fn unsub_ends_a_subscription() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.send("SUB a 1\r\nSUB a 2\r\nUNSUB 1\r\nUNSUB 77\r\n");
    sub.ping_pong();
    publisher.publish("a", "x");
    sub.expect("MSG a 2 1\r\nx\r\n");
    sub.ping_pong();
}

#[test]
fn a_sid_may_be_used_again_after_unsub() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB a 1\r\nUNSUB 1\r\nSUB b 1\r\nPUB a 0\r\n\r\nPUB b 1\r\nx\r\n");
    client.expect("MSG b 1 1\r\nx\r\n");
}

// Row 11.
#[test]
fn without_echo_own_messages_do_not_come_back() {
    let server = Server::start("");
    let (mut quiet, mut other) = (server.client_with(r#"{"echo":false}"#), server.client());
    other.subscribe("a", "1");
    quiet.send("SUB a 1\r\nPUB a 3\r\nown\r\n");
    quiet.ping_pong();
    other.expect("MSG a 1 3\r\nown\r\n");
    other.publish("a", "other");
    quiet.expect("MSG a 1 5\r\nother\r\n");
}

// Row 19.
#[test]
fn invalid_subjects_are_refused_and_the_connection_stays() {
    let server = Server::start("");
    let mut client = server.client();
    for subject in ["a..b", ".a", "a.", ".", "a.>.b", ">.a", "..", "*..*"] {
        client.send(format!("SUB {subject} 1\r\n"));
        client.expect_err("Invalid Subject");
    }
    client.send("SUB a 1\r\n");
    client.publish("a", "x");
    client.expect("MSG a 1 1\r\nx\r\n");
}

// Row 25.
#[test]
fn a_second_sub_with_a_used_sid_is_acknowledged() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("CONNECT {\"verbose\":true}\r\nSUB a 1\r\nSUB b 1\r\n");
    client.expect("+OK\r\n+OK\r\n+OK\r\n");
    client.ping_pong();
}

#[test]
fn a_second_subject_under_a_used_sid_delivers_nothing() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB a 1\r\nSUB b 1\r\nPUB b 1\r\nx\r\nPUB a 1\r\ny\r\n");
    client.expect("MSG a 1 1\r\ny\r\n");
    client.ping_pong();
}

#[test]
fn subscriptions_end_with_their_connection() {
    let server = Server::start("");
    let mut gone = server.client();
    gone.subscribe("a.b", "1");
    server.wait_interest("$G", "a.b", 1);
    drop(gone);
    server.wait_interest("$G", "a.b", 0);
}
