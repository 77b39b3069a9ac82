//! One who connects to a port for servers and is none: what it has to say to get in, and the rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a link is to be, as its hello says it.
pub(crate) const ROUTE: u8 = b'R';
pub(crate) const GATEWAY: u8 = b'G';

pub(crate) fn dial(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Whether the other side closes, whatever it says before.
pub(crate) fn is_closed(mut socket: TcpStream) -> bool {
    match socket.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(problem) => problem.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Bytes without a meaning, the same every time.
pub(crate) fn random_bytes() -> Vec<u8> {
    (0..1 << 16).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// What a server of this name says first, with `more` of itself.
pub(crate) fn hello(kind: u8, name: &str, more: &str) -> Vec<u8> {
    let cluster = if kind == ROUTE { "c" } else { name };
    let me = format!(
        r#"{{"id":"N{name}","name":"{name}","cluster":"{cluster}","address":"127.0.0.1:1",{more}
             "sharing":{{"pool":1,"accounts":[]}}}}"#
    );
    let size = (me.len() as u16).to_le_bytes();
    [b"VAGUSLNK", &[1, 0, kind][..], &[7; 32], &size, me.as_bytes()].concat()
}

/// Says so, and proves nothing; whether it was let in.
pub(crate) fn try_link(port: u16, kind: u8, name: &str, more: &str) -> (TcpStream, bool) {
    let mut socket = dial(port);
    socket.write_all(&hello(kind, name, more)).unwrap();
    let mut head = [0; 8 + 3 + 32 + 2];
    socket.read_exact(&mut head).unwrap();
    let mut theirs = vec![0; usize::from(u16::from_le_bytes([head[43], head[44]]))];
    socket.read_exact(&mut theirs).unwrap();
    // Where there is no password, any proof will do.
    socket.write_all(&[0; 32]).unwrap();
    let mut refusal = [0; 2];
    socket.read_exact(&mut refusal).unwrap();
    (socket, refusal == [0, 0])
}

/// A link of one who says to be a server, and knows how to begin.
pub(crate) fn linked(port: u16, kind: u8, name: &str) -> TcpStream {
    linked_with(port, kind, name, "")
}

/// The same of one who says `more` of itself.
pub(crate) fn linked_with(port: u16, kind: u8, name: &str, more: &str) -> TcpStream {
    let (mut socket, welcome) = try_link(port, kind, name, more);
    assert!(welcome, "it was refused");
    socket.read_exact(&mut [0; 32]).unwrap();
    socket
}
