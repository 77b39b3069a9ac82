//! Whoever connects to the port for other clusters and is none: refused, or cut off, at a bounded
//! cost.

use std::io::{Read, Write};

use crate::fiend::{GATEWAY, dial, is_closed, linked, random_bytes, try_link};
use crate::harness::Server;
use crate::kit::{Region, gateway_port, regions, server, wants};

/// Two clusters, and the port of one.
#[track_caller]
fn two() -> ([Region; 2], u16) {
    let all = regions(["east", "west"], 1);
    let port = gateway_port(&all[0].servers[0]);
    (all, port)
}

/// Messages cross from one to the other.
#[track_caller]
fn goes_on(all: &[Region; 2]) {
    let (east, west) = (&all[0].servers[0], &all[1].servers[0]);
    let mut reader = west.client();
    reader.subscribe("x", "1");
    wants(east, "x", 1);
    east.client().publish("x", "on");
    assert_eq!(reader.payload(), "on");
}

#[track_caller]
fn memory(server: &Server) -> u64 {
    server.json("/varz")["mem"].as_u64().unwrap()
}

#[test]
fn a_stranger_on_the_port_costs_nothing_but_its_connection() {
    let (all, port) = two();
    let head = [&b"VAGUSLNK"[..], &[1, 0, GATEWAY], &[7; 32]].concat();
    let garbage: [Vec<u8>; 5] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0xff; 1 << 16],
        random_bytes(),
        [&head[..], &[0xff, 0xff], &[b'{'; 70_000]].concat(),
        [&head[..], &[2, 0], b"{}"].concat(),
    ];
    for bytes in garbage {
        let mut socket = dial(port);
        // It may close before all was sent.
        let _ = socket.write_all(&bytes);
        assert!(is_closed(socket), "{:?}", &bytes[..12]);
    }
    // More than are heard out at a time, and each says the beginning and no more.
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut socket = dial(port);
            let _ = socket.write_all(&head);
            socket
        })
        .collect();
    assert!(slow.into_iter().all(is_closed));
    goes_on(&all);
}

#[test]
fn one_who_does_not_know_the_password_is_refused() {
    let secret = "authorization { user: g, password: right }";
    let east = server("east", &[], &[], secret, "");
    let (socket, welcome) = try_link(gateway_port(&east), GATEWAY, "fiend", "");
    assert!(!welcome && is_closed(socket));
    east.log.wait_for("Authorization Violation of a gateway");
    assert!(east.json("/gatewayz")["inbound_gateways"].as_object().unwrap().is_empty());
}

#[test]
fn a_cluster_that_talks_nonsense_is_cut_off_and_costs_little() {
    let (all, port) = two();
    let east = &all[0].servers[0];
    let before = memory(east);
    let random = random_bytes();
    let many_groups = [&b"A x\r\n"[..], &b"Q group\r\n".repeat(2)].concat();
    let many_subjects = [&b"A x\r\n"[..], &b"T subject\r\n".repeat(2)].concat();
    let long_name = [&b"A "[..], &[b'a'; 2 << 10], b"\r\n"].concat();
    let nonsense: [&[u8]; 9] = [
        &random,
        b"A x\r\nPUB a 99999999999\r\n",
        b"C 999999999\r\n",
        // It is asked what is wanted there by the other link.
        b"A x\r\nSUB a 1\r\n",
        b"CONNECT {}\r\n",
        &[b'A'; 1 << 17],
        &many_groups,
        &many_subjects,
        &long_name,
    ];
    for (n, bytes) in nonsense.into_iter().enumerate() {
        let mut socket = linked(port, GATEWAY, &format!("fiend{n}"));
        // It may be closed before all was sent.
        let _ = socket.write_all(bytes);
        assert!(is_closed(socket), "{n}");
    }
    let silent = linked(port, GATEWAY, "silent");
    let mut slow = linked(port, GATEWAY, "slow");
    let _ = slow.write_all(b"A x\r\nPUB a 60000000\r\n");
    assert!(is_closed(silent) && is_closed(slow));
    let more = memory(east).saturating_sub(before);
    assert!(more < 100 << 20, "{} MB", more >> 20);
    goes_on(&all);
}

#[test]
fn one_who_speaks_of_ever_more_accounts_is_heard_of_so_many() {
    let (all, port) = two();
    let east = &all[0].servers[0];
    let before = memory(east);
    let mut socket = linked(port, GATEWAY, "fiend");
    for n in 0..20_000 {
        let said = format!("A account-of-nobody-{n}\r\nPUB a 1\r\nx\r\n");
        socket.write_all(said.as_bytes()).unwrap();
    }
    east.log.wait_for("Other servers speak of more than 16384 accounts");
    // It has been listened to all the time, and still is.
    socket.write_all(b"PING\r\n").unwrap();
    let mut said = Vec::new();
    while !said.windows(6).any(|it| it == b"PONG\r\n") {
        let mut piece = [0; 4096];
        let size = socket.read(&mut piece).unwrap();
        assert!(size > 0, "it was cut off");
        said.extend_from_slice(&piece[..size]);
    }
    let more = memory(east).saturating_sub(before);
    assert!(more < 300 << 20, "{} MB", more >> 20);
    goes_on(&all);
}
