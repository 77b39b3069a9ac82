//! What the other server wants, as the subject shards are told it.
//!
//! Nothing that the other server says behind its interest is worked on before all shards have
//! acknowledged that: a request that follows the interest in its answer finds it in force.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::time::Duration;

use hashbrown::HashMap;
use vagus_auth::Grant;

use super::Route;
use crate::delivery::interest::Change;
use crate::delivery::{Interest, Lane, Reach, Sub};
use crate::realm::Realm;
use crate::shard::{Ack, Apply, Barrier};

/// What the other server wants of one account.
pub(super) struct Account {
    pub realm: Arc<Realm>,
    pub lane: Arc<Lane>,
    /// By subject and queue group.
    wants: HashMap<Key, Sub>,
}

/// Subject and queue group, which is empty where there is none.
type Key = (Box<[u8]>, Box<[u8]>);

/// Changes on their way to the shards: all of one account.
#[derive(Default)]
pub(super) struct Changes {
    gathered: Vec<Change>,
    sent: Option<Sent>,
}

struct Sent {
    realm: Arc<Realm>,
    barrier: Arc<Barrier>,
    /// Kept to be sent again, should a shard panic or have no room.
    changes: Vec<Change>,
}

/// Time before changes are offered again.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

// === impl Changes ===

impl Changes {
    /// Whether there are changes that no shard was told of yet.
    pub(super) fn is_gathering(&self) -> bool {
        !self.gathered.is_empty()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }
}

// === impl Route ===

impl Route {
    /// The account that what follows is about.
    pub(super) fn speak_of(&mut self, name: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        if self.current.as_deref() == Some(name) {
            return true;
        }
        self.last = None;
        if !self.accounts.contains_key(name) {
            let realm = self.broker.realms.ensure(name);
            let (out, cluster) = (Arc::clone(&self.out), self.facts.about.cluster.clone());
            let lane = Lane::new(self.broker.slots.take(), out, cluster, name);
            let lane = Arc::new(lane);
            self.facts.add_lane(&lane);
            let account = Account { realm, lane, wants: HashMap::new() };
            self.accounts.insert(name.into(), account);
        }
        self.current = Some(name.into());
        true
    }

    /// Whether the other server tells by this link what is wanted there.
    pub(super) fn is_told_interest(&self) -> bool {
        self.facts.about.cluster.is_none() || self.facts.about.solicited
    }

    /// How far messages go that come by this link.
    pub(super) fn reach(&self) -> Reach {
        Reach::behind(self.facts.about.cluster.as_deref())
    }

    pub(super) fn account(&self) -> Option<&Account> {
        self.accounts.get(self.current.as_deref()?)
    }

    /// So many clients of the other server want this: none where it is 0.
    pub(super) fn want(&mut self, subject: &[u8], queue: Option<&[u8]>, weight: u32) -> bool {
        let Some(name) = self.current.as_deref() else { return false };
        let Some(account) = self.accounts.get_mut(name) else { return false };
        let filter = match self.permissions.as_ref().map(|all| all.may_subscribe(subject, queue)) {
            Some(Grant::Refused) => return true,
            Some(Grant::Filtered(filter)) => Some(filter),
            Some(Grant::Granted) | None => None,
        };
        let key = (subject.into(), queue.unwrap_or_default().into());
        let (count, before) = (&self.out.stats.subscriptions, account.wants.len());
        let gone = match weight {
            0 => account.wants.remove(&key),
            weight => {
                let sub = Sub::routed(&account.lane, subject, queue, weight, filter);
                self.changes.gathered.push(Change::Add(sub.clone()));
                account.wants.insert(key, sub)
            }
        };
        self.changes.gathered.extend(gone.map(ended));
        let now = count.load(Relaxed) + account.wants.len() as u64 - before as u64;
        count.store(now, Relaxed);
        true
    }

    fn send_changes(&mut self, task: &Context<'_>) {
        let changes = std::mem::take(&mut self.changes.gathered);
        let Some(realm) = self.account().map(|account| Arc::clone(&account.realm)) else { return };
        self.apply(realm, changes, task);
    }

    fn apply(&mut self, realm: Arc<Realm>, changes: Vec<Change>, task: &Context<'_>) {
        let parts = by_writer(&realm.interest, &changes);
        let barrier = Barrier::new(parts.len(), task.waker().clone());
        for (writer, changes) in parts {
            // A refusal drops the acknowledgement, and so counts as a failure.
            let apply = Apply { realm: Arc::clone(&realm), changes, ack: Ack::of(&barrier) };
            let _ = self.cast.shards[writer].send(apply);
        }
        self.changes.sent = Some(Sent { realm, barrier, changes });
    }

    /// Whether shards still have to acknowledge changes.
    pub(super) fn poll_barrier(&mut self, task: &mut Context<'_>) -> bool {
        loop {
            if let Some(sent) = &self.changes.sent {
                if !sent.barrier.is_open() {
                    return true;
                }
                if sent.barrier.has_failed() {
                    return self.send_again(task);
                }
                self.changes.sent = None;
            }
            if !self.changes.is_gathering() {
                return false;
            }
            self.send_changes(task);
        }
    }

    /// A shard died, or had no room: a moment later it gets its changes again. To make a change
    /// twice is to make it once.
    fn send_again(&mut self, task: &mut Context<'_>) -> bool {
        match &mut self.stall {
            None => self.stall = Some(Box::pin(tokio::time::sleep(AGAIN_AFTER))),
            Some(_) => return true,
        }
        let Some(Sent { realm, changes, .. }) = self.changes.sent.take() else { return false };
        self.apply(realm, changes, task);
        true
    }

    /// Withdraws all interest. Nobody delivers to it from here on; the shards forget it in time.
    pub(super) fn withdraw(&mut self) {
        self.changes = Changes::default();
        for (_, account) in self.accounts.drain() {
            let changes: Vec<Change> = account.wants.into_values().map(ended).collect();
            for (writer, changes) in by_writer(&account.realm.interest, &changes) {
                let (realm, ack) = (Arc::clone(&account.realm), Ack::none());
                // Past the bound of the mailbox: it is gone already.
                let _ = self.cast.shards[writer].send_urgent(Apply { realm, changes, ack });
            }
        }
    }
}

/// The changes by the shard that is to make them.
fn by_writer(interest: &Interest, changes: &[Change]) -> BTreeMap<usize, Vec<Change>> {
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let writer = interest.writer_of(change.sub().subject());
        parts.entry(writer).or_default().push(change.clone());
    }
    parts
}

fn ended(sub: Sub) -> Change {
    sub.close();
    Change::Remove(sub)
}
