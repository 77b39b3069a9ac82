//! Strangers on the port: bytes that make no sense, and nobody who says anything.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::crowd;
use crate::harness::{Client, eventually};
use crate::kit::{Make, hub, leaf_port, links};

#[test]
fn what_no_leaf_node_says_ends_the_conversation() {
    let hub = hub(Make::Ours, "authorization { timeout: 1 }", "");
    let port = leaf_port(&hub);
    for (bytes, text) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "Unknown Protocol Operation"),
        (b"LS+ too.early\r\n", "Authorization Violation"),
        (b"LMSG too.early 1\r\nx\r\n", "Maximum Payload Violation"),
        (b"CONNECT {nonsense}\r\n", "Authorization Violation"),
        (b"CONNECT {\"cluster\":\"a b\"}\r\n", "remote leafnode cluster name has spaces"),
        (b"CONNECT {\"cluster\":\"hub\"}\r\n", "remote leafnode has same cluster name"),
        (
            b"CONNECT {\"cluster\":\"x\",\"gateway\":\"g\"}\r\n",
            "Rejecting connection from gateway \"g\" on the leafnode port",
        ),
        (b"", "Authentication Timeout"),
    ] {
        let mut link = Client::connect(port);
        link.send(bytes);
        link.expect_err_closed(text);
    }
    links(&hub, 0);
    hub.client().ping_pong();
}

#[test]
fn the_same_leaf_node_coming_again_takes_the_place_of_its_old_link() {
    let hub = hub(Make::Ours, "", "");
    let mut old = linked(leaf_port(&hub));
    links(&hub, 1);
    let mut new = linked(leaf_port(&hub));
    let rest = String::from_utf8_lossy(&old.read_to_end()).into_owned();
    assert!(rest.ends_with("-ERR 'Duplicate Remote LeafNode Connection'\r\n"), "{rest}");
    links(&hub, 1);
    new.send("PING\r\n");
    let frames = std::iter::from_fn(|| new.next_frame());
    assert!(frames.into_iter().any(|frame| frame.starts_with(b"PONG")));
}

/// One end of a link, that knows how to begin.
fn linked(port: u16) -> Client {
    let mut link = Client::connect(port);
    link.send("CONNECT {\"name\":\"raw\",\"cluster\":\"raw\",\"headers\":true}\r\n");
    link.expect_info();
    link
}

#[test]
fn who_no_longer_answers_is_given_up() {
    let hub = hub(Make::Ours, "", "ping_interval: \"100ms\"\nping_max: 2");
    // The client of other tests would answer.
    let mut silent = linked(leaf_port(&hub)).socket.try_clone().unwrap();
    hub.log.wait_for("Stale Connection - Closing");
    let mut said = Vec::new();
    silent.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.ends_with("PING\r\n-ERR 'Stale Connection'\r\n"), "{said}");
    links(&hub, 0);
}

#[test]
fn who_announces_too_much_is_cut_off() {
    let hub = hub(Make::Ours, "", "");
    for (bytes, text) in [
        ("LMSG a 99999999\r\n".to_owned(), "Maximum Payload Violation"),
        (format!("LS+ {}\r\n", "a".repeat(1 << 17)), "maximum control line exceeded"),
    ] {
        let mut link = linked(leaf_port(&hub));
        // It may be closed before all was sent.
        let _ = link.try_send(bytes);
        let rest = String::from_utf8_lossy(&link.read_to_end()).into_owned();
        assert!(rest.ends_with(&format!("-ERR '{text}'\r\n")), "{rest}");
    }
    links(&hub, 0);
}

#[test]
fn only_so_many_may_be_strangers_at_one_time() {
    let hub = hub(Make::Ours, "authorization { timeout: 60 }", "");
    crowd::all_but(256, 300, leaf_port(&hub));
    // Their places are free a moment later.
    eventually("somebody else to be heard", || {
        let mut socket = TcpStream::connect(("127.0.0.1", leaf_port(&hub))).unwrap();
        socket.write_all(b"CONNECT {\"name\":\"raw\",\"cluster\":\"raw\"}\r\n").ok()?;
        (hub.json("/leafz")["leafnodes"] == 1).then_some(())
    });
}
