//! From memory to files: what is committed is appended to the file of its segment, a full segment
//! gets its footer, and a checkpoint makes sure of all that.
//!
//! Nothing waits for this but a checkpoint. Files are written by one thread at a time
//! ([`super::core::Files`]), without holding up readers or the writer.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use hashbrown::HashMap;
use smallvec::{SmallVec, smallvec};

use super::chunk::{CHUNK_BYTES, HEAD_BYTES, Maker, Packed};
use super::core::{Core, Files};
use super::file::{self, HEADER_BYTES, Header, SegmentFile};
use super::footer::Columns;
use super::index::Index;
use super::state::Captured;
use crate::disk::{Access, File};

/// Records that are copied at once, under the lock that the writer waits for.
const STEP_BYTES: usize = 1 << 20;
/// Memory is given back whenever so much was written.
const EVICT_BYTES: u64 = 4 << 20;
/// Chunks smaller than this are not worth writing before somebody asks for it.
const WORTH_BYTES: u32 = 4 << 10;

/// What is to be written to one file.
struct Work {
    segment: u64,
    base: u64,
    /// The file if it is open, and where it ends; a new one if there is none.
    file: Option<(Option<Arc<dyn File>>, u64)>,
    /// What lies behind that is cut off first.
    cut: bool,
    /// Each to become a chunk.
    pieces: Vec<Piece>,
    /// The segment is complete: its footer is due.
    footer: Option<Columns>,
}

/// Records behind each other.
struct Piece {
    /// Offset of the first byte.
    start: u32,
    len: usize,
    parts: SmallVec<[Bytes; 1]>,
}

// === impl Core ===

impl Core {
    /// Writes what is committed; where `all`, even if it is little.
    pub(crate) fn write_out(&self, files: &mut Files, all: bool) -> io::Result<()> {
        let mut since_evicted = 0;
        loop {
            let work = self.index.read().next_work(all);
            let Some(work) = work else { break };
            since_evicted += self.write(files, work)?;
            if since_evicted > EVICT_BYTES {
                // There may be no end to what is committed meanwhile.
                self.evict(files, self.env.memory.tail_bytes());
                since_evicted = 0;
            }
        }
        self.evict(files, self.env.memory.tail_bytes());
        Ok(())
    }

    /// How many bytes of records are in files now that were not.
    fn write(&self, files: &mut Files, work: Work) -> io::Result<u64> {
        let Work { segment, base, file, cut, pieces, footer } = work;
        let (file, end) = match file {
            Some((Some(file), end)) => (file, end),
            Some((None, end)) => (self.open_file(segment, Access::Write)?, end),
            None => (self.make_file(files, segment, base)?, HEADER_BYTES as u64),
        };
        let packed: Vec<Packed> =
            pieces.iter().map(|piece| piece.pack(&self.maker, segment)).collect();
        let sealed = footer.is_some();
        let mut foot = Vec::new();
        if let Some(footer) = footer {
            footer.encode(&mut foot, &self.maker, segment);
        }
        if cut {
            file.preallocate(end)?;
        }
        let chunks = pieces.iter().zip(&packed);
        let mut slices: Vec<_> =
            chunks.clone().flat_map(|(piece, packed)| piece.slices(packed)).collect();
        slices.push(IoSlice::new(&foot));
        file.write_all_at(&slices, end)?;
        let written = slices.iter().map(|slice| slice.len() as u64).sum();
        self.env.counters.segment_bytes.fetch_add(written, Relaxed);
        let mut index = self.index.write();
        let Some(at) = index.position(segment) else {
            // It died in the meantime.
            drop(index);
            files.garbage.push(segment);
            return Ok(0);
        };
        let stored = index.segments[at].file.get_or_insert_with(|| SegmentFile::new(None, end));
        stored.file = Some(file);
        for (piece, packed) in chunks {
            stored.wrote(piece.start, piece.len as u32, piece.stored(packed) as u32);
        }
        stored.sealed |= sealed;
        stored.cut = false;
        stored.dirty = true;
        let records = pieces.iter().map(|piece| piece.len as u64).sum();
        index.unflushed = index.unflushed.saturating_sub(records);
        self.tell_unflushed(index.unflushed);
        Ok(records)
    }

    fn make_file(&self, files: &mut Files, segment: u64, base: u64) -> io::Result<Arc<dyn File>> {
        let (disk, dir) = (&*self.env.disk, &self.group.dir);
        if !files.has_dir {
            disk.create_dir_all(dir)?;
            files.has_dir = true;
        }
        let file = self.open_file(segment, Access::Truncate)?;
        let header = Header { group: self.maker.group, segment, base };
        file.write_at(&header.encode(), 0)?;
        files.new_names = true;
        Ok(file)
    }

    pub(crate) fn open_file(&self, segment: u64, access: Access) -> io::Result<Arc<dyn File>> {
        self.env.disk.open(&file::path(&self.group.dir, segment), access)
    }

    /// Frees memory of what is in files, too, but for the last `keep` bytes.
    pub(crate) fn evict(&self, files: &mut Files, keep: usize) {
        let mut index = self.index.write();
        let mut kept = 0;
        for segment in index.segments.iter_mut().rev() {
            let Some(file) = &segment.file else {
                kept += segment.blocks.memory();
                continue;
            };
            if kept + segment.blocks.memory() > keep {
                if file.sealed {
                    segment.blocks.clear();
                }
                while kept + segment.blocks.memory() > keep
                    && segment.blocks.free_before(file.flushed) > 0
                {}
            }
            kept += segment.blocks.memory();
        }
        self.env.memory.keep(files.tail, kept as u64);
        files.tail = kept as u64;
    }

    /// Makes sure of all that was captured; what to remember of it.
    pub(crate) fn make_safe(&self, captured: Captured) -> io::Result<Vec<u8>> {
        let mut files = self.files.lock();
        if files.closed {
            return Ok(Vec::new());
        }
        if files.broken {
            return Err(io::Error::other("an earlier sync of its files failed"));
        }
        self.write_out(&mut files, true)?;
        let dirty: Vec<(u64, Option<Arc<dyn File>>)> = {
            let mut index = self.index.write();
            let segments = index.segments.iter_mut();
            segments
                .filter_map(|segment| {
                    let file = segment.file.as_mut().filter(|file| file.dirty)?;
                    file.dirty = false;
                    Some((segment.id, file.file.take()))
                })
                .collect()
        };
        for (segment, file) in dirty {
            let Some(file) = file else { continue };
            if let Err(error) = file.sync_data() {
                // What the system could not write it may have thrown away.
                files.broken = true;
                tracing::error!(%error, segment, stream = self.group.name, "a sync failed");
                return Err(error);
            }
        }
        if files.new_names {
            self.env.disk.sync_dir(&self.group.dir)?;
            files.new_names = false;
        }
        self.remove_garbage(&mut files);
        // What is safe may now be written anew.
        files.settled = false;
        Ok(captured.finish().encode())
    }

    /// Removes the files of segments that are no more.
    pub(crate) fn remove_garbage(&self, files: &mut Files) {
        files.garbage.append(&mut self.index.write().dropped);
        let mut left = Vec::new();
        for segment in std::mem::take(&mut files.garbage) {
            let path = file::path(&self.group.dir, segment);
            match self.env.disk.remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %path.display(), "a file could not be removed");
                    left.push(segment);
                }
                _ => {}
            }
        }
        files.garbage = left;
    }
}

// === impl Index ===

impl Index {
    /// The place of the segment with this number.
    pub(crate) fn position(&self, id: u64) -> Option<usize> {
        self.segments.binary_search_by_key(&id, |segment| segment.id).ok()
    }

    /// What is to be written next.
    fn next_work(&self, all: bool) -> Option<Work> {
        let count = self.segments.len();
        let open = |at: usize| !self.segments[at].file.as_ref().is_some_and(|file| file.sealed);
        let first = (0..count).rev().take_while(|at| open(*at)).last()?;
        for at in first..count {
            let segment = &self.segments[at];
            if segment.base > self.committed {
                break;
            }
            let last = at + 1 == count;
            let upto = segment.end_at(self.committed);
            let flushed = segment.file.as_ref().map_or(0, |file| file.flushed);
            let complete = !last && upto == segment.end && segment.last() <= self.committed;
            let worth = upto > flushed && (all || complete || upto - flushed >= WORTH_BYTES);
            let pieces = if worth { segment.pieces(flushed, upto) } else { Vec::new() };
            let rest = pieces.last().map_or(flushed, |piece| piece.start + piece.len as u32);
            let is_rest = segment.blocks.from(rest).all(|(start, _)| start >= upto);
            let seals = complete && (is_rest || rest >= upto);
            if pieces.is_empty() && !seals {
                continue;
            }
            let file = segment.file.as_ref().map(|file| (file.file.clone(), file.end));
            let cut = segment.file.as_ref().is_some_and(|file| file.cut);
            let (base, id) = (segment.base, segment.id);
            // Chunks must be known before the footer can list them.
            let footer = (seals && pieces.is_empty()).then(|| self.columns(at, None));
            return Some(Work { segment: id, base, file, cut, pieces, footer });
        }
        None
    }

    /// The footer of a segment; if its records have moved, with the offsets they have now.
    pub(super) fn columns(&self, at: usize, moved: Option<&HashMap<u64, u32>>) -> Columns {
        let segment = &self.segments[at];
        let (from, to) = (segment.base, segment.last());
        let expires = self.expiries.iter().filter(|(_, seq)| (from..=to).contains(seq));
        let expires = expires.map(|(time, seq)| (seq, time)).collect();
        let mut columns = Columns::of(segment, &self.subjects, &expires, moved);
        columns.chunks = segment.file.as_ref().map(|file| file.chunks.clone()).unwrap_or_default();
        columns
    }
}

// === impl Segment ===

impl super::segment::Segment {
    /// The records in memory from `from` up to `upto`, in pieces that make good chunks.
    fn pieces(&self, from: u32, upto: u32) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut total = 0;
        for (start, part) in self.blocks.from(from) {
            if start >= upto || total >= STEP_BYTES {
                break;
            }
            let len = part.len().min((upto - start) as usize);
            total += len;
            match pieces.last_mut() {
                Some(piece)
                    if piece.start as usize + piece.len == start as usize
                        && piece.len + len <= CHUNK_BYTES =>
                {
                    piece.parts.push(part.take(len));
                    piece.len += len;
                }
                _ => pieces.push(Piece { start, len, parts: smallvec![part.take(len)] }),
            }
        }
        pieces
    }
}

// === impl Piece ===

impl Piece {
    fn pack(&self, maker: &Maker, segment: u64) -> Packed {
        let parts: SmallVec<[&[u8]; 16]> = self.parts.iter().map(|part| &part[..]).collect();
        maker.pack(segment, self.start, &parts)
    }

    /// What is written of it.
    fn slices<'a>(&'a self, packed: &'a Packed) -> impl Iterator<Item = IoSlice<'a>> {
        let plain = if packed.content.is_none() { &self.parts[..] } else { &[] };
        let content = packed.content.iter().map(|content| &content[..]);
        let parts = content.chain(plain.iter().map(|part| &part[..]));
        std::iter::once(&packed.head[..]).chain(parts).map(IoSlice::new)
    }

    /// How long it is in the file.
    fn stored(&self, packed: &Packed) -> usize {
        HEAD_BYTES + packed.content.as_ref().map_or(self.len, Vec::len)
    }
}
