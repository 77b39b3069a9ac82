//! One question to a responder over HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use thiserror::Error;

/// Why a responder gave no answer.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("only http:// is spoken to responders")]
    Scheme,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("unexpected answer of the responder: {0}")]
    Answer(String),
}

/// Time for the whole of it.
const WITHIN: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const ANSWER_MAX: u64 = 64 << 10;

/// Posts `question`, and returns the body of the answer.
pub(super) fn post(url: &str, question: &[u8]) -> Result<Vec<u8>, FetchError> {
    let rest = url.strip_prefix("http://").ok_or(FetchError::Scheme)?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let until = Instant::now() + WITHIN;
    let mut socket = connect(&address)?;
    // The older version, so that the answer comes in one piece.
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {authority}\r\nContent-Type: application/ocsp-request\r\n\
         Content-Length: {}\r\n\r\n",
        question.len()
    );
    socket.set_write_timeout(Some(WITHIN))?;
    socket.write_all(head.as_bytes())?;
    socket.write_all(question)?;
    body(&read_until(&mut socket, until)?)
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the host has no address");
    for one in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&one, WITHIN) {
            Ok(socket) => return Ok(socket),
            Err(problem) => last = problem,
        }
    }
    Err(last)
}

fn read_until(socket: &mut TcpStream, until: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while (answer.len() as u64) < ANSWER_MAX {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(&mut piece)? {
            0 => break,
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    Ok(answer)
}

fn body(answer: &[u8]) -> Result<Vec<u8>, FetchError> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else { return Err(FetchError::Answer("no end of its head".to_owned())) };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(answer[end + 4..].to_vec()),
        _ => Err(FetchError::Answer(status.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_taken_from_good_answers() {
        let good = b"HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\nbody";
        assert_eq!(body(good).unwrap(), b"body");
        let bad = body(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err().to_string();
        assert_eq!(bad, "unexpected answer of the responder: HTTP/1.1 404 Not Found");
        assert!(body(b"HTTP/1.0 200 OK\r\n").is_err());
        assert!(matches!(post("https://h", b""), Err(FetchError::Scheme)));
    }
}
