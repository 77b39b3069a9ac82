//! Reading an archive piece by piece, as it comes.

use bytes::{Buf, BytesMut};

use super::ArchiveError;

/// See the module's text.
#[derive(Default)]
pub(in crate::stream) struct Unpacker {
    /// Frames that are not whole yet.
    packed: BytesMut,
    /// Tar that is not read yet.
    plain: BytesMut,
    decoder: snap::raw::Decoder,
    /// Bytes of frames taken so far.
    taken: u64,
    ended: bool,
}

/// One entry of an archive.
pub(in crate::stream) struct Entry {
    pub name: String,
    pub content: BytesMut,
}

const UNIT: usize = 512;
/// No entry of ours is longer, in bytes.
const ENTRY_MAX: u64 = 256 << 20;
const IDENTIFIER: u8 = 0xff;
const COMPRESSED: u8 = 0x00;
const PLAIN: u8 = 0x01;
/// Kinds of frames from here on may be passed over.
const SKIPPABLE: u8 = 0x80;

// === impl Unpacker ===

impl Unpacker {
    /// Takes a piece.
    pub(in crate::stream) fn feed(&mut self, piece: &[u8]) -> Result<(), ArchiveError> {
        self.packed.extend_from_slice(piece);
        while self.packed.len() >= 4 {
            let [kind, a, b, c] = [self.packed[0], self.packed[1], self.packed[2], self.packed[3]];
            let len = u32::from_le_bytes([a, b, c, 0]) as usize;
            if self.packed.len() < 4 + len {
                break;
            }
            self.packed.advance(4);
            let frame = self.packed.split_to(len);
            self.frame(kind, &frame)?;
            self.taken += 4 + len as u64;
        }
        Ok(())
    }

    fn frame(&mut self, kind: u8, frame: &[u8]) -> Result<(), ArchiveError> {
        let damaged = ArchiveError::Damaged { at: self.taken };
        match kind {
            IDENTIFIER if frame == b"sNaPpY" => return Ok(()),
            _ if self.taken == 0 => return Err(ArchiveError::Foreign),
            COMPRESSED | PLAIN => {}
            SKIPPABLE.. => return Ok(()),
            _ => return Err(damaged),
        }
        let Some((sum, content)) = frame.split_first_chunk::<4>() else { return Err(damaged) };
        let unpacked;
        let content = if kind == PLAIN {
            content
        } else {
            unpacked = self.decoder.decompress_vec(content).map_err(|_| damaged.clone())?;
            &unpacked
        };
        if u32::from_le_bytes(*sum) != masked(crc32c::crc32c(content)) {
            return Err(damaged);
        }
        self.plain.extend_from_slice(content);
        Ok(())
    }

    /// The next entry that is whole.
    pub(in crate::stream) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if self.ended || self.plain.len() < UNIT {
            return Ok(None);
        }
        if self.plain[..UNIT].iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(None);
        }
        let damaged = || ArchiveError::Damaged { at: self.taken };
        let header = tar::Header::from_byte_slice(&self.plain[..UNIT]);
        let size = header.entry_size().map_err(|_| damaged())?;
        if size > ENTRY_MAX {
            return Err(ArchiveError::Large(size));
        }
        let size = size as usize;
        let whole = UNIT + size.next_multiple_of(UNIT);
        if self.plain.len() < whole {
            return Ok(None);
        }
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let mut entry = self.plain.split_to(whole);
        entry.advance(UNIT);
        entry.truncate(size);
        Ok(Some(Entry { name, content: entry }))
    }

    /// All was fed.
    pub(in crate::stream) fn finish(&self) -> Result<(), ArchiveError> {
        if self.ended && self.packed.is_empty() { Ok(()) } else { Err(ArchiveError::Cut) }
    }
}

/// A checksum as frames carry it.
fn masked(sum: u32) -> u32 {
    (sum.rotate_right(15)).wrapping_add(0xa282_ead8)
}
