//! [`Roster`]: the subscriptions of an actor of the server, as the subject shards are told them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;

use super::Changes;
use super::changes::{AGAIN_AFTER, Part, parts};
use super::{Ack, Apply, Barrier};
use crate::broker::Broker;
use crate::delivery::interest::Change;
use crate::delivery::shadow::{Cast, same_cast};
use crate::delivery::{Sub, shadows};
use crate::realm::Realm;

/// The subscriptions of one incarnation, in one realm. Withdrawn when dropped, which is also what
/// happens when the actor has panicked.
pub struct Roster(Arc<Entry>);

/// A roster, as its realm knows it.
pub(crate) struct Entry {
    broker: Arc<Broker>,
    realm: Arc<Realm>,
    subs: Vec<Sub>,
    /// What stands for them in other realms. The account's actor changes it where the account
    /// imports something else.
    shadows: Mutex<Vec<Cast>>,
}

impl Roster {
    /// Not in force before [`Roster::register`].
    #[must_use]
    pub fn new(broker: Arc<Broker>, realm: Arc<Realm>, subs: Vec<Sub>) -> Self {
        let shadows = subs.iter().flat_map(|sub| shadows(sub, &realm)).collect();
        let entry = Entry { broker, realm, subs, shadows: Mutex::new(shadows) };
        let entry = Arc::new(entry);
        entry.realm.rosters.add(&entry);
        Self(entry)
    }

    #[must_use]
    pub fn subs(&self) -> &[Sub] {
        &self.0.subs
    }

    /// Puts the subscriptions in force. Ready when all shards have acknowledged.
    pub fn register(&self) -> impl Future<Output = ()> + use<> {
        register(Arc::clone(&self.0.broker), self.0.changes(Change::Add))
    }

    /// Makes the actors that have subscribed in a realm hear what it imports now. Ready when all
    /// shards have acknowledged.
    pub fn follow_imports(broker: &Arc<Broker>, realm: &Realm) -> impl Future<Output = ()> + use<> {
        let changes = realm.rosters.all().iter().flat_map(|entry| entry.refit()).collect();
        register(Arc::clone(broker), changes)
    }
}

impl Entry {
    /// A change for each subscription and each shadow.
    fn changes(&self, change: fn(Sub) -> Change) -> Vec<(Arc<Realm>, Change)> {
        let shadows = self.shadows.lock();
        let own = self.subs.iter().map(|sub| (&self.realm, sub));
        let shadows = shadows.iter().map(|(realm, sub)| (realm, sub));
        own.chain(shadows).map(|(realm, sub)| (Arc::clone(realm), change(sub.clone()))).collect()
    }

    /// Casts the shadows that are missing, and takes back those that are too many.
    fn refit(&self) -> Vec<(Arc<Realm>, Change)> {
        let wanted: Vec<Cast> =
            self.subs.iter().flat_map(|sub| shadows(sub, &self.realm)).collect();
        let mut cast = self.shadows.lock();
        let mut changes = Vec::new();
        cast.retain(|known| {
            let stays = wanted.iter().any(|one| same_cast(one, known));
            if !stays {
                known.1.close();
                changes.push((Arc::clone(&known.0), Change::Remove(known.1.clone())));
            }
            stays
        });
        for fresh in wanted {
            if cast.iter().all(|known| !same_cast(&fresh, known)) {
                changes.push((Arc::clone(&fresh.0), Change::Add(fresh.1.clone())));
                cast.push(fresh);
            }
        }
        changes
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

impl Drop for Entry {
    fn drop(&mut self) {
        // Nobody delivers from here on; the shards forget it in time.
        self.subs.iter().for_each(|sub| sub.close());
        self.shadows.lock().iter().for_each(|(_, sub)| sub.close());
        let Some(cast) = self.broker.cast() else { return };
        Changes::send_off(&self.changes(Change::Remove), &cast);
    }
}
