//! Links that lead through an HTTP proxy.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::harness::{Server, eventually};
use crate::kit::{Make, carries, hub, leaf_port, links, our_leafs, start};
use crate::ways::{Answer, Web};

fn leaf(url: &str, proxy: &Web, more: &str) -> Server {
    start(
        Make::Ours,
        &format!(
            "server_name: leaf\ndebug: true\ntrace: true\n\
             leafnodes {{ reconnect: \"50ms\", remotes: [ {{ url: \"{url}\",\n\
             proxy {{ url: \"http://127.0.0.1:{}\", {more} }} }} ] }}",
            proxy.port
        ),
    )
}

/// What a proxy is shown by a user called `Aladdin` with the password `open sesame`.
const SHOWN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
const ALADDIN: &str = "username: Aladdin, password: \"open sesame\"";

// Row 173.
#[test]
fn a_link_leads_through_a_proxy() {
    for (hub_make, _) in our_leafs() {
        for answer in [Answer::Connect, Answer::ConnectLate] {
            let hub = hub(hub_make, "", "");
            let proxy = Web::that(answer);
            let port = leaf_port(&hub);
            let leaf = leaf(&format!("nats-leaf://127.0.0.1:{port}"), &proxy, ALADDIN);
            links(&hub, 1);
            carries(&hub, &leaf);
            carries(&leaf, &hub);
            let asked = proxy.asked.text();
            assert!(
                asked.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")),
                "{asked}"
            );
            assert!(asked.contains(&format!("\r\nHost: 127.0.0.1:{port}\r\n")), "{asked}");
            assert!(asked.contains(&format!("\r\nProxy-Authorization: {SHOWN}\r\n")), "{asked}");
        }
    }
}

// Rows 168 and 173.
#[test]
fn a_link_over_websocket_leads_through_a_proxy() {
    if !our_leafs().contains(&(Make::Nats, Make::Ours)) {
        return eprintln!("skipped: no nats-server");
    }
    let hub = start(
        Make::Nats,
        "server_name: hub\nleafnodes { listen: \"127.0.0.1:-1\" }\n\
         websocket { listen: \"127.0.0.1:-1\", no_tls: true }",
    );
    let url = hub.ports["websocket"][0].as_str().unwrap().to_owned();
    let proxy = Web::that(Answer::Connect);
    let leaf = leaf(&url, &proxy, "");
    links(&hub, 1);
    carries(&hub, &leaf);
    carries(&leaf, &hub);
    let asked = proxy.asked.text();
    let place = url.trim_start_matches("ws://");
    assert!(asked.starts_with(&format!("CONNECT {place} HTTP/1.1\r\n")), "{asked}");
    assert!(!asked.contains("Authorization"), "{asked}");
}

// Row 173.
#[test]
fn a_proxy_that_does_not_connect_is_asked_again_until_it_does() {
    let hub = hub(Make::Ours, "", "");
    let proxy = Web::that(Answer::Nothing);
    let more = format!("timeout: \"300ms\", {ALADDIN}");
    let leaf = leaf(&format!("nats-leaf://127.0.0.1:{}", leaf_port(&hub)), &proxy, &more);
    leaf.log.wait_for("failed to connect to proxy: timed out");
    for (answer, why) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
            "proxy CONNECT failed: 407 Proxy Authentication Required",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "proxy CONNECT failed: 503 Service Unavailable",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "proxy CONNECT failed: 101 "),
        ("\x16\x03\x01garbage\r\n\r\n", "failed to read proxy response: "),
        ("", "failed to read proxy response: "),
        // Nobody leads to the hub behind a good answer.
        ("HTTP/1.1 200 OK\r\n\r\n", "unexpected end of file"),
    ] {
        let before = leaf.log.text().len();
        proxy.answers(Answer::Say(answer));
        eventually("the reason", || leaf.log.text()[before..].contains(why).then_some(()));
    }
    links(&leaf, 0);
    proxy.answers(Answer::Connect);
    links(&hub, 1);
    carries(&leaf, &hub);
    let text = leaf.log.text();
    for secret in ["open sesame", SHOWN.trim_start_matches("Basic ")] {
        assert!(!text.contains(secret), "a password is shown: {text}");
    }
    let page = leaf.get("/leafz").body + &leaf.get("/varz").body;
    assert!(!page.contains("sesame"), "a password is shown: {page}");
}

// Row 173.
#[test]
fn a_proxy_that_is_not_there_is_told_of() {
    let hub = hub(Make::Ours, "", "");
    let mut proxy = Web::that(Answer::Connect);
    // It is taken, so that nobody else comes to be there.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    proxy.port = taken.local_addr().unwrap().as_socket().unwrap().port();
    let leaf = leaf(&format!("nats-leaf://127.0.0.1:{}", leaf_port(&hub)), &proxy, "");
    leaf.log.wait_for("failed to connect to proxy: ");
    links(&leaf, 0);
}
