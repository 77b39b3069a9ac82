//! `SubjectShard`: the single writer of one slice of the interest of every realm.
//!
//! in:   [`Apply`]: changes from a connection or another subscriber; [`Introduce`]: another server
//!       that has come; [`IntroduceLeaf`]: a leaf link that has
//! out:  the acknowledgement inside each `Apply`; what changes to other servers, and to the other
//!       ends of leaf links
//! dies: never by itself; after a panic its successor rebuilds the slices from the entries in them,
//!       and whoever was not acknowledged sends again. Publishers go on reading all the while. The
//!       links to other servers are cut, so that these are told all there is once more.

mod adverts;
mod changes;
mod leaf_adverts;
pub mod messages;
mod roster;
mod telling;
mod wanted;

use std::sync::Arc;

use serde_json::json;
use vagus_runtime::{Actor, Cx, Handler};

use self::adverts::Adverts;
pub use self::changes::Changes;
use self::leaf_adverts::LeafAdverts;
pub use self::messages::{Ack, Apply, Barrier, Introduce, IntroduceLeaf};
pub(crate) use self::roster::Entry;
pub use self::roster::Roster;
use crate::delivery::Reach;
use crate::delivery::interest::Change;
use crate::realm::Realms;

/// See the module's text.
pub struct SubjectShard {
    realms: Arc<Realms>,
    /// Which slice of every realm is its own.
    writer: usize,
    /// Whether a predecessor died.
    successor: bool,
    changes: u64,
    /// What servers of the cluster are told, and what other clusters are; where there are some.
    adverts: Vec<Adverts>,
    leafs: Vec<LeafAdverts>,
}

impl SubjectShard {
    #[must_use]
    pub fn new(realms: Arc<Realms>, writer: usize, successor: bool) -> Self {
        let adverts = [(Reach::Here, &realms.mates), (Reach::Cluster, &realms.gateways)];
        let wanted = adverts.into_iter().filter(|(_, links)| links.wanted());
        let adverts = wanted.map(|(reach, _)| Adverts::of(reach)).collect();
        Self { realms, writer, successor, changes: 0, adverts, leafs: Vec::new() }
    }

    /// Begins where the predecessor has left off.
    fn succeed(&mut self) {
        let rules = self.realms.mates.permissions();
        for realm in self.realms.all() {
            realm.interest.rebuild(self.writer);
            for adverts in &mut self.adverts {
                let mut all = Vec::new();
                realm.interest.for_each_of(self.writer, |sub| all.push(Change::Add(sub.clone())));
                adverts.tell(&realm, &all, rules.as_deref());
            }
        }
        self.realms.mates.cut();
        self.realms.gateways.cut();
        self.realms.leafs.cut();
    }
}

// === impl Actor ===

impl Actor for SubjectShard {
    const KIND: &'static str = "subject-shard";

    fn started(&mut self, _: &mut Cx<'_, Self>) {
        if self.successor {
            self.succeed();
        }
    }

    fn observe(&self) -> serde_json::Value {
        let realms = self.realms.all();
        let own = realms.iter().map(|realm| realm.interest.len_of(self.writer));
        json!({
            "slice": self.writer,
            "subscriptions": own.sum::<usize>(),
            "changes": self.changes,
            "told_to_servers": self.adverts.iter().map(Adverts::len).sum::<usize>(),
        })
    }
}

// === impl Handler<Apply> ===

impl Handler<Apply> for SubjectShard {
    fn handle(&mut self, message: Apply, _: &mut Cx<'_, Self>) {
        let interest = &message.realm.interest;
        if self.adverts.is_empty() && self.leafs.is_empty() {
            interest.apply(self.writer, &message.changes);
        } else {
            let mut changed = Vec::new();
            let note = |change: &Change| changed.push(change.clone());
            interest.apply_noting(self.writer, &message.changes, note);
            let rules = self.realms.mates.permissions();
            for adverts in &mut self.adverts {
                adverts.tell(&message.realm, &changed, rules.as_deref());
            }
            self.leafs.retain(LeafAdverts::is_open);
            let concerned = |leaf: &&mut LeafAdverts| Arc::ptr_eq(&leaf.realm, &message.realm);
            self.leafs.iter_mut().filter(concerned).for_each(|leaf| leaf.tell(&changed));
        }
        self.changes += message.changes.len() as u64;
        message.ack.done();
    }
}

// === impl Handler<Introduce> ===

impl Handler<Introduce> for SubjectShard {
    fn handle(&mut self, Introduce { mate }: Introduce, _: &mut Cx<'_, Self>) {
        let reach = Reach::behind(mate.about.cluster.as_deref());
        if let Some(adverts) = self.adverts.iter_mut().find(|adverts| adverts.reach() == reach) {
            adverts.introduce(mate, self.realms.mates.permissions().as_deref());
        }
    }
}

// === impl Handler<IntroduceLeaf> ===

impl Handler<IntroduceLeaf> for SubjectShard {
    fn handle(&mut self, message: IntroduceLeaf, _: &mut Cx<'_, Self>) {
        let IntroduceLeaf { realm, lane } = message;
        self.leafs.retain(LeafAdverts::is_open);
        self.leafs.push(LeafAdverts::begin(realm, lane, self.writer));
    }
}
