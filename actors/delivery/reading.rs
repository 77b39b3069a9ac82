//! Reading, one socket read at a time, into the arbiter's shared buffer: for whatever publishes
//! what it reads, a client's connection or the link to another server.
//!
//! What remains of an operation that is not whole yet moves to a buffer of the reader's own and
//! back before the next read. An operation too large for that is read into a buffer of its own.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Reason;
use super::desk::{Delivery, Desk, INPUT};

/// Bytes that were read but not worked through.
#[derive(Default)]
pub struct Unread {
    /// The start of an operation, or what follows a gate.
    tail: Vec<u8>,
    /// Bytes that the operation at the start of `tail` needs.
    need: usize,
    /// `tail` was left at a gate: it can be worked on without reading.
    resume: bool,
}

/// What a turn came to.
pub enum Turn {
    /// There may be more to read.
    Again,
    /// Nothing more for now; the socket will wake the task.
    Wait,
    /// Something has to happen before the rest can be worked on.
    Gated,
    /// Others are to have their turn before the rest is worked on.
    Yield,
    /// The reader is to end.
    Ended,
}

/// How far the work on some input came.
pub struct Worked {
    pub used: usize,
    /// Bytes that the operation at `used` needs.
    pub need: usize,
    pub turn: Turn,
}

/// One who reads a socket in turns.
pub trait Reading {
    fn unread(&mut self) -> &mut Unread;

    /// Reads into `room`; the answer is how many bytes.
    fn poll_read(&mut self, task: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads behind what is in [`Unread::tail`].
    fn poll_read_more(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Bytes came.
    fn heard(&mut self, delivery: &mut Delivery);

    /// No more will come.
    fn heard_all(&mut self, reason: Reason);

    /// Works through `input` as far as that goes.
    fn work_through(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked;

    /// Reads once, unless there is something to go on with, and works through what there is.
    fn read_turn(&mut self, task: &mut Context<'_>, desk: &mut Desk) -> Turn {
        let unread = self.unread();
        if unread.resume {
            self.work_on_tail(&mut desk.delivery)
        } else if unread.need >= OWN_BUFFER_FROM {
            self.read_large(task, &mut desk.delivery)
        } else {
            self.read_shared(task, desk)
        }
    }

    fn read_shared(&mut self, task: &mut Context<'_>, desk: &mut Desk) -> Turn {
        let Desk { input, delivery } = desk;
        let tail = &self.unread().tail;
        let kept = tail.len();
        input[..kept].copy_from_slice(tail);
        let read = self.poll_read(task, &mut input[kept..]);
        let count = match self.read_outcome(read, delivery) {
            Ok(count) => count,
            Err(turn) => return turn,
        };
        let all = &input[..kept + count];
        let worked = self.work_through(all, delivery);
        self.unread().keep(&all[worked.used..], &worked);
        worked.turn
    }

    fn read_large(&mut self, task: &mut Context<'_>, delivery: &mut Delivery) -> Turn {
        let unread = self.unread();
        // Of a line only its limit is known: it is read in larger pieces than needed.
        match unread.need.saturating_sub(unread.tail.len()) {
            0 | 1 => unread.tail.reserve(LINE_PIECE),
            missing => unread.tail.reserve_exact(missing),
        }
        while self.unread().is_short() {
            let read = self.poll_read_more(task);
            if let Err(turn) = self.read_outcome(read, delivery) {
                return turn;
            }
        }
        self.work_on_tail(delivery)
    }

    fn work_on_tail(&mut self, delivery: &mut Delivery) -> Turn {
        let tail = std::mem::take(&mut self.unread().tail);
        let worked = self.work_through(&tail, delivery);
        self.unread().keep(&tail[worked.used..], &worked);
        worked.turn
    }

    /// How many bytes came, or what the turn comes to without any.
    fn read_outcome(
        &mut self,
        read: Poll<io::Result<usize>>,
        delivery: &mut Delivery,
    ) -> Result<usize, Turn> {
        let reason = match read {
            Poll::Pending => return Err(Turn::Wait),
            Poll::Ready(Ok(0)) => Reason::ClientClosed,
            Poll::Ready(Err(_)) => Reason::ReadError,
            Poll::Ready(Ok(count)) => {
                self.heard(delivery);
                return Ok(count);
            }
        };
        self.heard_all(reason);
        Err(Turn::Ended)
    }
}

/// The longest that a publisher waits for readers that are behind, a read.
pub const STALL_MAX: Duration = Duration::from_millis(5);
/// A reader with more than this pending may be waited for.
const SOFT_PENDING: usize = 2 << 20;
/// Bytes of an unfinished line that are read at once.
const LINE_PIECE: usize = 64 << 10;
/// An operation of at least this size is read into a buffer of its own.
const OWN_BUFFER_FROM: usize = INPUT / 4;

/// Above so many pending bytes of a client, others may wait for it.
#[must_use]
pub fn soft_pending(pending_max: usize) -> usize {
    SOFT_PENDING.min(pending_max / 4 * 3)
}

// === impl Unread ===

impl Unread {
    /// Begins with bytes that were read elsewhere.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self { resume: !bytes.is_empty(), tail: bytes, need: 0 }
    }

    /// Where more is read to.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// The work can begin.
    pub fn take_up(&mut self) {
        self.resume = !self.tail.is_empty();
    }

    fn is_short(&self) -> bool {
        self.tail.len() < self.need
    }

    /// Keeps what was not used.
    fn keep(&mut self, rest: &[u8], worked: &Worked) {
        self.tail.clear();
        if rest.is_empty() {
            self.tail = Vec::new();
        } else {
            self.tail.extend_from_slice(rest);
        }
        self.need = worked.need;
        self.resume = matches!(worked.turn, Turn::Gated | Turn::Yield) && !rest.is_empty();
    }
}
