//! One segment of a log in memory: the index of its messages, and the bytes of those that are not
//! (or not only) in its file.
//!
//! The messages of a segment are its *slots*, in the order of their sequences. As long as there is
//! a slot for each sequence the slot is the distance from the first one; a segment with gaps keeps
//! a list. Removing a message leaves its slot, until so few are alive that the segment is made
//! anew.

use super::blocks::Blocks;
use super::facts::{Fact, Facts};
use super::file::SegmentFile;

/// The offset of a slot without bytes.
pub(crate) const NONE: u32 = u32::MAX;
/// A distance too long to be written down; 0 is no distance at all.
pub(crate) const FAR: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Names its file. Rises from segment to segment.
    pub(crate) id: u64,
    /// Sequence of slot 0.
    pub(crate) base: u64,
    /// Distances of the slots' sequences from `base`; empty if there is no gap.
    seqs: Vec<u32>,
    /// Where the record begins, counted over all records ever written to the segment.
    offsets: Vec<u32>,
    subjects: Vec<u32>,
    /// Distances to the messages of the same subject before and behind.
    pub(crate) prev: Vec<u32>,
    pub(crate) next: Vec<u32>,
    pub(crate) facts: Facts,
    /// One bit a slot.
    live: Vec<u64>,
    live_count: u32,
    /// Slots with bytes, and how many bytes those are.
    held: u32,
    held_bytes: u64,
    pub(crate) blocks: Blocks,
    /// Where the next record goes.
    pub(crate) end: u32,
    /// Where the records are, if they are not only in memory.
    pub(crate) file: Option<SegmentFile>,
}

// === impl Segment ===

impl Segment {
    pub(crate) fn new(id: u64, base: u64) -> Segment {
        Segment { id, base, ..Segment::default() }
    }

    pub(crate) fn slots(&self) -> usize {
        self.subjects.len()
    }

    pub(crate) fn live_count(&self) -> u32 {
        self.live_count
    }

    pub(crate) fn held(&self) -> u32 {
        self.held
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// The slot must exist.
    #[inline]
    pub(crate) fn seq(&self, slot: usize) -> u64 {
        let distance = if self.seqs.is_empty() { slot as u32 } else { self.seqs[slot] };
        self.base + u64::from(distance)
    }

    /// Sequence of the last slot; one below `base` if there is none.
    pub(crate) fn last(&self) -> u64 {
        match self.slots() {
            0 => self.base.wrapping_sub(1),
            slots => self.seq(slots - 1),
        }
    }

    /// The slot of this sequence.
    #[inline]
    pub(crate) fn slot(&self, seq: u64) -> Option<usize> {
        let distance = seq.checked_sub(self.base)?;
        if self.seqs.is_empty() {
            return (distance < self.slots() as u64).then_some(distance as usize);
        }
        self.seqs.binary_search(&u32::try_from(distance).ok()?).ok()
    }

    /// The first slot at or behind this sequence; their number if there is none.
    #[inline]
    pub(crate) fn slot_from(&self, seq: u64) -> usize {
        let distance = seq.saturating_sub(self.base);
        if self.seqs.is_empty() {
            return distance.min(self.slots() as u64) as usize;
        }
        match u32::try_from(distance) {
            Ok(distance) => self.seqs.partition_point(|at| *at < distance),
            Err(_) => self.slots(),
        }
    }

    /// Whether a slot for `seq` can be added.
    pub(crate) fn takes(&self, seq: u64) -> bool {
        seq - self.base < u64::from(FAR)
    }

    /// Adds a live slot. `prev` is the distance to the message of this subject before.
    pub(crate) fn push(&mut self, seq: u64, subject: u32, prev: u32, offset: u32, fact: Fact) {
        let slot = self.slots();
        let distance = (seq - self.base) as u32;
        if self.seqs.is_empty() && distance as usize != slot {
            self.seqs = (0..slot as u32).collect();
        }
        if !self.seqs.is_empty() || distance as usize != slot {
            self.seqs.push(distance);
        }
        self.subjects.push(subject);
        self.prev.push(prev);
        self.next.push(0);
        self.offsets.push(offset);
        self.facts.push(fact);
        if slot.is_multiple_of(64) {
            self.live.push(0);
        }
        self.live[slot / 64] |= 1 << (slot % 64);
        self.live_count += 1;
        if offset != NONE {
            self.held += 1;
        }
    }

    pub(crate) fn hold(&mut self, bytes: usize) {
        self.held_bytes += bytes as u64;
    }

    /// Distances of the slots from `base`; empty if each is one further.
    pub(crate) fn distances(&self) -> &[u32] {
        &self.seqs
    }

    /// Which slots are alive, one bit each.
    pub(crate) fn live_bits(&self) -> &[u64] {
        &self.live
    }

    /// Takes the last slot away again.
    pub(crate) fn pop(&mut self, bytes: usize) {
        let slot = self.slots() - 1;
        self.kill(slot);
        self.drop_bytes(slot, bytes);
        self.seqs.pop();
        self.subjects.pop();
        self.prev.pop();
        self.next.pop();
        self.offsets.pop();
        self.facts.truncate(slot);
        if slot.is_multiple_of(64) {
            self.live.pop();
        }
    }

    #[inline]
    pub(crate) fn subject(&self, slot: usize) -> u32 {
        self.subjects[slot]
    }

    /// Subjects of all slots.
    #[inline]
    pub(crate) fn subjects(&self) -> &[u32] {
        &self.subjects
    }

    #[inline]
    pub(crate) fn offset(&self, slot: usize) -> u32 {
        self.offsets[slot]
    }

    pub(crate) fn set_offset(&mut self, slot: usize, offset: u32) {
        self.offsets[slot] = offset;
    }

    #[inline]
    pub(crate) fn is_live(&self, slot: usize) -> bool {
        self.live[slot / 64] & (1 << (slot % 64)) != 0
    }

    pub(crate) fn kill(&mut self, slot: usize) {
        if self.is_live(slot) {
            self.live[slot / 64] &= !(1 << (slot % 64));
            self.live_count -= 1;
        }
    }

    pub(crate) fn revive(&mut self, slot: usize) {
        if !self.is_live(slot) {
            self.live[slot / 64] |= 1 << (slot % 64);
            self.live_count += 1;
        }
    }

    /// The bytes of a slot are no longer needed: `bytes` of them. Whether there were any.
    pub(crate) fn drop_bytes(&mut self, slot: usize, bytes: usize) -> bool {
        if self.offsets[slot] == NONE {
            return false;
        }
        self.blocks.release(self.offsets[slot], bytes);
        self.offsets[slot] = NONE;
        self.held -= 1;
        self.held_bytes = self.held_bytes.saturating_sub(bytes as u64);
        true
    }

    /// The first live slot at or behind `slot`.
    #[inline]
    pub(crate) fn next_live(&self, slot: usize) -> Option<usize> {
        let mut word = slot / 64;
        let mut bits = *self.live.get(word)? & (u64::MAX << (slot % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = *self.live.get(word)?;
        }
    }

    /// The last live slot before `slot`.
    pub(crate) fn prev_live(&self, slot: usize) -> Option<usize> {
        let slot = slot.min(self.slots());
        let mut word = slot / 64;
        let mut bits = match self.live.get(word) {
            Some(bits) => bits & !(u64::MAX << (slot % 64)),
            None => 0,
        };
        loop {
            if bits != 0 {
                return Some(word * 64 + 63 - bits.leading_zeros() as usize);
            }
            word = word.checked_sub(1)?;
            bits = self.live[word];
        }
    }

    /// Live slots from `slot` on.
    pub(crate) fn live_from(&self, slot: usize) -> u64 {
        let word = slot / 64;
        let Some(first) = self.live.get(word) else { return 0 };
        let first = first & (u64::MAX << (slot % 64));
        let rest: u32 = self.live[word + 1..].iter().map(|bits| bits.count_ones()).sum();
        u64::from(first.count_ones() + rest)
    }

    /// Makes the segment anew with the slots that have bytes. Where `tight`, their bytes are put
    /// behind each other in memory, which they all must be in.
    pub(crate) fn thin(&mut self, tight: bool) {
        let mut thin = Segment::new(self.id, self.base);
        let mut blocks = Blocks::default();
        let mut end = 0;
        self.facts.each(|slot, fact| {
            let mut offset = self.offsets[slot];
            if offset == NONE {
                return;
            }
            let len = fact.record_len();
            if let Some(record) = self.blocks.get(offset).and_then(|bytes| bytes.get(..len))
                && tight
            {
                blocks.room(end, record.len()).extend_from_slice(record);
                offset = end;
                end += record.len() as u32;
            }
            thin.push(self.seq(slot), self.subjects[slot], self.prev[slot], offset, fact);
            let new = thin.slots() - 1;
            thin.next[new] = self.next[slot];
            if !self.is_live(slot) {
                thin.kill(new);
            }
        });
        thin.held_bytes = self.held_bytes;
        thin.file = self.file.take();
        if tight {
            (thin.blocks, thin.end) = (blocks, end);
        } else {
            (thin.blocks, thin.end) = (std::mem::take(&mut self.blocks), self.end);
        }
        thin.shrink();
        *self = thin;
    }

    /// Gives back the room for more slots.
    pub(crate) fn shrink(&mut self) {
        self.seqs.shrink_to_fit();
        self.offsets.shrink_to_fit();
        self.subjects.shrink_to_fit();
        self.prev.shrink_to_fit();
        self.next.shrink_to_fit();
        self.live.shrink_to_fit();
        self.facts.shrink();
    }

    /// Bytes in memory, messages included.
    pub(crate) fn memory(&self) -> usize {
        let columns = [&self.seqs, &self.offsets, &self.subjects, &self.prev, &self.next];
        let columns: usize = columns.iter().map(|column| column.capacity() * 4).sum();
        size_of::<Segment>()
            + columns
            + self.live.capacity() * 8
            + self.facts.memory()
            + self.blocks.memory()
            + self.file.as_ref().map_or(0, SegmentFile::memory)
    }
}
