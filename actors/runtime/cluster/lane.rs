//! A lane: the bytes of a session between two servers, carried by control frames of their link.
//!
//! ```text
//! D <bytes>           of the session
//! G <u32 LE>          the other may send so much more
//! ```
//!
//! A frame costs what it carries and [`OVERHEAD`]. Who sends more than was granted is cut. Who
//! reads nothing is sent nothing: what may wait for it is bounded, and after [`PATIENCE`] its link
//! ends. A grant is held back while this end waits for one itself, so that nobody has work done
//! here whose result it does not take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::gate::Gate;

/// What carries the frames of a lane: the link to one other server.
pub trait Bearer: Send + Sync + 'static {
    /// Sends one frame. Never blocks.
    fn carry(&self, frame: &[u8]);
    /// Ends the link.
    fn end(&self);
}

/// The end of a lane that the link's actor holds. The session ends when this is dropped.
pub struct Lane {
    shared: Arc<Shared>,
    chunks: mpsc::UnboundedSender<Bytes>,
}

/// Why a frame of the other server is the last one of it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LaneError {
    #[error("it sends more than it was granted")]
    Flood,
    #[error("a frame that says nothing")]
    Nonsense,
}

/// What both ends of a lane look at.
pub(super) struct Shared {
    bearer: Arc<dyn Bearer>,
    /// What may still be sent.
    credit: AtomicUsize,
    /// What the other may still send.
    granted: AtomicUsize,
    /// What was read, and is to be granted again.
    owed: AtomicUsize,
    /// The session has something to send, and no credit.
    stuck: AtomicBool,
    writer: AtomicWaker,
    closed: AtomicBool,
}

/// The bytes that come in, as the session reads them.
pub(super) struct Reader {
    shared: Arc<Shared>,
    chunks: mpsc::UnboundedReceiver<Bytes>,
    gate: Gate,
}

/// The bytes that go out, as the session writes them.
pub(super) struct Writer {
    shared: Arc<Shared>,
    patience: Option<Pin<Box<Sleep>>>,
}

/// What one end may send before the other has read any of it, in bytes.
const WINDOW: usize = 64 << 10;
/// Read so much, and it is granted again.
const GRANT_AT: usize = WINDOW / 4;
/// What a frame costs beside the bytes in it: the least that keeping it takes.
const OVERHEAD: usize = 64;
/// Bytes in one frame: messages of clients do not wait for longer ones.
const FRAME_MAX: usize = 8 << 10;
/// For as long a session waits for the other end to read.
const PATIENCE: Duration = Duration::from_secs(10);
const DATA: u8 = b'D';
const GRANT: u8 = b'G';

/// A new lane: the link's end, and those of the session.
pub(super) fn open(bearer: Arc<dyn Bearer>) -> (Lane, Reader, Writer) {
    let shared = Arc::new(Shared {
        bearer,
        credit: AtomicUsize::new(WINDOW),
        granted: AtomicUsize::new(WINDOW),
        owed: AtomicUsize::new(0),
        stuck: AtomicBool::new(false),
        writer: AtomicWaker::new(),
        closed: AtomicBool::new(false),
    });
    // Bounded by what is granted.
    let (send, receive) = mpsc::unbounded_channel();
    let reader = Reader { shared: Arc::clone(&shared), chunks: receive, gate: Gate::default() };
    let writer = Writer { shared: Arc::clone(&shared), patience: None };
    (Lane { shared, chunks: send }, reader, writer)
}

// === impl Lane ===

impl Lane {
    /// Whether a control frame is one of a lane.
    #[must_use]
    pub fn is_of(frame: &[u8]) -> bool {
        matches!(frame.first(), Some(&(DATA | GRANT)))
    }

    /// A frame came in.
    ///
    /// # Errors
    /// [`LaneError`], after which the link is to end.
    pub fn receive(&self, frame: &[u8]) -> Result<(), LaneError> {
        match frame {
            [DATA, bytes @ ..] if !bytes.is_empty() => {
                let cost = bytes.len() + OVERHEAD;
                let left = self.shared.granted.load(Acquire).checked_sub(cost);
                left.ok_or(LaneError::Flood)?;
                self.shared.granted.fetch_sub(cost, AcqRel);
                // A session that has ended ends its link by itself.
                let _ = self.chunks.send(Bytes::copy_from_slice(bytes));
                Ok(())
            }
            [GRANT, a, b, c, d] => {
                let more = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                if self.shared.credit.load(Acquire).saturating_add(more) > WINDOW {
                    return Err(LaneError::Nonsense);
                }
                self.shared.credit.fetch_add(more, AcqRel);
                self.shared.writer.wake();
                Ok(())
            }
            _ => Err(LaneError::Nonsense),
        }
    }

    pub(super) fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.shared))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.closed.store(true, Release);
        self.shared.writer.wake();
    }
}

/// How far the other end is behind.
pub(super) struct Gauge(Arc<Shared>);

impl Gauge {
    /// Bytes that were sent and not granted again, with what their frames cost.
    pub(super) fn unconfirmed(&self) -> usize {
        WINDOW.saturating_sub(self.0.credit.load(Relaxed))
    }

    /// More waits to be sent.
    pub(super) fn is_stuck(&self) -> bool {
        self.0.stuck.load(Relaxed)
    }
}

// === impl Shared ===

impl Shared {
    fn took(&self, cost: usize) {
        let owed = self.owed.fetch_add(cost, AcqRel) + cost;
        if owed >= GRANT_AT && !self.stuck.load(Acquire) {
            self.grant();
        }
    }

    fn grant(&self) {
        let owed = self.owed.swap(0, AcqRel);
        if owed > 0 {
            self.granted.fetch_add(owed, AcqRel);
            let [a, b, c, d] = (owed as u32).to_le_bytes();
            self.bearer.carry(&[GRANT, a, b, c, d]);
        }
    }
}

// === impl Reader ===

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        loop {
            if me.gate.give(room) {
                return Poll::Ready(Ok(()));
            }
            let chunk = match me.chunks.poll_recv(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(chunk)) => chunk,
            };
            me.shared.took(chunk.len() + OVERHEAD);
            if let Err(problem) = me.gate.push(&chunk) {
                tracing::warn!("a server is cut off: {problem}");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)));
            }
        }
    }
}

impl Drop for Reader {
    /// However a session ends: nobody keeps a link whose other end can't be supervised.
    fn drop(&mut self) {
        self.shared.bearer.end();
    }
}

// === impl Writer ===

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.shared.writer.register(task.waker());
        if me.shared.closed.load(Acquire) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let credit = me.shared.credit.load(Acquire);
        if credit <= OVERHEAD {
            me.shared.stuck.store(true, Release);
            let patience = || Box::pin(tokio::time::sleep(PATIENCE));
            let over = me.patience.get_or_insert_with(patience).as_mut().poll(task);
            return over.map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        let size = bytes.len().min(FRAME_MAX).min(credit - OVERHEAD);
        me.shared.credit.fetch_sub(size + OVERHEAD, AcqRel);
        me.shared.bearer.carry(&[&[DATA], &bytes[..size]].concat());
        me.patience = None;
        if me.shared.stuck.swap(false, AcqRel) {
            me.shared.grant();
        }
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
