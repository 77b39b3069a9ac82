//! A turn of reading, as connections do it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::Leaf;
use crate::delivery::Reason;
use crate::delivery::desk::{Delivery, Desk};
use crate::delivery::reading::{Reading, Turn, Unread, Worked, soft_pending};

/// Bytes that are read at once to be forgotten.
const DISCARD: usize = 4 << 10;

// === impl Reading ===

impl Reading for Leaf {
    fn unread(&mut self) -> &mut Unread {
        &mut self.input
    }

    fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        if let Some(wire) = &mut self.wire {
            return wire.poll_read(&mut self.io, task, room);
        }
        let mut buffer = ReadBuf::new(room);
        let read = Pin::new(&mut self.io).poll_read(task, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }

    fn poll_read_more(&mut self, task: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        if let Some(wire) = &mut self.wire {
            return wire.poll_read_more(&mut self.io, task, self.input.tail());
        }
        poll_read_buf(Pin::new(&mut self.io), task, self.input.tail())
    }

    fn heard(&mut self, _: &mut Delivery) {
        self.clock.heard();
    }

    fn heard_all(&mut self, reason: Reason) {
        self.end(reason);
    }

    fn work_through(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked {
        self.work(input, delivery)
    }
}

// === impl Leaf ===

impl Leaf {
    /// Sends what is queued. Ready when nothing is left.
    pub(super) fn poll_send(&mut self, task: &mut Context<'_>) -> Poll<()> {
        match &mut self.wire {
            None => self.out.poll_drain(task),
            Some(wire) => wire.poll_drain(&self.out, false, task),
        }
    }

    /// Whether bytes of TLS itself wait to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.has_unsent())
    }

    /// Reads and forgets. Ready at the end.
    pub(super) fn poll_discard(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; DISCARD];
        while let Ok(1..) = ready!(self.poll_read(task, &mut room)) {}
        Poll::Ready(())
    }

    /// Reads once and works through what there is.
    pub(super) fn turn(&mut self, task: &mut Context<'_>) -> Turn {
        let now = self.broker.now_ns();
        let soft = soft_pending(self.broker.settings().pending_max);
        Desk::with(|desk| {
            desk.delivery.batch.begin(soft, usize::MAX);
            desk.delivery.batch.dated(now);
            let turn = self.read_turn(task, desk);
            self.count_out(&mut desk.delivery, task);
            match turn {
                Turn::Again | Turn::Yield if self.stall.is_some() => Turn::Gated,
                turn => turn,
            }
        })
    }
}
