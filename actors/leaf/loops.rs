//! Loops: a leaf link that leads back to where it comes from, by whatever way.
//!
//! Each end says the marker of its server. A server that hears its own is in a loop. So is one that
//! hears from a spoke of its own the marker of another server of its cluster: spokes pass on what
//! they hear from their spokes, and not what they hear from hubs. And so is one whose cluster has
//! leaf nodes of the cluster of its hub, which the subject shards see.
//!
//! What is left of a link that has just ended looks the same: where there was one, the next is
//! tried before long, once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::error;
use vagus_runtime::Cx;

use super::Leaf;
use super::operate::LONG_PAUSE;
use crate::delivery::Reason;
use crate::delivery::leaf_lane::{LOOP_PREFIX, marker};

/// Markers of one link that are remembered. No sane chain of leaf nodes is that long.
const MARKERS_MAX: usize = 1 << 10;
/// How often is looked whether servers have joined the cluster that were heard of.
const LOOK: Duration = Duration::from_secs(1);
/// Until the next attempt, where it may have been no loop.
const AGAIN: Duration = Duration::from_secs(1);

// === impl Leaf ===

impl Leaf {
    pub(super) fn watch_for_loops(&self, cx: &mut Cx<'_, Self>) {
        if !self.lane.is_spoke() || self.pipe.broker.realms.mates.wanted() {
            cx.run_interval(LOOK, |me, _| {
                // What was found has ended the link.
                me.look_for_loops();
            });
        }
    }

    /// The other end has said a marker, or taken it back. True where that shows a loop, and the
    /// link has ended.
    pub(super) fn hear_marker(&mut self, subject: &[u8], weight: u32) -> bool {
        self.markers.retain(|known| **known != *subject);
        if weight == 0 {
            return false;
        }
        if subject == self.marker {
            self.found_loop(true);
            return true;
        }
        if self.lane.is_spoke() && self.markers.len() < MARKERS_MAX {
            self.markers.push(subject.into());
            return self.look_for_loops();
        }
        false
    }

    fn look_for_loops(&self) -> bool {
        if self.ending.is_some() {
            return false;
        }
        let found = self.lane.looped.load(Relaxed) || self.hears_of_mate();
        if found {
            self.found_loop(true);
        }
        found
    }

    fn hears_of_mate(&self) -> bool {
        if self.markers.is_empty() {
            return false;
        }
        let mates = self.pipe.broker.realms.mates.all();
        mates.iter().any(|mate| {
            let marker = marker(&mate.about.id, &self.realm.name);
            self.markers.iter().any(|known| **known == *marker)
        })
    }

    /// The link leads back here; `tell`: the other end does not know it yet.
    pub(super) fn found_loop(&self, tell: bool) {
        let account = &self.realm.name;
        let pause = if self.facts.about.again { AGAIN } else { LONG_PAUSE };
        let text = format!(
            "Loop detected for leafnode account={account:?}. Delaying attempt to reconnect for {}s",
            pause.as_secs()
        );
        error!("{} - {text}", self.facts.prefix());
        self.facts.set_pause(pause);
        match tell {
            true => self.refuse(&text, Reason::ProtocolViolation),
            false => self.end(Reason::ProtocolViolation),
        }
    }
}

/// Whether a subject is one by which loops are found.
pub(super) fn is_marker(subject: &[u8]) -> bool {
    subject.starts_with(LOOP_PREFIX)
}
