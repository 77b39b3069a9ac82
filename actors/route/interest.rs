//! What the other server wants, as the subject shards are told it.
//!
//! Nothing that the other server says behind its interest is worked on before all shards have
//! acknowledged that: a request that follows the interest in its answer finds it in force.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;
use vagus_auth::Grant;

use super::Route;
use crate::delivery::interest::Change;
use crate::delivery::{Lane, Origin, Reach, Sub};
use crate::realm::Realm;
use crate::shard::Changes;

/// What the other server wants of one account.
pub(super) struct Account {
    pub realm: Arc<Realm>,
    pub lane: Arc<Lane>,
    /// Ways to its leaf nodes, by their cluster.
    leafs: HashMap<Arc<Origin>, Arc<Lane>>,
    wants: HashMap<Key, Sub>,
}

/// The account that the other server speaks of.
#[derive(Default)]
pub(super) enum Current {
    #[default]
    None,
    Account(Arc<str>),
    /// One of more than there may be: what is said of it is passed over.
    Unheard,
}

/// In bytes.
const ACCOUNT_NAME_MAX: usize = 1 << 10;

/// What is wanted there.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    subject: Box<[u8]>,
    /// Empty where there is none.
    queue: Box<[u8]>,
    /// The leaf cluster that wants it.
    origin: Option<Arc<Origin>>,
}

// === impl Account ===

impl Account {
    /// The way to those who are meant.
    fn way(&mut self, origin: Option<&Arc<Origin>>) -> &Arc<Lane> {
        let Some(origin) = origin else { return &self.lane };
        let lane = || Arc::new(self.lane.to_leafs(origin));
        if !self.leafs.contains_key(origin) {
            // Leaf clusters come and go.
            self.leafs.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        self.leafs.entry(Arc::clone(origin)).or_insert_with(lane)
    }
}

// === impl Current ===

impl Current {
    pub(super) fn is_unheard(&self) -> bool {
        matches!(self, Self::Unheard)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Account(name) => Some(name),
            Self::None | Self::Unheard => None,
        }
    }
}

// === impl Route ===

impl Route {
    /// The account that what follows is about.
    pub(super) fn speak_of(&mut self, name: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        if name.is_empty() || name.len() > ACCOUNT_NAME_MAX {
            return false;
        }
        self.origin = None;
        if self.current.name() == Some(name) {
            return true;
        }
        self.pipe.forget_last();
        if !self.accounts.contains_key(name) {
            let broker = &self.pipe.broker;
            let Some(realm) = broker.realms.told_of(name) else {
                self.current = Current::Unheard;
                return true;
            };
            let (out, about) = (Arc::clone(&self.pipe.out), &self.facts.about);
            let mut lane = Lane::new(broker.slots.take(), out, about.cluster.clone(), name);
            lane.takes_origins = about.origins;
            let lane = Arc::new(lane);
            self.facts.add_lane(&lane);
            let account = Account { realm, lane, leafs: HashMap::new(), wants: HashMap::new() };
            self.accounts.insert(name.into(), account);
        }
        self.current = Current::Account(name.into());
        true
    }

    /// The leaf cluster that what follows comes from.
    pub(super) fn speak_from(&mut self, cluster: &[u8]) -> bool {
        let Some(origin) = Origin::new(cluster) else {
            self.origin = None;
            return cluster.is_empty();
        };
        if !self.origins.contains(&origin) {
            self.origins.retain(|known| Arc::strong_count(known) > 1);
        }
        self.origin = Some(Arc::clone(self.origins.get_or_insert(origin)));
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
        self.accounts.get(self.current.name()?)
    }

    /// So many clients of the other server want this: none where it is 0.
    pub(super) fn want(&mut self, subject: &[u8], queue: Option<&[u8]>, weight: u32) -> bool {
        let Current::Account(name) = &self.current else { return self.current.is_unheard() };
        let Some(account) = self.accounts.get_mut(name) else { return false };
        let filter = match self.permissions.as_ref().map(|all| all.may_subscribe(subject, queue)) {
            Some(Grant::Refused) => return true,
            Some(Grant::Filtered(filter)) => Some(filter),
            Some(Grant::Granted) | None => None,
        };
        let origin = self.origin.clone();
        let queue_name = queue.unwrap_or_default().into();
        let key = Key { subject: subject.into(), queue: queue_name, origin };
        let (count, before) = (&self.pipe.out.stats.subscriptions, account.wants.len());
        let gone = match weight {
            0 => account.wants.remove(&key),
            weight => {
                let lane = account.way(self.origin.as_ref());
                let sub = Sub::routed(lane, subject, queue, weight, filter);
                self.pipe.changes.push(&account.realm, Change::Add(sub.clone()));
                account.wants.insert(key, sub)
            }
        };
        if let Some(gone) = gone {
            // It is not closed: messages may find it until the shards have taken it out, in the
            // place of all that is wanted there of the same subject. The other server knows best.
            self.pipe.changes.push(&account.realm, Change::Remove(gone));
        }
        let now = count.load(Relaxed) + account.wants.len() as u64 - before as u64;
        count.store(now, Relaxed);
        true
    }

    /// Withdraws all interest. Nobody delivers to it from here on; the shards forget it in time.
    pub(super) fn withdraw(&mut self) {
        self.pipe.changes = Changes::default();
        let accounts = self.accounts.drain().map(|(_, account)| account);
        let ended = accounts.flat_map(|Account { realm, wants, .. }| {
            wants.into_values().map(move |sub| (Arc::clone(&realm), ended(sub)))
        });
        let ended: Vec<_> = ended.collect();
        if !ended.is_empty() {
            Changes::send_off(&ended, &self.pipe.cast);
        }
    }
}

fn ended(sub: Sub) -> Change {
    sub.close();
    Change::Remove(sub)
}
