//! Reading: one socket read at a time into the arbiter's shared buffer, as connections do it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::Route;
use crate::delivery::Reason;
use crate::delivery::desk::{Delivery, Desk, INPUT};

/// Bytes that were read but not worked through.
#[derive(Default)]
pub(super) struct Input {
    tail: Vec<u8>,
    /// Bytes that the operation at the start of `tail` needs.
    need: usize,
    /// `tail` was left at a gate: it can be worked on without reading.
    resume: bool,
}

/// What a turn came to.
pub(super) enum Turn {
    /// There may be more to read.
    Again,
    /// Nothing more for now; the socket will wake the task.
    Wait,
    /// Something has to happen before the rest can be worked on.
    Gated,
    /// Others are to have their turn before the rest is worked on.
    Yield,
    Ended,
}

/// How far the work on some input came.
pub(super) struct Worked {
    pub used: usize,
    /// Bytes that the operation at `used` needs.
    pub need: usize,
    pub turn: Turn,
}

/// The longest that a link waits for readers that are behind, a read.
pub(super) const STALL: Duration = Duration::from_millis(5);
/// A reader with more than this pending may be waited for.
const SOFT_PENDING: usize = 2 << 20;
/// An operation of at least this size is read into a buffer of its own.
const OWN_BUFFER_FROM: usize = INPUT / 4;
/// Bytes of an unfinished line that are read at once.
const LINE_PIECE: usize = 64 << 10;

/// Above so many pending bytes of a client, others may wait for it.
pub(super) fn soft_pending(pending_max: usize) -> usize {
    SOFT_PENDING.min(pending_max / 4 * 3)
}

// === impl Input ===

impl Input {
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

// === impl Route ===

impl Route {
    /// Reads once and works through what there is.
    pub(super) fn turn(&mut self, task: &mut Context<'_>) -> Turn {
        let now = self.broker.now_ns();
        let soft = soft_pending(self.broker.settings().pending_max);
        Desk::with(|desk| {
            desk.delivery.batch.begin(soft, usize::MAX);
            desk.delivery.batch.dated(now);
            let turn = if self.input.resume {
                self.work_on_tail(&mut desk.delivery)
            } else if self.input.need >= OWN_BUFFER_FROM {
                self.read_large(task, &mut desk.delivery)
            } else {
                self.read(task, desk)
            };
            self.count_out(&mut desk.delivery, task);
            match turn {
                Turn::Again | Turn::Yield if self.stall.is_some() => Turn::Gated,
                turn => turn,
            }
        })
    }

    fn read(&mut self, task: &mut Context<'_>, desk: &mut Desk) -> Turn {
        let Desk { input, delivery } = desk;
        let kept = self.input.tail.len();
        input[..kept].copy_from_slice(&self.input.tail);
        let mut buffer = ReadBuf::new(&mut input[kept..]);
        let read = Pin::new(&mut self.io).poll_read(task, &mut buffer);
        let count = buffer.filled().len();
        if let Some(turn) = self.read_outcome(read.map_ok(|()| count)) {
            return turn;
        }
        let all = &input[..kept + count];
        let worked = self.work(all, delivery);
        self.input.keep(&all[worked.used..], &worked);
        worked.turn
    }

    fn read_large(&mut self, task: &mut Context<'_>, delivery: &mut Delivery) -> Turn {
        // Of a line only its limit is known: it is read in larger pieces than needed.
        match self.input.need.saturating_sub(self.input.tail.len()) {
            0 | 1 => self.input.tail.reserve(LINE_PIECE),
            missing => self.input.tail.reserve_exact(missing),
        }
        while self.input.tail.len() < self.input.need {
            let read = poll_read_buf(Pin::new(&mut self.io), task, &mut self.input.tail);
            if let Some(turn) = self.read_outcome(read) {
                return turn;
            }
        }
        self.work_on_tail(delivery)
    }

    /// `None` when bytes came.
    fn read_outcome(&mut self, read: Poll<std::io::Result<usize>>) -> Option<Turn> {
        let reason = match read {
            Poll::Pending => return Some(Turn::Wait),
            Poll::Ready(Ok(0)) => Reason::ClientClosed,
            Poll::Ready(Err(_)) => Reason::ReadError,
            Poll::Ready(Ok(_)) => {
                self.clock.heard();
                return None;
            }
        };
        self.end(reason);
        Some(Turn::Ended)
    }

    fn work_on_tail(&mut self, delivery: &mut Delivery) -> Turn {
        let tail = std::mem::take(&mut self.input.tail);
        let worked = self.work(&tail, delivery);
        self.input.keep(&tail[worked.used..], &worked);
        worked.turn
    }
}
