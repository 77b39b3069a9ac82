//! [`Adverts`]: what other servers are told of the interest in one slice.
//!
//! Those of the cluster hear of each subject that clients of this server want once, and of each
//! queue group with the number of its members, however many clients there are. Other clusters hear
//! of what this whole cluster wants, once, and not of numbers. They are told before the client's
//! own `SUB` is acknowledged, on the socket that messages take too: nothing that the client
//! publishes later overtakes it.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};
use vagus_auth::Permissions;
use vagus_wire::route;

use crate::delivery::interest::Change;
use crate::delivery::{Reach, Sub, Target};
use crate::realm::Realm;
use crate::route::RouteFacts;

/// See the module's text.
pub(super) struct Adverts {
    /// Whose interest it is that is told: those of this server, or of this cluster.
    reach: Reach,
    by_realm: HashMap<Arc<str>, HashTable<Wanted>>,
    mates: Vec<Arc<RouteFacts>>,
}

/// What is wanted, and how often.
struct Wanted {
    /// One of those who want it, for its subject and queue group.
    sub: Sub,
    count: u32,
}

/// What of it other servers are told at all: all, where there are none.
pub(super) type Rules<'a> = Option<&'a Permissions>;

/// Bytes of one write.
const PIECE: usize = 128 << 10;

// === impl Adverts ===

impl Adverts {
    pub(super) fn of(reach: Reach) -> Self {
        Self { reach, by_realm: HashMap::new(), mates: Vec::new() }
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// The changes are in force.
    pub(super) fn tell(&mut self, realm: &Realm, changes: &[Change], rules: Rules<'_>) {
        let mut lines = Vec::new();
        for change in changes {
            if self.is_told(change.sub()) {
                self.count(realm, change, rules, &mut lines);
            }
        }
        if !lines.is_empty() {
            self.mates.retain(|mate| mate.out.is_open());
            let mates = self.mates.iter().filter(|mate| mate.serves(&realm.name));
            mates.for_each(|mate| mate.out.send(&lines));
        }
    }

    /// Counts a change, and says what is news in it.
    fn count(&mut self, realm: &Realm, change: &Change, rules: Rules<'_>, lines: &mut Vec<u8>) {
        let sub = change.sub();
        let known = self.by_realm.entry(Arc::clone(&realm.name)).or_default();
        let same = |wanted: &Wanted| {
            wanted.sub.subject() == sub.subject() && wanted.sub.queue() == sub.queue()
        };
        let weight = match (known.entry(hash(sub), same, |wanted| hash(&wanted.sub)), change) {
            (Entry::Vacant(vacant), Change::Add(_)) => {
                vacant.insert(Wanted { sub: sub.clone(), count: 1 });
                1
            }
            (Entry::Vacant(_), Change::Remove(_)) => return,
            (Entry::Occupied(mut wanted), Change::Add(_)) => {
                wanted.get_mut().count += 1;
                wanted.get().count
            }
            (Entry::Occupied(mut wanted), Change::Remove(_)) => {
                wanted.get_mut().count -= 1;
                let left = wanted.get().count;
                if left == 0 {
                    wanted.remove();
                }
                left
            }
        };
        let first_or_last = weight == 0 || (weight == 1 && matches!(change, Change::Add(_)));
        let counts = self.reach == Reach::Here && sub.queue().is_some();
        if (first_or_last || counts) && self.is_imported(sub, rules) {
            if lines.is_empty() {
                route::account(lines, realm.name.as_bytes());
            }
            route::interest(lines, sub.subject(), sub.queue(), weight);
        }
    }

    /// Tells a server that has come all there is, and from here on what changes.
    pub(super) fn introduce(&mut self, mate: Arc<RouteFacts>, rules: Rules<'_>) {
        let mut lines = Vec::new();
        for (account, known) in self.by_realm.iter().filter(|(name, _)| mate.serves(name)) {
            route::account(&mut lines, account.as_bytes());
            let told = known.iter().filter(|one| self.is_imported(&one.sub, rules));
            for Wanted { sub, count } in told {
                let counts = self.reach == Reach::Here && sub.queue().is_some();
                let weight = if counts { *count } else { 1 };
                route::interest(&mut lines, sub.subject(), sub.queue(), weight);
                if lines.len() >= PIECE {
                    mate.out.send(&lines);
                    lines.clear();
                    route::account(&mut lines, account.as_bytes());
                }
            }
        }
        mate.out.send(&lines);
        self.mates.push(mate);
    }

    pub(super) fn len(&self) -> usize {
        self.by_realm.values().map(HashTable::len).sum()
    }

    /// Whether messages of other servers of the cluster for it are let in.
    fn is_imported(&self, sub: &Sub, rules: Rules<'_>) -> bool {
        self.reach != Reach::Here || rules.is_none_or(|rules| rules.may_publish(sub.subject()))
    }

    /// Whether other servers are told of it. What they want themselves is no news to them, and
    /// each takes requests into other accounts by itself; only answers have to find the way back.
    fn is_told(&self, sub: &Sub) -> bool {
        match &sub.target {
            Target::Bridge(bridge) => bridge.leads_back(),
            target => Reach::of(target) <= self.reach,
        }
    }
}

fn hash(sub: &Sub) -> u64 {
    FixedState::default().hash_one((sub.subject(), sub.queue()))
}
