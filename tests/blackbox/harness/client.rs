//! A client that writes exact bytes and reads whole protocol frames.
//!
//! The server may put a PING of its own between any two frames (the first one comes about two
//! seconds after CONNECT). Unless a test asks for them, they are answered and not shown.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use serde_json::{Value, json};

use super::wait::DEADLINE;

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// What was read and not yet taken as frames.
    buffer: Vec<u8>,
    taken: usize,
    /// The first INFO.
    pub(crate) info: Value,
    /// Show the server's PINGs as frames, and leave them unanswered.
    pub(crate) show_pings: bool,
}

impl Client {
    /// Connects and reads INFO.
    #[track_caller]
    pub(crate) fn connect(port: u16) -> Client {
        Client::connect_at((Ipv4Addr::LOCALHOST, port))
    }

    /// Connects to a server on whatever host, and reads INFO.
    #[track_caller]
    pub(crate) fn connect_at(place: (Ipv4Addr, u16)) -> Client {
        let mut client = Client::dial_at(place);
        client.info = client.expect_info();
        client
    }

    /// Connects only.
    #[track_caller]
    pub(crate) fn dial(port: u16) -> Client {
        Client::dial_at((Ipv4Addr::LOCALHOST, port))
    }

    /// Connects only, to a server on whatever host.
    #[track_caller]
    pub(crate) fn dial_at(place: (Ipv4Addr, u16)) -> Client {
        Client::over(TcpStream::connect(place).expect("the client port"))
    }

    /// Takes over a socket that the test has opened in a way of its own.
    #[track_caller]
    pub(crate) fn over(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, buffer: Vec::new(), taken: 0, info: Value::Null, show_pings: false }
    }

    /// Sends CONNECT with quiet defaults and `fields` over them, and waits until it was taken.
    #[track_caller]
    pub(crate) fn login(&mut self, fields: &str) {
        self.send_connect(fields);
        self.ping_pong();
    }

    /// Sends CONNECT with quiet defaults and the JSON object `fields` over them.
    #[track_caller]
    pub(crate) fn send_connect(&mut self, fields: &str) {
        let mut options = json!({"verbose": false, "pedantic": false});
        let Ok(Value::Object(fields)) = serde_json::from_str(fields) else {
            panic!("not a JSON object: {fields}");
        };
        options.as_object_mut().unwrap().extend(fields);
        self.send(format!("CONNECT {options}\r\n"));
    }

    // === writing ===

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("the server takes what is sent");
    }

    /// Sends what the server may no longer want to read.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    /// PUB without a reply subject.
    #[track_caller]
    pub(crate) fn publish(&mut self, subject: &str, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        let mut bytes = format!("PUB {subject} {}\r\n", payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.send(bytes);
    }

    /// HPUB with the header block `headers` (its `NATS/1.0` line and blank line included).
    #[track_caller]
    pub(crate) fn publish_headers(&mut self, subject: &str, headers: &str, payload: &str) {
        let (head, total) = (headers.len(), headers.len() + payload.len());
        self.send(format!("HPUB {subject} {head} {total}\r\n{headers}{payload}\r\n"));
    }

    /// SUB, in force when this returns.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, subject: &str, sid: &str) {
        self.send(format!("SUB {subject} {sid}\r\n"));
        self.ping_pong();
    }

    // === reading ===

    /// The next frames, which must be exactly `bytes`.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let wanted = bytes.as_ref();
        let mut got = Vec::new();
        while got.len() < wanted.len() {
            let frame = self.next_frame();
            let ended = frame.is_none();
            got.extend_from_slice(&frame.unwrap_or_default());
            let (seen, want) = (String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
            assert!(!ended, "closed after {seen:?}, expected {want:?}");
            assert!(wanted.starts_with(&got), "got {seen:?}, expected {want:?}");
        }
    }

    /// The next frame as text.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> String {
        let frame = self.next_frame().expect("a frame, but the server closed");
        String::from_utf8_lossy(&frame).into_owned()
    }

    /// The next frame, which must begin with `start`.
    #[track_caller]
    pub(crate) fn expect_start(&mut self, start: &str) -> String {
        let frame = self.frame();
        assert!(frame.starts_with(start), "got {frame:?}, expected {start:?}...");
        frame
    }

    /// The next frame, which must be an error with exactly this text.
    #[track_caller]
    pub(crate) fn expect_err(&mut self, text: &str) {
        self.expect(format!("-ERR '{text}'\r\n"));
    }

    /// The error, then the end of the connection.
    #[track_caller]
    pub(crate) fn expect_err_closed(&mut self, text: &str) {
        self.expect_err(text);
        self.expect_closed();
    }

    /// The end of the connection, and no frame before it.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        if let Some(frame) = self.next_frame() {
            panic!("expected the end, got {:?}", String::from_utf8_lossy(&frame));
        }
    }

    #[track_caller]
    pub(crate) fn expect_info(&mut self) -> Value {
        let frame = self.expect_start("INFO ");
        serde_json::from_str(&frame[5..]).expect("INFO carries JSON")
    }

    /// PING, and PONG must be all that comes: what was sent before is done, and was silent.
    #[track_caller]
    pub(crate) fn ping_pong(&mut self) {
        self.send("PING\r\n");
        self.expect("PONG\r\n");
    }

    /// Reads until the server closes; all frames that came.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(frame) = self.next_frame() {
            all.extend_from_slice(&frame);
        }
        all
    }

    /// The next MSG or HMSG: its arguments, and its bytes (header block included).
    #[track_caller]
    pub(crate) fn message(&mut self) -> (Vec<String>, Vec<u8>) {
        let frame = self.next_frame().expect("a message, but the server closed");
        let end = find_line(&frame).expect("frames hold a line");
        let line = String::from_utf8_lossy(&frame[..end]).into_owned();
        let mut words = line.split_ascii_whitespace().map(str::to_owned);
        let op = words.next().unwrap_or_default();
        assert!(op == "MSG" || op == "HMSG", "expected a message, got {line:?}");
        (words.collect(), frame[end + 2..frame.len() - 2].to_vec())
    }

    /// The next MSG's payload as text.
    #[track_caller]
    pub(crate) fn payload(&mut self) -> String {
        String::from_utf8(self.message().1).expect("text")
    }

    /// Half-closes: the server sees the end of input while we still read.
    pub(crate) fn finish_writing(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// The next frame with its line ends, or None when the server has closed.
    #[track_caller]
    pub(crate) fn next_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let frame = self.raw_frame()?;
            if self.show_pings || frame != b"PING\r\n" {
                return Some(frame);
            }
            self.try_send("PONG\r\n");
        }
    }

    #[track_caller]
    fn raw_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(size) = frame_size(&self.buffer[self.taken..]) {
                let frame = self.buffer[self.taken..self.taken + size].to_vec();
                self.taken += size;
                return Some(frame);
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if !self.fill() {
                let rest = String::from_utf8_lossy(&self.buffer);
                assert!(rest.is_empty(), "closed within a frame: {rest:?}");
                return None;
            }
        }
    }

    /// Reads more; false at the end of the connection.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(size) => {
                self.buffer.extend_from_slice(&chunk[..size]);
                size > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => {
                let rest = String::from_utf8_lossy(&self.buffer);
                panic!("nothing more came ({error}); unread: {rest:?}")
            }
        }
    }
}

fn find_line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

/// The size of the first whole frame in `bytes`: its line, and for messages the payload.
fn frame_size(bytes: &[u8]) -> Option<usize> {
    let line = find_line(bytes)?;
    let mut size = line + 2;
    if bytes.starts_with(b"MSG ") || bytes.starts_with(b"HMSG ") {
        let word = bytes[..line].rsplit(|byte| *byte == b' ').next()?;
        let text = std::str::from_utf8(word).expect("a size is text");
        let payload: usize = text.parse().expect("the line of a message ends with its size");
        size += payload + 2;
    }
    (bytes.len() >= size).then_some(size)
}
