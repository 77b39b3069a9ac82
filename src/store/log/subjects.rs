//! The distinct subjects of a log: an id for each, how many messages it has, and where they begin
//! and end.
//!
//! The bytes of subjects lie behind each other in an arena, entries in blocks, and the hash table
//! holds ids only; about 60 bytes a subject beside its own. The table is split, so that its growth
//! is never one long pause.

use std::collections::VecDeque;

use hashbrown::HashTable;
use vagus_subject::hash;

/// A bit of the hash that `hashbrown` does not look at first.
const TABLES: usize = 16;
const BLOCK: usize = 1024;
const ARENA_BLOCK: usize = 64 << 10;

/// What is known of one subject.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    /// Sequences of the first and last message; meaningless if there is none.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Messages there are.
    pub(crate) count: u32,
    /// Slots that know this id: messages there are, and those whose removal is not final.
    pub(crate) held: u32,
    /// Where in the arena: block and offset.
    block: u32,
    at: u16,
    len: u16,
}

/// The table of subjects. The id of a subject that is gone is used again, but not soon.
#[derive(Debug)]
pub(crate) struct Subjects {
    tables: [HashTable<u32>; TABLES],
    entries: Vec<Box<[Entry]>>,
    /// Ids given so far.
    ids: u32,
    arena: Vec<ArenaBlock>,
    /// Subjects with messages.
    live: usize,
    /// Ids to be used again, with the number of the removal that freed them.
    freed: VecDeque<(u64, u32)>,
    /// How often an id was given to another subject.
    reused: u64,
}

#[derive(Debug, Default)]
struct ArenaBlock {
    bytes: Vec<u8>,
    /// Bytes of subjects that are still known.
    used: u32,
}

// === impl Subjects ===

impl Default for Subjects {
    fn default() -> Subjects {
        Subjects {
            tables: std::array::from_fn(|_| HashTable::new()),
            entries: Vec::new(),
            ids: 0,
            arena: Vec::new(),
            live: 0,
            freed: VecDeque::new(),
            reused: 0,
        }
    }
}

impl Subjects {
    pub(crate) fn find(&self, subject: &[u8]) -> Option<u32> {
        let hash = hash(subject);
        let table = &self.tables[table_of(hash)];
        table.find(hash, |id| self.subject(*id) == subject).copied()
    }

    /// The id of a subject, which is given one if it has none. `removals` is how many removals
    /// there were: ids freed less than `keep` removals ago are left alone.
    pub(crate) fn intern(&mut self, subject: &[u8], removals: u64, keep: u64) -> u32 {
        let hash = hash(subject);
        let table = &self.tables[table_of(hash)];
        if let Some(id) = table.find(hash, |id| self.subject(*id) == subject) {
            return *id;
        }
        let id = match self.freed.front() {
            Some((freed, id)) if freed + keep <= removals => {
                let id = *id;
                self.freed.pop_front();
                self.reused += 1;
                self.forget_bytes(id);
                id
            }
            _ => {
                let id = self.ids;
                self.ids += 1;
                if id as usize / BLOCK == self.entries.len() {
                    let len = if id == 0 { 16 } else { BLOCK };
                    self.entries.push(vec![Entry::default(); len].into());
                } else if id as usize == self.entries[0].len() {
                    // The first block begins small, for logs with few subjects.
                    let mut block = std::mem::take(&mut self.entries[0]).into_vec();
                    block.resize((block.len() * 4).min(BLOCK), Entry::default());
                    self.entries[0] = block.into();
                }
                id
            }
        };
        let (block, at) = self.store(subject);
        *self.entry_mut(id) = Entry { block, at, len: subject.len() as u16, ..Entry::default() };
        self.insert(id, hash);
        id
    }

    fn insert(&mut self, id: u32, hash: u64) {
        // The table is taken out while it may grow, since growth reads the subjects.
        let mut table = std::mem::take(&mut self.tables[table_of(hash)]);
        table.insert_unique(hash, id, |id| vagus_subject::hash(self.subject(*id)));
        self.tables[table_of(hash)] = table;
    }

    fn store(&mut self, subject: &[u8]) -> (u32, u16) {
        let fits = |block: &ArenaBlock| block.bytes.len() + subject.len() <= ARENA_BLOCK;
        if !self.arena.last().is_some_and(fits) {
            self.arena.push(ArenaBlock::default());
        }
        let last = self.arena.len() - 1;
        let block = &mut self.arena[last];
        let at = block.bytes.len();
        if block.bytes.capacity() < at + subject.len() {
            let more = (at.max(256)).max(subject.len()).min(ARENA_BLOCK - at);
            block.bytes.reserve_exact(more);
        }
        block.bytes.extend_from_slice(subject);
        block.used += subject.len() as u32;
        (last as u32, at as u16)
    }

    fn forget_bytes(&mut self, id: u32) {
        let Entry { block, len, .. } = *self.entry(id);
        let last = block as usize + 1 == self.arena.len();
        let block = &mut self.arena[block as usize];
        block.used -= u32::from(len);
        if block.used == 0 && !last {
            block.bytes = Vec::new();
        }
    }

    #[inline]
    pub(crate) fn entry(&self, id: u32) -> &Entry {
        &self.entries[id as usize / BLOCK][id as usize % BLOCK]
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, id: u32) -> &mut Entry {
        &mut self.entries[id as usize / BLOCK][id as usize % BLOCK]
    }

    #[inline]
    pub(crate) fn subject(&self, id: u32) -> &[u8] {
        let entry = self.entry(id);
        let at = usize::from(entry.at);
        &self.arena[entry.block as usize].bytes[at..at + usize::from(entry.len)]
    }

    /// A slot of this subject is no more. If it was the last one, so is the subject.
    pub(crate) fn release(&mut self, id: u32, removals: u64) {
        let entry = self.entry_mut(id);
        debug_assert!(entry.held > 0 && entry.held >= entry.count, "{entry:?}");
        entry.held -= 1;
        if entry.held > 0 {
            return;
        }
        let hash = hash(self.subject(id));
        if let Ok(found) = self.tables[table_of(hash)].find_entry(hash, |other| *other == id) {
            found.remove();
        }
        self.freed.push_back((removals, id));
    }

    /// Tells the table that messages of a subject came or went: how many there were before.
    #[inline]
    pub(crate) fn counted(&mut self, before: u32, after: u32) {
        if before == 0 && after > 0 {
            self.live += 1;
        } else if before > 0 && after == 0 {
            self.live -= 1;
        }
    }

    /// Ids given so far: all are below that.
    pub(crate) fn ids(&self) -> usize {
        self.ids as usize
    }

    /// Subjects that have messages.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Changes whenever what was learned about an id may no longer be true.
    pub(crate) fn reused(&self) -> u64 {
        self.reused
    }

    /// Calls `each` with every subject that has messages.
    pub(crate) fn each(&self, mut each: impl FnMut(u32, &[u8], &Entry)) {
        for id in self.tables.iter().flatten() {
            let entry = self.entry(*id);
            if entry.count > 0 {
                each(*id, self.subject(*id), entry);
            }
        }
    }

    pub(crate) fn memory(&self) -> usize {
        let tables: usize = self.tables.iter().map(HashTable::allocation_size).sum();
        let entries: usize =
            self.entries.iter().map(|block| block.len() * size_of::<Entry>()).sum();
        let arena: usize = self.arena.iter().map(|block| block.bytes.capacity() + 32).sum();
        tables + entries + arena
    }
}

fn table_of(hash: u64) -> usize {
    vagus_subject::shard_of(hash, TABLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_id_for_as_long_as_it_is_held() {
        let mut subjects = Subjects::default();
        let ids: Vec<u32> = (0..5000)
            .map(|n| {
                let id = subjects.intern(format!("a.{n}").as_bytes(), 0, 10);
                subjects.entry_mut(id).held = 1;
                id
            })
            .collect();
        assert_eq!(ids, (0..5000).collect::<Vec<u32>>());
        for id in ids {
            let name = format!("a.{id}");
            assert_eq!(subjects.find(name.as_bytes()), Some(id));
            assert_eq!(subjects.intern(name.as_bytes(), 0, 10), id);
            assert_eq!(subjects.subject(id), name.as_bytes());
        }
    }

    #[test]
    fn an_id_is_used_again_when_nobody_can_mean_the_old_subject() {
        let mut subjects = Subjects::default();
        let a = subjects.intern(b"a", 0, 10);
        subjects.entry_mut(a).held = 2;
        subjects.release(a, 3);
        assert_eq!(subjects.find(b"a"), Some(a));
        subjects.release(a, 4);
        assert_eq!(subjects.find(b"a"), None);
        let b = subjects.intern(b"b", 13, 10);
        assert_ne!(b, a);
        assert_eq!(subjects.subject(a), b"a", "whoever was told the id may still ask");
        assert_eq!(subjects.intern(b"c", 14, 10), a);
        assert_eq!(subjects.subject(a), b"c");
        assert_eq!(subjects.reused(), 1);
    }

    #[test]
    fn the_arena_does_not_grow_with_subjects_that_come_and_go() {
        let mut subjects = Subjects::default();
        for n in 0..200_000u64 {
            let id = subjects.intern(format!("request.{n}").as_bytes(), n, 100);
            subjects.entry_mut(id).held = 1;
            subjects.release(id, n);
        }
        assert!(subjects.memory() < 400 << 10, "{}", subjects.memory());
    }
}
