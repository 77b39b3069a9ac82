//! Reading a write-ahead log back: what counts, what is damaged, and what was never whole.
//!
//! A batch is *known to be safe* if a later one, or a later segment, says so. One that is known to
//! be safe and can't be read is damage: it is reported, and what follows it counts. What is above
//! the last position known to be safe counts up to the first batch that isn't whole: what lies
//! behind that is what a power cut left of writes that were never acknowledged, in whatever order
//! the disk wrote them.

use super::format::{BatchHeader, FIRST, SegmentHeader};

/// What one segment holds, before it is known which of it counts.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// `None`: the segment was not begun, or its header can't be read.
    pub(crate) header: Option<SegmentHeader>,
    /// In ascending order of LSN.
    pub(crate) batches: Vec<Batch>,
    /// The highest position that a batch in here says is safe.
    pub(crate) durable: u64,
    /// Some of the file is missing.
    pub(crate) cut: bool,
}

/// A batch with a header that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Of its header, in the segment.
    pub(crate) at: u64,
    pub(crate) lsn: u64,
    pub(crate) group: u64,
    pub(crate) index: u64,
    pub(crate) flags: u32,
    pub(crate) body_len: u32,
    pub(crate) table_len: u32,
    /// Its body is whole, too.
    pub(crate) whole: bool,
}

/// What counts of a whole log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// For each segment: how many of its batches count, damaged ones among them.
    pub(crate) counts: Vec<usize>,
    /// The last batch that counts.
    pub(crate) last_lsn: u64,
    /// Batches that were safe and can't be read.
    pub(crate) damaged: u64,
    /// Batches, or what is left of them, that were never safe and are given up.
    pub(crate) torn: u64,
}

/// Looks through the bytes of a segment. Whatever they are, it ends.
pub(crate) fn read_segment(bytes: &[u8], number: u64) -> Contents {
    let header = SegmentHeader::decode(bytes).filter(|header| header.number == number);
    let cut = header.is_some_and(|header| header.len > bytes.len() as u64);
    let mut found = Contents { header, cut, ..Contents::default() };
    let mut at = FIRST as usize;
    let mut last = found.header.map_or(0, |header| header.first_lsn.saturating_sub(1));
    while let Some((start, batch)) = next_batch(bytes, at, number, last) {
        let body = start + super::format::BATCH_BYTES;
        let end = body + batch.body_len as usize;
        let whole = bytes.get(body..end).is_some_and(|b| crc32c::crc32c(b) == batch.body_crc);
        found.batches.push(Batch {
            at: start as u64,
            lsn: batch.lsn,
            group: batch.group,
            index: batch.index,
            flags: batch.flags,
            body_len: batch.body_len,
            table_len: batch.table_len,
            whole,
        });
        found.durable = found.durable.max(batch.durable);
        last = batch.lsn;
        at = start + batch.room() as usize;
    }
    found
}

/// The first batch at or behind `at` with an LSN above `last`.
fn next_batch(bytes: &[u8], at: usize, number: u64, last: u64) -> Option<(usize, BatchHeader)> {
    let ends = bytes.len();
    (at..ends).step_by(8).find_map(|place| {
        let (start, header) = BatchHeader::find(bytes, place, number)?;
        (start >= at && header.lsn > last && header.durable < header.lsn).then_some((start, header))
    })
}

/// Decides what counts. `segments` are those that are there, in the order of their numbers.
pub(crate) fn judge(segments: &[(u64, Contents)]) -> Verdict {
    let mut verdict = Verdict::default();
    let begun: Vec<bool> = segments.iter().map(|(_, contents)| contents.is_begun()).collect();
    // What the segments behind each one say about those before them.
    let known = segments
        .iter()
        .zip(&begun)
        .filter(|(_, begun)| **begun)
        .map(|((_, contents), _)| contents.durable.max(contents.fence()))
        .max()
        .unwrap_or(0);
    let mut cut = false;
    for (n, (_, contents)) in segments.iter().enumerate() {
        if !begun[n] {
            verdict.counts.push(0);
            continue;
        }
        let next = (n + 1..segments.len()).find(|next| begun[*next]);
        let fence = next.map_or(u64::MAX, |next| segments[next].1.fence());
        let mut expected = contents.first_lsn();
        let mut count = 0;
        for batch in &contents.batches {
            if batch.lsn > fence || cut {
                break;
            }
            let skipped = batch.lsn.saturating_sub(expected);
            if (skipped > 0 || !batch.whole) && batch.lsn.min(expected) > known {
                cut = true;
                break;
            }
            verdict.damaged += skipped + u64::from(!batch.whole);
            expected = batch.lsn.saturating_add(1);
            count += 1;
        }
        // Safe ones that left no trace behind the last.
        let end = fence.min(known.max(expected.saturating_sub(1)));
        if end >= expected {
            verdict.damaged += end - expected.saturating_sub(1);
            expected = end.saturating_add(1);
        }
        // What was behind the cut is not known.
        verdict.damaged += u64::from(contents.cut && next.is_none());
        verdict.torn += (contents.batches.len() - count) as u64;
        verdict.counts.push(count);
        verdict.last_lsn = verdict.last_lsn.max(expected.saturating_sub(1));
    }
    verdict
}

// === impl Contents ===

impl Contents {
    /// Whether anything in the segment can count. Without its header only if one of its batches
    /// knows that another is safe, since the header is written with the first of them.
    fn is_begun(&self) -> bool {
        match (self.header, self.batches.first()) {
            (Some(_), _) => true,
            (None, Some(first)) => self.durable >= first.lsn,
            (None, None) => false,
        }
    }

    fn first_lsn(&self) -> u64 {
        let first = self.batches.first().map_or(1, |batch| batch.lsn);
        self.header.map_or(first, |header| header.first_lsn)
    }

    fn fence(&self) -> u64 {
        self.header.map_or(self.first_lsn().saturating_sub(1), |header| header.fence)
    }
}
