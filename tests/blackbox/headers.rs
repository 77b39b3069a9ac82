//! Messages with headers, and the 503 that tells a requester that nobody listens.

use crate::harness::{Client, Server};

const BLOCK: &str = "NATS/1.0\r\nKey: value\r\nkey: other\r\n\r\n";

// Row 12.
#[test]
fn a_header_block_comes_back_byte_for_byte() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send(format!("SUB a 1\r\nHPUB a reply 36 40\r\n{BLOCK}body\r\n"));
    client.expect(format!("HMSG a 1 reply 36 40\r\n{BLOCK}body\r\n"));
    client.publish_headers("a", BLOCK, "");
    client.expect(format!("HMSG a 1 36 36\r\n{BLOCK}\r\n"));
}

#[test]
fn plain_messages_stay_plain_for_clients_with_headers() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
    client.expect("MSG a 1 1\r\nx\r\n");
}

#[test]
fn what_a_header_block_holds_is_not_checked() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send("SUB a 1\r\nHPUB a 3 5\r\n\0\r\nxy\r\n");
    client.expect("HMSG a 1 3 5\r\n\0\r\nxy\r\n");
}

// Row 13.
#[test]
fn receivers_without_headers_get_the_body_alone() {
    let server = Server::start("");
    let (mut old, mut publisher) = (server.client(), server.header_client());
    old.subscribe("a", "1");
    publisher.send(format!("HPUB a reply 36 40\r\n{BLOCK}body\r\n"));
    old.expect("MSG a 1 reply 4\r\nbody\r\n");
}

#[test]
fn one_message_suits_both_kinds_of_receiver() {
    let server = Server::start("");
    let (mut old, mut new) = (server.client(), server.header_client());
    old.subscribe("a", "1");
    new.subscribe("a", "1");
    server.header_client().publish_headers("a", BLOCK, "body");
    old.expect("MSG a 1 4\r\nbody\r\n");
    new.expect(format!("HMSG a 1 36 40\r\n{BLOCK}body\r\n"));
}

#[test]
fn headers_from_a_client_that_announced_none_end_its_connection() {
    let server = Server::start("");
    let mut client = server.client();
    client.publish_headers("a", BLOCK, "body");
    client.expect_closed();
}

#[test]
fn a_server_without_headers_says_so_and_refuses_them() {
    let server = Server::start("no_header_support: true");
    let mut client = server.client_with(r#"{"headers":true}"#);
    assert_eq!(client.info["headers"], false);
    client.publish_headers("a", BLOCK, "body");
    client.expect_closed();
}

#[test]
fn the_payload_limit_counts_the_header_block() {
    let server = Server::start("max_payload: 40");
    let mut client = server.header_client();
    client.publish_headers("a", BLOCK, "body");
    client.ping_pong();
    client.publish_headers("a", BLOCK, "bodyy");
    client.expect_err_closed("Maximum Payload Violation");
}

/// The 503 for a request on `subject`, as the subscription `sid` on `reply` gets it.
fn no_responders(reply: &str, sid: &str, subject: &str) -> String {
    let size = 32 + subject.len();
    format!(
        "HMSG {reply} {sid} {size} {size}\r\nNATS/1.0 503\r\nNats-Subject: {subject}\r\n\r\n\r\n"
    )
}

// Rows 14 and 15.
#[test]
fn a_request_to_nobody_is_answered_with_503_and_its_subject() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send("SUB _INBOX.1.* 5\r\nPUB nobody.home _INBOX.1.7 3\r\nask\r\n");
    client.expect(no_responders("_INBOX.1.7", "5", "nobody.home"));
}

#[test]
fn a_request_with_headers_gets_the_503_too() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send(format!("SUB in 1\r\nHPUB nobody in 36 40\r\n{BLOCK}body\r\n"));
    client.expect(no_responders("in", "1", "nobody"));
}

#[test]
fn the_503_ends_when_somebody_listens_and_returns_when_they_leave() {
    let server = Server::start("");
    let (mut client, mut service) = (server.header_client(), server.client());
    let ask = |client: &mut Client| client.send("PUB svc in 0\r\n\r\n");
    client.send("SUB in 1\r\n");
    ask(&mut client);
    client.expect(no_responders("in", "1", "svc"));
    service.subscribe("svc", "1");
    ask(&mut client);
    service.expect("MSG svc 1 in 0\r\n\r\n");
    client.ping_pong();
    service.send("UNSUB 1\r\n");
    service.ping_pong();
    ask(&mut client);
    client.expect(no_responders("in", "1", "svc"));
}

#[test]
fn a_queue_member_counts_as_a_responder() {
    let server = Server::start("");
    let (mut client, mut service) = (server.header_client(), server.client());
    service.send("SUB svc.> workers 1\r\n");
    service.ping_pong();
    client.send("SUB in 1\r\nPUB svc.x in 0\r\n\r\n");
    service.expect("MSG svc.x 1 in 0\r\n\r\n");
    client.ping_pong();
}

#[test]
fn the_503_does_not_count_toward_a_maximum_of_deliveries() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.send("SUB in 1\r\nUNSUB 1 1\r\nPUB nobody in 0\r\n\r\nPUB nobody in 0\r\n\r\n");
    client.expect(no_responders("in", "1", "nobody"));
    client.expect(no_responders("in", "1", "nobody"));
    client.publish("in", "the only one");
    client.publish("in", "one too many");
    client.expect("MSG in 1 12\r\nthe only one\r\n");
    client.ping_pong();
}

#[test]
fn no_503_without_a_reply_subject_or_a_subscription_to_it() {
    let server = Server::start("");
    let mut client = server.header_client();
    client.publish("nobody", "x");
    client.send("PUB nobody in 1\r\nx\r\n");
    client.send("SUB in group 1\r\nPUB nobody in 1\r\nx\r\n");
    client.ping_pong();
}

#[test]
fn no_503_for_clients_that_did_not_ask_for_it() {
    let server = Server::start("");
    let mut client = server.client_with(r#"{"headers":true}"#);
    client.send("SUB in 1\r\nPUB nobody in 1\r\nx\r\n");
    client.ping_pong();
}

#[test]
fn the_503_goes_to_the_requester_alone() {
    let server = Server::start("");
    let (mut client, mut other) = (server.header_client(), server.header_client());
    other.subscribe("in", "1");
    client.send("SUB in 1\r\nPUB nobody in 1\r\nx\r\n");
    client.expect(no_responders("in", "1", "nobody"));
    other.ping_pong();
}

#[test]
fn no_responders_without_headers_is_refused() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send_connect(r#"{"no_responders":true}"#);
    client.expect_err_closed("no responders requires headers support");
}
