//! Commits on their way to the disk, and what is to be done when they have arrived.
//!
//! What a turn stages becomes one commit. Commits end in the order in which they began; nothing is
//! answered before, and a refusal that comes between two messages is answered between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use bytes::Bytes;
use parking_lot::Mutex;
use vagus_store::CommitError;
use vagus_wire::frame::Span;

/// A publisher who waits, and what for.
pub(super) struct Ack {
    /// Which of the flight's frames hold the reply subject.
    pub frames: u32,
    pub reply: Span,
    pub answer: Answer,
}

/// What a publisher is told when the commit has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The message is stored as this.
    Stored(u64),
    /// It was stored before, as this.
    Duplicate(u64),
    /// Something else that is true if the commit succeeds, such as the total of a counter. What it
    /// says was stored last is `seq`.
    Text { seq: u64, text: u32 },
    /// A refusal, true in any case.
    Refusal(u32),
    /// A message of a fast batch is stored: the batch knows what to say.
    Fast { batch: u32, seq: u64, stream_seq: u64 },
    /// A fast batch ends behind all of it that is under way.
    FastEnd { batch: u32 },
}

/// One commit and what hangs on it. `T` is called when it has ended.
pub(super) struct Flight<T> {
    /// `None`: nothing of it needs a commit.
    pub ticket: Option<u64>,
    /// The frames that reply subjects lie in.
    pub frames: Vec<Bytes>,
    pub acks: Vec<Ack>,
    pub texts: Vec<Vec<u8>>,
    /// Ids of fast batches.
    pub batches: Vec<Box<[u8]>>,
    /// Sequences to publish again, each with the one before it of its subject.
    pub republish: Vec<(u64, u64)>,
    /// Subjects that are new for consumers, by the store's numbers, now and then twice.
    pub subjects: Vec<u32>,
    pub then: Vec<T>,
    /// Sequences that left the stream, as ranges.
    pub removed: Vec<(u64, u64)>,
    /// Messages and bytes of the mailbox that it keeps.
    pub held: (u64, u64),
    /// The last sequence of the stream after it.
    pub last_seq: u64,
}

/// Ends of commits, as threads of the store report them.
#[derive(Default)]
pub(super) struct Completions {
    ended: Mutex<VecDeque<(u64, Result<(), CommitError>)>>,
    rung: AtomicBool,
}

// === impl Flight ===

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self {
            ticket: None,
            frames: Vec::new(),
            acks: Vec::new(),
            texts: Vec::new(),
            batches: Vec::new(),
            republish: Vec::new(),
            subjects: Vec::new(),
            then: Vec::new(),
            removed: Vec::new(),
            held: (0, 0),
            last_seq: 0,
        }
    }
}

impl<T> Flight<T> {
    /// Whether nobody waits for anything.
    pub(super) fn is_empty(&self) -> bool {
        self.acks.is_empty()
            && self.then.is_empty()
            && self.frames.is_empty()
            && self.republish.is_empty()
            && self.held.0 == 0
    }

    /// Remembers a text; the answer is its number.
    pub(super) fn text(&mut self, text: Vec<u8>) -> u32 {
        self.texts.push(text);
        self.texts.len() as u32 - 1
    }

    /// The number of a fast batch.
    pub(super) fn batch(&mut self, id: &[u8]) -> u32 {
        if let Some(n) = self.batches.iter().rposition(|known| **known == *id) {
            return n as u32;
        }
        self.batches.push(id.into());
        self.batches.len() as u32 - 1
    }

    /// Notes that a subject has news.
    #[inline]
    pub(super) fn touch(&mut self, subject: u32) {
        if self.subjects.last() != Some(&subject) {
            self.subjects.push(subject);
        }
    }

    pub(super) fn reply(&self, ack: &Ack) -> &[u8] {
        ack.reply.of(&self.frames[ack.frames as usize])
    }
}

// === impl Completions ===

impl Completions {
    /// What the store is to call at the end of a commit; `ring` wakes the actor.
    pub(super) fn done(
        self: &Arc<Self>,
        ticket: u64,
        ring: impl FnOnce() + Send + 'static,
    ) -> vagus_store::Done {
        let here = Arc::clone(self);
        Box::new(move |result| {
            here.ended.lock().push_back((ticket, result));
            if !here.rung.swap(true, SeqCst) {
                ring();
            }
        })
    }

    /// Takes those that have ended; from here on the next rings again.
    pub(super) fn take(&self) -> VecDeque<(u64, Result<(), CommitError>)> {
        self.rung.store(false, SeqCst);
        std::mem::take(&mut *self.ended.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_rings_until_it_is_heard() {
        let completions = Arc::new(Completions::default());
        let rings = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let end = |ticket| {
            let rings = Arc::clone(&rings);
            let ring = move || {
                rings.fetch_add(1, SeqCst);
            };
            completions.done(ticket, ring)(Ok(()));
        };
        end(1);
        end(2);
        assert_eq!(rings.load(SeqCst), 1);
        let tickets: Vec<u64> = completions.take().iter().map(|(ticket, _)| *ticket).collect();
        assert_eq!(tickets, [1, 2]);
        end(3);
        assert_eq!((rings.load(SeqCst), completions.take().len()), (2, 1));
    }

    #[test]
    fn what_repeats_is_kept_once() {
        let mut flight = Flight::<()>::default();
        [1, 1, 2, 1].into_iter().for_each(|subject| flight.touch(subject));
        assert_eq!(flight.subjects, [1, 2, 1]);
        assert_eq!((flight.batch(b"a"), flight.batch(b"b"), flight.batch(b"a")), (0, 1, 0));
        assert_eq!((flight.text(vec![]), flight.text(vec![])), (0, 1));
    }
}
