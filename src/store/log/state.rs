//! What a checkpoint remembers of a log: which messages are there, and in which segments.
//!
//! Everything else is in the segments. A message that a segment holds and this does not know of was
//! removed; one that this knows of and no segment holds is lost.

use super::index::Index;
use super::ranges::Ranges;
use super::segment::Segment;
use super::undo::Undo;
use crate::varint::{put, take};

const VERSION: u8 = 1;

/// The log at one moment, all that is committed and nothing else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) last: u64,
    pub(crate) last_time: i64,
    pub(crate) next_segment: u64,
    pub(crate) lost: Ranges,
    pub(crate) segments: Vec<SavedSegment>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SavedSegment {
    pub(crate) id: u64,
    pub(crate) base: u64,
    /// Records before this offset count.
    pub(crate) upto: u32,
    pub(crate) messages: Ranges,
}

/// Taken quickly, to become a [`Saved`].
pub(crate) struct Captured {
    saved: Saved,
    segments: Vec<CapturedSegment>,
}

struct CapturedSegment {
    id: u64,
    base: u64,
    upto: u32,
    slots: usize,
    seqs: Vec<u32>,
    live: Vec<u64>,
}

// === impl CapturedSegment ===

impl CapturedSegment {
    /// What is here of a range that was removed, each of it, is there after all.
    fn revive(&mut self, from: u64, to: u64) {
        for seq in from.max(self.base)..=to {
            let distance = (seq - self.base) as usize;
            let slot = if self.seqs.is_empty() {
                (distance < self.live.len() * 64).then_some(distance)
            } else {
                u32::try_from(distance).ok().and_then(|d| self.seqs.binary_search(&d).ok())
            };
            match slot {
                Some(slot) => self.live[slot / 64] |= 1 << (slot % 64),
                None => return,
            }
        }
    }
}

// === impl Captured ===

impl Captured {
    pub(crate) fn of(index: &Index) -> Captured {
        let mut saved = Saved {
            last: index.committed,
            last_time: index.last_time,
            next_segment: index.next_segment,
            lost: index.lost.clone(),
            segments: Vec::new(),
        };
        let segments = index.segments.iter().filter(|segment| segment.base <= index.committed);
        let mut segments: Vec<CapturedSegment> = segments
            .map(|segment| CapturedSegment {
                id: segment.id,
                base: segment.base,
                upto: segment.end_at(index.committed),
                slots: segment.slot_from(index.committed + 1),
                seqs: segment.distances().to_vec(),
                live: segment.live_bits().to_vec(),
            })
            .collect();
        // What is not committed did not happen.
        for undo in index.undo.iter().rev() {
            match undo {
                Undo::Append { time, .. } => saved.last_time = *time,
                Undo::Skip { .. } => {}
                Undo::Remove { from, to } => {
                    let first = segments.partition_point(|segment| segment.base <= *from);
                    let within = segments[first.saturating_sub(1)..].iter_mut();
                    within
                        .take_while(|segment| segment.base <= *to)
                        .for_each(|segment| segment.revive(*from, *to));
                }
            }
        }
        Captured { saved, segments }
    }

    pub(crate) fn finish(self) -> Saved {
        let mut saved = self.saved;
        for segment in self.segments {
            let mut messages = Ranges::default();
            for slot in 0..segment.slots {
                if segment.live[slot / 64] & (1 << (slot % 64)) != 0 {
                    let distance = segment.seqs.get(slot).copied().unwrap_or(slot as u32);
                    messages.push(segment.base + u64::from(distance));
                }
            }
            let CapturedSegment { id, base, upto, .. } = segment;
            saved.segments.push(SavedSegment { id, base, upto, messages });
        }
        saved
    }
}

// === impl Saved ===

impl Saved {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self.last);
        put(&mut out, self.last_time as u64);
        put(&mut out, self.next_segment);
        self.lost.save(&mut out);
        put(&mut out, self.segments.len() as u64);
        for segment in &self.segments {
            put(&mut out, segment.id);
            put(&mut out, segment.base);
            put(&mut out, u64::from(segment.upto));
            segment.messages.save(&mut out);
        }
        out
    }

    pub(crate) fn decode(mut input: &[u8]) -> Option<Saved> {
        let input = &mut input;
        let (version, rest) = input.split_first()?;
        *input = rest;
        if *version != VERSION {
            return None;
        }
        let (last, last_time) = (take(input), take(input) as i64);
        let next_segment = take(input);
        let lost = Ranges::load(input)?;
        let count = take(input);
        let mut segments = Vec::new();
        for _ in 0..count {
            if input.is_empty() {
                return None;
            }
            let (id, base) = (take(input), take(input));
            let upto = u32::try_from(take(input)).ok()?;
            segments.push(SavedSegment { id, base, upto, messages: Ranges::load(input)? });
        }
        Some(Saved { last, last_time, next_segment, lost, segments })
    }
}

// === impl Segment ===

impl Segment {
    /// Where the records of messages up to sequence `seq` end.
    pub(crate) fn end_at(&self, seq: u64) -> u32 {
        let slot = self.slot_from(seq.saturating_add(1));
        if slot < self.slots() { self.offset(slot) } else { self.end }
    }
}
