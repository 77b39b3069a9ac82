//! Links with TLS: both ends prove who they are, or there is no link.

use crate::harness::{Server, eventually};
use crate::kit::{cluster_port, meshed, peers, route_url, server, wants};
use crate::tls_kit::Authority;

fn conf(name: &str, tls: &str, others: &[&Server]) -> String {
    let routes: Vec<_> = others.iter().map(|one| format!("\"{}\"", route_url(one))).collect();
    format!(
        "server_name: {name}\ncluster {{ name: c, listen: \"127.0.0.1:-1\", \
         routes: [{}], tls {{ {tls} }} }}",
        routes.join(", ")
    )
}

fn start(name: &str, tls: &str, others: &[&Server]) -> Server {
    Server::start(&conf(name, tls, others))
}

#[track_caller]
fn reload(server: &Server, conf: &str) {
    let count = || server.log.text().matches("Reloaded server configuration").count();
    let before = count();
    server.rewrite(conf);
    server.signal("HUP");
    eventually("the reload", || (count() > before).then_some(()));
}

fn keys(authority: &Authority, name: &str) -> String {
    authority.keys(&authority.peer(name, "127.0.0.1"))
}

fn lonely(server: &Server) {
    assert!(peers(&server.json("/routez")).is_empty());
}

// Row 147.
#[test]
fn servers_find_each_other_and_messages_cross_encrypted() {
    let authority = Authority::new();
    let a = start("a", &keys(&authority, "a"), &[]);
    let b = start("b", &keys(&authority, "b"), &[&a]);
    // It hears of the second from the first.
    let c = start("c", &keys(&authority, "c"), &[&a]);
    meshed(&[&a, &b, &c]);
    let (mut from, mut to) = (b.client(), c.client());
    to.subscribe("n.>", "1");
    wants(&b, "n.x", 1);
    let size = |n: usize| [0, 1, 16, 5_000, 40_000, 200_000][n % 6];
    for n in 0..300 {
        from.publish(&format!("n.{}", n % 3), vec![b'a' + (n % 26) as u8; size(n)]);
    }
    for n in 0..300 {
        let (words, bytes) = to.message();
        assert_eq!(words[0], format!("n.{}", n % 3), "message {n}");
        assert!(bytes == vec![b'a' + (n % 26) as u8; size(n)], "message {n}");
    }
    from.subscribe("back", "1");
    wants(&c, "back", 1);
    to.publish("back", "here");
    from.expect("MSG back 1 4\r\nhere\r\n");
}

// Row 147.
#[test]
fn a_server_that_proves_nothing_stays_out() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = keys(&authority, "a");
    let a = start("a", &own, &[]);
    let plain = server("plain", &[&a], "");
    a.log.wait_for("no route: TLS handshake error");
    let theirs = keys(&other, "foreign");
    let foreign = start("foreign", &theirs, &[&a]);
    foreign.log.wait_for("TLS handshake error: tls: invalid peer certificate");
    // One that takes anybody for its like still has to show who it is.
    let trusting = start("trusting", &format!("{theirs}, insecure: true"), &[&a]);
    trusting.log.wait_for("DO NOT USE IN PRODUCTION");
    a.log.wait_for("no route: TLS handshake error: tls: invalid peer certificate");
    trusting.log.wait_for("tls: received fatal alert");
    // Of the right authority, for another host.
    let elsewhere = authority.keys(&authority.peer("elsewhere", "elsewhere.example"));
    let found = start("found", &elsewhere, &[]);
    let seeker = start("seeker", &own, &[&found]);
    seeker.log.wait_for("certificate not valid for name");
    for server in [&a, &plain, &foreign, &trusting, &found, &seeker] {
        lonely(server);
    }
    let b = start("b", &keys(&authority, "b"), &[&a]);
    meshed(&[&a, &b]);
}

#[test]
fn certificates_and_pins_are_taken_up_by_a_reload() {
    let (old, new) = (Authority::new(), Authority::new());
    let own = keys(&old, "a");
    let a = start("a", &format!("{own}, pinned_certs: [\"{}\"]", "0".repeat(64)), &[]);
    let theirs = keys(&old, "b");
    let b = start("b", &theirs, &[&a]);
    let log = a.log.wait_for("certificate not pinned: key id ");
    lonely(&a);
    let digest = log.split("key id ").nth(1).unwrap().split_whitespace().next().unwrap();
    reload(&a, &conf("a", &format!("{own}, pinned_certs: [\"{digest}\"]"), &[]));
    a.log.wait_for("Reloaded: cluster");
    meshed(&[&a, &b]);
    // Whoever comes with a certificate of another authority.
    let c = start("c", &keys(&new, "c"), &[&a]);
    c.log.wait_for("invalid peer certificate");
    reload(&a, &conf("a", &keys(&new, "a"), &[]));
    c.wait_json("/routez", |page| peers(page).contains("a").then_some(()));
    assert!(peers(&a.json("/routez")).contains("b"), "links that there are stay");
}

#[test]
fn those_who_begin_no_handshake_are_closed() {
    use std::io::Read;
    let authority = Authority::new();
    let a = start("a", &format!("{}, timeout: 0.3", keys(&authority, "a")), &[]);
    let mut silent = std::net::TcpStream::connect(("127.0.0.1", cluster_port(&a))).unwrap();
    silent.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
    assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0);
    a.log.wait_for("no route: TLS handshake error: timeout");
}
