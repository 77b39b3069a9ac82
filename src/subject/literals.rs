//! The exact half of the index: subscriptions without wildcards, found by one look in a table.
//!
//! ```text
//! singles: [ S | S | - | S | ... ]     subjects with one subscriber: 8 + 1 bytes a bucket
//! crowds:  [ List<S> | - | ... ]       subjects with two or more:    32 + 1 bytes a bucket
//! ```
//!
//! Both tables are keyed by the subject, which is read through the entry: no key is copied, and a
//! bucket of the large table is one pointer. A subject is in one of the two, never in both. A
//! single table with an enum for "one or many" would need 16 + 1 bytes for every bucket instead.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::Interested;
use crate::list::List;

/// Tables smaller than this are not worth shrinking.
const SHRINK_BUCKETS_MIN: usize = 64;

/// Subscriptions to exact subjects. Every `hash` argument is [`crate::hash`] of the subject.
#[derive(Debug)]
pub struct Literals<S> {
    /// The only subscriber of its subject.
    singles: HashTable<S>,
    /// All subscribers of a subject that has at least two.
    crowds: HashTable<List<S>>,
    /// Subscriptions in both tables.
    len: usize,
}

// === impl Literals ===

impl<S> Literals<S> {
    /// An empty table, which owns no memory.
    pub const fn new() -> Self {
        Literals { singles: HashTable::new(), crowds: HashTable::new(), len: 0 }
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many distinct subjects there are.
    pub fn subjects(&self) -> usize {
        self.singles.len() + self.crowds.len()
    }

    /// Every subscription, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.singles.iter().chain(self.crowds.iter().flat_map(List::as_slice))
    }

    /// Bytes on the heap, those that the entries point to aside.
    pub fn heap_bytes(&self) -> usize {
        let lists: usize = self.crowds.iter().map(List::heap_bytes).sum();
        self.singles.allocation_size() + self.crowds.allocation_size() + lists
    }
}

impl<S: Interested> Literals<S> {
    /// Adds a subscription; false when the same one is here already.
    pub fn insert(&mut self, hash: u64, entry: S) -> bool {
        debug_assert_eq!(hash, entry.subject_hash(), "the hash of another subject");
        if let Some(crowd) = self.crowd_mut(hash, entry.subject()) {
            let added = crowd.insert(entry);
            self.len += usize::from(added);
            return added;
        }
        let same_subject = |other: &S| other.subject() == entry.subject();
        match self.singles.entry(hash, same_subject, S::subject_hash) {
            Entry::Vacant(slot) => {
                slot.insert(entry);
            }
            Entry::Occupied(slot) => {
                if slot.get().same(&entry) {
                    return false;
                }
                let (first, _) = slot.remove();
                self.crowds.insert_unique(hash, List::of_two(first, entry), crowd_hash);
            }
        }
        self.len += 1;
        true
    }

    /// Takes a subscription out; false when it is not here.
    pub fn remove(&mut self, hash: u64, entry: &S) -> bool {
        let subject = entry.subject();
        if let Ok(slot) = self.singles.find_entry(hash, |other| other.subject() == subject) {
            if !slot.get().same(entry) {
                return false;
            }
            slot.remove();
        } else if !self.remove_from_crowd(hash, entry) {
            return false;
        }
        self.len -= 1;
        self.shrink();
        true
    }

    /// The subscriptions to exactly `subject`.
    #[inline]
    pub fn matching(&self, hash: u64, subject: &[u8]) -> &[S] {
        if let Some(single) = self.singles.find(hash, |entry| entry.subject() == subject) {
            return std::slice::from_ref(single);
        }
        if self.crowds.is_empty() {
            return &[];
        }
        self.crowds.find(hash, |list| speaks_of(list, subject)).map_or(&[], List::as_slice)
    }

    fn crowd_mut(&mut self, hash: u64, subject: &[u8]) -> Option<&mut List<S>> {
        if self.crowds.is_empty() {
            return None;
        }
        self.crowds.find_mut(hash, |list| speaks_of(list, subject))
    }

    /// Removes from a crowd; the last one that is left moves back to the singles.
    fn remove_from_crowd(&mut self, hash: u64, entry: &S) -> bool {
        let found = self.crowds.find_entry(hash, |list| speaks_of(list, entry.subject()));
        let Ok(mut slot) = found else {
            return false;
        };
        if !slot.get_mut().remove(entry) {
            return false;
        }
        if let [_] = slot.get().as_slice() {
            let (list, _) = slot.remove();
            if let Some(last) = list.into_entries().pop() {
                self.singles.insert_unique(hash, last, S::subject_hash);
            }
        }
        true
    }

    /// Gives memory back when a table is less than an eighth full, and leaves it room to double.
    fn shrink(&mut self) {
        if is_sparse(&self.singles) {
            self.singles.shrink_to(self.singles.len() * 2, S::subject_hash);
        }
        if is_sparse(&self.crowds) {
            self.crowds.shrink_to(self.crowds.len() * 2, crowd_hash);
        }
    }
}

/// Judged by buckets: `capacity` counts neither full buckets nor those that removal left unusable.
fn is_sparse<T>(table: &HashTable<T>) -> bool {
    table.num_buckets() >= SHRINK_BUCKETS_MIN && table.len() * 8 < table.num_buckets()
}

fn speaks_of<S: Interested>(list: &List<S>, subject: &[u8]) -> bool {
    list.as_slice().first().is_some_and(|entry| entry.subject() == subject)
}

/// A crowd in the table has two members at least, hence a first one.
fn crowd_hash<S: Interested>(list: &List<S>) -> u64 {
    list.as_slice().first().map_or(0, S::subject_hash)
}

// === impl Default ===

impl<S> Default for Literals<S> {
    fn default() -> Self {
        Literals::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Sub(String, u32);

    impl Interested for Arc<Sub> {
        fn subject(&self) -> &[u8] {
            self.0.as_bytes()
        }
        fn same(&self, other: &Self) -> bool {
            self.1 == other.1
        }
    }

    fn sub(subject: &str, id: u32) -> (u64, Arc<Sub>) {
        (hash(subject.as_bytes()), Arc::new(Sub(subject.to_owned(), id)))
    }

    fn ids(table: &Literals<Arc<Sub>>, subject: &str) -> Vec<u32> {
        let subject = subject.as_bytes();
        let mut ids: Vec<u32> =
            table.matching(hash(subject), subject).iter().map(|s| s.1).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn one_becomes_many_and_one_again() {
        let mut table = Literals::new();
        let (h, first) = sub("a.b", 1);
        let (_, second) = sub("a.b", 2);
        let (_, third) = sub("a.b", 3);
        assert!(table.insert(h, first.clone()));
        assert!(!table.insert(h, first.clone()), "the same one twice");
        assert!(table.insert(h, second.clone()));
        assert!(!table.insert(h, second.clone()));
        assert!(table.insert(h, third.clone()));
        assert_eq!(ids(&table, "a.b"), [1, 2, 3]);
        assert_eq!((table.len(), table.subjects()), (3, 1));
        assert!(table.remove(h, &first));
        assert!(!table.remove(h, &first));
        assert!(table.remove(h, &third));
        assert_eq!(ids(&table, "a.b"), [2]);
        assert!(!table.remove(h, &third));
        assert!(table.remove(h, &second));
        assert!(table.is_empty());
        assert_eq!(ids(&table, "a.b"), [0; 0]);
        assert_eq!(table.iter().count(), 0);
    }

    #[test]
    fn an_entry_under_another_subject_stays() {
        let mut table = Literals::new();
        let (h, entry) = sub("a", 1);
        table.insert(h, entry);
        let (other_hash, other) = sub("b", 1);
        assert!(!table.remove(other_hash, &other));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_distinct_subject_costs_few_bytes_and_gives_them_back() {
        const COUNT: usize = 20_000;
        let mut table = Literals::new();
        let all: Vec<_> = (0..COUNT).map(|i| sub(&format!("t.{i}"), i as u32)).collect();
        for (h, entry) in &all {
            assert!(table.insert(*h, entry.clone()));
        }
        let full = table.heap_bytes();
        assert!(full <= COUNT * 21, "{} bytes each", full / COUNT);
        for (h, entry) in &all[100..] {
            assert!(table.remove(*h, entry));
        }
        assert!(table.heap_bytes() * 20 < full, "{} of {full} are left", table.heap_bytes());
        for (h, entry) in &all[..100] {
            assert!(table.matching(*h, entry.subject())[0].same(entry));
            assert!(table.remove(*h, entry));
        }
        assert_eq!((table.len(), table.singles.num_buckets() < SHRINK_BUCKETS_MIN), (0, true));
    }
}
