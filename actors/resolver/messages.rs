//! What the resolver takes.

use bytes::Bytes;
use tokio::sync::oneshot;
use vagus_runtime::{Message, Recipient};

use super::Source;
use crate::delivery::feed::{Deliveries, Intake};

/// Get the claims of an account; whoever waits is told when that is done, or can't be.
pub struct Fetch {
    pub account: String,
    pub done: oneshot::Sender<()>,
}

/// From now on claims come from there, and are kept there.
pub struct Move {
    pub to: Source,
}

/// Requests of the system's account.
pub struct Petition {
    /// `MSG` and `HMSG` frames, back to back.
    pub(super) frames: Bytes,
}

impl Message for Fetch {
    fn weight(&self) -> usize {
        self.account.len()
    }
}

impl Message for Move {}

impl Message for Petition {
    fn weight(&self) -> usize {
        self.frames.len()
    }
}

/// The way of requests.
pub(super) struct Counter(pub Recipient<Petition>);

impl Intake for Counter {
    fn offer(&self, batch: Deliveries) -> bool {
        self.0.send(Petition { frames: batch.frames }).is_ok()
    }
}
