//! A connection that may break at any moment, which is then an error and not a failed test.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::kit::Msg;

/// How long a silent server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Pipe {
    reader: BufReader<TcpStream>,
    socket: TcpStream,
}

// === impl Pipe ===

impl Pipe {
    pub(crate) fn connect(port: u16) -> io::Result<Pipe> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(64 * 1024, socket.try_clone()?);
        let mut pipe = Pipe { reader, socket };
        pipe.line()?;
        pipe.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")?;
        Ok(pipe)
    }

    /// Gives up on a silent server sooner or later than usual.
    pub(crate) fn patience(&self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).unwrap();
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    /// The next message. The server's PINGs are answered; any error of it ends the connection.
    pub(crate) fn message(&mut self) -> io::Result<Msg> {
        loop {
            let line = self.line()?;
            let mut words = line.split_ascii_whitespace().map(str::to_owned);
            match words.next().as_deref() {
                Some("PING") => self.send(b"PONG\r\n")?,
                Some("PONG" | "INFO") => {}
                Some(op @ ("MSG" | "HMSG")) => {
                    let headers = op == "HMSG";
                    let words: Vec<String> = words.collect();
                    let size: usize = words.last().and_then(|size| size.parse().ok()).unwrap();
                    let mut bytes = vec![0; size + 2];
                    self.reader.read_exact(&mut bytes)?;
                    return Ok(Msg::of(&words, &bytes[..size], headers));
                }
                _ => return Err(io::Error::other(line)),
            }
        }
    }

    /// Whether a message can be read without waiting for the network.
    pub(crate) fn buffered(&self) -> bool {
        !self.reader.buffer().is_empty()
    }
}
