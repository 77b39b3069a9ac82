//! [`Adverts`]: what other servers are told of the interest in one slice.
//!
//! Those of the cluster hear of each subject that clients of this server want once, and of each
//! queue group with the number of its members, however many clients there are. Other clusters hear
//! of what this whole cluster wants, once, and not of numbers. They are told before the client's
//! own `SUB` is acknowledged, on the socket that messages take too: nothing that the client
//! publishes later overtakes it.
//!
//! What leaf nodes want is told with the name of their cluster, to servers which know what that is.

use std::sync::Arc;

use vagus_auth::Permissions;

use super::telling::Telling;
use super::wanted::Count;
use crate::delivery::interest::Change;
use crate::delivery::{Reach, Sub, Target};
use crate::realm::Realm;
use crate::route::RouteFacts;

/// See the module's text.
pub(super) struct Adverts {
    /// Whose interest it is that is told: those of this server, or of this cluster.
    reach: Reach,
    told: Telling,
    /// What servers are told that know nothing of leaf clusters, while there are some.
    older: Option<Telling>,
}

/// What of it other servers are told at all: all, where there are none.
pub(super) type Rules<'a> = Option<&'a Permissions>;

// === impl Adverts ===

impl Adverts {
    pub(super) fn of(reach: Reach) -> Self {
        let count = if reach == Reach::Here { Count::Members } else { Count::Once };
        Self { reach, told: Telling::new(count), older: None }
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// The changes are in force.
    pub(super) fn tell(&mut self, realm: &Realm, changes: &[Change], rules: Rules<'_>) {
        let reach = self.reach;
        let known: Vec<&Change> =
            changes.iter().filter(|change| is_told(reach, change.sub())).collect();
        if known.is_empty() {
            return;
        }
        let imported = |sub: &Sub| is_imported(reach, sub, rules);
        self.told.tell(realm, &known, imported);
        if let Some(older) = &mut self.older {
            older.tell(realm, &known, imported);
        }
        self.older.take_if(|older| !older.has_mates());
    }

    /// Tells a server that has come all there is, and from here on what changes.
    pub(super) fn introduce(&mut self, mate: Arc<RouteFacts>, rules: Rules<'_>) {
        let telling = match mate.about.origins {
            true => &mut self.told,
            false => self.older.get_or_insert_with(|| self.told.merged()),
        };
        telling.introduce(mate, |sub| is_imported(self.reach, sub, rules));
    }

    pub(super) fn len(&self) -> usize {
        self.told.len()
    }
}

/// Whether messages of other servers of the cluster for it are let in.
fn is_imported(reach: Reach, sub: &Sub, rules: Rules<'_>) -> bool {
    reach != Reach::Here || rules.is_none_or(|rules| rules.may_publish(sub.subject()))
}

/// Whether other servers are told of it. What they want themselves is no news to them, and each
/// takes requests into other accounts by itself; only answers have to find the way back.
fn is_told(reach: Reach, sub: &Sub) -> bool {
    match &sub.target {
        Target::Bridge(bridge) => bridge.leads_back(),
        target => Reach::of(target) <= reach,
    }
}
