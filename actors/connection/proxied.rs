//! Clients behind a proxy that tells where they come from, ahead of their first byte. The header
//! is read before anything else, TLS too; only `INFO` does not wait for it.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, Interest, ReadBuf};
use tracing::warn;
use vagus_wire::proxy::{HEADER_MAX, Parsed, parse};

use super::Connection;
use crate::delivery::Reason;

/// Time that the header may take.
const HEADER_WITHIN: Duration = Duration::from_secs(5);

impl Connection {
    /// The start of every connection.
    pub(super) fn begin(&mut self) {
        self.header_pending = self.settings.proxy_protocol;
        if self.header_pending && self.client_begins_with_tls() {
            self.set_timer(HEADER_WITHIN);
        } else {
            self.begin_tls();
        }
    }

    /// The time that the connection has for its next step, where that is no matter of the protocol.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.header_pending { Some(HEADER_WITHIN) } else { self.tls_patience() }
    }

    /// Whether the header is not here yet.
    pub(super) fn poll_header(&mut self, task: &mut Context<'_>) -> bool {
        if !self.header_pending {
            return false;
        }
        let Poll::Ready(outcome) = self.poll_read_header(task) else { return true };
        if let Err(problem) = outcome {
            self.header_failed(&problem);
            task.waker().wake_by_ref();
            return true;
        }
        self.header_pending = false;
        if self.client_begins_with_tls() {
            self.begin_tls();
        } else {
            match self.tls_patience() {
                Some(time) => self.set_timer(time),
                None => self.set_first_timer(),
            }
        }
        false
    }

    #[cold]
    fn poll_read_header(&mut self, task: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            let mut bytes = [0; HEADER_MAX];
            let mut buffer = ReadBuf::new(&mut bytes);
            let peeked = ready!(self.io.poll_peek(task, &mut buffer));
            let count = peeked.map_err(|error| error.to_string())?;
            if count == 0 {
                return Poll::Ready(Err("failed to read protocol version: EOF".to_owned()));
            }
            match parse(&bytes[..count]).map_err(|error| error.to_string())? {
                Parsed::Absent => return Poll::Ready(Ok(())),
                Parsed::Header { len, source } => {
                    self.peer = source.unwrap_or(self.peer);
                    return self.poll_skip(len, task);
                }
                // What was looked at is still there: only new bytes may wake the task.
                Parsed::Incomplete => {
                    let _ = self
                        .io
                        .as_ref()
                        .try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
                    ready!(self.io.as_ref().poll_read_ready(task)).map_err(|e| e.to_string())?;
                }
            }
        }
    }

    /// Drops bytes that were looked at.
    fn poll_skip(&mut self, len: usize, task: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut bytes = [0; HEADER_MAX];
        let mut buffer = ReadBuf::new(&mut bytes[..len]);
        let read = ready!(Pin::new(&mut self.io).poll_read(task, &mut buffer));
        Poll::Ready(match read {
            Ok(()) if buffer.filled().len() == len => Ok(()),
            Ok(()) => Err("header was cut".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    fn header_failed(&mut self, problem: &str) {
        self.header_pending = false;
        self.clear_timer();
        warn!("Error reading PROXY protocol header from {}: {problem}", self.peer);
        self.end(Reason::ProtocolViolation);
    }

    /// A timer has run out. False when it was not that of the header.
    pub(super) fn header_is_late(&mut self) -> bool {
        if self.header_pending {
            self.header_failed("i/o timeout");
            return true;
        }
        false
    }
}
