//! A turn of reading: what the connection reads with, and what becomes of what was gathered for
//! others meanwhile.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;
use vagus_wire::Limits;

use super::Connection;
use crate::delivery::desk::{Delivery, Desk};
use crate::delivery::reading::{Reading, STALL_MAX, Turn, Unread, Worked, soft_pending};
use crate::delivery::{Counters, Outbound, Reason};

/// A pause for readers of what the connection publishes.
pub(super) struct Stall {
    pub end: Pin<Box<Sleep>>,
    /// Who is waited for.
    behind: Vec<Arc<Outbound>>,
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

// === impl Reading ===

impl Reading for Connection {
    fn unread(&mut self) -> &mut Unread {
        &mut self.input
    }

    fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        self.poll_receive(task, room)
    }

    fn poll_read_more(&mut self, task: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let tail = self.input.tail();
        match &mut self.tls {
            None => poll_read_buf(Pin::new(&mut self.io), task, tail),
            Some(tls) => tls.poll_read_more(&mut self.io, task, tail),
        }
    }

    fn heard(&mut self, delivery: &mut Delivery) {
        let now = self.broker.now_ns();
        self.clock.heard(now);
        delivery.batch.dated(now);
    }

    fn heard_all(&mut self, reason: Reason) {
        self.end(reason);
    }

    fn work_through(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked {
        self.work(input, delivery)
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
            let turn = self.read_turn(task, desk);
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
