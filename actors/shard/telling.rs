//! [`Telling`]: what some servers were told, all of them the same, and the lines that tell more.

use std::sync::Arc;

use hashbrown::HashMap;
use vagus_wire::route;

use super::wanted::{Count, Wanted};
use crate::delivery::interest::Change;
use crate::delivery::{Origin, Sub};
use crate::realm::Realm;
use crate::route::RouteFacts;

/// See the module's text.
pub(super) struct Telling {
    count: Count,
    /// With the leaf clusters that want it.
    apart: bool,
    by_realm: HashMap<Arc<str>, Wanted>,
    mates: Vec<Arc<RouteFacts>>,
}

/// Lines about one realm.
struct Lines<'a> {
    realm: &'a str,
    text: Vec<u8>,
    /// The leaf cluster that the last of them was about.
    origin: Option<Arc<Origin>>,
}

/// Bytes of one write.
const PIECE: usize = 128 << 10;

// === impl Telling ===

impl Telling {
    pub(super) fn new(count: Count) -> Self {
        Self { count, apart: true, by_realm: HashMap::new(), mates: Vec::new() }
    }

    /// The same interest, without the leaf clusters that it comes from.
    pub(super) fn merged(&self) -> Self {
        let mut merged = Self { apart: false, ..Self::new(self.count) };
        for (realm, known) in &self.by_realm {
            let all = merged.by_realm.entry(Arc::clone(realm)).or_default();
            for (sub, count) in known.counts() {
                all.count_many(&Change::Add(sub.clone()), count, self.count);
            }
        }
        merged
    }

    pub(super) fn has_mates(&self) -> bool {
        !self.mates.is_empty()
    }

    /// Counts changes, and tells what is news in them and `is_imported`.
    pub(super) fn tell(
        &mut self,
        realm: &Realm,
        changes: &[&Change],
        is_imported: impl Fn(&Sub) -> bool,
    ) {
        let (count, apart) = (self.count, self.apart);
        let known = self.by_realm.entry(Arc::clone(&realm.name));
        let known = known.or_insert_with(|| Wanted::new(apart));
        let mut lines = Lines::about(&realm.name);
        for change in changes {
            let sub = change.sub();
            if let Some(weight) = known.count(change, count).filter(|_| is_imported(sub)) {
                lines.add(sub, weight, apart);
            }
        }
        self.mates.retain(|mate| mate.out.is_open());
        if !lines.text.is_empty() {
            let mates = self.mates.iter().filter(|mate| mate.serves(&realm.name));
            mates.for_each(|mate| mate.out.send(&lines.text));
        }
    }

    /// Tells a server all there is, and from here on what changes.
    pub(super) fn introduce(&mut self, mate: Arc<RouteFacts>, is_imported: impl Fn(&Sub) -> bool) {
        for (realm, known) in self.by_realm.iter().filter(|(name, _)| mate.serves(name)) {
            let mut lines = Lines::about(realm);
            for (sub, weight) in known.iter(self.count).filter(|(sub, _)| is_imported(sub)) {
                lines.add(sub, weight, self.apart);
                if lines.text.len() >= PIECE {
                    mate.out.send(&lines.text);
                    lines = Lines::about(realm);
                }
            }
            mate.out.send(&lines.text);
        }
        self.mates.push(mate);
    }

    pub(super) fn len(&self) -> usize {
        self.by_realm.values().map(Wanted::len).sum()
    }
}

// === impl Lines ===

impl<'a> Lines<'a> {
    fn about(realm: &'a str) -> Self {
        Self { realm, text: Vec::new(), origin: None }
    }

    fn add(&mut self, sub: &Sub, weight: u32, apart: bool) {
        if self.text.is_empty() {
            route::account(&mut self.text, self.realm.as_bytes());
        }
        let origin = sub.target.origin().filter(|_| apart);
        if self.origin.as_ref() != origin {
            self.text.extend_from_slice(origin.map_or(Origin::NOWHERE, |origin| origin.line()));
            self.origin = origin.cloned();
        }
        route::interest(&mut self.text, sub.subject(), sub.queue(), weight);
    }
}
