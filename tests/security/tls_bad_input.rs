//! What is no TLS, or is only the beginning of it, costs little and leaves a line in the log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Server, eventually};
use crate::tls_kit::{Authority, TlsClient, server};

/// Sends `bytes` after `INFO`, and waits for the end of the connection.
fn refused(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut client = server.connect();
    client.socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = client.socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = client.socket.read_to_end(&mut answer);
    answer
}

#[test]
fn plain_protocol_is_no_handshake() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    let answer = refused(&server, b"CONNECT {\"verbose\":false}\r\nPING\r\n");
    assert!(!answer.windows(4).any(|four| four == b"PONG"), "{answer:?}");
    server.log.wait_for("TLS handshake error: tls: first record does not look like a TLS");
    server.log.wait_for("Client connection closed: TLS Handshake Failure");
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let authority = Authority::new();
    let server = server(&authority, "timeout: 1", "");
    let mut garbage: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x00\x05hello".to_vec(),
        b"\x16\x03\x01\xff\xff".to_vec(),
        b"\x16\x03\x01\x00\x00".repeat(100),
        b"\x17\x03\x03\x00\x10aaaaaaaaaaaaaaaa".to_vec(),
        b"\x15\x03\x03\x00\x02\x02\x28".to_vec(),
        b"\x14\x03\x03\x00\x01\x01".repeat(50),
        vec![0x16; 100_000],
    ];
    // A real greeting with one byte wrong, at many places.
    let hello = greeting(&authority);
    for at in (0..hello.len()).step_by(7) {
        let mut wrong = hello.clone();
        wrong[at] ^= 0x5a;
        wrong.extend_from_slice(&[0xaa; 64]);
        garbage.push(wrong);
    }
    let threads: Vec<_> = garbage
        .chunks(garbage.len().div_ceil(8))
        .map(|part| {
            let part = part.to_vec();
            let port = server.port;
            std::thread::spawn(move || {
                for bytes in part {
                    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    socket.set_read_timeout(Some(DEADLINE)).unwrap();
                    let _ = socket.write_all(&bytes);
                    let _ = socket.shutdown(std::net::Shutdown::Write);
                    let _ = socket.read_to_end(&mut Vec::new());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    eventually("all are gone", || (server.json("/connz")["num_connections"] == 0).then_some(()));
    TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    assert!(!server.log.text().contains("panic"), "{}", server.log.text());
}

/// The first bytes of a client.
fn greeting(authority: &Authority) -> Vec<u8> {
    use tokio_rustls::rustls::ClientConnection;
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(authority.trusting(None), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn garbage_on_an_open_session_ends_it() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    let mut client = TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    client
        .stream
        .sock
        .write_all(b"\x17\x03\x03\x00\x20 not what the keys would make of it")
        .unwrap();
    assert!(client.line().is_err() || client.line().is_err());
    let closed =
        server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(closed["reason"], "Read Error");
}

#[test]
fn a_slow_handshake_has_its_time() {
    let authority = Authority::new();
    let server = server(&authority, "timeout: 0.5", "");
    let hello = greeting(&authority);
    let mut client = server.connect();
    let begun = Instant::now();
    for byte in hello {
        // A byte at a time never gets to the end of it.
        if client.socket.write_all(&[byte]).is_err() || begun.elapsed() > DEADLINE {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let _ = client.socket.read_to_end(&mut Vec::new());
    let spent = begun.elapsed();
    assert!(spent < Duration::from_secs(3), "{spent:?}");
    let closed =
        server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(closed["reason"], "TLS Handshake Failure");
}

#[test]
fn thousands_of_half_open_handshakes_cost_little() {
    let authority = Authority::new();
    let server = server(&authority, "timeout: 6", "");
    let config = authority.trusting(None);
    let mut steady = TlsClient::connect(&server, &config).unwrap().quiet();
    let before = server.json("/varz")["mem"].as_u64().unwrap();
    let half = greeting(&authority)[..100].to_vec();
    let sockets: Vec<_> = (0..3000)
        .map(|_| {
            let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            socket.write_all(&half).unwrap();
            socket
        })
        .collect();
    // Whoever is in is served meanwhile, and others come in.
    let begun = Instant::now();
    steady.ping_pong();
    TlsClient::connect(&server, &config).unwrap().quiet();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let with = server.json("/varz")["mem"].as_u64().unwrap();
    let each = with.saturating_sub(before) / sockets.len() as u64;
    assert!(each < 40_000, "{each} bytes a half-open handshake");
    eventually_gone(&server);
    steady.ping_pong();
}

/// All that did not get through their handshake.
fn eventually_gone(server: &Server) {
    let begun = Instant::now();
    while server.json("/varz")["connections"].as_u64().unwrap() > 2 {
        assert!(begun.elapsed() < DEADLINE * 2, "half-open handshakes stay");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_crowd_that_connects_at_once_holds_up_nobody_else() {
    const CROWD: usize = 600;
    const SERVED_MIN: usize = 100;
    let authority = Authority::new();
    let server = server(&authority, "timeout: 20", "");
    let mut steady = TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    let hello = greeting(&authority);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| server.connect().socket).collect();
    let storm = std::thread::spawn(move || {
        crowd.iter_mut().for_each(|socket| socket.write_all(&hello).unwrap());
        for socket in &mut crowd {
            assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        }
    });
    let mut served = 0;
    while !storm.is_finished() {
        steady.ping_pong();
        served += 1;
    }
    storm.join().unwrap();
    assert!(served >= SERVED_MIN, "served {served} times while {CROWD} were answered");
}
