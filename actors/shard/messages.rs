//! What a `SubjectShard` takes, and how it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;

use vagus_runtime::Message;

use crate::delivery::LeafLane;
use crate::delivery::interest::Change;
use crate::realm::Realm;
use crate::route::RouteFacts;

/// Put these changes in force, all of one slice of this realm, in this order.
pub struct Apply {
    pub realm: Arc<Realm>,
    pub changes: Vec<Change>,
    pub ack: Ack,
}

/// Another server has come: tell it what is wanted here, and whatever changes of that.
pub struct Introduce {
    pub mate: Arc<RouteFacts>,
}

/// A leaf link has come: tell its other end what is wanted here, and whatever changes of that.
pub struct IntroduceLeaf {
    pub realm: Arc<Realm>,
    pub lane: Arc<LeafLane>,
}

/// One shard's share of a [`Barrier`]. Dropped without [`Ack::done`], as happens when the shard
/// panics, it reports failure, so that nobody waits for ever.
pub struct Ack(Option<Arc<Barrier>>);

/// Open once every shard that was sent a part of some changes has answered.
pub struct Barrier {
    left: AtomicUsize,
    failed: AtomicBool,
    waker: Waker,
}

impl Message for Apply {
    fn weight(&self) -> usize {
        self.changes.len() * size_of::<Change>()
    }
}

impl Message for Introduce {}
impl Message for IntroduceLeaf {}

// === impl Barrier ===

impl Barrier {
    /// A barrier of `shards` parts that wakes `waker` when the last has answered.
    #[must_use]
    pub fn new(shards: usize, waker: Waker) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(shards), failed: AtomicBool::new(false), waker })
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Whether some shard did not apply its part, which then has to be sent again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn answer(&self, done: bool) {
        if !done {
            self.failed.store(true, Ordering::Release);
        }
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake_by_ref();
        }
    }
}

// === impl Ack ===

impl Ack {
    #[must_use]
    pub fn of(barrier: &Arc<Barrier>) -> Self {
        Self(Some(Arc::clone(barrier)))
    }

    /// For changes that nobody waits for.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    pub fn done(mut self) {
        if let Some(barrier) = self.0.take() {
            barrier.answer(true);
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(barrier) = self.0.take() {
            barrier.answer(false);
        }
    }
}
