//! The bytes of a connection with TLS, a client's or another server's, between its socket and the
//! rest of it. Those between servers may be compressed as well, or instead.
//!
//! What is read and written passes through buffers that all connections of an arbiter share. A
//! connection has buffers of its own only for the start of a record that is not whole yet, and for
//! what the socket did not take.

mod packing;
mod secure;
mod stream;
mod through;
mod turn;

use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tracing::debug;
use vagus_tls::{Broken, Outgoing, Progress, Session};

pub use self::packing::{BLOCK, Codec, Packing, S2, Torn, Unpacked, WebSocket};
pub use self::stream::{Parts, Stream};
use self::turn::Turn;
use super::{Outbound, Reason};

/// See the module's text.
pub struct Wire {
    /// There is none before the handshake.
    session: Option<Session>,
    packing: Option<Box<Packing>>,
    /// Let go of when the last was said.
    write: Option<OwnedWriteHalf>,
    /// The start of a record.
    unread: Vec<u8>,
    /// What the socket did not take; of it `sent` bytes are gone.
    unsent: Vec<u8>,
    sent: usize,
    /// Of its handshake.
    turn: Turn,
}

/// Bytes of one read: it becomes as many plain bytes at most.
const READ: usize = 128 << 10;
/// Bytes of one read during a handshake: a client has not much to say then.
const HANDSHAKE_READ: usize = 8 << 10;
/// Bytes of a message of the handshake that is not whole yet, a client's certificates for one.
const HANDSHAKE_MAX: usize = 40 << 10;
/// Plain bytes that become one write.
const WRITE: usize = 128 << 10;
/// Room for one read of a large operation.
const MORE: usize = 64 << 10;
/// Reads in a row that may come to nothing.
const EMPTY_READS_MAX: usize = 8;

struct Shared {
    wire: Vec<u8>,
    plain: Vec<u8>,
    out: Outgoing,
}

thread_local! {
    static SHARED: RefCell<Shared> = const {
        RefCell::new(Shared { wire: Vec::new(), plain: Vec::new(), out: Outgoing::new() })
    };
}

/// What a read from the socket came to.
enum Came {
    Plain(usize),
    /// Bytes, though none of them of the client's data.
    Nothing,
    Closed,
}

// === impl Wire ===

impl Wire {
    #[must_use]
    pub fn new(write: OwnedWriteHalf) -> Self {
        Self {
            session: None,
            packing: None,
            write: Some(write),
            unread: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            turn: Turn::default(),
        }
    }

    #[must_use]
    pub fn into_write_half(self) -> Option<OwnedWriteHalf> {
        self.write
    }

    /// Goes on with another write half of the same socket.
    #[must_use]
    pub fn over(self, write: OwnedWriteHalf) -> Self {
        Self { write: Some(write), ..self }
    }

    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Begins a handshake. The end that connects speaks first.
    ///
    /// # Errors
    /// None in practice: nothing was heard yet.
    pub fn begin(&mut self, mut session: Session) -> Result<(), Broken> {
        let mut hello = Outgoing::new();
        session.receive(&mut [], &mut [], &mut hello)?;
        self.unsent.extend_from_slice(hello.bytes());
        self.session = Some(session);
        Ok(())
    }

    /// Whether bytes of TLS itself wait to be sent.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Goes on with the handshake. What the client sent right behind it is added to `plain`.
    pub fn poll_handshake(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        plain: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            // What was answered so far has to arrive before anything more is said.
            if ready!(self.poll_flush(task)).is_err() {
                return Poll::Ready(Err(Broken::Eof));
            }
            if self.session.as_ref().is_some_and(Session::is_open) {
                return Poll::Ready(Ok(()));
            }
            // There is something to work on. What is wrong with the socket is told by the read.
            let _ = ready!(io.as_ref().poll_read_ready(task));
            ready!(self.turn.poll(task));
            let read = SHARED.with_borrow_mut(|shared| {
                let Shared { wire, plain: room, out } = shared;
                let len = self.unread.len() + HANDSHAKE_READ;
                grow(room, len);
                let came = self.poll_some(io, task, len, (wire, &mut room[..], out));
                if let Poll::Ready(Ok(Came::Plain(count))) = came {
                    plain.extend_from_slice(&room[..count]);
                }
                came
            });
            match ready!(read) {
                Ok(Came::Closed) => return Poll::Ready(Err(Broken::Eof)),
                Ok(_) if self.unread.len() > HANDSHAKE_MAX => {
                    return Poll::Ready(Err(Broken::NoRoom));
                }
                Ok(_) => {}
                Err(Fault::Io(_)) => return Poll::Ready(Err(Broken::Eof)),
                Err(Fault::Tls(broken)) => return Poll::Ready(Err(broken)),
            }
        }
    }

    /// Reads bytes of the other end. Ready with 0 when it has said goodbye.
    pub fn poll_read(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        plain: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let Some(mut packing) = self.packing.take() else {
            return self.poll_opened(io, task, plain);
        };
        let read = self.poll_unpacked(&mut packing, io, task, plain);
        self.packing = Some(packing);
        read
    }

    /// Reads bytes as the other end has sent them, opened if they are sealed.
    fn poll_opened(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        plain: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.session.is_none() {
            let mut buffer = ReadBuf::new(plain);
            let read = Pin::new(io).poll_read(task, &mut buffer);
            return read.map_ok(|()| buffer.filled().len());
        }
        for _ in 0..EMPTY_READS_MAX {
            let came = SHARED.with_borrow_mut(|shared| {
                let len = READ.min(plain.len());
                self.poll_some(io, task, len, (&mut shared.wire, plain, &mut shared.out))
            });
            match ready!(came) {
                Ok(Came::Plain(count)) => return Poll::Ready(Ok(count)),
                Ok(Came::Closed) => return Poll::Ready(Ok(0)),
                Ok(Came::Nothing) => {}
                Err(Fault::Io(error)) => return Poll::Ready(Err(error)),
                Err(Fault::Tls(broken)) => {
                    debug!("TLS error: {broken}");
                    return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, broken)));
                }
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads more of an operation that is larger than most, behind what is in `tail`.
    pub fn poll_read_more(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        tail: &mut Vec<u8>,
    ) -> Poll<std::io::Result<usize>> {
        let start = tail.len();
        tail.resize(start + MORE, 0);
        let read = self.poll_read(io, task, &mut tail[start..]);
        let count = match &read {
            Poll::Ready(Ok(count)) => *count,
            _ => 0,
        };
        tail.truncate(start + count);
        read
    }

    /// One read of at most `len` bytes, with what was kept, and the work on it. Answers go out, or
    /// wait in `unsent`.
    fn poll_some(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        len: usize,
        (wire, plain, out): (&mut Vec<u8>, &mut [u8], &mut Outgoing),
    ) -> Poll<Result<Came, Fault>> {
        let Some(session) = &mut self.session else { return Poll::Ready(Ok(Came::Closed)) };
        let kept = self.unread.len();
        grow(wire, len);
        wire[..kept].copy_from_slice(&self.unread);
        let mut buffer = ReadBuf::new(&mut wire[kept..len]);
        ready!(Pin::new(io).poll_read(task, &mut buffer)).map_err(Fault::Io)?;
        let all = kept + buffer.filled().len();
        if all == kept {
            return Poll::Ready(if kept == 0 { Ok(Came::Closed) } else { Err(Fault::cut()) });
        }
        out.clear();
        let progress = session.receive(&mut wire[..all], plain, out);
        self.unsent.extend_from_slice(out.bytes());
        let progress = progress.map_err(Fault::Tls)?;
        self.keep(&wire[progress.used..all]);
        if self.has_unsent() && self.poll_flush(task).is_pending() {
            // The task is woken when the socket takes more, and goes on with it then.
            task.waker().wake_by_ref();
        }
        Poll::Ready(Ok(match progress {
            Progress { plain: 1.., .. } => Came::Plain(progress.plain),
            Progress { closed: true, .. } => Came::Closed,
            _ => Came::Nothing,
        }))
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.unread = Vec::new();
        } else {
            self.unread.clear();
            self.unread.extend_from_slice(rest);
        }
    }

    /// Sends what is queued, and at the end the goodbye. Ready when nothing is left, or nothing can
    /// be sent before the handshake is done. `clear`: as it is, so far.
    pub fn poll_drain(&mut self, out: &Outbound, clear: bool, task: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_flush(task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.lose(out),
                Poll::Pending => return Poll::Pending,
            }
            if out.is_dead() {
                self.write = None;
                return Poll::Ready(());
            }
            let closed = out.closed().is_some();
            let ready = clear
                || self.packing.is_some()
                || self.session.as_ref().is_some_and(Session::is_open);
            let mut taken = if ready { out.take_queue() } else { Default::default() };
            if taken.is_empty() {
                if ready {
                    out.give_back(taken, false);
                }
                if closed {
                    self.say_goodbye();
                    let _ = ready!(self.poll_flush(task));
                    out.finish();
                    self.write = None;
                }
                return Poll::Ready(());
            }
            let sent = SHARED.with_borrow_mut(|shared| {
                shared.out.clear();
                let most = if self.packing.is_some() { BLOCK } else { WRITE };
                let rtt = out.stats.rtt();
                while shared.out.len() < WRITE
                    && let Some(sealed) =
                        taken.next(most, |piece| self.wrap(piece, rtt, clear, &mut shared.out))
                {
                    sealed?;
                }
                self.write_now(shared.out.bytes())
            });
            out.give_back(taken, self.has_unsent());
            if sent.is_err() {
                return self.lose(out);
            }
        }
    }

    fn lose(&mut self, out: &Outbound) -> Poll<()> {
        out.close(Reason::WriteError);
        self.unsent = Vec::new();
        self.write = None;
        Poll::Ready(())
    }

    fn seal(&mut self, piece: &[u8], clear: bool, out: &mut Outgoing) -> Result<(), Error> {
        match &mut self.session {
            Some(session) if !clear => session
                .seal(&mut self.unread, piece, out)
                .map_err(|broken| Error::new(ErrorKind::InvalidData, broken)),
            _ => {
                out.put(piece);
                Ok(())
            }
        }
    }

    fn say_goodbye(&mut self) {
        let (mut last, mut out) = (Vec::new(), Outgoing::new());
        if let Some(packing) = &mut self.packing {
            packing.codec().goodbye(&mut last);
        }
        if !last.is_empty() {
            // What can't be sealed is not sent.
            let _ = self.seal(&last, false, &mut out);
        }
        if let Some(session) = &mut self.session {
            session.close(&mut self.unread, &mut out);
        }
        self.unsent.extend_from_slice(out.bytes());
    }

    /// Writes what the socket takes, and keeps the rest. Only when nothing is kept yet.
    fn write_now(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Some(write) = &self.write else { return Ok(()) };
        while !bytes.is_empty() {
            match write.try_write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(wrote) => bytes = &bytes[wrote..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what the socket did not take before.
    fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(write) = &self.write else {
            self.unsent = Vec::new();
            return Poll::Ready(Ok(()));
        };
        while self.sent < self.unsent.len() {
            ready!(write.as_ref().poll_write_ready(task))?;
            match write.try_write(&self.unsent[self.sent..]) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(wrote) => self.sent += wrote,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if self.sent > 0 {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

/// Why nothing more can be read.
enum Fault {
    Io(Error),
    Tls(Broken),
}

impl Fault {
    /// In the midst of a record.
    fn cut() -> Self {
        Self::Io(ErrorKind::UnexpectedEof.into())
    }
}

fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
}
