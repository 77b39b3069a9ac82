//! A crowd of those who connect and say nothing.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use crate::harness::eventually;

/// Connects `count` of them, and waits until all but `left` are closed. Where a port gives them
/// longer to speak than a test takes, those were too many.
#[track_caller]
pub(crate) fn all_but(left: usize, count: usize, port: u16) {
    let dial = |_| {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let silent: Vec<_> = (0..count).map(dial).collect();
    let open = || silent.iter().filter(|socket| is_open(socket)).count();
    eventually("the rest to be closed", || (open() == left).then_some(()));
}

/// What it is told first is read along the way.
fn is_open(mut socket: &TcpStream) -> bool {
    let mut room = [0; 4096];
    loop {
        match socket.read(&mut room) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(problem) => return problem.kind() == ErrorKind::WouldBlock,
        }
    }
}
