//! Removing a message so that its bytes are gone, too.
//!
//! When the removal is committed the record is overwritten where it lies, in memory or in the file
//! of its segment; where it lies in a compressed or encrypted chunk the segment is written anew.
//! The write-ahead log has its copy until it is recycled.

use std::io;
use std::sync::Arc;

use super::core::{Core, Files};
use super::file::Chunk;
use super::index::{Index, Removed};
use super::segment::Segment;
use super::{Log, chunk};
use crate::disk::{Access, File};
use crate::record::HEAD_BYTES;

/// A record to be overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Erasure {
    segment: u64,
    generation: u32,
    offset: u32,
    len: u32,
}

// === impl Log ===

impl Log {
    /// As [`Log::remove`], and overwrites the message when that is committed.
    pub fn erase(&mut self, seq: u64) -> Option<Removed> {
        let removed = self.remove(seq)?;
        self.core.index.write().erasing.push(seq);
        Some(removed)
    }
}

// === impl Core ===

impl Core {
    /// Overwrites what was to be, and whose removal is committed.
    pub(crate) fn erase(&self, files: &mut Files) -> io::Result<()> {
        let erasures = std::mem::take(&mut self.index.write().erasures);
        let mut left = erasures.into_iter();
        while let Some(erasure) = left.next() {
            if let Err(error) = self.overwrite(files, erasure) {
                let mut index = self.index.write();
                index.erasures.push(erasure);
                index.erasures.extend(left);
                return Err(error);
            }
        }
        Ok(())
    }

    fn overwrite(&self, files: &mut Files, erasure: Erasure) -> io::Result<()> {
        let Some((file, chunk)) = self.index.read().place(erasure) else { return Ok(()) };
        let file = match file {
            Some(file) => file,
            None => self.open_file(erasure.segment, Access::Write)?,
        };
        let mut head = [0; chunk::HEAD_BYTES];
        file.read_exact_at(&mut head, u64::from(chunk.at))?;
        if !self.maker.head(&head).is_some_and(|head| head.is_plain()) {
            files.rewrite.push(erasure.segment);
            return Ok(());
        }
        // Its header still tells how long it is.
        let at = u64::from(chunk.at) + chunk::HEAD_BYTES as u64;
        let at = at + u64::from(erasure.offset - chunk.start) + HEAD_BYTES as u64;
        file.write_at(&vec![0; erasure.len as usize - HEAD_BYTES], at)?;
        let mut index = self.index.write();
        if let Some(at) = index.position(erasure.segment)
            && let Some(stored) = &mut index.segments[at].file
        {
            stored.dirty = true;
            stored.file = Some(file);
        }
        Ok(())
    }
}

// === impl Index ===

impl Index {
    /// The bytes of a slot are about to be given up: if they are to be erased, that is noted, and
    /// done at once as far as they are in memory.
    pub(crate) fn prepare_erasure(&mut self, at: usize, slot: usize) {
        let segment = &mut self.segments[at];
        let seq = segment.seq(slot);
        let Some(found) = self.erasing.iter().position(|erasing| *erasing == seq) else { return };
        self.erasing.swap_remove(found);
        let (offset, len) = (segment.offset(slot), segment.facts.get(slot).record_len());
        segment.blocks.wipe(offset + HEAD_BYTES as u32, len - HEAD_BYTES);
        if self.shape.salt.is_some() {
            // Even if it is in no file yet: it may be on its way there.
            let generation = segment.file.as_ref().map_or(0, |file| file.generation);
            let (segment, len) = (segment.id, len as u32);
            self.erasures.push(Erasure { segment, generation, offset, len });
        }
    }

    /// The file and chunk that a record is in. `None`: it is in none, or in none any more.
    fn place(&self, erasure: Erasure) -> Option<(Option<Arc<dyn File>>, Chunk)> {
        let segment: &Segment = &self.segments[self.position(erasure.segment)?];
        let file = segment.file.as_ref().filter(|file| file.generation == erasure.generation)?;
        let chunk = file.chunks[file.chunk_of(erasure.offset)?];
        Some((file.file.clone(), chunk))
    }
}
