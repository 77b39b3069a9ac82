//! [`LeafAdverts`]: what the other end of a leaf link is told of the interest in one slice.
//!
//! Each end hears what it needs to know: not what it said itself, a hub nothing that it hears from
//! others as well, an isolated one nothing of other leaf nodes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vagus_wire::leaf;

use super::wanted::{Count, Wanted};
use crate::delivery::interest::Change;
use crate::delivery::leaf_lane::LOOP_PREFIX;
use crate::delivery::{LeafLane, Origin, Sub, Target};
use crate::realm::Realm;

/// See the module's text.
pub(super) struct LeafAdverts {
    pub(super) realm: Arc<Realm>,
    lane: Arc<LeafLane>,
    wanted: Wanted,
}

/// Bytes of one write.
const PIECE: usize = 128 << 10;

// === impl LeafAdverts ===

impl LeafAdverts {
    /// Tells all there is in the slice of `writer`, and from here on what changes.
    pub(super) fn begin(realm: Arc<Realm>, lane: Arc<LeafLane>, writer: usize) -> Self {
        let mut adverts = Self { realm, lane, wanted: Wanted::default() };
        let mut known = Vec::new();
        adverts.realm.interest.for_each_of(writer, |sub| known.push(Change::Add(sub.clone())));
        for change in &known {
            adverts.count(change);
        }
        let mut lines = Vec::new();
        for (sub, weight) in adverts.wanted.iter(Count::Members) {
            leaf::interest(&mut lines, sub.subject(), sub.queue(), weight);
            if lines.len() >= PIECE {
                adverts.lane.out.send(&lines);
                lines.clear();
            }
        }
        adverts.lane.out.send(&lines);
        adverts
    }

    pub(super) fn is_open(&self) -> bool {
        self.lane.out.is_open()
    }

    /// The changes are in force.
    pub(super) fn tell(&mut self, changes: &[Change]) {
        let mut lines = Vec::new();
        for change in changes {
            if let Some(weight) = self.count(change) {
                let sub = change.sub();
                leaf::interest(&mut lines, sub.subject(), sub.queue(), weight);
            }
        }
        if !lines.is_empty() {
            self.lane.out.send(&lines);
        }
    }

    fn count(&mut self, change: &Change) -> Option<u32> {
        let sub = change.sub();
        if is_loop(&self.lane, sub) {
            self.lane.looped.store(true, Relaxed);
        }
        let told = concerns(&self.lane, sub) && self.lane.terms.tells(sub.subject());
        told.then(|| self.wanted.count(change, Count::Members))?
    }
}

/// Whether it shows that the hub's cluster is a leaf node of this one, too.
fn is_loop(lane: &LeafLane, sub: &Sub) -> bool {
    let from_spoke = |from: &Arc<Origin>| lane.is_of(from);
    !lane.is_spoke()
        && sub.subject().starts_with(LOOP_PREFIX)
        && sub.target.origin().is_some_and(from_spoke)
}

/// Whether the other end of `lane` has to know of the interest.
fn concerns(lane: &LeafLane, sub: &Sub) -> bool {
    // What finds loops finds its way everywhere.
    let marker = sub.subject().starts_with(LOOP_PREFIX);
    match &sub.target {
        Target::Connection(_) | Target::Actor(_) | Target::Bridge(_) => true,
        Target::Route(way) => {
            marker || (lane.is_spoke() && way.behind().is_none_or(|from| !lane.is_of(from)))
        }
        Target::Leaf(from) => {
            let other = from.out.cid != lane.out.cid && from.cluster != lane.cluster;
            other && (marker || (!lane.isolated && (lane.is_spoke() || from.is_spoke())))
        }
    }
}
