//! Reading: one socket read at a time into the arbiter's shared buffer.
//!
//! What remains of an operation that is not whole yet moves to a buffer of the connection's own and
//! back before the next read. An operation too large for that is read into a buffer of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;
use vagus_wire::Limits;

use super::{Connection, SOFT_PENDING, STALL_MAX};
use crate::delivery::desk::{Delivery, Desk, INPUT};
use crate::delivery::{Counters, Outbound, Reason};

/// Bytes that were read but not worked through.
#[derive(Default)]
pub(super) struct Input {
    /// The start of an operation, or what follows a gate.
    tail: Vec<u8>,
    /// Bytes that the operation at the start of `tail` needs.
    need: usize,
    /// `tail` was left at a gate: it can be worked on without reading.
    resume: bool,
}

/// A pause for readers of what the connection publishes.
pub(super) struct Stall {
    pub end: Pin<Box<Sleep>>,
    /// Who is waited for.
    behind: Vec<Arc<Outbound>>,
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
    /// The connection is to end.
    Ended,
}

/// How far the work on some input came.
pub(super) struct Worked {
    pub used: usize,
    /// Bytes that the operation at `used` needs.
    pub need: usize,
    pub turn: Turn,
}

/// Bytes of an unfinished control line that are read at once.
const LINE_PIECE: usize = 64 << 10;
/// An operation of at least this size is read into a buffer of its own.
const OWN_BUFFER_FROM: usize = INPUT / 4;

/// Above so many pending bytes of a client, others may wait for it.
fn soft_pending(pending_max: usize) -> usize {
    SOFT_PENDING.min(pending_max / 4 * 3)
}

// === impl Stall ===

impl Stall {
    /// Whether some reader is still behind.
    pub(super) fn is_needed(&self) -> bool {
        self.behind
            .iter()
            .any(|out| out.pending() > soft_pending(out.pending_max) / 2 && out.is_open())
    }
}

// === impl Input ===

impl Input {
    /// What came before the work on it could begin is put here.
    pub(super) fn tail_for_more(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// The work can begin.
    pub(super) fn take_up(&mut self) {
        self.resume = !self.tail.is_empty();
    }

    /// Keeps what was not used.
    fn keep(&mut self, rest: &[u8], worked: &Worked) {
        self.tail.clear();
        if rest.is_empty() {
            if self.tail.capacity() > 0 {
                self.tail = Vec::new();
            }
        } else {
            self.tail.extend_from_slice(rest);
        }
        self.need = worked.need;
        self.resume = matches!(worked.turn, Turn::Gated | Turn::Yield) && !rest.is_empty();
    }
}

// === impl Connection ===

impl Connection {
    /// Reads once and works through what there is.
    pub(super) fn turn(&mut self, task: &mut Context<'_>) -> Turn {
        Desk::with(|desk| {
            let soft_max = soft_pending(self.settings.pending_max);
            desk.delivery.batch.begin(soft_max, self.drop_above());
            desk.delivery.batch.dated(self.clock.heard_at());
            let turn = if self.input.resume {
                self.work_on_tail(&mut desk.delivery)
            } else if self.input.need >= OWN_BUFFER_FROM {
                self.read_large(task, &mut desk.delivery)
            } else {
                self.read(task, desk)
            };
            self.hand_over(&mut desk.delivery, task);
            match turn {
                Turn::Again | Turn::Yield if self.stall.is_some() => Turn::Gated,
                turn => turn,
            }
        })
    }

    /// Where publishers never wait, messages to a client that is this far behind are dropped, so
    /// that it is not cut off.
    fn drop_above(&self) -> usize {
        if self.settings.stall { usize::MAX } else { self.settings.pending_max / 4 * 3 }
    }

    fn read(&mut self, task: &mut Context<'_>, desk: &mut Desk) -> Turn {
        let Desk { input, delivery } = desk;
        let kept = self.input.tail.len();
        input[..kept].copy_from_slice(&self.input.tail);
        let read = self.poll_receive(task, &mut input[kept..]);
        let count = match &read {
            Poll::Ready(Ok(count)) => *count,
            _ => 0,
        };
        if let Some(turn) = self.read_outcome(read, delivery) {
            return turn;
        }
        let all = &input[..kept + count];
        let worked = self.work(all, delivery);
        self.input.keep(&all[worked.used..], &worked);
        worked.turn
    }

    fn read_large(&mut self, task: &mut Context<'_>, delivery: &mut Delivery) -> Turn {
        // Of a control line only its limit is known: it is read in larger pieces than needed.
        match self.input.need.saturating_sub(self.input.tail.len()) {
            0 | 1 => self.input.tail.reserve(LINE_PIECE),
            missing => self.input.tail.reserve_exact(missing),
        }
        while self.input.tail.len() < self.input.need {
            let read = match &mut self.tls {
                None => poll_read_buf(Pin::new(&mut self.io), task, &mut self.input.tail),
                Some(tls) => tls.poll_read_more(&mut self.io, task, &mut self.input.tail),
            };
            if let Some(turn) = self.read_outcome(read, delivery) {
                return turn;
            }
        }
        self.work_on_tail(delivery)
    }

    /// `None` when bytes came.
    fn read_outcome(
        &mut self,
        read: Poll<std::io::Result<usize>>,
        delivery: &mut Delivery,
    ) -> Option<Turn> {
        match read {
            Poll::Pending => Some(Turn::Wait),
            Poll::Ready(Ok(0)) => {
                self.end(Reason::ClientClosed);
                Some(Turn::Ended)
            }
            Poll::Ready(Err(_)) => {
                self.end(Reason::ReadError);
                Some(Turn::Ended)
            }
            Poll::Ready(Ok(_)) => {
                let now = self.broker.now_ns();
                self.clock.heard(now);
                delivery.batch.dated(now);
                None
            }
        }
    }

    fn work_on_tail(&mut self, delivery: &mut Delivery) -> Turn {
        let tail = std::mem::take(&mut self.input.tail);
        let worked = self.work(&tail, delivery);
        self.input.keep(&tail[worked.used..], &worked);
        worked.turn
    }

    /// Hands over what was gathered, and looks whether some reader is to be waited for.
    fn hand_over(&mut self, delivery: &mut Delivery, task: &mut Context<'_>) {
        delivery.batch.flush_with_last(self.out.slot());
        let (msgs, bytes, lookups) = delivery.take_counts();
        if msgs > 0 {
            Counters::add(&self.counters.out_msgs, msgs);
            Counters::add(&self.counters.out_bytes, bytes);
        }
        if lookups > 0 {
            Counters::add(&self.counters.lookups, lookups);
            self.counters.cached.store(delivery.cache.len() as u64, Relaxed);
            self.counters.widest.store(delivery.cache.widest() as u64, Relaxed);
        }
        let behind = delivery.batch.take_behind();
        if behind.is_empty() || !self.settings.stall {
            return;
        }
        let soft_max = soft_pending(self.settings.pending_max);
        let behind: Vec<_> = behind
            .into_iter()
            .filter(|out| out.cid != self.out.cid && out.stall(soft_max, task.waker()))
            .collect();
        if behind.is_empty() {
            return;
        }
        for out in &behind {
            out.stats.stalls.fetch_add(1, Relaxed);
        }
        self.broker.tally.stalled_clients.fetch_add(1, Relaxed);
        // Close to the limit, more patience keeps a reader from being cut off.
        let close = behind.iter().any(|out| out.pending() > out.pending_max / 4 * 3);
        let longest = if close { STALL_MAX * 5 } else { STALL_MAX };
        let end = Box::pin(tokio::time::sleep(longest));
        self.stall = Some(Box::new(Stall { end, behind }));
    }

    /// Parsing limits of this client.
    pub(super) fn limits(&self) -> Limits {
        Limits { payload_max: self.rights.payload_max, ..self.settings.limits }
    }

    /// Reads and forgets. Ready when the client has closed its side too, or takes too long.
    pub(super) fn discard_input(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.ending else { return Poll::Ready(()) };
        if self.out.closed().is_none_or(|reason| !reason.is_worth_lingering()) {
            return Poll::Ready(());
        }
        if sleep.as_mut().poll(task).is_ready() {
            return Poll::Ready(());
        }
        Desk::with(|desk| {
            for _ in 0..super::READS_MAX {
                let mut buffer = ReadBuf::new(&mut desk.input);
                match Pin::new(&mut self.io).poll_read(task, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
    }
}
