//! What an arbiter works with, one set a thread: the buffer that every read goes through, the
//! batch under way, and the cache of interest. Ten thousand idle connections share it.

use std::cell::RefCell;

use super::batch::{Batch, Span};
use super::cache::Cache;
use super::{Verdicts, turns};

/// See the module's text.
pub struct Desk {
    pub input: Vec<u8>,
    pub delivery: Delivery,
}

/// All of the desk but the input, so that an operation can borrow its bytes from there.
pub struct Delivery {
    pub batch: Batch,
    pub cache: Cache,
    pub verdicts: Verdicts,
    pub spans: Vec<Span>,
    /// A frame that had to be written anew.
    pub frame: Vec<u8>,
    pub rng: fastrand::Rng,
}

/// Bytes of one read: large, since each read becomes one write to each target.
pub const INPUT: usize = 256 << 10;

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        input: vec![0; INPUT],
        delivery: Delivery {
            batch: Batch::default(),
            cache: Cache::default(),
            verdicts: Verdicts::default(),
            spans: Vec::new(),
            frame: Vec::new(),
            rng: fastrand::Rng::new(),
        },
    });
}

impl Desk {
    /// Lends this thread's desk, for one turn. What a panic of an earlier borrower left on it is
    /// cleared away.
    pub fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let turn = || {
            DESK.with(|desk| {
                let mut desk = desk.borrow_mut();
                desk.delivery.batch.reset();
                work(&mut desk)
            })
        };
        turns::in_turn(turn)
    }
}

impl Delivery {
    /// Messages and bytes handed over, and subjects looked up, since the last call.
    pub fn take_counts(&mut self) -> (u64, u64, u64) {
        (
            std::mem::take(&mut self.batch.out_msgs),
            std::mem::take(&mut self.batch.out_bytes),
            std::mem::take(&mut self.cache.lookups),
        )
    }
}
