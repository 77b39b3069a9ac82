//! Chunks: how records lie in the file of a segment.
//!
//! A chunk is what was written at once, up to some 128 KiB of records, or one record that is
//! longer; it is read as a whole, and compressed and encrypted as a whole if at all. Its header is
//!
//! ```text
//!  0  "VCHK"                                      16  u32  length of what follows the header
//!  4  u32  CRC32C of bytes 8..32                  20  u32  flags: 1 compressed, 2 encrypted
//!  8  u32  offset of its records in the segment   24  u32  CRC32C of what follows the header
//! 12  u32  length of its records                  28  u32  0
//! ```

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};

use crate::crypt::{Cipher, OVERHEAD};
use crate::record::Salt;

pub(crate) const HEAD_BYTES: usize = 32;
/// Records that are put into one chunk.
pub(crate) const CHUNK_BYTES: usize = 128 << 10;
pub(crate) const MAGIC: [u8; 4] = *b"VCHK";

/// Longer than any record.
const SEALED_MARK: [u8; 4] = [0xFF; 4];

const COMPRESSED: u32 = 1;
const SEALED: u32 = 2;

/// What a chunk belongs to, and how it is made.
#[derive(Clone)]
pub(crate) struct Maker {
    pub(crate) group: u64,
    pub(crate) salt: Salt,
    pub(crate) compress: Arc<AtomicBool>,
    pub(crate) cipher: Option<Cipher>,
}

/// The header of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) start: u32,
    pub(crate) len: u32,
    pub(crate) stored: u32,
    flags: u32,
    crc: u32,
}

/// Why the records of a chunk can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadChunk {
    #[error("the header is damaged")]
    Head,
    #[error("the content is damaged")]
    Content,
    #[error("the content is encrypted with a key that is not there")]
    Key,
}

/// A chunk that is about to be written.
pub(crate) struct Packed {
    pub(crate) head: [u8; HEAD_BYTES],
    /// What follows the header; `None`: the records as they are.
    pub(crate) content: Option<Vec<u8>>,
}

/// Parts as one piece.
fn joined<'a>(parts: &[&'a [u8]]) -> Cow<'a, [u8]> {
    match parts {
        [one] => Cow::Borrowed(one),
        parts => Cow::Owned(parts.concat()),
    }
}

// === impl Maker ===

impl Maker {
    /// Adds a chunk with `records`, the first of which has the offset `start` in segment `segment`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, segment: u64, start: u32, records: &[u8]) {
        let Packed { head, content } = self.pack(segment, start, &[records]);
        out.extend_from_slice(&head);
        out.extend_from_slice(content.as_deref().unwrap_or(records));
    }

    /// The chunk with `records`, which lie in parts, the first of which has the offset `start` in
    /// segment `segment`.
    pub(crate) fn pack(&self, segment: u64, start: u32, records: &[&[u8]]) -> Packed {
        let len: usize = records.iter().map(|part| part.len()).sum();
        let (mut flags, mut content) = (0, None);
        if self.compress.load(Relaxed) {
            let packed = lz4_flex::block::compress(&joined(records));
            // Less than an eighth isn't worth the time of those who read it.
            if packed.len() <= len / 8 * 7 {
                flags |= COMPRESSED;
                content = Some(packed);
            }
        }
        if let Some(cipher) = &self.cipher {
            flags |= SEALED;
            let plain = content.map_or_else(|| joined(records), Cow::Owned);
            content = Some(cipher.sealed(&self.aad(segment, start), &plain).into());
        }
        let (stored, sum) = match &content {
            Some(content) => (content.len(), self.salt.sum(content)),
            None => (len, self.salt.sum_all(records)),
        };
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&start.to_le_bytes());
        head[12..16].copy_from_slice(&(len as u32).to_le_bytes());
        head[16..20].copy_from_slice(&(stored as u32).to_le_bytes());
        head[20..24].copy_from_slice(&flags.to_le_bytes());
        head[24..28].copy_from_slice(&sum.to_le_bytes());
        let crc = self.salt.sum(&head[8..]);
        head[4..8].copy_from_slice(&crc.to_le_bytes());
        Packed { head, content }
    }

    /// The header that `bytes` begin with.
    pub(crate) fn head(&self, bytes: &[u8]) -> Option<Head> {
        let bytes = bytes.first_chunk::<HEAD_BYTES>()?;
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[..4] != MAGIC || self.salt.sum(&bytes[8..]) != word(4) {
            return None;
        }
        Some(Head {
            start: word(8),
            len: word(12),
            stored: word(16),
            flags: word(20),
            crc: word(24),
        })
    }

    /// The records of the chunk that `bytes` are, as far as they go. Where the content is neither
    /// compressed nor encrypted, what is damaged is only noted, since each record has a checksum of
    /// its own; and where the header is damaged, the content may be just that.
    pub(crate) fn decode(&self, segment: u64, bytes: &[u8]) -> Result<(Vec<u8>, bool), BadChunk> {
        let content = bytes.get(HEAD_BYTES..).ok_or(BadChunk::Head)?;
        let Some(head) = self.head(bytes) else { return Ok((content.to_vec(), false)) };
        let content = content.get(..head.stored as usize).unwrap_or(content);
        let whole = content.len() == head.stored as usize && self.salt.sum(content) == head.crc;
        if head.flags == 0 {
            return Ok((content.to_vec(), whole));
        }
        if !whole {
            return Err(BadChunk::Content);
        }
        let mut sealed = BytesMut::new();
        let content = if head.flags & SEALED != 0 {
            let cipher = self.cipher.as_ref().ok_or(BadChunk::Key)?;
            sealed.extend_from_slice(content);
            &*cipher.open(&self.aad(segment, head.start), &mut sealed).map_err(|_| BadChunk::Key)?
        } else {
            content
        };
        if head.flags & COMPRESSED == 0 {
            return Ok((content.to_vec(), true));
        }
        let records = lz4_flex::block::decompress(content, head.len as usize);
        match records {
            Ok(records) if records.len() == head.len as usize => Ok((records, true)),
            _ => Err(BadChunk::Content),
        }
    }

    /// Records on their way to the write-ahead log: as they are, or behind a mark that no record
    /// begins with, encrypted.
    pub(crate) fn seal(&self, records: Vec<u8>) -> Bytes {
        let Some(cipher) = &self.cipher else { return Bytes::from(records) };
        let mut sealed = BytesMut::with_capacity(4 + records.len() + OVERHEAD);
        sealed.extend_from_slice(&SEALED_MARK);
        sealed.extend_from_slice(&records);
        cipher.seal(&self.aad(0, 0), &mut sealed, SEALED_MARK.len());
        sealed.freeze()
    }

    /// What [`Maker::seal`] made, or would make without encryption. `None`: it can't be opened.
    pub(crate) fn unseal(&self, records: Bytes) -> Option<Bytes> {
        if !records.starts_with(&SEALED_MARK) {
            return Some(records);
        }
        let mut sealed = BytesMut::from(&records[SEALED_MARK.len()..]);
        let text = self.cipher.as_ref()?.open(&self.aad(0, 0), &mut sealed).ok()?;
        let len = text.len();
        sealed.truncate(len);
        Some(sealed.freeze())
    }

    fn aad(&self, segment: u64, start: u32) -> [u8; 20] {
        let mut aad = [0; 20];
        aad[..8].copy_from_slice(&self.group.to_le_bytes());
        aad[8..16].copy_from_slice(&segment.to_le_bytes());
        aad[16..].copy_from_slice(&start.to_le_bytes());
        aad
    }
}

// === impl Head ===

impl Head {
    /// Whether the records lie in the file as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.flags == 0
    }

    /// Whether a header can be true: nothing is longer than what may be written.
    pub(crate) fn is_possible(&self) -> bool {
        let most = crate::record::RECORD_BYTES_MAX.max(CHUNK_BYTES) * 2;
        self.len as usize <= most && self.stored as usize <= most + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::cipher_for_tests;
    use crate::options::CipherKind;

    fn makers() -> Vec<Maker> {
        let salt = Salt::new(1);
        let cipher = Some(cipher_for_tests(CipherKind::default()));
        let plain = Maker { group: 1, salt, compress: Arc::default(), cipher: None };
        let compress = Arc::new(AtomicBool::new(true));
        vec![
            plain.clone(),
            Maker { compress: Arc::clone(&compress), ..plain.clone() },
            Maker { cipher: cipher.clone(), ..plain.clone() },
            Maker { compress, cipher, ..plain },
        ]
    }

    #[test]
    fn records_come_back_and_damage_is_noticed() {
        let records = b"the same again and again, ".repeat(40);
        for maker in makers() {
            let mut chunk = Vec::new();
            maker.encode(&mut chunk, 5, 77, &records);
            assert_eq!(
                maker.compress.load(Relaxed),
                chunk.len() < 200 + OVERHEAD,
                "{}",
                chunk.len()
            );
            assert_eq!(maker.decode(5, &chunk), Ok((records.clone(), true)));
            if maker.cipher.is_some() {
                assert_eq!(maker.decode(6, &chunk), Err(BadChunk::Key));
                assert!(!chunk.windows(4).any(|bytes| bytes == b"same"));
            }
            for at in 0..chunk.len() {
                chunk[at] ^= 4;
                let found = maker.decode(5, &chunk);
                assert!(!matches!(found, Ok((_, true))), "byte {at}");
                chunk[at] ^= 4;
                assert!(!matches!(maker.decode(5, &chunk[..at]), Ok((_, true))), "cut at {at}");
            }
        }
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let maker = &makers()[1];
        let records: Vec<u8> =
            (0..500u32).flat_map(|n| (n.wrapping_mul(0x9E37_79B9)).to_le_bytes()).collect();
        let mut chunk = Vec::new();
        maker.encode(&mut chunk, 5, 0, &records);
        assert_eq!(chunk.len(), HEAD_BYTES + records.len());
        assert!(maker.head(&chunk).unwrap().is_plain());
    }
}
