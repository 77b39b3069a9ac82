//! The file of a segment: a header, chunks, and when the segment is full a footer.
//!
//! ```text
//!  0  "vagseg01"      16  u64  segment                  32  u32  CRC32C of bytes 0..32
//!  8  u64  group      24  u64  sequence it begins at    36  zeros, to 64
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk;
use crate::disk::File;
use crate::record::Salt;

pub(crate) const HEADER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"vagseg01";
const EXTENSION: &str = "seg";

/// Where a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Offset of its records in the segment, and their length.
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// Where it is in the file, header included, and its length there.
    pub(crate) at: u32,
    pub(crate) stored: u32,
}

/// What is known of the file of a segment.
pub(crate) struct SegmentFile {
    /// Open as long as there is something to sync.
    pub(crate) file: Option<Arc<dyn File>>,
    pub(crate) chunks: Vec<Chunk>,
    /// Records before this offset are in the file.
    pub(crate) flushed: u32,
    /// Where the next chunk goes.
    pub(crate) end: u64,
    /// There is a footer; nothing more is written.
    pub(crate) sealed: bool,
    /// Something was written since the last sync.
    pub(crate) dirty: bool,
    /// Of this segment: how often it was written anew.
    pub(crate) generation: u32,
    /// It is about to be another file.
    pub(crate) moving: bool,
    /// There is something behind `end`, which does not count.
    pub(crate) cut: bool,
}

/// The header of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) group: u64,
    pub(crate) segment: u64,
    pub(crate) base: u64,
}

pub(crate) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:016x}.{EXTENSION}"))
}

/// The number of the segment with this file name.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    if digits.len() == 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}

// === impl SegmentFile ===

impl SegmentFile {
    pub(crate) fn new(file: Option<Arc<dyn File>>, end: u64) -> SegmentFile {
        SegmentFile {
            file,
            chunks: Vec::new(),
            flushed: 0,
            end,
            sealed: false,
            dirty: true,
            generation: 0,
            moving: false,
            cut: false,
        }
    }

    /// The chunk with the record at this offset.
    pub(crate) fn chunk_of(&self, offset: u32) -> Option<usize> {
        let at = self.chunks.partition_point(|chunk| chunk.start <= offset).checked_sub(1)?;
        let chunk = self.chunks[at];
        (offset - chunk.start < chunk.len).then_some(at)
    }

    /// Notes that a chunk was written at the end.
    pub(crate) fn wrote(&mut self, start: u32, len: u32, stored: u32) {
        self.chunks.push(Chunk { start, len, at: self.end as u32, stored });
        self.end += u64::from(stored);
        self.flushed = start + len;
        self.dirty = true;
    }

    pub(crate) fn memory(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>()
    }
}

impl std::fmt::Debug for SegmentFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SegmentFile { flushed, end, sealed, .. } = self;
        write!(f, "SegmentFile({flushed} flushed, {end} long, sealed {sealed})")
    }
}

// === impl Header ===

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.group.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.segment.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.base.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None`: it is no header, or a damaged one.
    pub(crate) fn read(file: &dyn File) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER_BYTES];
        if let Err(error) = file.read_exact_at(&mut bytes, 0) {
            let short = error.kind() == io::ErrorKind::UnexpectedEof;
            return if short { Ok(None) } else { Err(error) };
        }
        let number = |at: usize| {
            u64::from_le_bytes(bytes[at..].first_chunk::<8>().copied().unwrap_or_default())
        };
        let good = bytes[..8] == MAGIC
            && u64::from(crc32c::crc32c(&bytes[..32])) == number(32) & 0xFFFF_FFFF;
        Ok(good.then(|| Header { group: number(8), segment: number(16), base: number(24) }))
    }
}

/// Finds the chunks of a file by their headers. Where a header is damaged, what lies up to the next
/// one is taken for a chunk as well: its records may be whole.
pub(crate) fn scan(bytes: &[u8], maker: &chunk::Maker) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let finder = memchr::memmem::Finder::new(&chunk::MAGIC);
    let mut at = HEADER_BYTES;
    // Where the chunk that is looked for begins if all is well, and the offset of its records.
    let mut expected = (at, 0);
    while let Some(skip) = bytes.get(at..).and_then(|rest| finder.find(rest)) {
        at += skip;
        let head = maker.head(&bytes[at..]).filter(|head| head.is_possible());
        let Some(head) = head.filter(|head| head.start >= expected.1) else {
            at += 1;
            continue;
        };
        chunks.extend(
            unnamed(expected, at).into_iter().filter(|chunk| chunk.len <= head.start - chunk.start),
        );
        let stored = chunk::HEAD_BYTES as u32 + head.stored;
        chunks.push(Chunk { start: head.start, len: head.len, at: at as u32, stored });
        at = bytes.len().min(at + stored as usize);
        expected = (at, head.start + head.len);
    }
    chunks.extend(unnamed(expected, bytes.len()));
    chunks
}

/// The chunk without a header that may lie between its expected place and `end`.
fn unnamed((at, start): (usize, u32), end: usize) -> Option<Chunk> {
    let len = end.checked_sub(at + chunk::HEAD_BYTES).filter(|len| *len > 0)? as u32;
    let stored = len + chunk::HEAD_BYTES as u32;
    Some(Chunk { start, len: len.min(u32::MAX - start), at: at as u32, stored })
}

/// The records of a chunk one by one: offset, record, and whether it is whole.
pub(crate) fn records(
    chunk: Chunk,
    bytes: &[u8],
    salt: Salt,
) -> impl Iterator<Item = (u32, Result<&[u8], crate::record::Head>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let offset = chunk.start + at as u32;
            match crate::record::check(rest, salt) {
                Ok(head) => {
                    at += head.len as usize;
                    return Some((offset, Ok(&rest[..head.len as usize])));
                }
                Err(crate::record::Bad::Body(head)) => {
                    at += head.len as usize;
                    return Some((offset, Err(head)));
                }
                Err(crate::record::Bad::Head) => {
                    // On to the next byte at which a whole record begins.
                    at += 1;
                    let more = (at..bytes.len())
                        .find(|at| crate::record::check(&bytes[*at..], salt).is_ok())?;
                    at = more;
                }
            }
        }
    })
}
