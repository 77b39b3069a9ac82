//! `SubjectShard`: the single writer of one slice of the interest of every realm.
//!
//! in:   [`Apply`]: changes from a connection or another subscriber
//! out:  the acknowledgement inside each `Apply`
//! dies: never by itself; after a panic its successor rebuilds the slices from the entries in them,
//!       and whoever was not acknowledged sends again. Publishers go on reading all the while.

pub mod messages;
mod roster;

use std::sync::Arc;

use serde_json::json;
use vagus_runtime::{Actor, Cx, Handler};

pub use self::messages::{Ack, Apply, Barrier};
pub use self::roster::Roster;
use crate::realm::Realms;

/// See the module's text.
pub struct SubjectShard {
    realms: Arc<Realms>,
    /// Which slice of every realm is its own.
    writer: usize,
    /// Whether a predecessor died.
    successor: bool,
    changes: u64,
}

impl SubjectShard {
    #[must_use]
    pub fn new(realms: Arc<Realms>, writer: usize, successor: bool) -> Self {
        Self { realms, writer, successor, changes: 0 }
    }
}

// === impl Actor ===

impl Actor for SubjectShard {
    const KIND: &'static str = "subject-shard";

    fn started(&mut self, _: &mut Cx<'_, Self>) {
        if self.successor {
            self.realms.all().iter().for_each(|realm| realm.interest.rebuild(self.writer));
        }
    }

    fn observe(&self) -> serde_json::Value {
        let realms = self.realms.all();
        let own = realms.iter().map(|realm| realm.interest.len_of(self.writer));
        json!({
            "slice": self.writer,
            "subscriptions": own.sum::<usize>(),
            "changes": self.changes,
        })
    }
}

// === impl Handler<Apply> ===

impl Handler<Apply> for SubjectShard {
    fn handle(&mut self, message: Apply, _: &mut Cx<'_, Self>) {
        message.realm.interest.apply(self.writer, &message.changes);
        self.changes += message.changes.len() as u64;
        message.ack.done();
    }
}
