//! [`Changes`]: changes of interest on their way to the shards, of an actor that reads on once they
//! are in force.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::time::Sleep;

use super::{Ack, Apply, Barrier};
use crate::broker::Cast;
use crate::delivery::interest::Change;
use crate::realm::Realm;

/// See the module's text.
#[derive(Default)]
pub struct Changes {
    gathered: Vec<(Arc<Realm>, Change)>,
    sent: Option<Sent>,
}

struct Sent {
    barrier: Arc<Barrier>,
    /// Kept to be sent again, should a shard panic or have no room.
    changes: Vec<(Arc<Realm>, Change)>,
    /// That is to happen then.
    again: Option<Pin<Box<Sleep>>>,
}

/// Time before changes are offered again to a shard that died, or had no room.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(2);

// === impl Changes ===

impl Changes {
    pub fn push(&mut self, realm: &Arc<Realm>, change: Change) {
        self.gathered.push((Arc::clone(realm), change));
    }

    /// Whether there are changes that no shard was told of yet.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        !self.gathered.is_empty()
    }

    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }

    /// Has the shards make the changes. Whether they still have to acknowledge some.
    pub fn poll(&mut self, cast: &Cast, task: &mut Context<'_>) -> bool {
        loop {
            if let Some(sent) = &mut self.sent {
                if !sent.barrier.is_open() {
                    return true;
                }
                if !sent.barrier.has_failed() {
                    self.sent = None;
                    continue;
                }
                let again =
                    sent.again.get_or_insert_with(|| Box::pin(tokio::time::sleep(AGAIN_AFTER)));
                if again.as_mut().poll(task).is_pending() {
                    return true;
                }
                // To make a change twice is to make it once.
                let changes = std::mem::take(&mut sent.changes);
                self.sent = Some(send(changes, cast, task));
            } else if self.gathered.is_empty() {
                return false;
            } else {
                let changes = std::mem::take(&mut self.gathered);
                self.sent = Some(send(changes, cast, task));
            }
        }
    }

    /// Has the shards make changes that nobody waits for: past the bound of their mailboxes.
    pub fn send_off(changes: &[(Arc<Realm>, Change)], cast: &Cast) {
        for Part { realm, writer, changes } in parts(changes) {
            // A shard that is gone takes the server with it.
            let _ = cast.shards[writer].send_urgent(Apply { realm, changes, ack: Ack::none() });
        }
    }
}

fn send(changes: Vec<(Arc<Realm>, Change)>, cast: &Cast, task: &Context<'_>) -> Sent {
    let parts = parts(&changes);
    let barrier = Barrier::new(parts.len(), task.waker().clone());
    for Part { realm, writer, changes } in parts {
        // A refusal drops the acknowledgement, and so counts as a failure.
        let _ = cast.shards[writer].send(Apply { realm, changes, ack: Ack::of(&barrier) });
    }
    Sent { barrier, changes, again: None }
}

/// The changes of one shard in one realm.
pub(super) struct Part {
    pub realm: Arc<Realm>,
    pub writer: usize,
    pub changes: Vec<Change>,
}

pub(super) fn parts(changes: &[(Arc<Realm>, Change)]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (realm, change) in changes {
        let writer = realm.interest.writer_of(change.sub().subject());
        let same = |part: &&mut Part| part.writer == writer && Arc::ptr_eq(&part.realm, realm);
        match parts.iter_mut().find(same) {
            Some(part) => part.changes.push(change.clone()),
            None => {
                let (realm, changes) = (Arc::clone(realm), vec![change.clone()]);
                parts.push(Part { realm, writer, changes });
            }
        }
    }
    parts
}
