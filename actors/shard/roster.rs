//! [`Roster`]: the subscriptions of an actor of the server, as the subject shards are told them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Ack, Apply, Barrier};
use crate::broker::Broker;
use crate::delivery::interest::Change;
use crate::delivery::{Interest, Sub};
use crate::realm::Realm;

/// The subscriptions of one incarnation, in one realm. Withdrawn when dropped, which is also what
/// happens when the actor has panicked.
pub struct Roster {
    broker: Arc<Broker>,
    realm: Arc<Realm>,
    subs: Vec<Sub>,
}

/// Time before changes are offered again to a shard that died, or had no room.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

impl Roster {
    /// Not in force before [`Roster::register`].
    #[must_use]
    pub fn new(broker: Arc<Broker>, realm: Arc<Realm>, subs: Vec<Sub>) -> Self {
        Self { broker, realm, subs }
    }

    #[must_use]
    pub fn subs(&self) -> &[Sub] {
        &self.subs
    }

    /// Puts the subscriptions in force. Ready when all shards have acknowledged.
    pub fn register(&self) -> impl Future<Output = ()> + use<> {
        let changes = self.subs.iter().cloned().map(Change::Add).collect();
        register(Arc::clone(&self.broker), Arc::clone(&self.realm), changes)
    }
}

async fn register(broker: Arc<Broker>, realm: Arc<Realm>, changes: Vec<Change>) {
    loop {
        let waker = poll_fn(|task| Poll::Ready(task.waker().clone())).await;
        let parts = by_writer(&realm.interest, &changes);
        let barrier = Barrier::new(parts.len(), waker);
        let cast = broker.cast();
        for (writer, changes) in parts {
            // A refusal drops the acknowledgement, and so counts as a failure.
            let apply = Apply { realm: Arc::clone(&realm), changes, ack: Ack::of(&barrier) };
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

fn by_writer(interest: &Interest, changes: &[Change]) -> BTreeMap<usize, Vec<Change>> {
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let writer = interest.writer_of(change.sub().subject());
        parts.entry(writer).or_default().push(change.clone());
    }
    parts
}

impl Drop for Roster {
    fn drop(&mut self) {
        // Nobody delivers from here on; the shards forget it in time.
        self.subs.iter().for_each(|sub| sub.close());
        let changes: Vec<Change> = self.subs.drain(..).map(Change::Remove).collect();
        let Some(cast) = self.broker.cast() else { return };
        for (writer, changes) in by_writer(&self.realm.interest, &changes) {
            // Past the bound of the mailbox. A shard that is gone takes the server with it.
            let realm = Arc::clone(&self.realm);
            let _ = cast.shards[writer].send_urgent(Apply { realm, changes, ack: Ack::none() });
        }
    }
}
