//! [`Wanted`]: interest as another server is told it: each subject once, and each queue group with
//! the number of its members. What leaf nodes of a cluster want may be told apart from the rest.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::delivery::interest::Change;
use crate::delivery::{Origin, Sub};

/// See the module's text.
#[derive(Default)]
pub(super) struct Wanted {
    all: HashTable<One>,
    /// Leaf clusters are told apart.
    apart: bool,
}

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
    /// Where leaf clusters are told apart, if they are.
    pub(super) fn new(apart: bool) -> Self {
        Self { all: HashTable::new(), apart }
    }

    /// Counts a change. The answer is what there is to tell of it, if anything: how many want it
    /// now.
    pub(super) fn count(&mut self, change: &Change, told: Count) -> Option<u32> {
        self.count_many(change, change.sub().weight(), told)
    }

    /// The same for so many members at once.
    pub(super) fn count_many(&mut self, change: &Change, members: u32, told: Count) -> Option<u32> {
        let (sub, apart) = (change.sub(), self.apart);
        let same = |one: &One| key(&one.sub, apart) == key(sub, apart);
        let entry = self.all.entry(hash(sub, apart), same, |one| hash(&one.sub, apart));
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
        self.all.iter().map(move |one| {
            let weight =
                if told == Count::Members && one.sub.queue().is_some() { one.count } else { 1 };
            (&one.sub, weight)
        })
    }

    /// The same with how many want it in truth.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&Sub, u32)> {
        self.all.iter().map(|one| (&one.sub, one.count))
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

/// What is the same for all that are counted as one.
fn key(sub: &Sub, apart: bool) -> (&[u8], Option<&[u8]>, Option<&Origin>) {
    let origin = sub.target.origin().filter(|_| apart).map(|origin| &**origin);
    (sub.subject(), sub.queue(), origin)
}

fn hash(sub: &Sub, apart: bool) -> u64 {
    FixedState::default().hash_one(key(sub, apart))
}
