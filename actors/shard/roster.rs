//! [`Roster`]: the subscriptions of an actor of the server, as the subject shards are told them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Ack, Apply, Barrier};
use crate::broker::Broker;
use crate::delivery::interest::Change;
use crate::delivery::shadow::Cast;
use crate::delivery::{Sub, shadows};
use crate::realm::Realm;

/// The subscriptions of one incarnation, in one realm. Withdrawn when dropped, which is also what
/// happens when the actor has panicked.
pub struct Roster {
    broker: Arc<Broker>,
    realm: Arc<Realm>,
    subs: Vec<Sub>,
    /// What stands for them in other realms.
    shadows: Vec<Cast>,
}

/// Time before changes are offered again to a shard that died, or had no room.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

impl Roster {
    /// Not in force before [`Roster::register`].
    #[must_use]
    pub fn new(broker: Arc<Broker>, realm: Arc<Realm>, subs: Vec<Sub>) -> Self {
        let shadows = subs.iter().flat_map(|sub| shadows(sub, &realm)).collect();
        Self { broker, realm, subs, shadows }
    }

    #[must_use]
    pub fn subs(&self) -> &[Sub] {
        &self.subs
    }

    /// Puts the subscriptions in force. Ready when all shards have acknowledged.
    pub fn register(&self) -> impl Future<Output = ()> + use<> {
        register(Arc::clone(&self.broker), self.changes(Change::Add))
    }

    /// A change for each subscription and each shadow.
    fn changes(&self, change: fn(Sub) -> Change) -> Vec<(Arc<Realm>, Change)> {
        let own = self.subs.iter().map(|sub| (&self.realm, sub));
        let shadows = self.shadows.iter().map(|(realm, sub)| (realm, sub));
        own.chain(shadows).map(|(realm, sub)| (Arc::clone(realm), change(sub.clone()))).collect()
    }
}

async fn register(broker: Arc<Broker>, changes: Vec<(Arc<Realm>, Change)>) {
    loop {
        let waker = poll_fn(|task| Poll::Ready(task.waker().clone())).await;
        let parts = parts(&changes);
        let barrier = Barrier::new(parts.len(), waker);
        let cast = broker.cast();
        for Part { realm, writer, changes } in parts {
            // A refusal drops the acknowledgement, and so counts as a failure.
            let apply = Apply { realm, changes, ack: Ack::of(&barrier) };
            let _ = cast.as_ref().map(|cast| cast.shards[writer].send(apply));
        }
        poll_fn(|_| if barrier.is_open() { Poll::Ready(()) } else { Poll::Pending }).await;
        if !barrier.has_failed() {
            return;
        }
        // To make a change twice is to make it once.
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// The changes of one shard in one realm.
struct Part {
    realm: Arc<Realm>,
    writer: usize,
    changes: Vec<Change>,
}

fn parts(changes: &[(Arc<Realm>, Change)]) -> Vec<Part> {
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

impl Drop for Roster {
    fn drop(&mut self) {
        // Nobody delivers from here on; the shards forget it in time.
        self.subs.iter().for_each(|sub| sub.close());
        let Some(cast) = self.broker.cast() else { return };
        for Part { realm, writer, changes } in parts(&self.changes(Change::Remove)) {
            // Past the bound of the mailbox. A shard that is gone takes the server with it.
            let _ = cast.shards[writer].send_urgent(Apply { realm, changes, ack: Ack::none() });
        }
    }
}
