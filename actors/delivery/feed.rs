//! The way to an actor of this server that takes messages: a plugin, later a stream.
//!
//! It gets one mailbox message for each read of a publisher, however many NATS messages that read
//! held, in the very form in which a client would get them: the bytes are shared, not copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

use super::Slot;

/// Messages for one actor, from one read of one publisher.
#[derive(Debug, Clone)]
pub struct Deliveries {
    /// `MSG` and `HMSG` frames, back to back.
    pub frames: Bytes,
    /// How many they are.
    pub count: u64,
}

/// Who an actor is to those who trace messages.
#[derive(Debug, Clone)]
pub enum Holder {
    /// A part of the server that nobody needs to know of.
    Server,
    /// It does what this account offers to all others.
    Service(Arc<str>),
    /// The stream of this name.
    Stream(Box<str>),
    /// Not of the server: a plugin.
    Guest,
}

/// Takes batches for an actor. `false` when its mailbox is full or it is gone.
pub trait Intake: Send + Sync {
    fn offer(&self, batch: Deliveries) -> bool;
}

/// See the module's text.
pub struct Feed {
    slot: Slot,
    intake: Arc<dyn Intake>,
    /// Which messages are to say who sent them.
    names_origin: Option<fn(&[u8]) -> bool>,
    holder: Holder,
    /// Messages handed over.
    pub delivered: AtomicU64,
    /// Messages dropped because the actor did not keep up.
    pub dropped: AtomicU64,
}

impl Feed {
    #[must_use]
    pub fn new(slot: Slot, intake: Arc<dyn Intake>) -> Self {
        Self {
            slot,
            intake,
            names_origin: None,
            holder: Holder::Server,
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The same, but messages to the subjects that `which` chooses carry a header that says which
    /// client they come from.
    #[must_use]
    pub fn naming_origin(mut self, which: fn(&[u8]) -> bool) -> Self {
        self.names_origin = Some(which);
        self
    }

    /// The same, but of somebody else than a nameless part of the server.
    #[must_use]
    pub fn held_by(mut self, holder: Holder) -> Self {
        self.holder = holder;
        self
    }

    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether a message to `subject` is to say who sent it.
    #[inline]
    #[must_use]
    pub fn names_origin(&self, subject: &[u8]) -> bool {
        self.names_origin.is_some_and(|which| which(subject))
    }

    #[inline]
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot.index()
    }

    /// Hands a batch over.
    pub fn send(&self, frames: Vec<u8>, count: u64) {
        let taken = self.intake.offer(Deliveries { frames: Bytes::from(frames), count });
        let counter = if taken { &self.delivered } else { &self.dropped };
        counter.fetch_add(count, Relaxed);
    }
}
