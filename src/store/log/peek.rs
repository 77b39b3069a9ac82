//! What the writer knows at once, with what it staged: numbers, places and subjects, no contents.

use super::Log;
use super::filter::Filter;
use super::index::Index;
use super::reader::{Load, Reader};
use super::walk::Path;

/// Where a message is among those of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub subject_id: u32,
    /// The message of the subject before it; 0 without one.
    pub before: u64,
    /// Messages of the subject, with this one.
    pub count: u64,
}

/// A message as the index has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub seq: u64,
    pub time_ns: i64,
    pub subject_id: u32,
}

// === impl Log ===

impl Log {
    /// Whether anything is staged.
    pub fn is_staged(&self) -> bool {
        self.changed || !self.table.is_empty()
    }

    /// The sequence of the first message; one behind the last if there is none.
    pub fn first_seq(&self) -> u64 {
        self.core.index.read().first
    }

    pub fn last_seq(&self) -> u64 {
        self.core.index.read().last
    }

    /// Messages there are.
    pub fn len(&self) -> u64 {
        self.core.index.read().messages
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the messages count.
    pub fn bytes(&self) -> u64 {
        self.core.index.read().bytes
    }

    /// The place of the message that was appended last.
    pub fn placed(&self) -> Option<Placed> {
        let index = self.core.index.read();
        let (segment, slot) = index.find(index.last)?;
        let subject_id = index.segments[segment].subject(slot);
        let count = u64::from(index.subjects.entry(subject_id).count);
        let before = if count > 1 { index.prev_same(segment, slot) } else { None };
        Some(Placed { subject_id, before: before.unwrap_or(0), count })
    }

    /// The last message that matches, a subject or a pattern.
    pub fn last_matching(&self, pattern: &[u8]) -> Option<u64> {
        if vagus_subject::has_wildcards(pattern) {
            return self.core.index.read().last_matching(u64::MAX, &Filter::new(pattern));
        }
        self.last_of(pattern)
    }

    /// The last message of a subject.
    pub fn last_of(&self, subject: &[u8]) -> Option<u64> {
        let index = self.core.index.read();
        let entry = index.subjects.entry(index.subjects.find(subject)?);
        (entry.count > 0).then_some(entry.last)
    }

    /// The first message of a subject.
    pub fn first_of(&self, subject: &[u8]) -> Option<u64> {
        let index = self.core.index.read();
        let entry = index.subjects.entry(index.subjects.find(subject)?);
        (entry.count > 0).then_some(entry.first)
    }

    /// How many messages a subject has.
    pub fn count_of(&self, subject: &[u8]) -> u64 {
        let index = self.core.index.read();
        let id = index.subjects.find(subject);
        id.map_or(0, |id| u64::from(index.subjects.entry(id).count))
    }

    /// The first message at or behind `seq`.
    pub fn next(&self, seq: u64) -> Option<Listed> {
        let index = self.core.index.read();
        index.listed(index.next_live(seq)?)
    }

    /// What a message counts; 0 if there is none.
    pub fn size_of(&self, seq: u64) -> u64 {
        let index = self.core.index.read();
        let found = index.find(seq).filter(|at| index.segments[at.0].is_live(at.1));
        found
            .map_or(0, |(segment, slot)| index.shape.count(index.segments[segment].facts.get(slot)))
    }

    /// When a message expires that says so itself, ns since 1970; 0 if it does not. An error: that
    /// has to be read first.
    pub fn expires_of(&self, seq: u64) -> Result<i64, Load> {
        let index = self.core.index.read();
        let Some((segment, slot)) = index.find(seq) else { return Ok(0) };
        if !index.segments[segment].facts.get(slot).has_expires {
            return Ok(0);
        }
        let mut expires_ns = 0;
        index.read(segment, slot, &mut None, &mut |stored| {
            expires_ns = stored.expires_ns;
            true
        })?;
        Ok(expires_ns)
    }

    /// Calls `see` with the subject of an id that has messages.
    pub fn subject<R>(&self, id: u32, see: impl FnOnce(&[u8]) -> R) -> R {
        see(self.core.index.read().subjects.subject(id))
    }
}

// === impl Reader ===

impl Reader {
    /// Committed messages at or behind `from` that `filter` wants.
    pub fn count_from(&self, from: u64, filter: &Filter) -> u64 {
        let index = self.core().index.read();
        index.count_between(from, index.committed, filter)
    }

    /// Committed messages with headers from sequence `from` on, up to `limit` of them. An empty
    /// list: there are no more.
    pub fn with_headers(&self, from: u64, limit: usize) -> Vec<u64> {
        let index = self.core().index.read();
        let mut found = Vec::new();
        index.walk(Path::all(from, index.committed), &Filter::all(), &mut |segment, slot| {
            let segment = &index.segments[segment];
            if segment.facts.get(slot).has_headers {
                found.push(segment.seq(slot));
            }
            found.len() < limit
        });
        found
    }
}

// === impl Index ===

impl Index {
    fn listed(&self, seq: u64) -> Option<Listed> {
        let (segment, slot) = self.find(seq)?;
        let segment = &self.segments[segment];
        let time_ns = segment.facts.get(slot).time_ns;
        Some(Listed { seq, time_ns, subject_id: segment.subject(slot) })
    }
}
