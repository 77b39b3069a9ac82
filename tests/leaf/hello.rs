//! Strangers on the port: bytes that make no sense, and nobody who says anything.

use crate::harness::Client;
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
    let connect = || {
        let mut link = Client::connect(leaf_port(&hub));
        link.send("CONNECT {\"name\":\"raw\",\"cluster\":\"raw\",\"headers\":true}\r\n");
        link.expect_info();
        link
    };
    let mut old = connect();
    links(&hub, 1);
    let mut new = connect();
    let rest = String::from_utf8_lossy(&old.read_to_end()).into_owned();
    assert!(rest.ends_with("-ERR 'Duplicate Remote LeafNode Connection'\r\n"), "{rest}");
    links(&hub, 1);
    new.send("PING\r\n");
    let frames = std::iter::from_fn(|| new.next_frame());
    assert!(frames.into_iter().any(|frame| frame.starts_with(b"PONG")));
}
