//! The shadows that a client's subscriptions cast in other realms.

use std::collections::HashMap;
use std::sync::Arc;

use vagus_subject::Interested as _;

use crate::delivery::interest::Change;
use crate::delivery::shadow::{Cast, same_cast};
use crate::delivery::{Sub, shadows};
use crate::realm::{Links, Realm};

/// See the module's text.
#[derive(Default)]
pub(super) struct Shadows {
    by_sub: HashMap<u64, Vec<Cast>>,
    /// The imports by which they were cast.
    by: Arc<Links>,
}

/// Changes of one realm.
pub(super) type Foreign = (Arc<Realm>, Vec<Change>);

fn key(sub: &Sub) -> u64 {
    sub.identity().unwrap_or(0)
}

// === impl Shadows ===

impl Shadows {
    /// What changes of subscriptions in `realm` change in others. What is asked twice gets the
    /// same answer, until it is settled.
    pub(super) fn follow(&mut self, changes: &[Change], realm: &Realm) -> Vec<Foreign> {
        let links = realm.links();
        if self.by_sub.is_empty() && links.streams.is_empty() {
            return Vec::new();
        }
        self.by = links;
        let mut all = Vec::new();
        for change in changes {
            match change {
                Change::Add(sub) => {
                    let cast = self.by_sub.entry(key(sub)).or_insert_with(|| shadows(sub, realm));
                    all.extend(cast.iter().cloned().map(|(realm, sub)| (realm, Change::Add(sub))));
                }
                Change::Remove(sub) => {
                    let cast = self.by_sub.get(&key(sub)).into_iter().flatten().cloned();
                    all.extend(cast.map(|(realm, sub)| (realm, Change::Remove(sub))));
                }
            }
        }
        by_realm(all)
    }

    /// These changes are made.
    pub(super) fn settle(&mut self, changes: &[Change]) {
        if self.by_sub.is_empty() {
            return;
        }
        for change in changes {
            if let Change::Remove(sub) = change {
                self.by_sub.remove(&key(sub));
            }
        }
    }

    /// Takes them all back.
    pub(super) fn withdraw(&mut self) -> Vec<Foreign> {
        let all = self.by_sub.drain().flat_map(|(_, cast)| cast);
        by_realm(all.map(|(realm, sub)| (realm, Change::Remove(sub))).collect())
    }

    /// Whether `realm` imports something else than when they were cast.
    pub(super) fn are_stale(&self, realm: &Realm) -> bool {
        self.by.streams != realm.links().streams
    }

    /// Whether a subscription would cast others than it does.
    pub(super) fn differ(&self, sub: &Sub, realm: &Realm) -> bool {
        let known = self.by_sub.get(&key(sub)).map_or(&[][..], Vec::as_slice);
        let now = shadows(sub, realm);
        known.len() != now.len() || !known.iter().zip(&now).all(|(a, b)| same_cast(a, b))
    }
}

fn by_realm(changes: Vec<(Arc<Realm>, Change)>) -> Vec<Foreign> {
    let mut all: Vec<Foreign> = Vec::new();
    for (realm, change) in changes {
        match all.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &realm)) {
            Some((_, changes)) => changes.push(change),
            None => all.push((realm, vec![change])),
        }
    }
    all
}
