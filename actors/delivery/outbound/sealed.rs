//! A way out that only the owner may write to, since the bytes have to be encrypted on it.
//!
//! Others append to the queue, and wake the owner when it was empty. The owner takes what waits,
//! makes of it what the wire needs, and gives back what it could not deal with yet.

use std::task::Waker;

use tokio::net::tcp::OwnedWriteHalf;

use super::queue::Chunks;
use super::{DRAIN, Outbound};

/// What the owner has taken out of the queue, in order.
#[derive(Default)]
pub struct Taken(Chunks);

// === impl Taken ===

impl Taken {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.first().is_none()
    }

    /// Lends the next bytes to `work`, `max` at most, and drops them then.
    pub fn next<R>(&mut self, max: usize, work: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let first = self.0.first()?;
        let len = first.len().min(max);
        let done = work(&first[..len]);
        self.0.advance(len);
        Some(done)
    }
}

// === impl Outbound ===

impl Outbound {
    /// From now on only the owner writes: it gets the write half. To be called before anybody else
    /// knows of the handle.
    #[must_use]
    pub fn seal(&self) -> Option<OwnedWriteHalf> {
        let mut queue = self.queue.lock();
        queue.sealed = true;
        queue.io.take()
    }

    /// From now on everybody writes.
    pub fn unseal(&self, io: OwnedWriteHalf) {
        let mut queue = self.queue.lock();
        queue.sealed = false;
        if !queue.dead {
            queue.io = Some(io);
        }
        drop(queue);
        self.notify(DRAIN);
    }

    /// Takes all that waits.
    #[must_use]
    pub fn take_queue(&self) -> Taken {
        Taken(self.queue.lock().take())
    }

    /// Puts back what is left of it. `blocked`: the socket is full, so that the time of the flush
    /// runs; else what was taken has gone.
    pub fn give_back(&self, taken: Taken, blocked: bool) {
        let mut queue = self.queue.lock();
        if queue.dead {
            return;
        }
        queue.restore(taken.0);
        self.publish_pending(&queue);
        if blocked {
            queue.block(true);
        } else if queue.is_empty() {
            queue.unblock();
        }
        let stalled = if queue.has_room_again() { queue.take_stalled() } else { Vec::new() };
        drop(queue);
        stalled.into_iter().for_each(Waker::wake);
    }

    /// Nothing more is taken, and the last of it has gone.
    pub fn finish(&self) {
        self.queue.lock().kill();
    }

    /// Whether nothing more is to be sent.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.queue.lock().dead
    }
}
