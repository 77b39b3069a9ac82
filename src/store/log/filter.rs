//! Which messages of a log somebody wants: all, those of a few subjects, or those of patterns.

use parking_lot::Mutex;
use vagus_subject::{has_wildcards, is_subset, matches};

use super::index::Index;

/// One or more subjects, with or without wildcards. Remembers what it found out about the subjects
/// of the log it is used with, so it is best used with one log only.
#[derive(Debug)]
pub struct Filter {
    wants: Wants,
    memory: Mutex<Memory>,
}

#[derive(Debug, Clone)]
enum Wants {
    All,
    /// Without wildcards.
    Subjects(Vec<Box<[u8]>>),
    Patterns(Vec<Box<[u8]>>),
}

/// What was found out about subjects, found again by their id.
#[derive(Debug, Default)]
struct Memory {
    /// The log (by its number) and the count of ids used again for which `verdicts` hold.
    of: (u64, u64),
    /// Each the id, times two, plus whether it is wanted; at the place the id chooses.
    verdicts: Vec<u64>,
}

/// Verdicts that are remembered, at most.
const VERDICTS: usize = 4096;
const UNKNOWN: u64 = u64::MAX;

// === impl Filter ===

impl Filter {
    /// Every message.
    pub fn all() -> Filter {
        Filter { wants: Wants::All, memory: Mutex::default() }
    }

    /// The messages of one subject, or of those that match a pattern.
    pub fn new(pattern: &[u8]) -> Filter {
        Filter::any([pattern])
    }

    /// The messages that one of `patterns` matches, or all if there is none.
    pub fn any<'a>(patterns: impl IntoIterator<Item = &'a [u8]>) -> Filter {
        let mut all: Vec<Box<[u8]>> = patterns.into_iter().map(Box::from).collect();
        all.sort();
        all.dedup();
        let wide = all.clone();
        all.retain(|a| !wide.iter().any(|b| a != b && is_subset(a, b)));
        let wants = if all.is_empty() || all.iter().any(|pattern| **pattern == *b">") {
            Wants::All
        } else if all.iter().any(|pattern| has_wildcards(pattern)) {
            Wants::Patterns(all)
        } else {
            Wants::Subjects(all)
        };
        Filter { wants, memory: Mutex::default() }
    }

    pub fn is_all(&self) -> bool {
        matches!(self.wants, Wants::All)
    }

    pub fn matches(&self, subject: &[u8]) -> bool {
        match &self.wants {
            Wants::All => true,
            Wants::Subjects(subjects) => {
                subjects.binary_search_by(|probe| (**probe).cmp(subject)).is_ok()
            }
            Wants::Patterns(patterns) => patterns.iter().any(|pattern| matches(pattern, subject)),
        }
    }

    /// The subjects that are wanted, if none of them has wildcards.
    pub(crate) fn subjects(&self) -> Option<&[Box<[u8]>]> {
        match &self.wants {
            Wants::Subjects(subjects) => Some(subjects),
            _ => None,
        }
    }

    /// Calls `work` with a function that tells whether the subject of an id is wanted.
    pub(crate) fn judge<T>(
        &self,
        index: &Index,
        work: impl FnOnce(&mut dyn FnMut(u32) -> bool) -> T,
    ) -> T {
        if self.is_all() {
            return work(&mut |_| true);
        }
        let mut memory = self.memory.lock();
        let of = (index.number, index.subjects.reused());
        if memory.of != of {
            memory.of = of;
            memory.verdicts.fill(UNKNOWN);
        }
        work(&mut |id| {
            let ids = index.subjects.ids().next_power_of_two().clamp(64, VERDICTS);
            if memory.verdicts.len() < ids {
                memory.verdicts.clear();
                memory.verdicts.resize(ids, UNKNOWN);
            }
            let at = id as usize & (memory.verdicts.len() - 1);
            let known = memory.verdicts[at];
            if known >> 1 == u64::from(id) {
                return known & 1 != 0;
            }
            let wanted = self.matches(index.subjects.subject(id));
            memory.verdicts[at] = u64::from(id) << 1 | u64::from(wanted);
            wanted
        })
    }
}

impl Default for Filter {
    fn default() -> Filter {
        Filter::all()
    }
}

impl Clone for Filter {
    fn clone(&self) -> Filter {
        Filter { wants: self.wants.clone(), memory: Mutex::default() }
    }
}
