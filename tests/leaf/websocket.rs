//! Links over WebSocket, to the port that a nats-server has for it.

use crate::harness::{Server, eventually};
use crate::kit::{Make, carries, links, nats_is_at_least, our_leafs, start, start_in};
use crate::tls::{folder, own, papers, trust};
use crate::ways::{Answer, Tap, Web};

/// Whether somebody is here who can be the hub.
fn able() -> bool {
    let able = our_leafs().contains(&(Make::Nats, Make::Ours));
    if !able {
        eprintln!("skipped: no nats-server");
    }
    able
}

/// A nats-server that takes leaf nodes in over WebSocket, and the port for that.
fn hub(more: &str) -> (Server, u16) {
    let hub = start(
        Make::Nats,
        &format!(
            "server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\" }}\n\
             websocket {{ listen: \"127.0.0.1:-1\", no_tls: true, {more} }}"
        ),
    );
    let port = web_port(&hub);
    (hub, port)
}

fn web_port(hub: &Server) -> u16 {
    let url = hub.ports["websocket"][0].as_str().expect("it tells its ports");
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

fn leaf(url: &str, more: &str) -> Server {
    start(
        Make::Ours,
        &format!(
            "server_name: leaf\ndebug: true\ntrace: true\n\
             leafnodes {{ reconnect: \"50ms\", remotes: [ {{ url: \"{url}\", {more} }} ] }}"
        ),
    )
}

/// What the two ends say to each other until the link carries messages: by the leaf node, and by
/// the hub.
fn overheard(hub_more: &str, more: &str) -> [Vec<u8>; 2] {
    let (hub, port) = hub(hub_more);
    let tap = Tap::on(port);
    let leaf = leaf(&format!("ws://127.0.0.1:{}", tap.port), more);
    links(&hub, 1);
    links(&leaf, 1);
    carries(&hub, &leaf);
    carries(&leaf, &hub);
    tap.said()
}

/// The head of a request or an answer, and what follows.
fn parted(said: &[u8]) -> (String, &[u8]) {
    let ends = said.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&said[..ends]).to_lowercase(), &said[ends..])
}

const MASKED: u8 = 0x80;

// Row 168.
#[test]
fn a_link_over_websocket_carries_messages_both_ways() {
    if !able() {
        return;
    }
    let [up, down] = overheard("", "compression: off");
    let (request, frames) = parted(&up);
    assert!(request.starts_with("get /leafnode http/1.1\r\n"), "{request}");
    for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
    assert!(!request.contains("extensions") && !request.contains("masking"), "{request}");
    // One message, binary, masked with what is not the same each time.
    assert_eq!((frames[0], frames[1] & MASKED), (0x82, MASKED));
    assert!(!frames.windows(8).any(|part| part == b"CONNECT "));
    let (answer, frames) = parted(&down);
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert_eq!((frames[0], frames[1] & MASKED), (0x82, 0));
}

// Row 168.
#[test]
fn messages_are_packed_and_masks_left_out_where_both_ends_agree() {
    if !able() {
        return;
    }
    let both = "ws_compression: true, ws_no_masking: true";
    let [up, down] = overheard("compression: true", both);
    let (request, frames) = parted(&up);
    let packed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert!(request.contains(&format!("sec-websocket-extensions: {packed}\r\n")), "{request}");
    assert!(request.contains("nats-no-masking: true\r\n"), "{request}");
    assert_eq!((frames[0], frames[1] & MASKED), (0xC2, 0));
    // 300,000 times the same, and a thousand messages.
    assert!(up.len() < 60_000 && down.len() < 60_000, "{} and {}", up.len(), down.len());
    // Not by a hub that does not pack.
    let [up, _] = overheard("", "ws_compression: true, compression: off");
    let (_, frames) = parted(&up);
    assert_eq!((frames[0], frames[1] & MASKED), (0x82, MASKED));
    assert!(up.len() > 300_000);
}

// Rows 167 and 168.
#[test]
fn a_link_over_websocket_is_compressed_as_others_are() {
    if !able() {
        return;
    }
    if !nats_is_at_least(10) {
        return eprintln!("skipped: the nats-server here is older than 2.10 and does not compress");
    }
    let [up, down] = overheard("", "compression: s2_fast");
    for said in [&up, &down] {
        let (_, frames) = parted(said);
        assert_eq!(frames[0], 0x82);
        let name = b"\xFF\x06\0\0S2sTwO";
        assert!(frames.windows(name.len()).any(|part| part == name));
    }
    assert!(up.len() < 100_000, "{}", up.len());
}

// Row 168.
#[test]
fn questions_of_websocket_itself_are_answered() {
    if !able() {
        return;
    }
    let (hub, port) = hub("");
    let tap = Tap::on(port);
    let leaf = leaf(&format!("ws://127.0.0.1:{}", tap.port), "compression: off");
    links(&hub, 1);
    carries(&hub, &leaf);
    tap.say(b"\x89\x05there");
    // In a frame of its own, masked.
    eventually("an answer", || {
        let [up, _] = tap.said();
        let mut frames = up.windows(11).filter(|part| part.starts_with(&[0x8A, MASKED | 5]));
        let open = |part: &[u8]| (0..5).map(|n| part[6 + n] ^ part[2 + n % 4]).collect::<Vec<_>>();
        frames.any(|part| open(part) == b"there").then_some(())
    });
    carries(&leaf, &hub);
    // 1001: the hub is leaving. The leaf node says goodbye as well, and comes again.
    tap.say(b"\x88\x02\x03\xE9");
    leaf.log.wait_for("Leafnode connection closed");
    eventually("another link", || (tap.connections() > 1).then_some(()));
    links(&hub, 1);
    carries(&leaf, &hub);
}

// Row 168.
#[test]
fn a_link_over_websocket_may_have_tls() {
    if !able() {
        return;
    }
    let papers = papers();
    let (hub_dir, leaf_dir) = (folder(&papers), folder(&papers));
    let tls = own(&hub_dir, "timeout: 5");
    let conf = format!(
        "server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\" }}\n\
         websocket {{ listen: \"127.0.0.1:-1\", compression: true, {tls} }}"
    );
    let hub = start_in(hub_dir, Make::Nats, &conf);
    let url = format!("wss://127.0.0.1:{}", web_port(&hub));
    for more in ["", "ws_compression: true"] {
        let tls = trust(&leaf_dir, "timeout: 5");
        let leaf = leaf(&url, &format!("{tls}, {more}"));
        links(&hub, 1);
        carries(&hub, &leaf);
        carries(&leaf, &hub);
        drop(leaf);
        links(&hub, 0);
    }
    // Whoever does not know the authority does not go on.
    let stranger = leaf(&url, "");
    stranger.log.wait_for("TLS leafnode handshake error");
    links(&hub, 0);
}

// Row 168.
#[test]
fn a_leaf_node_over_websocket_comes_back_whenever_the_hub_does() {
    if !able() {
        return;
    }
    let (first, port) = hub("");
    let leaf = leaf(&format!("ws://127.0.0.1:{port}"), "");
    links(&leaf, 1);
    drop(first);
    links(&leaf, 0);
    let conf = format!(
        "server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\" }}\n\
         websocket {{ listen: \"127.0.0.1:{port}\", no_tls: true }}"
    );
    let second = start(Make::Nats, &conf);
    links(&leaf, 1);
    carries(&second, &leaf);
}

#[test]
fn who_does_not_speak_websocket_is_left() {
    let web = Web::that(Answer::Nothing);
    let leaf =
        leaf(&format!("ws://u:hunter2@127.0.0.1:{}/sub", web.port), "first_info_timeout: 1s");
    leaf.log.wait_for("the other end says nothing");
    for (answer, why) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "invalid websocket connection"),
        (
            "HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "invalid websocket",
        ),
        (
            "HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "invalid websocket connection",
        ),
        ("+OK\r\n\r\n", "Error soliciting websocket connection: "),
        ("", "Error soliciting websocket connection: "),
    ] {
        let before = leaf.log.text().len();
        web.answers(Answer::Say(answer));
        eventually("the reason", || leaf.log.text()[before..].contains(why).then_some(()));
    }
    assert!(web.asked.text().to_lowercase().starts_with("get /sub/leafnode http/1.1\r\n"));
    let text = leaf.log.text();
    assert!(!text.contains("hunter2"), "a password is shown: {text}");
    assert!(!web.asked.text().contains("hunter2"));
    links(&leaf, 0);
}
