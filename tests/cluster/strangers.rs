//! Whoever connects to the port for servers and is none: refused, at a bounded cost.

use std::io::{Read, Write};

use crate::crowd;
use crate::fiend::{ROUTE, dial, hello, is_closed, linked, random_bytes};
use crate::kit::{cluster, cluster_port, meshed, server, server_with};

#[test]
fn garbage_is_refused_and_the_cluster_goes_on() {
    let [a, b] = cluster();
    let port = cluster_port(&a);
    let magic = b"VAGUSLNK";
    let garbage: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"CONNECT {\"lang\":\"go\",\"verbose\":false}\r\nPING\r\n".to_vec(),
        vec![0xff; 1 << 20],
        [&magic[..], &[1, 0, b'R'], &[7; 32], &[0xff, 0xff], &[b'{'; 70_000]].concat(),
        [&magic[..], &[1, 0, b'R'], &[7; 32], &[2, 0], b"{}"].concat(),
        [&magic[..], &[99, 0, b'R'], &[7; 32], &[2, 0], b"{}"].concat(),
    ];
    for bytes in garbage {
        let mut socket = dial(port);
        // It may close before all was sent.
        let _ = socket.write_all(&bytes);
        assert!(is_closed(socket), "{:?}", &bytes[..12]);
    }
    meshed(&[&a, &b]);
}

#[test]
fn those_who_say_nothing_are_closed_and_keep_nobody_out_for_long() {
    let a = server("a", &[], "");
    let port = cluster_port(&a);
    let silent: Vec<_> = (0..300).map(|_| dial(port)).collect();
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    assert!(silent.into_iter().all(is_closed));
    assert!(a.json("/varz")["mem"].as_u64().unwrap() < 300 << 20);
}

#[test]
fn only_so_many_may_be_strangers_at_one_time() {
    let a = server("a", &[], "authorization { timeout: 60 }");
    crowd::all_but(64, 100, cluster_port(&a));
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
}

#[test]
fn who_is_long_in_introducing_itself_is_not_listened_to() {
    let a = server("a", &[], "");
    for (blanks, welcome) in [(30 << 10, true), (33 << 10, false)] {
        let mut socket = dial(cluster_port(&a));
        // It may be closed before all was sent.
        let _ = socket.write_all(&hello(ROUTE, "long", &" ".repeat(blanks)));
        let mut answer = [0; 8];
        let heard = socket.read_exact(&mut answer).is_ok_and(|()| &answer == b"VAGUSLNK");
        assert_eq!(heard, welcome, "{blanks}");
    }
}

#[test]
fn a_server_that_talks_nonsense_is_cut_off_and_costs_little() {
    let a = server_with("s0", &[], "", "debug: true");
    let b = server("s1", &[&a], "");
    meshed(&[&a, &b]);
    let port = cluster_port(&a);
    let before = a.json("/varz")["mem"].as_u64().unwrap();
    let random = random_bytes();
    let nonsense: [&[u8]; 9] = [
        &random,
        b"PUB a 99999999999\r\n",
        b"C 99999999999\r\n",
        b"C 999999999\r\n",
        b"A x\r\nSUB a.>.b 1\r\n",
        b"A x\r\nSUB a many\r\n",
        b"SUB a 1\r\n",
        b"CONNECT {}\r\n",
        &[b'A'; 1 << 17],
    ];
    for (n, bytes) in nonsense.into_iter().enumerate() {
        let mut socket = linked(port, ROUTE, &format!("fiend{n}"));
        // It may be closed before all was sent.
        let _ = socket.write_all(bytes);
        assert!(is_closed(socket), "{:?}", &bytes[..7]);
        // For what it says, and not for being silent after that.
        let closed = format!("\"fiend{n}\" - Router connection closed: ");
        let log = a.log.wait_for(&closed);
        let (_, reason) = log.split_once(&closed).unwrap();
        assert!(!reason.starts_with("Stale Connection"), "{:?}", &bytes[..7]);
    }
    // One that says nothing at all, and one that begins with something large and goes no further.
    let silent = linked(port, ROUTE, "silent");
    let mut slow = linked(port, ROUTE, "slow");
    let _ = slow.write_all(b"A x\r\nPUB a 60000000\r\n");
    assert!(is_closed(silent) && is_closed(slow));
    meshed(&[&a, &b]);
    let after = a.json("/varz")["mem"].as_u64().unwrap();
    assert!(after < before + (100 << 20), "{} MB", (after - before) >> 20);
    a.client().ping_pong();
}
