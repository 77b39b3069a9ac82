//! The index of a log: its segments, subjects and numbers, and how they change.
//!
//! A removal is final in two steps. First the message is out of everything that can be seen, but
//! its slot and its bytes stay; then, when the change is committed, they go. Between the two it can
//! be undone ([`super::undo`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::erase::Erasure;
use super::facts::Fact;
use super::memory::Memory;
use super::ranges::Ranges;
use super::records::Records;
use super::removals::Removals;
use super::segment::{FAR, NONE, Segment};
use super::subjects::Subjects;
use super::ttl::Expiries;
use super::undo::Undo;
use crate::record::{Message, Salt};

/// How the index of a log is cut and what it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// How long a segment may become, in bytes and in slots.
    pub(crate) segment_bytes: u32,
    pub(crate) segment_slots: usize,
    /// What a message counts beside subject and payload, and more if it has headers.
    pub(crate) message_bytes: u64,
    pub(crate) headers_bytes: u64,
    /// What records are summed with; memory needs none.
    pub(crate) salt: Option<Salt>,
}

/// Logs made by this process.
static LOGS: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Index {
    /// No other log of this process has it; never 0.
    pub(crate) number: u64,
    pub(crate) shape: Shape,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) subjects: Subjects,
    pub(crate) expiries: Expiries,
    pub(crate) removals: Removals,
    /// Messages there are, and what they count.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Sequence of the first message; one behind `last` if there is none.
    pub(crate) first: u64,
    /// The highest sequence given.
    pub(crate) last: u64,
    pub(crate) last_time: i64,
    /// The highest sequence whose message is committed.
    pub(crate) committed: u64,
    /// Messages that should be there and can't be read.
    pub(crate) lost: Ranges,
    /// The same, while the log is opened and may still be told that they were removed.
    pub(crate) missing: Ranges,
    /// Segments of which nothing is left.
    pub(crate) dropped: Vec<u64>,
    /// Messages whose bytes are to be overwritten when their removal is committed, and those whose
    /// removal is.
    pub(crate) erasing: Vec<u64>,
    pub(crate) erasures: Vec<Erasure>,
    /// Bytes of records that are not in files.
    pub(crate) unflushed: u64,
    pub(crate) memory: Arc<Memory>,
    pub(crate) next_segment: u64,
    /// What is not committed yet, and how much of it was given to the write-ahead log. Both are
    /// counted from the beginning of time: `done` is the number of the first one in `undo`.
    pub(crate) undo: VecDeque<Undo>,
    pub(crate) done: u64,
    pub(crate) submitted: u64,
}

/// A message that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    pub subject_id: u32,
    /// What it counted.
    pub bytes: u64,
    /// No message of its subject is left.
    pub last_of_subject: bool,
}

// === impl Shape ===

impl Shape {
    /// What a message counts in the state of the stream.
    #[inline]
    pub(crate) fn count(&self, fact: Fact) -> u64 {
        let headers = if fact.has_headers { self.headers_bytes } else { 0 };
        self.message_bytes + headers + u64::from(fact.size)
    }
}

// === impl Index ===

impl Index {
    /// An empty log whose first message has the sequence `first`, or 1 if that is 0.
    pub(crate) fn new(shape: Shape, first: u64, memory: Arc<Memory>) -> Index {
        let first = first.max(1);
        Index {
            number: LOGS.fetch_add(1, Ordering::Relaxed) + 1,
            shape,
            segments: VecDeque::new(),
            subjects: Subjects::default(),
            expiries: Expiries::default(),
            removals: Removals::default(),
            messages: 0,
            bytes: 0,
            first,
            last: first - 1,
            last_time: 0,
            committed: first - 1,
            lost: Ranges::default(),
            missing: Ranges::default(),
            dropped: Vec::new(),
            erasing: Vec::new(),
            erasures: Vec::new(),
            unflushed: 0,
            memory,
            next_segment: 1,
            undo: VecDeque::new(),
            done: 0,
            submitted: 0,
        }
    }

    /// The segment and slot of a sequence, be it alive or not.
    #[inline]
    pub(crate) fn find(&self, seq: u64) -> Option<(usize, usize)> {
        let segment = self.segment_of(seq)?;
        Some((segment, self.segments[segment].slot(seq)?))
    }

    /// The last segment that begins at or before `seq`.
    #[inline]
    pub(crate) fn segment_of(&self, seq: u64) -> Option<usize> {
        let last = self.segments.len().checked_sub(1)?;
        if self.segments[last].base <= seq {
            return Some(last);
        }
        self.segments.partition_point(|segment| segment.base <= seq).checked_sub(1)
    }

    pub(crate) fn is_live(&self, seq: u64) -> bool {
        self.find(seq).is_some_and(|(segment, slot)| self.segments[segment].is_live(slot))
    }

    /// The first live message at or behind `seq`.
    pub(crate) fn next_live(&self, seq: u64) -> Option<u64> {
        if self.messages == 0 || seq > self.last {
            return None;
        }
        let mut at = self.segment_of(seq).unwrap_or(0);
        let mut slot = self.segments.get(at)?.slot_from(seq);
        loop {
            let segment = self.segments.get(at)?;
            if segment.live_count() > 0
                && let Some(slot) = segment.next_live(slot)
            {
                return Some(segment.seq(slot));
            }
            (at, slot) = (at + 1, 0);
        }
    }

    /// The last live message before `seq`.
    pub(crate) fn prev_live(&self, seq: u64) -> Option<u64> {
        let mut at = self.segment_of(seq.checked_sub(1)?)?;
        loop {
            let segment = &self.segments[at];
            if segment.live_count() > 0
                && let Some(slot) = segment.prev_live(segment.slot_from(seq))
            {
                return Some(segment.seq(slot));
            }
            at = at.checked_sub(1)?;
        }
    }

    /// The segment that takes a record of `len` bytes for `seq`.
    fn room(&mut self, seq: u64, len: usize) -> usize {
        let Shape { segment_bytes, segment_slots, .. } = self.shape;
        if let Some(last) = self.segments.back_mut() {
            if last.slots() == 0 && last.end == 0 {
                last.base = seq;
            }
            let fits = last.end as usize + len <= segment_bytes as usize || last.end == 0;
            let sealed = last.file.as_ref().is_some_and(|file| file.sealed);
            if fits && !sealed && last.slots() < segment_slots && last.takes(seq) {
                return self.segments.len() - 1;
            }
            last.shrink();
        }
        self.segments.push_back(Segment::new(self.next_segment, seq));
        self.next_segment += 1;
        if let Some(before) = self.segments.len().checked_sub(2) {
            self.tidy(before);
        }
        self.segments.len() - 1
    }

    /// Adds a message behind all others; what it counts. `batch` gets its record, too.
    pub(crate) fn append(&mut self, message: &Message<'_>, batch: Option<&mut Records>) -> u64 {
        let len = message.record_len();
        let at = self.room(message.seq, len);
        let salt = self.shape.salt;
        let segment = &mut self.segments[at];
        if let Some(batch) = batch {
            if batch.takes(len) {
                let mut record = Vec::with_capacity(len);
                message.encode(&mut record, salt);
                let record = Bytes::from(record);
                batch.push(record.clone());
                segment.blocks.share(segment.end, record);
            } else {
                let room = segment.blocks.room(segment.end, len);
                let begin = room.len();
                message.encode(room, salt);
                batch.room(len).extend_from_slice(&room[begin..]);
            }
        } else {
            message.encode(segment.blocks.room(segment.end, len), salt);
        }
        self.added(at, message)
    }

    /// Adds a message whose record is there already.
    pub(crate) fn append_record(&mut self, message: &Message<'_>, record: &[u8]) -> u64 {
        let at = self.room(message.seq, record.len());
        let segment = &mut self.segments[at];
        segment.blocks.room(segment.end, record.len()).extend_from_slice(record);
        self.added(at, message)
    }

    fn added(&mut self, at: usize, message: &Message<'_>) -> u64 {
        let Message { seq, time_ns, .. } = *message;
        let fact = Fact::of(message);
        let id = self.subjects.intern(message.subject, self.removals.total(), Removals::KEPT);
        let len = message.record_len();
        let segment = &mut self.segments[at];
        let offset = segment.end;
        segment.end += len as u32;
        self.link_last(at, seq, id, offset, fact);
        self.segments[at].hold(len);
        self.unflushed += len as u64;
        self.last = seq;
        self.last_time = time_ns;
        if message.expires_ns != 0 {
            self.expiries.add(message.expires_ns, seq);
        }
        let count = self.shape.count(fact);
        self.bytes += count;
        count
    }

    /// Adds the slot of a new last message to segment `at` and to the chain of its subject.
    pub(crate) fn link_last(&mut self, at: usize, seq: u64, id: u32, offset: u32, fact: Fact) {
        let entry = self.subjects.entry_mut(id);
        let before = entry.count;
        let prev = entry.last;
        if before == 0 {
            entry.first = seq;
        }
        entry.last = seq;
        entry.count += 1;
        entry.held += 1;
        let distance = if before == 0 { 0 } else { far(seq - prev) };
        self.subjects.counted(before, before + 1);
        if before > 0
            && let Some((segment, slot)) = self.find(prev)
        {
            self.segments[segment].next[slot] = distance;
        }
        self.segments[at].push(seq, id, distance, offset, fact);
        if self.messages == 0 {
            self.first = seq;
        }
        self.messages += 1;
    }

    /// The message of the same subject behind the one in this slot, be that alive or not. `None`
    /// also if a message that is no more can't tell.
    #[inline]
    pub(crate) fn next_same(&self, segment: usize, slot: usize) -> Option<u64> {
        let segment = &self.segments[segment];
        let seq = segment.seq(slot);
        match segment.next[slot] {
            0 => None,
            FAR => {
                let id = segment.subject(slot);
                let last = self.subjects.entry(id).last;
                self.scan_forward(seq + u64::from(FAR), last, id)
            }
            distance => Some(seq + u64::from(distance)),
        }
    }

    #[inline]
    pub(crate) fn prev_same(&self, segment: usize, slot: usize) -> Option<u64> {
        let segment = &self.segments[segment];
        let seq = segment.seq(slot);
        match segment.prev[slot] {
            0 => None,
            FAR => {
                let id = segment.subject(slot);
                let mut at = seq.checked_sub(u64::from(FAR) - 1)?;
                while let Some(seq) = self.prev_live(at) {
                    let (segment, slot) = self.find(seq)?;
                    if self.segments[segment].subject(slot) == id {
                        return Some(seq);
                    }
                    at = seq;
                }
                None
            }
            distance => Some(seq - u64::from(distance)),
        }
    }

    /// The first live message of a subject at or behind `seq`, searched one by one up to `last`.
    pub(crate) fn scan_forward(&self, seq: u64, last: u64, id: u32) -> Option<u64> {
        let mut at = self.segment_of(seq).unwrap_or(0);
        let mut from = self.segments.get(at)?.slot_from(seq);
        while let Some(segment) = self.segments.get(at)
            && segment.base <= last
        {
            let subjects = &segment.subjects()[from.min(segment.slots())..];
            for (n, _) in subjects.iter().enumerate().filter(|(_, other)| **other == id) {
                if segment.is_live(from + n) {
                    return Some(segment.seq(from + n));
                }
            }
            (at, from) = (at + 1, 0);
        }
        None
    }

    /// Takes a live message out of all that can be seen.
    pub(crate) fn unlink(&mut self, segment: usize, slot: usize) -> Removed {
        let (prev, next) = (self.prev_same(segment, slot), self.next_same(segment, slot));
        let at = &mut self.segments[segment];
        let (seq, id, fact) = (at.seq(slot), at.subject(slot), at.facts.get(slot));
        at.kill(slot);
        let between = prev.zip(next).map_or(0, |(prev, next)| far(next - prev));
        if let Some((segment, slot)) = prev.and_then(|prev| self.find(prev)) {
            self.segments[segment].next[slot] = between;
        }
        if let Some((segment, slot)) = next.and_then(|next| self.find(next)) {
            self.segments[segment].prev[slot] = between;
        }
        let entry = self.subjects.entry_mut(id);
        let before = entry.count;
        entry.count -= 1;
        if let (None, Some(next)) = (prev, next) {
            entry.first = next;
        }
        if let (Some(prev), None) = (prev, next) {
            entry.last = prev;
        }
        self.subjects.counted(before, before - 1);
        let bytes = self.shape.count(fact);
        self.bytes -= bytes;
        self.messages -= 1;
        if seq == self.first {
            self.first = self.next_live(seq + 1).unwrap_or(self.last + 1);
        }
        self.removals.add(seq, id);
        Removed { subject_id: id, bytes, last_of_subject: before == 1 }
    }

    /// Brings back what [`Index::unlink`] took out. Of several, the last one first.
    pub(crate) fn relink(&mut self, segment: usize, slot: usize) {
        let (prev, next) = (self.prev_same(segment, slot), self.next_same(segment, slot));
        let at = &mut self.segments[segment];
        let (seq, id, fact) = (at.seq(slot), at.subject(slot), at.facts.get(slot));
        at.revive(slot);
        if let Some((segment, slot)) = prev.and_then(|prev| self.find(prev)) {
            self.segments[segment].next[slot] = far(seq - prev.unwrap_or(seq));
        }
        if let Some((segment, slot)) = next.and_then(|next| self.find(next)) {
            self.segments[segment].prev[slot] = far(next.unwrap_or(seq) - seq);
        }
        let entry = self.subjects.entry_mut(id);
        let before = entry.count;
        entry.count += 1;
        if prev.is_none() {
            entry.first = seq;
        }
        if next.is_none() {
            entry.last = seq;
        }
        self.subjects.counted(before, before + 1);
        self.bytes += self.shape.count(fact);
        self.first = if self.messages == 0 { seq } else { self.first.min(seq) };
        self.messages += 1;
        // The counts that were kept of this subject are of no use any more.
        self.removals.forget();
    }

    /// The removal of what was in this slot is final.
    pub(crate) fn drop_slot(&mut self, segment: usize, slot: usize) {
        let at = &mut self.segments[segment];
        if at.offset(slot) == NONE {
            return;
        }
        if !self.erasing.is_empty() {
            self.prepare_erasure(segment, slot);
        }
        let at = &mut self.segments[segment];
        at.drop_bytes(slot, at.facts.get(slot).record_len());
        let id = at.subject(slot);
        self.subjects.release(id, self.removals.total());
    }
}

/// A distance as it is kept.
pub(crate) fn far(distance: u64) -> u32 {
    u32::try_from(distance).unwrap_or(FAR)
}
