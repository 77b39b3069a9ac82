//! S2 streams, by which links to leaf nodes are compressed: a superset of Snappy's framing format.
//!
//! A stream names itself, and then is a row of chunks: a type of one byte, a length of three, least
//! first, and so many bytes. A chunk of data begins with a checksum of the plain bytes; the bytes
//! follow, packed or as they are. A writer may name the stream again at any time. The format of a
//! packed block is the business of `minlz`.

use minlz::s2::{Encoder, decode_into, decode_len, max_encoded_len};
use thiserror::Error;

/// How much work is put into what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// None: chunks of bytes as they are.
    Plain,
    Fast,
    Better,
    Best,
}

/// Makes a stream of plain bytes.
#[derive(Default)]
pub struct Writer {
    encoder: Encoder,
    named: bool,
}

/// Makes plain bytes of a stream.
pub struct Reader {
    /// Bytes of a chunk nobody needs that are still to come.
    skip: usize,
    /// A block that did not fit; up to `given` it is handed over.
    plain: Vec<u8>,
    given: usize,
    named: bool,
    block_max: usize,
}

/// Why a stream can't be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Broken {
    #[error("the stream does not name itself")]
    Unnamed,
    #[error("a chunk is of an unknown type")]
    Unknown,
    #[error("a compressed block is too large")]
    TooLarge,
    #[error("a compressed block is broken")]
    Torn,
    #[error("a compressed block is not what its checksum says")]
    Checksum,
}

/// Plain bytes of a block, at most, by the format.
pub const BLOCK_MAX: usize = 4 << 20;
/// Plain bytes of a block that a writer makes.
const WRITTEN_MAX: usize = 64 << 10;
/// Fewer bytes are not worth the work.
const SMALL: usize = 64;
/// The tables of [`Level::Best`] have megabytes, to be cleared for each block: not for fewer bytes.
const LARGE: usize = 16 << 10;
const HEAD: usize = 4;
const SUM: usize = 4;
const PACKED: u8 = 0x00;
const AS_IS: u8 = 0x01;
/// Chunks of this type and above may be passed over, below they may not.
const SKIPPABLE: u8 = 0x80;
const NAME: u8 = 0xFF;
const NAMES: [&[u8]; 2] = [b"S2sTwO", b"sNaPpY"];
/// A buffer that has grown beyond this is let go of when it is empty.
const KEPT: usize = 256 << 10;

// === impl Writer ===

impl Writer {
    /// Appends `plain` to `out` as chunks, ahead of all others with the name of the stream.
    pub fn write(&mut self, plain: &[u8], level: Level, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.named, true) {
            head(NAME, NAMES[0].len(), out);
            out.extend_from_slice(NAMES[0]);
        }
        for piece in plain.chunks(WRITTEN_MAX) {
            let packed = self.pack(piece, level);
            let (kind, bytes) = match packed.as_deref().filter(|packed| packed.len() < piece.len())
            {
                Some(packed) => (PACKED, packed),
                None => (AS_IS, piece),
            };
            head(kind, SUM + bytes.len(), out);
            out.extend_from_slice(&checksum(piece).to_le_bytes());
            out.extend_from_slice(bytes);
        }
    }

    fn pack(&mut self, piece: &[u8], level: Level) -> Option<Vec<u8>> {
        if piece.len() < SMALL {
            return None;
        }
        Some(match level {
            Level::Plain => return None,
            Level::Fast => self.encoder.encode(piece),
            Level::Best if piece.len() >= LARGE => self.encoder.encode_best(piece),
            Level::Better | Level::Best => self.encoder.encode_better(piece),
        })
    }
}

fn head(kind: u8, len: usize, out: &mut Vec<u8>) {
    let len = (len as u32).to_le_bytes();
    out.extend_from_slice(&[kind, len[0], len[1], len[2]]);
}

/// CRC-32C, masked as the framing format has it.
fn checksum(plain: &[u8]) -> u32 {
    crc32c::crc32c(plain).rotate_right(15).wrapping_add(0xA282_EAD8)
}

// === impl Reader ===

impl Reader {
    /// A reader that takes no block of more plain bytes than `block_max`.
    #[must_use]
    pub fn new(block_max: usize) -> Self {
        Self { skip: 0, plain: Vec::new(), given: 0, named: false, block_max }
    }

    /// Takes larger blocks from here on, or only smaller ones.
    pub fn set_block_max(&mut self, block_max: usize) {
        self.block_max = block_max;
    }

    /// Reads what `heard` begins with, and fills `room` with plain bytes as far as there are any;
    /// the answer is how many bytes of the one are used, and how many of the other are filled. What
    /// is not used is to be shown again, with more behind it.
    ///
    /// # Errors
    /// When the other end has sent what is no such stream.
    pub fn read(&mut self, heard: &[u8], room: &mut [u8]) -> Result<(usize, usize), Broken> {
        let (mut at, mut filled) = (0, 0);
        loop {
            filled += self.give(&mut room[filled..]);
            let full = filled == room.len();
            if full || !self.next_chunk(heard, &mut at, room, &mut filled)? {
                return Ok((at, filled));
            }
        }
    }

    /// Hands over of the block that did not fit.
    fn give(&mut self, room: &mut [u8]) -> usize {
        let rest = &self.plain[self.given..];
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        if self.given == self.plain.len() {
            self.plain.clear();
            self.given = 0;
            if self.plain.capacity() > KEPT {
                self.plain = Vec::new();
            }
        }
        count
    }

    /// Works on one chunk, if it is there as a whole.
    fn next_chunk(
        &mut self,
        heard: &[u8],
        at: &mut usize,
        room: &mut [u8],
        filled: &mut usize,
    ) -> Result<bool, Broken> {
        let skipped = self.skip.min(heard.len() - *at);
        self.skip -= skipped;
        *at += skipped;
        let Some((head, rest)) = heard[*at..].split_first_chunk::<HEAD>() else {
            return Ok(false);
        };
        let [kind, len @ ..] = *head;
        let len = u32::from_le_bytes([len[0], len[1], len[2], 0]) as usize;
        match kind {
            NAME if len != NAMES[0].len() => return Err(Broken::Unnamed),
            _ if kind != NAME && !self.named => return Err(Broken::Unnamed),
            NAME | PACKED | AS_IS => {}
            SKIPPABLE.. => {
                *at += HEAD;
                self.skip = len;
                return Ok(true);
            }
            _ => return Err(Broken::Unknown),
        }
        if len > SUM + max_encoded_len(self.block_max).map_err(|_| Broken::TooLarge)? {
            return Err(Broken::TooLarge);
        }
        let Some(body) = rest.get(..len) else { return Ok(false) };
        if kind == NAME {
            if !NAMES.contains(&body) {
                return Err(Broken::Unnamed);
            }
            self.named = true;
        } else {
            let block_max = self.block_max;
            let (sum, bytes) = body.split_first_chunk::<SUM>().ok_or(Broken::Torn)?;
            let size = size_of(kind, bytes)?;
            if size > block_max {
                return Err(Broken::TooLarge);
            }
            let place = match room.get_mut(*filled..*filled + size) {
                Some(place) => {
                    *filled += size;
                    place
                }
                None => {
                    self.plain.resize(size, 0);
                    &mut self.plain[..]
                }
            };
            open(kind, bytes, u32::from_le_bytes(*sum), place)?;
        }
        *at += HEAD + len;
        Ok(true)
    }
}

fn size_of(kind: u8, bytes: &[u8]) -> Result<usize, Broken> {
    match kind {
        AS_IS => Ok(bytes.len()),
        _ => decode_len(bytes).map(|(size, _)| size).map_err(|_| Broken::Torn),
    }
}

fn open(kind: u8, bytes: &[u8], sum: u32, place: &mut [u8]) -> Result<(), Broken> {
    match kind {
        AS_IS => place.copy_from_slice(bytes),
        _ => {
            decode_into(place, bytes).map_err(|_| Broken::Torn)?;
        }
    }
    if checksum(place) == sum { Ok(()) } else { Err(Broken::Checksum) }
}

#[cfg(test)]
mod tests;
