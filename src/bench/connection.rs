//! One connection to the server: blocking, large writes, and nothing that the server says lost.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::inbound::{Event, Inbound, Msg};
use crate::target::Target;
use crate::transport::Transport;

/// A blocked read or write looks up this often, to see whether the run was aborted.
pub(crate) const TICK: Duration = Duration::from_millis(20);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A logged-in connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Transport,
    inbound: Inbound,
    role: &'static str,
    /// What the server said of itself.
    pub(crate) server: ServerInfo,
}

/// The part of `INFO` that the generator looks at.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ServerInfo {
    pub(crate) version: String,
    pub(crate) max_payload: usize,
    tls_required: bool,
}

impl Connection {
    /// Connects and logs in; returns after the first `PONG`.
    pub(crate) fn open(target: &Target, role: &'static str) -> Result<Self, BenchError> {
        Self::open_with(target, role, Inbound::new())
    }

    /// As [`Connection::open`], with the given receive buffer.
    pub(crate) fn open_with(
        target: &Target,
        role: &'static str,
        inbound: Inbound,
    ) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(&target.address)
            .map_err(|source| BenchError::Connect { address: target.address.clone(), source })?;
        let io = |source| BenchError::Io { role, source };
        stream.set_nodelay(true).map_err(io)?;
        stream.set_read_timeout(Some(TICK)).map_err(io)?;
        stream.set_write_timeout(Some(TICK)).map_err(io)?;
        let stream = Transport::Plain(stream);
        let mut connection = Self { stream, inbound, role, server: ServerInfo::default() };
        connection.read_info()?;
        match &target.tls {
            Some(setup) => connection.stream = connection.stream.secure(setup, target.host())?,
            None if connection.server.tls_required => return Err(BenchError::TlsRequired),
            None => {}
        }
        let mut hello = target.connect_line();
        hello.extend_from_slice(b"PING\r\n");
        connection.write(&hello, &mut Patience::new(HANDSHAKE_TIMEOUT))?;
        connection.await_pong(HANDSHAKE_TIMEOUT, |_| Ok(()))?;
        Ok(connection)
    }

    /// Waits for the first `INFO`, without which nothing may be sent.
    fn read_info(&mut self) -> Result<(), BenchError> {
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        loop {
            match self.inbound.next()? {
                Some(Event::Info(json)) => {
                    self.server = serde_json::from_slice(json)
                        .map_err(|error| BenchError::Protocol(format!("bad INFO: {error}")))?;
                    break;
                }
                Some(Event::Err(text)) => return Err(server_error(text)),
                Some(_) => return Err(BenchError::Protocol("no INFO at first".to_owned())),
                None if Instant::now() > deadline => return Err(silent("INFO", HANDSHAKE_TIMEOUT)),
                None => {
                    self.fill()?;
                }
            }
        }
        Ok(())
    }

    /// One read, at most [`TICK`] long; `false` if nothing came.
    pub(crate) fn fill(&mut self) -> Result<bool, BenchError> {
        match self.inbound.fill(&mut self.stream) {
            Ok(0) => Err(BenchError::Closed { role: self.role }),
            Ok(_) => Ok(true),
            Err(error) if is_idle(&error) => Ok(false),
            Err(source) => Err(BenchError::Io { role: self.role, source }),
        }
    }

    /// As [`Connection::fill`], but without waiting.
    pub(crate) fn fill_now(&mut self) -> Result<bool, BenchError> {
        match self.inbound.fill(&mut Unwaiting(&mut self.stream)) {
            Ok(0) => Err(BenchError::Closed { role: self.role }),
            Ok(_) => Ok(true),
            Err(error) if is_idle(&error) => Ok(false),
            Err(source) => Err(BenchError::Io { role: self.role, source }),
        }
    }

    /// Handles all that was read: hands deliveries to `on_msg`, answers `PING`. Returns how many
    /// `PONG`s there were.
    pub(crate) fn drain(
        &mut self,
        mut on_msg: impl FnMut(&Msg<'_>) -> Result<(), BenchError>,
    ) -> Result<u32, BenchError> {
        let mut pongs = 0;
        while let Some(event) = self.inbound.next()? {
            match event {
                Event::Msg(msg) => on_msg(&msg)?,
                Event::Ping => answer_ping(&mut self.stream, self.role)?,
                Event::Pong => pongs += 1,
                Event::Err(text) => return Err(server_error(text)),
                Event::Info(_) | Event::Ok => {}
            }
        }
        Ok(pongs)
    }

    /// As [`Connection::drain`], but only counts deliveries, which is much cheaper.
    pub(crate) fn drain_counting(&mut self) -> Result<u64, BenchError> {
        let mut count = 0;
        loop {
            count += self.inbound.take_run();
            match self.inbound.next()? {
                None => return Ok(count),
                Some(Event::Msg(_)) => count += 1,
                Some(Event::Ping) => answer_ping(&mut self.stream, self.role)?,
                Some(Event::Err(text)) => return Err(server_error(text)),
                Some(Event::Pong | Event::Info(_) | Event::Ok) => {}
            }
        }
    }

    /// Writes all of `bytes`. When the server ends the connection, the error is what it said last.
    pub(crate) fn write(
        &mut self,
        bytes: &[u8],
        patience: &mut Patience<'_>,
    ) -> Result<(), BenchError> {
        match write_all(&mut self.stream, bytes, self.role, patience) {
            Err(error @ BenchError::Io { .. }) => Err(self.last_words().unwrap_or(error)),
            result => result,
        }
    }

    /// Sends `PING` and waits for its `PONG`: the server has then handled all that went before.
    pub(crate) fn flush(
        &mut self,
        timeout: Duration,
        on_msg: impl FnMut(&Msg<'_>) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        self.write(b"PING\r\n", &mut Patience::new(timeout))?;
        self.await_pong(timeout, on_msg)
    }

    fn await_pong(
        &mut self,
        timeout: Duration,
        mut on_msg: impl FnMut(&Msg<'_>) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        let mut deadline = Instant::now() + timeout;
        loop {
            if self.drain(&mut on_msg)? > 0 {
                return Ok(());
            }
            if self.fill()? {
                deadline = Instant::now() + timeout;
            } else if Instant::now() > deadline {
                return Err(silent("PONG", timeout));
            }
        }
    }

    /// Subscribes, with `group` in a queue group. Not yet known to be done: [`Connection::flush`].
    pub(crate) fn subscribe(
        &mut self,
        subject: &str,
        group: Option<&str>,
        sid: u64,
    ) -> Result<(), BenchError> {
        let line = match group {
            Some(group) => format!("SUB {subject} {group} {sid}\r\n"),
            None => format!("SUB {subject} {sid}\r\n"),
        };
        self.write(line.as_bytes(), &mut Patience::new(HANDSHAKE_TIMEOUT))
    }

    /// Looks, without waiting, whether the server said something; for those who only write.
    pub(crate) fn glance(&mut self) -> Result<(), BenchError> {
        self.glance_counting().map(|_| ())
    }

    /// Reads at most once, without waiting. Returns how many deliveries that brought, `None` if
    /// there was nothing to read.
    pub(crate) fn glance_counting(&mut self) -> Result<Option<u64>, BenchError> {
        let mut bytes = [0; 4096];
        match self.stream.read_now(&mut bytes) {
            Ok(0) => Err(BenchError::Closed { role: self.role }),
            Ok(count) => {
                self.inbound.push(&bytes[..count]);
                self.drain_counting().map(Some)
            }
            Err(error) if is_idle(&error) => Ok(None),
            Err(source) => Err(BenchError::Io { role: self.role, source }),
        }
    }

    /// The `-ERR` that the server may have sent before it went away.
    fn last_words(&mut self) -> Option<BenchError> {
        while self.fill().ok()? {
            if let Err(error) = self.drain(|_| Ok(())) {
                return Some(error);
            }
        }
        None
    }

    /// The bare stream and its buffer, for one thread that watches many.
    pub(crate) fn into_parts(self) -> (Transport, Inbound) {
        (self.stream, self.inbound)
    }
}

/// A stream whose reads don't wait.
struct Unwaiting<'a>(&'a mut Transport);

impl io::Read for Unwaiting<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(bytes)
    }
}

/// How long a write may make no progress, and whether it should go on at all.
pub(crate) struct Patience<'a> {
    timeout: Duration,
    aborted: Option<&'a dyn Fn() -> bool>,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, aborted: None }
    }

    /// Also gives up when `aborted` says so.
    pub(crate) fn until(timeout: Duration, aborted: &'a dyn Fn() -> bool) -> Self {
        Self { timeout, aborted: Some(aborted) }
    }
}

/// Writes all of `bytes` to a blocking stream whose writes time out every [`TICK`].
fn write_all(
    stream: &mut Transport,
    mut bytes: &[u8],
    role: &'static str,
    patience: &mut Patience<'_>,
) -> Result<(), BenchError> {
    let mut blocked_since = None;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => {
                bytes = &bytes[count..];
                blocked_since = None;
            }
            Err(error) if is_idle(&error) => {
                if patience.aborted.is_some_and(|aborted| aborted()) {
                    return Err(BenchError::Aborted);
                }
                let since = *blocked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > patience.timeout {
                    let seconds = patience.timeout.as_secs();
                    let reason = format!("the server has read nothing for {seconds} s");
                    return Err(BenchError::Io { role, source: io::Error::other(reason) });
                }
            }
            Err(source) => return Err(BenchError::Io { role, source }),
        }
    }
    Ok(())
}

fn answer_ping(stream: &mut Transport, role: &'static str) -> Result<(), BenchError> {
    write_all(stream, b"PONG\r\n", role, &mut Patience::new(HANDSHAKE_TIMEOUT))
}

/// What `-ERR 'text'` means to the one who reads the report.
pub(crate) fn server_error(text: &[u8]) -> BenchError {
    let text = String::from_utf8_lossy(text);
    BenchError::Server(text.trim_matches('\'').to_owned())
}

fn silent(what: &'static str, timeout: Duration) -> BenchError {
    BenchError::Protocol(format!("no {what} within {} s", timeout.as_secs()))
}

pub(crate) fn is_idle(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
