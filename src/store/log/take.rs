//! The index of a log made from those of its segments, as fast as it can be.

use std::collections::HashMap as StdMap;

use hashbrown::HashMap;

use super::footer::Columns;
use super::index::{Index, far};
use super::ranges::Ranges;
use super::recover::Found;
use super::segment::Segment;
use super::state::{Saved, SavedSegment};

/// A subject of a segment while the segment is taken in.
#[derive(Clone, Copy, Default)]
struct Name {
    id: u32,
    /// The first and the last message so far, and the slot of the last.
    first: u64,
    last: u64,
    slot: usize,
    count: u32,
}

// === impl Index ===

impl Index {
    /// Takes in what was found of what was saved. If the state is `stale`, what lies behind its
    /// last sequence is taken in, too.
    pub(super) fn take(&mut self, state: Saved, mut found: HashMap<u64, Found>, stale: bool) {
        let Saved { last, last_time, next_segment, lost, segments } = state;
        self.lost = lost;
        self.next_segment = self.next_segment.max(next_segment);
        self.last = self.last.max(last);
        self.last_time = last_time;
        self.first = self.last + 1;
        for saved in segments {
            match found.remove(&saved.id) {
                Some(found) => self.take_segment(found, saved, last, stale),
                None => self.missing.append(&saved.messages),
            }
        }
        self.committed = self.last;
        self.first = self.next_live(0).unwrap_or(self.last + 1);
    }

    fn take_segment(&mut self, found: Found, saved: SavedSegment, last: u64, stale: bool) {
        let Found { id, base, file, columns, end } = found;
        let mut segment = Segment::new(id, base);
        segment.end = end.max(if stale { 0 } else { saved.upto });
        segment.file = Some(file);
        let mut wanted = Wanted::new(&saved.messages, if stale { last } else { u64::MAX });
        let keep: Vec<bool> = (0..columns.slots())
            .map(|slot| wanted.has(base + u64::from(columns.distance(slot))))
            .collect();
        self.missing.append(&wanted.missed(&columns, base, &keep));
        let before = self.segments.back().map_or(0, Segment::last);
        let at = self.segments.len();
        self.segments.push_back(segment);
        self.fill(at, &columns, &keep, before);
        let segment = &mut self.segments[at];
        if segment.slots() == 0 {
            // Nothing in it is alive: what is written from now on goes elsewhere.
            self.segments.pop_back();
            self.dropped.push(id);
            return;
        }
        segment.shrink();
        let (new_last, time) = (segment.last(), segment.facts.get(segment.slots() - 1).time_ns);
        if new_last > self.last {
            (self.last, self.last_time) = (new_last, time);
        }
        for (slot, time) in &columns.expiries {
            if keep[*slot as usize] {
                self.expiries.add(*time, base + u64::from(columns.distance(*slot as usize)));
            }
        }
    }

    /// Fills the last segment with the slots that are kept.
    fn fill(&mut self, at: usize, columns: &Columns, keep: &[bool], before: u64) {
        let mut names = vec![Name { id: u32::MAX, ..Name::default() }; columns.names.len()];
        let mut links = StdMap::new();
        let base = self.segments[at].base;
        let (mut bytes, mut messages) = (0, 0);
        let mut last = before;
        columns.facts.each(|slot, fact| {
            let seq = base + u64::from(columns.distance(slot));
            if !keep[slot] || seq <= last {
                return;
            }
            last = seq;
            let number = columns.subjects[slot] as usize;
            let name = &mut names[number];
            if name.id == u32::MAX {
                let (total, kept) = (self.removals.total(), super::removals::Removals::KEPT);
                name.id = self.subjects.intern(&columns.names[number], total, kept);
                name.first = seq;
                let entry = self.subjects.entry_mut(name.id);
                // Held from now on, so that the next name does not get this id.
                entry.held += 1;
                if entry.count > 0 {
                    name.last = entry.last;
                    links.insert(entry.last, seq);
                }
            }
            let prev = if name.last == 0 { 0 } else { far(seq - name.last) };
            let segment = &mut self.segments[at];
            if name.count > 0 {
                segment.next[name.slot] = prev;
            }
            (name.last, name.slot) = (seq, segment.slots());
            name.count += 1;
            segment.push(seq, name.id, prev, columns.offsets[slot], fact);
            segment.hold(fact.record_len());
            messages += 1;
            bytes += self.shape.count(fact);
        });
        self.messages += messages;
        self.bytes += bytes;
        for (from, to) in links {
            if let Some((segment, slot)) = self.find(from) {
                self.segments[segment].next[slot] = far(to - from);
            }
        }
        for name in names.iter().filter(|name| name.count > 0) {
            let entry = self.subjects.entry_mut(name.id);
            let before = entry.count;
            entry.held += name.count - 1;
            entry.count += name.count;
            entry.last = name.last;
            if before == 0 {
                entry.first = name.first;
            }
            self.subjects.counted(before, before + name.count);
        }
    }
}

/// The sequences that are to be there, asked for in ascending order.
struct Wanted<'a> {
    ranges: &'a Ranges,
    at: usize,
    /// Whatever lies behind is wanted, too.
    beyond: u64,
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    fn new(ranges: &'a Ranges, beyond: u64) -> Wanted<'a> {
        Wanted { ranges, at: 0, beyond }
    }

    #[inline]
    fn has(&mut self, seq: u64) -> bool {
        let ranges = self.ranges.as_slice();
        while self.at < ranges.len() && ranges[self.at].1 < seq {
            self.at += 1;
        }
        ranges.get(self.at).is_some_and(|(from, _)| *from <= seq) || seq > self.beyond
    }

    /// What is wanted and not among the slots that are kept.
    fn missed(&self, columns: &Columns, base: u64, keep: &[bool]) -> Ranges {
        let kept = keep.iter().filter(|keep| **keep).count() as u64;
        if kept == self.ranges.count() && self.beyond == u64::MAX {
            return Ranges::default();
        }
        let mut missed = self.ranges.clone();
        for (slot, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            let seq = base + u64::from(columns.distance(slot));
            missed.remove(seq, seq);
        }
        missed
    }
}
