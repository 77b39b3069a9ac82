//! [`Wanted`]: interest as another server is told it: each subject once, and each queue group with
//! the number of its members.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::delivery::Sub;
use crate::delivery::interest::Change;

/// See the module's text.
#[derive(Default)]
pub(super) struct Wanted(HashTable<One>);

/// What is wanted, and how often.
struct One {
    /// One of those who want it, for its subject and queue group.
    sub: Sub,
    count: u32,
}

/// What is told of queue groups.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// How many members they have.
    Members,
    /// That they are there.
    Once,
}

// === impl Wanted ===

impl Wanted {
    /// Counts a change. The answer is what there is to tell of it, if anything: how many want it
    /// now.
    pub(super) fn count(&mut self, change: &Change, told: Count) -> Option<u32> {
        let (sub, members) = (change.sub(), change.sub().weight());
        let same = |one: &One| one.sub.subject() == sub.subject() && one.sub.queue() == sub.queue();
        let entry = self.0.entry(hash(sub), same, |one| hash(&one.sub));
        let (before, now) = match (entry, change) {
            (Entry::Vacant(vacant), Change::Add(_)) => {
                vacant.insert(One { sub: sub.clone(), count: members });
                (0, members)
            }
            (Entry::Vacant(_), Change::Remove(_)) => return None,
            (Entry::Occupied(mut known), Change::Add(_)) => {
                let one = known.get_mut();
                let before = one.count;
                one.count = before.saturating_add(members);
                (before, one.count)
            }
            (Entry::Occupied(mut known), Change::Remove(_)) => {
                let one = known.get_mut();
                let before = one.count;
                one.count = before.saturating_sub(members);
                let left = one.count;
                if left == 0 {
                    known.remove();
                }
                (before, left)
            }
        };
        match sub.queue() {
            Some(_) if told == Count::Members => Some(now),
            _ => (before.min(1) != now.min(1)).then_some(now.min(1)),
        }
    }

    /// All that is wanted, each with the weight to be told.
    pub(super) fn iter(&self, told: Count) -> impl Iterator<Item = (&Sub, u32)> {
        self.0.iter().map(move |one| {
            let weight =
                if told == Count::Members && one.sub.queue().is_some() { one.count } else { 1 };
            (&one.sub, weight)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn hash(sub: &Sub) -> u64 {
    FixedState::default().hash_one((sub.subject(), sub.queue()))
}
