//! [`Adverts`]: what other servers are told of the interest in one slice.
//!
//! Those of the cluster hear of each subject that clients of this server want once, and of each
//! queue group with the number of its members, however many clients there are. Other clusters hear
//! of what this whole cluster wants, once, and not of numbers. They are told before the client's
//! own `SUB` is acknowledged, on the socket that messages take too: nothing that the client
//! publishes later overtakes it.

use std::sync::Arc;

use hashbrown::HashMap;
use vagus_auth::Permissions;
use vagus_wire::route;

use super::wanted::{Count, Wanted};
use crate::delivery::interest::Change;
use crate::delivery::{Reach, Sub, Target};
use crate::realm::Realm;
use crate::route::RouteFacts;

/// See the module's text.
pub(super) struct Adverts {
    /// Whose interest it is that is told: those of this server, or of this cluster.
    reach: Reach,
    by_realm: HashMap<Arc<str>, Wanted>,
    mates: Vec<Arc<RouteFacts>>,
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
        let all = if self.reach == Reach::Here { Count::Members } else { Count::Once };
        let weight = known.count(change, all).filter(|_| self.is_imported(sub, rules));
        if let Some(weight) = weight {
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
            let all = if self.reach == Reach::Here { Count::Members } else { Count::Once };
            let told = known.iter(all).filter(|(sub, _)| self.is_imported(sub, rules));
            for (sub, weight) in told {
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
        self.by_realm.values().map(Wanted::len).sum()
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
