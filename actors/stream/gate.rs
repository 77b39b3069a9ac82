//! The way into a stream for publishers: bounded by what waits in the mailbox and what is under
//! way to the disk, together.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use vagus_runtime::Recipient;
use vagus_wire::frame::frames;

use super::messages::Refused;
use crate::delivery::feed::{Deliveries, Intake};

/// See the module's text.
pub(super) struct Gate {
    to: Recipient<Deliveries>,
    refused_to: Recipient<Refused>,
    msgs: AtomicU64,
    bytes: AtomicU64,
    msgs_max: u64,
    bytes_max: u64,
    /// Refusals that were not answered yet.
    refused: AtomicU64,
}

/// Refusals that wait to be answered; what comes beyond is dropped without a word.
const REFUSED_MAX: u64 = 16 << 10;

// === impl Gate ===

impl Gate {
    pub(super) fn new(
        to: Recipient<Deliveries>,
        refused_to: Recipient<Refused>,
        msgs_max: u64,
        bytes_max: u64,
    ) -> Self {
        let zero = AtomicU64::default;
        Self { to, refused_to, msgs: zero(), bytes: zero(), msgs_max, bytes_max, refused: zero() }
    }

    /// What was let in is dealt with.
    pub(super) fn release(&self, (msgs, bytes): (u64, u64)) {
        // What an earlier incarnation let in is not counted here.
        let less = |counter: &AtomicU64, by: u64| {
            let _ = counter.fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_sub(by)));
        };
        less(&self.msgs, msgs);
        less(&self.bytes, bytes);
    }

    /// So many refusals were answered.
    pub(super) fn answered(&self, msgs: u64) {
        let _ = self.refused.fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_sub(msgs)));
    }

    /// Messages and bytes that wait.
    pub(super) fn level(&self) -> (u64, u64) {
        (self.msgs.load(Relaxed), self.bytes.load(Relaxed))
    }

    fn turn_away(&self, batch: Deliveries) {
        if self.refused.fetch_add(batch.count, Relaxed) > REFUSED_MAX {
            self.refused.fetch_sub(batch.count, Relaxed);
            return;
        }
        // A stream that is gone answers nobody.
        let _ = self.refused_to.send_urgent(Refused { frames: batch.frames });
    }
}

// === impl Intake ===

impl Intake for Gate {
    fn offer(&self, batch: Deliveries) -> bool {
        let (count, bytes) = (batch.count, batch.frames.len() as u64);
        let msgs = self.msgs.fetch_add(count, Relaxed) + count;
        let all = self.bytes.fetch_add(bytes, Relaxed) + bytes;
        let room = self.msgs_max.saturating_sub(msgs - count);
        if count <= room && (all <= self.bytes_max || all == bytes) {
            return match self.to.send(batch) {
                Ok(()) => true,
                Err(error) => {
                    self.release((count, bytes));
                    self.turn_away(error.into_inner());
                    false
                }
            };
        }
        self.release((count, bytes));
        if room > 0 && all <= self.bytes_max {
            let (some, rest) = split(&batch, room);
            self.offer(some);
            self.turn_away(rest);
        } else {
            self.turn_away(batch);
        }
        false
    }
}

/// The first `count` messages of a batch, and the others.
fn split(batch: &Deliveries, count: u64) -> (Deliveries, Deliveries) {
    let behind = frames(&batch.frames).nth(usize::try_from(count).unwrap_or(usize::MAX));
    let at = behind.map_or(batch.frames.len(), |(at, _)| at);
    let part = |frames, count| Deliveries { frames, count };
    let rest = batch.count.saturating_sub(count);
    (part(batch.frames.slice(..at), count), part(batch.frames.slice(at..), rest))
}
