//! How the messages that a filter wants are found, in ascending order of their sequences.
//!
//! - all: from live slot to live slot;
//! - a few subjects: along the chain of each, always the lowest one next;
//! - patterns: every live slot is looked at, and its subject judged by its id.

use smallvec::SmallVec;

use super::filter::Filter;
use super::index::Index;

/// Filters with more subjects than this are judged slot by slot.
const CHAINS_MAX: usize = 16;
/// In so short a part of the log no chain is worth finding.
const SPAN_MIN: u64 = 128;
/// A scan looks at so many slots in the time a chain takes for one message.
const SCAN_PER_STEP: u64 = 16;

/// Where a walk goes, and how far at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    pub(crate) from: u64,
    /// The last sequence.
    pub(crate) to: u64,
    /// Slots that may be looked at.
    pub(crate) budget: usize,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    /// There is nothing more up to the end.
    End,
    /// It was told to stop at this sequence.
    Stopped(u64),
    /// The budget is used up; it goes on from this sequence.
    Budget(u64),
}

// === impl Path ===

impl Path {
    pub(crate) fn all(from: u64, to: u64) -> Path {
        Path { from, to, budget: usize::MAX }
    }
}

// === impl Index ===

impl Index {
    /// Calls `each` with segment and slot of the live messages that `filter` wants, until it says
    /// `false`.
    pub(crate) fn walk(
        &self,
        path: Path,
        filter: &Filter,
        each: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Walked {
        if self.messages == 0 || path.from > path.to.min(self.last) {
            return Walked::End;
        }
        match filter.subjects() {
            Some(subjects)
                if subjects.len() <= CHAINS_MAX
                    && path.to.min(self.last) - path.from > SPAN_MIN =>
            {
                let ids = subjects.iter().filter_map(|subject| self.subjects.find(subject));
                self.walk_chains(path, ids.collect(), each)
            }
            _ => filter.judge(self, |wanted| self.walk_slots(path, wanted, each)),
        }
    }

    fn walk_slots(
        &self,
        path: Path,
        wanted: &mut dyn FnMut(u32) -> bool,
        each: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Walked {
        let mut budget = path.budget;
        let mut at = self.segment_of(path.from).unwrap_or(0);
        let Some(segment) = self.segments.get(at) else { return Walked::End };
        let mut from = segment.slot_from(path.from);
        // Of neighbours with one subject only the first is judged.
        let mut judged = (u32::MAX, false);
        while let Some(segment) = self.segments.get(at)
            && segment.base <= path.to
        {
            let end = if segment.last() <= path.to {
                segment.slots()
            } else {
                segment.slot_from(path.to.saturating_add(1))
            };
            while let Some(slot) = segment.next_live(from)
                && slot < end
            {
                if budget == 0 {
                    return Walked::Budget(segment.seq(slot));
                }
                budget -= 1;
                let id = segment.subject(slot);
                if judged.0 != id {
                    judged = (id, wanted(id));
                }
                if judged.1 && !each(at, slot) {
                    return Walked::Stopped(segment.seq(slot));
                }
                from = slot + 1;
            }
            (at, from) = (at + 1, 0);
        }
        Walked::End
    }

    fn walk_chains(
        &self,
        path: Path,
        ids: SmallVec<[u32; CHAINS_MAX]>,
        each: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Walked {
        let mut budget = path.budget;
        let heads = ids.into_iter().filter_map(|id| self.first_from(id, path.from));
        let mut heads: SmallVec<[u64; CHAINS_MAX]> = heads.collect();
        loop {
            let lowest = heads.iter().copied().enumerate().min_by_key(|(_, seq)| *seq);
            let Some((chain, seq)) = lowest.filter(|(_, seq)| *seq <= path.to) else {
                return Walked::End;
            };
            if budget == 0 {
                return Walked::Budget(seq);
            }
            budget -= 1;
            let Some((segment, slot)) = self.find(seq) else { return Walked::End };
            if !each(segment, slot) {
                return Walked::Stopped(seq);
            }
            match self.next_same(segment, slot) {
                Some(next) => heads[chain] = next,
                None => {
                    heads.swap_remove(chain);
                }
            }
        }
    }

    /// The first live message of a subject at or behind `from`.
    pub(crate) fn first_from(&self, id: u32, from: u64) -> Option<u64> {
        let entry = *self.subjects.entry(id);
        if entry.count == 0 || from > entry.last {
            return None;
        }
        if from <= entry.first {
            return Some(entry.first);
        }
        // Who goes on behind a message of this subject is led by it.
        if let Some((segment, slot)) = self.find(from - 1)
            && self.segments[segment].subject(slot) == id
            && self.segments[segment].is_live(slot)
        {
            return self.next_same(segment, slot);
        }
        if u64::from(entry.count) * SCAN_PER_STEP > entry.last - from {
            return self.scan_forward(from, entry.last, id);
        }
        if entry.last - from < from - entry.first {
            let mut seq = entry.last;
            loop {
                let (segment, slot) = self.find(seq)?;
                match self.prev_same(segment, slot) {
                    Some(prev) if prev >= from => seq = prev,
                    _ => return Some(seq),
                }
            }
        }
        let mut seq = entry.first;
        while seq < from {
            let (segment, slot) = self.find(seq)?;
            seq = self.next_same(segment, slot)?;
        }
        Some(seq)
    }

    /// The last live message of a subject at or before `to`.
    pub(crate) fn last_upto(&self, id: u32, to: u64) -> Option<u64> {
        let entry = *self.subjects.entry(id);
        if entry.count == 0 || entry.first > to {
            return None;
        }
        let mut seq = entry.last;
        while seq > to {
            let (segment, slot) = self.find(seq)?;
            seq = self.prev_same(segment, slot)?;
        }
        Some(seq)
    }

    /// Segment and slot of up to `limit` messages from `from` on and below `below`.
    pub(crate) fn matching(
        &self,
        from: u64,
        below: u64,
        filter: &Filter,
        limit: usize,
    ) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let Some(to) = below.checked_sub(1) else { return found };
        self.walk(Path::all(from, to), filter, &mut |segment, slot| {
            found.push((segment, slot));
            found.len() < limit
        });
        found
    }

    /// How many live messages there are from `from` to `to`.
    pub(crate) fn live_between(&self, from: u64, to: u64) -> u64 {
        let from = from.max(self.first);
        if from > to.min(self.last) {
            return 0;
        }
        if from == self.first && to >= self.last {
            return self.messages;
        }
        let behind = |seq: u64| {
            // Messages at or behind this sequence: whichever side is shorter is counted.
            let Some(at) = self.segment_of(seq) else { return self.messages };
            let here = self.segments[at].live_from(self.segments[at].slot_from(seq));
            let counted = |n: usize| u64::from(self.segments[n].live_count());
            if at < self.segments.len() / 2 {
                let before: u64 = (0..=at).map(counted).sum();
                self.messages - before + here
            } else {
                (at + 1..self.segments.len()).map(counted).sum::<u64>() + here
            }
        };
        behind(from) - if to >= self.last { 0 } else { behind(to + 1) }
    }

    /// The first live message stored at or after `time_ns`; times are taken to rise.
    pub(crate) fn at_time(&self, time_ns: i64) -> Option<u64> {
        // The last segment that begins before that time, and all behind it.
        let begins = |at: usize| {
            let segment = &self.segments[at];
            segment.slots() > 0 && segment.facts.get(0).time_ns < time_ns
        };
        let (mut low, mut high) = (0, self.segments.len());
        while low < high {
            let middle = (low + high) / 2;
            if begins(middle) { low = middle + 1 } else { high = middle }
        }
        for at in low.saturating_sub(1)..self.segments.len() {
            let segment = &self.segments[at];
            let (mut low, mut high) = (0, segment.slots());
            while low < high {
                let middle = (low + high) / 2;
                if segment.facts.get(middle).time_ns < time_ns {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if let Some(slot) = segment.next_live(low) {
                return Some(segment.seq(slot));
            }
        }
        None
    }

    /// The log goes on behind `seq`.
    pub(crate) fn skip(&mut self, seq: u64) {
        self.last = seq;
        if self.messages == 0 {
            self.first = seq + 1;
        }
    }
}
