//! `SubjectShard`: the single writer of one slice of the interest.
//!
//! in:   [`Apply`]: changes from a connection or another subscriber
//! out:  the acknowledgement inside each `Apply`
//! dies: never by itself; after a panic its successor rebuilds the slice from the entries in it,
//!       and whoever was not acknowledged sends again. Publishers go on reading all the while.

pub mod messages;
mod roster;

use std::sync::Arc;

use serde_json::json;
use vagus_runtime::{Actor, Cx, Handler};

pub use self::messages::{Ack, Apply, Barrier};
pub use self::roster::Roster;
use crate::delivery::Interest;

/// See the module's text.
pub struct SubjectShard {
    interest: Arc<Interest>,
    /// Which slice is its own.
    writer: usize,
    /// Whether a predecessor died.
    successor: bool,
    changes: u64,
}

impl SubjectShard {
    #[must_use]
    pub fn new(interest: Arc<Interest>, writer: usize, successor: bool) -> Self {
        Self { interest, writer, successor, changes: 0 }
    }
}

// === impl Actor ===

impl Actor for SubjectShard {
    const KIND: &'static str = "subject-shard";

    fn started(&mut self, _: &mut Cx<'_, Self>) {
        if self.successor {
            self.interest.rebuild(self.writer);
        }
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "slice": self.writer,
            "subscriptions": self.interest.len_of(self.writer),
            "changes": self.changes,
        })
    }
}

// === impl Handler<Apply> ===

impl Handler<Apply> for SubjectShard {
    fn handle(&mut self, message: Apply, _: &mut Cx<'_, Self>) {
        self.interest.apply(self.writer, &message.changes);
        self.changes += message.changes.len() as u64;
        message.ack.done();
    }
}
