//! Whoever connects to the port for servers and is none: refused, at a bounded cost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::kit::{cluster, cluster_port, meshed, server};

fn dial(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Whether the other side closes, whatever it says before.
fn is_closed(mut socket: TcpStream) -> bool {
    let mut all = Vec::new();
    match socket.read_to_end(&mut all) {
        Ok(_) => true,
        Err(problem) => problem.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

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
    let since = Instant::now();
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
    assert!(silent.into_iter().all(is_closed));
    assert!(a.json("/varz")["mem"].as_u64().unwrap() < 300 << 20);
}
