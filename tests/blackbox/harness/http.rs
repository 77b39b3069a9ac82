//! One HTTP GET at a time, over a plain socket.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use serde_json::Value;

use super::wait::DEADLINE;

/// An answer: status, headers as sent, body.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Page {
    /// The value of a header, by any spelling of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Parses a whole response, as read until the server closed.
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Page {
        let text = String::from_utf8_lossy(bytes);
        let (head, rest) = text.split_once("\r\n\r\n").expect("an HTTP head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut page = Page {
            status: status.expect("an HTTP status"),
            head: head.to_owned(),
            body: rest.to_owned(),
        };
        if page.header("transfer-encoding") == Some("chunked") {
            page.body = unchunk(rest);
        }
        page
    }
}

#[track_caller]
pub(crate) fn get(place: impl ToSocketAddrs, path: &str) -> Page {
    let mut socket = TcpStream::connect(place).expect("the monitoring port");
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    request(&mut socket, path)
}

/// Sends a GET over `socket` and reads the answer to its end.
#[track_caller]
pub(crate) fn request(socket: &mut (impl Read + Write), path: &str) -> Page {
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    Page::parse(&bytes)
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
        body.push_str(&rest[..size]);
        text = rest[size..].trim_start_matches("\r\n");
        if size == 0 {
            break;
        }
    }
    body
}
