//! Clients behind a proxy. Row 85.

use std::time::{Duration, Instant};

use crate::harness::{Client, Server};
use crate::tls_kit::{Authority, TlsClient, server};

/// Where the server thinks that its one client comes from.
fn source(server: &Server) -> String {
    let page = server.json("/connz");
    let one = &page["connections"][0];
    format!("{} {}", one["ip"].as_str().unwrap(), one["port"])
}

fn v2(kind: [u8; 2], data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &kind[..], &len, data].concat()
}

#[test]
fn connz_shows_the_source_that_the_proxy_names() {
    let server = Server::start("proxy_protocol: true");
    server.log.wait_for("PROXY protocol enabled for client connections");
    let four = [9, 8, 7, 6, 127, 0, 0, 1, 4, 87, 16, 126];
    let headers: [(&[u8], &str); 3] = [
        (b"PROXY TCP4 1.2.3.4 127.0.0.1 5678 4222\r\n", "1.2.3.4 5678"),
        (b"PROXY TCP6 2001:db8::1 ::1 5678 4222\r\n", "2001:db8::1 5678"),
        (&v2([0x21, 0x11], &four), "9.8.7.6 1111"),
    ];
    for (header, expected) in headers {
        let mut client = server.connect();
        assert!(client.info.get("client_ip").is_none());
        // With the client's first bytes in one piece.
        client.send([header, b"CONNECT {\"verbose\":false}\r\nPING\r\n"].concat());
        client.expect("PONG\r\n");
        assert_eq!(source(&server), expected);
        drop(client);
        server.wait_json("/connz", |page| (page["num_connections"] == 0).then_some(()));
    }
}

#[test]
fn a_header_may_come_in_pieces_or_not_at_all() {
    let server = Server::start("proxy_protocol: true");
    let mut client = server.connect();
    for piece in [&b"PRO"[..], b"XY TCP4 1.2.3.4 ", b"127.0.0.1 5678 4222\r", b"\n"] {
        client.send(piece);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    client.login("{}");
    assert_eq!(source(&server), "1.2.3.4 5678");
    drop(client);
    server.wait_json("/connz", |page| (page["num_connections"] == 0).then_some(()));
    let _direct = server.client();
    assert!(source(&server).starts_with("127.0.0.1 "));
    drop(_direct);
    server.wait_json("/connz", |page| (page["num_connections"] == 0).then_some(()));
    let mut own = server.connect();
    own.send(v2([0x20, 0], &[]));
    own.login("{}");
    assert!(source(&server).starts_with("127.0.0.1 "));
}

#[test]
fn broken_headers_end_the_connection() {
    let server = Server::start("proxy_protocol: true\ndebug: true");
    for (header, why) in [
        (&b"PROXY TCP4 1.2.3 127.0.0.1 5678 4222\r\n"[..], "invalid address"),
        (b"PROXY TCP9 1.2.3.4 127.0.0.1 5678 4222\r\n", "invalid protocol TCP9"),
        (&v2([0x31, 0x11], &[0; 12]), "invalid version 0x30"),
        (&v2([0x21, 0x12], &[0; 12]), "only STREAM protocol supported"),
        (&v2([0x21, 0x31], &[0; 216]), "unsupported address family 0x30"),
        (&v2([0x21, 0x11], &[0; 4]), "IPv4 address data too short: 4 bytes"),
    ] {
        let mut client = server.connect();
        client.send(header);
        client.expect_closed();
        server.log.wait_for(why);
    }
    let entry = server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(entry["reason"], "Protocol Violation");
}

#[test]
fn a_header_that_does_not_come_is_not_awaited_for_ever() {
    let server = Server::start("proxy_protocol: true");
    let begun = Instant::now();
    let mut client = server.connect();
    client.socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    client.send("PROXY TCP4 ");
    client.expect_closed();
    let spent = begun.elapsed();
    assert!(spent > Duration::from_secs(4) && spent < Duration::from_secs(7), "{spent:?}");
}

#[test]
fn tls_follows_the_header() {
    let authority = Authority::new();
    let config = authority.trusting(None);
    let header = b"PROXY TCP4 1.2.3.4 127.0.0.1 5678 4222\r\n";
    let late = server(&authority, "", "proxy_protocol: true");
    let mut client = late.connect();
    client.send(header);
    TlsClient::over(client.socket, &config, "localhost").unwrap().quiet();
    let first = server(&authority, "handshake_first: true", "proxy_protocol: true");
    let mut client = Client::dial(first.port);
    client.send(header);
    let mut client = TlsClient::over(client.socket, &config, "localhost").unwrap();
    assert!(client.line().unwrap().contains(r#""client_ip":"1.2.3.4""#));
    let _client = client.quiet();
    assert_eq!(source(&first), "1.2.3.4 5678");
}
