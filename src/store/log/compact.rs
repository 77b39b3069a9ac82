//! Segments of which less than half is alive are written anew, and files are checked now and then.
//!
//! The new file is written aside, synced and given the name of the old one: whatever happens, there
//! is one of the two. Messages that the last checkpoint still knew of and the new file no longer
//! has were removed since, as the write-ahead log will say.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;

use super::chunk::CHUNK_BYTES;
use super::core::{Core, Files};
use super::file::{self, Chunk, Header, SegmentFile};
use super::footer::Columns;
use super::index::Index;
use super::segment::{NONE, Segment};
use crate::disk::Access;

/// Bytes that are checked in one turn.
const SCRUB_BYTES: usize = 4 << 20;

/// What is left of a segment, in the form of its new file.
#[derive(Default)]
struct Rest {
    out: Vec<u8>,
    chunks: Vec<Chunk>,
    /// The records of the next chunk, and the offset it begins at.
    records: Vec<u8>,
    start: u32,
    /// New offsets by sequence.
    offsets: HashMap<u64, u32>,
}

// === impl Core ===

impl Core {
    /// Writes one segment anew that is worth it. Whether there was one.
    pub(crate) fn compact(&self, files: &mut Files) -> io::Result<bool> {
        let Some((id, base)) = self.index.read().worst(&files.rewrite) else { return Ok(false) };
        let mut rest = Rest::default();
        let header = Header { group: self.maker.group, segment: id, base };
        rest.out.extend_from_slice(&header.encode());
        let chunks = self.chunks_of(id);
        for chunk in 0..chunks {
            self.gather(id, chunk, &mut rest)?;
        }
        rest.close_chunk(self, id);
        let end = rest.out.len() as u64;
        let flushed = rest.start;
        let Some(mut columns) = self.columns_of(id, &rest.offsets)? else { return Ok(true) };
        columns.chunks.clone_from(&rest.chunks);
        columns.encode(&mut rest.out, &self.maker, id);

        let (disk, dir) = (&*self.env.disk, &self.group.dir);
        let (path, aside) = (file::path(dir, id), dir.join(format!("{id:016x}.new")));
        let file = disk.open(&aside, Access::Truncate)?;
        file.write_at(&rest.out, 0)?;
        file.sync_data()?;
        // From here on a reader may open the new file with the index of the old one.
        self.set_moving(id, true);
        if let Err(error) = disk.rename(&aside, &path) {
            self.set_moving(id, false);
            return Err(error);
        }
        self.env.counters.segment_bytes.fetch_add(rest.out.len() as u64, Relaxed);
        let mut index = self.index.write();
        match index.position(id) {
            Some(at) => {
                let segment = &mut index.segments[at];
                let generation = segment.file.as_ref().map_or(0, |file| file.generation) + 1;
                let mut new = SegmentFile::new(None, end);
                new.chunks = rest.chunks;
                (new.flushed, new.sealed, new.dirty) = (flushed, true, false);
                new.generation = generation;
                segment.moved(&rest.offsets, flushed, new);
                index.tidy(at);
            }
            None => files.garbage.push(id),
        }
        drop(index);
        files.rewrite.retain(|segment| *segment != id);
        files.new_names = true;
        disk.sync_dir(dir)?;
        Ok(true)
    }

    fn chunks_of(&self, id: u64) -> usize {
        let index = self.index.read();
        let segment = index.position(id).map(|at| &index.segments[at]);
        segment.and_then(|segment| segment.file.as_ref()).map_or(0, |file| file.chunks.len())
    }

    /// Adds what is alive in a chunk.
    fn gather(&self, id: u64, chunk: usize, rest: &mut Rest) -> io::Result<()> {
        let wanted = {
            let index = self.index.read();
            let Some(at) = index.position(id) else { return Ok(()) };
            index.wanted(at, chunk)
        };
        let Some(wanted) = wanted.filter(|wanted| !wanted.slots.is_empty()) else { return Ok(()) };
        let Some(piece) = self.read_chunk(&wanted)? else { return Ok(()) };
        for (offset, seq) in &wanted.slots {
            let bytes = piece.from(*offset);
            // What is damaged was reported, and is not looked for in the new file.
            if let Ok(head) = crate::record::check(bytes, self.maker.salt)
                && head.seq == *seq
            {
                rest.add(self, id, *seq, &bytes[..head.len as usize]);
            }
        }
        Ok(())
    }

    /// The footer of the new file; `None` if the segment is no more.
    fn columns_of(&self, id: u64, offsets: &HashMap<u64, u32>) -> io::Result<Option<Columns>> {
        let index = self.index.read();
        let Some(at) = index.position(id) else { return Ok(None) };
        let segment = &index.segments[at];
        let mut live = (0..segment.slots()).filter(|slot| segment.is_live(*slot));
        if live.any(|slot| !offsets.contains_key(&segment.seq(slot))) {
            return Err(io::Error::other("not all that is alive could be copied"));
        }
        Ok(Some(index.columns(at, Some(offsets))))
    }

    fn set_moving(&self, id: u64, moving: bool) {
        let mut index = self.index.write();
        if let Some(at) = index.position(id)
            && let Some(file) = &mut index.segments[at].file
        {
            file.moving = moving;
        }
    }

    /// Checks what comes next of the sealed segments; whether there was any.
    pub(crate) fn scrub(&self, files: &mut Files) -> bool {
        let mut checked = 0;
        while checked < SCRUB_BYTES {
            let wanted = {
                let index = self.index.read();
                let Some(at) = index.sealed_from(files.scrub.0) else {
                    files.scrub = (u64::MAX, 0);
                    break;
                };
                let id = index.segments[at].id;
                if id != files.scrub.0 {
                    files.scrub = (id, 0);
                }
                index.wanted(at, files.scrub.1)
            };
            match wanted {
                Some(wanted) => {
                    files.scrub.1 += 1;
                    checked += wanted.chunk.stored as usize;
                    let _ = self.read_chunk(&wanted);
                }
                None => files.scrub = (files.scrub.0 + 1, 0),
            }
        }
        self.env.counters.scrubbed_bytes.fetch_add(checked as u64, Relaxed);
        checked > 0
    }

    /// Bytes in files that no message needs.
    pub(crate) fn dead_bytes(&self) -> u64 {
        let index = self.index.read();
        let with_file = index.segments.iter().filter_map(|segment| {
            let file = segment.file.as_ref()?;
            Some(u64::from(file.flushed).saturating_sub(segment.held_bytes()))
        });
        with_file.sum()
    }
}

// === impl Index ===

impl Index {
    /// The sealed segment with the fewest live bytes among those of which less than half is alive,
    /// and those of `asked`: its number and base.
    fn worst(&self, asked: &[u64]) -> Option<(u64, u64)> {
        let sealed = self.segments.iter().filter_map(|segment| {
            let file = segment.file.as_ref().filter(|file| file.sealed && !file.dirty)?;
            let held = segment.held_bytes();
            let is_worth = held * 2 < u64::from(file.flushed) || asked.contains(&segment.id);
            is_worth.then_some((held, segment))
        });
        let (_, segment) = sealed.min_by_key(|(held, _)| *held)?;
        Some((segment.id, segment.base))
    }

    /// The first segment from number `id` on that is sealed and safe.
    fn sealed_from(&self, id: u64) -> Option<usize> {
        let first = self.segments.partition_point(|segment| segment.id < id);
        let is_sealed = |at: &usize| {
            self.segments[*at].file.as_ref().is_some_and(|file| file.sealed && !file.dirty)
        };
        (first..self.segments.len()).find(is_sealed)
    }
}

// === impl Segment ===

impl Segment {
    /// The records have moved to `file`, those that are left to `offsets`.
    fn moved(&mut self, offsets: &HashMap<u64, u32>, end: u32, file: SegmentFile) {
        for slot in 0..self.slots() {
            if self.offset(slot) != NONE {
                let offset = offsets.get(&self.seq(slot)).copied();
                self.set_offset(slot, offset.unwrap_or(NONE));
            }
        }
        self.blocks.clear();
        self.end = end;
        self.file = Some(file);
        self.thin(false);
    }
}

// === impl Rest ===

impl Rest {
    fn add(&mut self, core: &Core, segment: u64, seq: u64, record: &[u8]) {
        if self.records.len() + record.len() > CHUNK_BYTES {
            self.close_chunk(core, segment);
        }
        self.offsets.insert(seq, self.start + self.records.len() as u32);
        self.records.extend_from_slice(record);
    }

    fn close_chunk(&mut self, core: &Core, segment: u64) {
        if self.records.is_empty() {
            return;
        }
        let at = self.out.len();
        core.maker.encode(&mut self.out, segment, self.start, &self.records);
        let (len, stored) = (self.records.len() as u32, (self.out.len() - at) as u32);
        self.chunks.push(Chunk { start: self.start, len, at: at as u32, stored });
        self.start += len;
        self.records.clear();
    }
}
