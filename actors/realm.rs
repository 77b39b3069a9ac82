//! [`Realm`]: what the clients of one account share, and what tells them from those of others.
//!
//! Nobody hears what is said in another realm, unless the two have agreed on it. A realm is shared
//! data: the subject shards write its interest, publishers read it, and a reload puts other rules
//! in force.

mod domains;
mod leafs;
mod links;
mod mates;
mod members;
mod rosters;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;
use parking_lot::Mutex;
use tracing::warn;

pub use self::domains::Domains;
pub use self::leafs::Leafs;
pub use self::links::{Links, ServiceImport, StreamImport};
pub use self::mates::Mates;
use self::members::Members;
pub use self::members::Traffic;
use self::rosters::Rosters;
pub use self::rules::RealmRules;
use crate::delivery::{Interest, Outbound, Replies, Returns};

/// The account of clients that belong to no other.
pub const GLOBAL_ACCOUNT: &str = "$G";

/// See the module's text.
pub struct Realm {
    /// The account's name.
    pub name: Arc<str>,
    pub interest: Interest,
    members: Mutex<Members>,
    rules: ArcSwap<RealmRules>,
    links: ArcSwap<Links>,
    /// Of actors that have subscribed here.
    pub(crate) rosters: Rosters,
    /// Of requests that came from other realms.
    pub(crate) replies: Replies,
    /// Of requests that came from other clusters.
    pub(crate) returns: Returns,
}

/// All realms of a server. The global one is always there.
pub struct Realms {
    global: Arc<Realm>,
    /// On shelves by a hash of the name, so that a new one costs a copy of one shelf.
    by_name: [ArcSwap<ByName>; SHELVES],
    next_id: AtomicU64,
    /// Those that began because another server spoke of them.
    told: AtomicUsize,
    /// Subject shards, but for the one of patterns with a leading wildcard.
    shards: usize,
    /// The other servers of the cluster, which share them all.
    pub mates: Mates,
    /// Servers of other clusters, which do, too.
    pub gateways: Mates,
    pub leafs: Leafs,
    pub domains: Domains,
    /// Told when other rules hold.
    listener: ArcSwapOption<Bell>,
}

/// Called where rules are put in force.
type Bell = Box<dyn Fn() + Send + Sync>;

/// Slices of a realm that is not the global one: there may be thousands of them.
const SLICES: usize = 4;
/// Realms that may begin because another server speaks of them.
const TOLD_MAX: usize = 16 << 10;
const SHELVES: usize = 64;

type ByName = HashMap<Arc<str>, Arc<Realm>>;

fn shelf(name: &str) -> usize {
    vagus_subject::hash(name.as_bytes()) as usize % SHELVES
}

// === impl Realm ===

impl Realm {
    /// A realm with this interest and no rules.
    #[must_use]
    pub fn new(name: &str, interest: Interest) -> Self {
        Self {
            name: name.into(),
            interest,
            members: Mutex::default(),
            rules: ArcSwap::default(),
            links: ArcSwap::default(),
            rosters: Rosters::default(),
            replies: Replies::default(),
            returns: Returns::default(),
        }
    }

    #[must_use]
    pub fn rules(&self) -> Arc<RealmRules> {
        self.rules.load_full()
    }

    /// What it takes from other realms.
    #[must_use]
    pub fn links(&self) -> Arc<Links> {
        self.links.load_full()
    }

    fn link(self: &Arc<Self>, realms: &Realms) {
        let links = Links::new(self, &self.rules().stated, realms);
        if **self.links.load() != links {
            self.links.store(Arc::new(links));
        }
    }

    /// A connection comes in, unless there are as many as may be.
    #[must_use]
    pub fn enter(&self, out: &Arc<Outbound>) -> bool {
        let max = self.rules.load().connections_max();
        self.members.lock().enter(out, max)
    }

    pub fn leave(&self, out: &Outbound) {
        self.members.lock().leave(out);
    }

    /// What its clients have sent and got so far, and how many there are.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.members.lock().traffic()
    }

    /// The connections that came last, as many as there are too many of.
    #[must_use]
    pub fn surplus(&self) -> Vec<u64> {
        let max = self.rules.load().connections_max();
        self.members.lock().beyond(max)
    }
}

// === impl Realms ===

impl Realms {
    /// The global realm alone, with interest in `shards` slices.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        let interest = Interest::new(shards);
        let shards = interest.writers() - 1;
        let global = Arc::new(Realm::new(GLOBAL_ACCOUNT, interest));
        let by_name = std::array::from_fn(|_| ArcSwap::default());
        let first = ByName::from_iter([(Arc::clone(&global.name), Arc::clone(&global))]);
        by_name[shelf(GLOBAL_ACCOUNT)].store(Arc::new(first));
        Self {
            global,
            by_name,
            next_id: AtomicU64::new(1),
            told: AtomicUsize::new(0),
            shards,
            mates: Mates::default(),
            gateways: Mates::default(),
            leafs: Leafs::default(),
            domains: Domains::default(),
            listener: ArcSwapOption::empty(),
        }
    }

    #[must_use]
    pub fn global(&self) -> &Arc<Realm> {
        &self.global
    }

    /// Number of subject shards that write the interest of realms.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.shards + 1
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Realm>> {
        self.by_name[shelf(name)].load().get(name).cloned()
    }

    /// The realm of this name, of which another server tells, and which begins to exist where it
    /// did not. `None` when too many have begun like this.
    pub fn told_of(&self, name: &str) -> Option<Arc<Realm>> {
        if let Some(known) = self.get(name) {
            return Some(known);
        }
        let before = self.told.fetch_add(1, Relaxed);
        if before == TOLD_MAX {
            warn!("Other servers speak of more than {TOLD_MAX} accounts: the rest is not heard");
        }
        (before < TOLD_MAX).then(|| self.ensure(name))
    }

    /// The realm of this name, which begins to exist where it did not.
    pub fn ensure(&self, name: &str) -> Arc<Realm> {
        if let Some(known) = self.get(name) {
            return known;
        }
        // Two may come at once: the numbers differ, and one of the realms is kept.
        let id = self.next_id.fetch_add(1, Relaxed);
        let interest = Interest::of_realm(id, SLICES.min(self.shards), self.writers());
        let fresh = Arc::new(Realm::new(name, interest));
        self.by_name[shelf(name)].rcu(|known| {
            let mut all = HashMap::clone(known);
            all.entry(Arc::clone(&fresh.name)).or_insert_with(|| Arc::clone(&fresh));
            all
        });
        self.get(name).unwrap_or(fresh)
    }

    /// Puts other rules in force, each for the account that it names. Connections and the actors
    /// of accounts are told by message.
    pub fn enforce(&self, rules: Vec<RealmRules>) {
        for rules in rules {
            let rules = self.domains.lead(rules);
            self.ensure(&rules.stated.name).rules.store(Arc::new(rules));
        }
        self.all().iter().for_each(|realm| realm.link(self));
        if let Some(listener) = &*self.listener.load() {
            listener();
        }
    }

    /// Has `bell` called whenever other rules hold, in place of what was called before.
    pub(crate) fn listen(&self, bell: impl Fn() + Send + Sync + 'static) {
        self.listener.store(Some(Arc::new(Box::new(bell))));
    }

    /// Every realm, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Realm>> {
        let shelves = self.by_name.iter().map(ArcSwap::load);
        shelves.flat_map(|shelf| shelf.values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Subscriptions of all realms.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.all().iter().map(|realm| realm.interest.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::feed::Intake;
    use crate::delivery::interest::Change;
    use crate::delivery::{Cache, Deliveries, Feed, Found, Slots, Sub, Target};

    #[test]
    fn a_realm_is_made_once() {
        let realms = Realms::new(8);
        assert!(Arc::ptr_eq(&realms.ensure(GLOBAL_ACCOUNT), realms.global()));
        let a = realms.ensure("A");
        assert!(Arc::ptr_eq(&realms.ensure("A"), &a));
        assert!(realms.get("B").is_none());
        assert_eq!(realms.all().len(), 2);
    }

    fn sub(subject: &str) -> Sub {
        let nobody = Feed::new(Slots::default().take(), Arc::new(Nobody));
        Sub::new(Target::Actor(Arc::new(nobody)), subject.as_bytes(), None, b"1")
    }

    struct Nobody;

    impl Intake for Nobody {
        fn offer(&self, _: Deliveries) -> bool {
            true
        }
    }

    /// How many are found the first time, and once the cache knows the subject.
    fn found(cache: &mut Cache, realm: &Realm, subject: &str) -> [usize; 3] {
        [(); 3].map(|()| match cache.find(&realm.interest, subject.as_bytes()) {
            Found::Once(found) => found.len(),
            Found::Kept(found) => found.len(),
        })
    }

    #[test]
    fn realms_that_share_a_cache_and_writers_do_not_mix() {
        let realms = Realms::new(8);
        let (mut cache, mut len) = (Cache::default(), 0);
        let patterns = ["a", "a.b", "b.*", "*.b", ">", "a.>"];
        for n in 0..30 {
            let realm = realms.ensure(&format!("account {n}"));
            assert_eq!(found(&mut cache, &realm, "a.b"), [0; 3], "in a new realm");
            for subject in patterns {
                let writer = realm.interest.writer_of(subject.as_bytes());
                realm.interest.apply(writer, &[Change::Add(sub(subject))]);
            }
            assert_eq!(found(&mut cache, &realm, "a.b"), [4; 3]);
            len += patterns.len();
        }
        assert_eq!(realms.subscriptions(), len);
        let all = realms.all();
        let of = |writer| all.iter().map(|realm| realm.interest.len_of(writer)).sum::<usize>();
        assert_eq!((0..realms.writers()).map(of).sum::<usize>(), len);
        (0..realms.writers()).for_each(|writer| all[0].interest.rebuild(writer));
        assert_eq!(found(&mut cache, realms.global(), "a.b"), [0; 3]);
    }
}
