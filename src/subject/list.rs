//! Two entries or more that wait for the same thing, as one slice.
//!
//! A list of a few is searched from end to end. A long one gets an index by
//! [`Interested::identity`], because ten thousand connections that subscribe to one subject, and
//! then leave, must not cost ten thousand times ten thousand comparisons.

use hashbrown::HashTable;

use crate::Interested;
use crate::hashing::edge;

/// A list at least this long gets an index; one of half this length loses it.
const INDEX_LEN_MIN: usize = 64;
/// The smallest capacity that is worth giving memory back for.
const SHRINK_CAPACITY_MIN: usize = 16;

#[derive(Debug)]
pub(crate) struct List<S> {
    entries: Vec<S>,
    /// Places in `entries`, by identity; only for long lists whose entries all have one.
    index: Option<Box<HashTable<u32>>>,
}

// === impl List ===

impl<S> List<S> {
    pub(crate) fn of_two(first: S, second: S) -> Self {
        List { entries: vec![first, second], index: None }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[S] {
        &self.entries
    }

    pub(crate) fn into_entries(self) -> Vec<S> {
        self.entries
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let index =
            self.index.as_ref().map_or(0, |index| size_of_val(&**index) + index.allocation_size());
        self.entries.capacity() * size_of::<S>() + index
    }
}

impl<S: Interested> List<S> {
    /// False when the same entry is here already.
    pub(crate) fn insert(&mut self, entry: S) -> bool {
        if self.position(&entry).is_some() {
            return false;
        }
        let place = self.entries.len();
        self.entries.push(entry);
        if self.index.is_some() {
            self.index_place(place);
        } else if place + 1 == INDEX_LEN_MIN {
            self.index = Some(Box::default());
            (0..=place).for_each(|place| self.index_place(place));
        }
        true
    }

    /// False when the entry is not here. The order of the others may change.
    pub(crate) fn remove(&mut self, entry: &S) -> bool {
        let Some(at) = self.position(entry) else {
            return false;
        };
        let last = self.entries.len() - 1;
        if let Some(index) = &mut self.index {
            if let Ok(slot) = index.find_entry(bucket(&self.entries[at]), |&i| i as usize == at) {
                slot.remove();
            }
            // The last entry is about to take the place of this one.
            let moved = index.find_mut(bucket(&self.entries[last]), |&i| i as usize == last);
            if let Some(place) = moved {
                *place = at as u32;
            }
        }
        self.entries.swap_remove(at);
        self.shrink();
        true
    }

    fn position(&self, entry: &S) -> Option<usize> {
        match &self.index {
            Some(index) if entry.identity().is_some() => index
                .find(bucket(entry), |&i| self.entries[i as usize].same(entry))
                .map(|&i| i as usize),
            _ => self.entries.iter().position(|other| other.same(entry)),
        }
    }

    /// Adds a place to the index; an entry without identity ends the index.
    fn index_place(&mut self, place: usize) {
        let entries = &self.entries;
        if entries[place].identity().is_none() {
            self.index = None;
        } else if let Some(index) = &mut self.index {
            let rehash = |&i: &u32| bucket(&entries[i as usize]);
            index.insert_unique(bucket(&entries[place]), place as u32, rehash);
        }
    }

    fn shrink(&mut self) {
        let len = self.entries.len();
        if len < INDEX_LEN_MIN / 2 {
            self.index = None;
        }
        if self.entries.capacity() < SHRINK_CAPACITY_MIN || len * 4 >= self.entries.capacity() {
            return;
        }
        self.entries.shrink_to(len * 2);
        if let Some(index) = &mut self.index {
            index.shrink_to(len * 2, |&i| bucket(&self.entries[i as usize]));
        }
    }
}

/// Where in an index an entry belongs.
fn bucket<S: Interested>(entry: &S) -> u64 {
    edge(0, entry.identity().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sub(u64, bool);

    impl Interested for Sub {
        fn subject(&self) -> &[u8] {
            b"news"
        }
        fn same(&self, other: &Self) -> bool {
            self.0 == other.0
        }
        fn identity(&self) -> Option<u64> {
            self.1.then_some(self.0)
        }
    }

    fn ids(list: &List<Sub>) -> Vec<u64> {
        let mut ids: Vec<u64> = list.as_slice().iter().map(|s| s.0).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_long_list_keeps_its_index_right() {
        let mut list = List::of_two(Sub(0, true), Sub(1, true));
        for id in 2..1000 {
            assert!(list.insert(Sub(id, true)));
        }
        assert!(list.index.is_some());
        let full = list.heap_bytes();
        assert!((0..1000).all(|id| !list.insert(Sub(id, true))));
        // From the middle out, so that most removals move another entry.
        for id in (3..1000).filter(|id| id % 3 != 0) {
            assert!(list.remove(&Sub(id, true)));
            assert!(!list.remove(&Sub(id, true)));
        }
        let left: Vec<u64> = (0..1000).filter(|id| *id < 3 || id % 3 == 0).collect();
        assert_eq!(ids(&list), left);
        for id in left.iter().skip(10) {
            assert!(list.remove(&Sub(*id, true)), "{id}");
        }
        assert_eq!(ids(&list), left[..10]);
        assert!(list.index.is_none() && list.heap_bytes() * 8 < full);
    }

    #[test]
    fn entries_without_identity_work_too() {
        let mut list = List::of_two(Sub(0, true), Sub(1, true));
        for id in 2..200 {
            // The first ones are indexed, until one comes that can't be.
            assert!(list.insert(Sub(id, id < 100)));
            assert!(!list.insert(Sub(id, id % 2 == 0)));
        }
        assert!(list.index.is_none());
        assert!((0..200).all(|id| list.remove(&Sub(id, false))));
        assert!(list.as_slice().is_empty());
    }
}
