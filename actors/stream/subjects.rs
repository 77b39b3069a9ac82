//! What the stream has subscribed to, subject by subject, so that a change leaves the others alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use vagus_subject::overlaps;

use super::publish::SUBJECTS_SID;
use crate::delivery::{Feed, Sub, Target};
use crate::jetstream::JetStream;
use crate::shard::Roster;

/// See the module's text.
#[derive(Default)]
pub(super) struct Subjects {
    rosters: BTreeMap<String, Roster>,
}

// === impl Subjects ===

impl Subjects {
    /// Subscribes to these and nothing else. Ready when the shards know.
    pub(super) fn set(
        &mut self,
        js: &JetStream,
        feed: &Arc<Feed>,
        wanted: &[String],
    ) -> impl Future<Output = ()> + use<> {
        let gone = |subject: &String| !wanted.contains(subject);
        let fresh: Vec<&String> =
            wanted.iter().filter(|subject| !self.rosters.contains_key(*subject)).collect();
        // A message must not come twice: what overlaps with something new goes first. The rest
        // stays until the new is there.
        let clashes = |subject: &String| {
            fresh.iter().any(|other| overlaps(subject.as_bytes(), other.as_bytes()))
        };
        self.rosters.retain(|subject, _| !(gone(subject) && clashes(subject)));
        let leaving: Vec<String> = self.rosters.keys().filter(|one| gone(one)).cloned().collect();
        let leaving: Vec<Roster> =
            leaving.iter().filter_map(|subject| self.rosters.remove(subject)).collect();
        let mut registered = Vec::new();
        for subject in fresh {
            let target = Target::Actor(Arc::clone(feed));
            let sub = Sub::new(target, subject.as_bytes(), None, SUBJECTS_SID);
            let roster = js.roster(vec![sub]);
            registered.push(roster.register());
            self.rosters.insert(subject.clone(), roster);
        }
        async move {
            join_all(registered).await;
            drop(leaving);
        }
    }

    /// Ends all subscriptions.
    pub(super) fn clear(&mut self) {
        self.rosters.clear();
    }
}
