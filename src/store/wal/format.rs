//! What the write-ahead log looks like on disk.
//!
//! A segment begins with its header, twice, and holds batches back to back, each on a multiple of
//! 8: a header, a body, and the header once more at the very end, all with a CRC32C: a damaged
//! header costs nothing, and of a damaged body it is known whose it was. Numbers are little-endian.
//! Segments are used again, so everything names the segment it belongs to: what a former use left
//! behind is recognised by that.

/// Where the first batch of a segment begins.
pub(crate) const FIRST: u64 = 4096;
/// Where the second copy of the header of a segment is.
const COPY: usize = 2048;
const ALIGN: u64 = 8;
const MAGIC: [u8; 8] = *b"vagwal01";
const SEGMENT_BYTES: usize = 56;
pub(crate) const BATCH_BYTES: usize = 72;
/// With padding before it.
const TRAILER_BYTES: usize = BATCH_BYTES + ALIGN as usize;
/// Of a body, so that every position fits.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 30;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Counts up, over all runs; it is in the name of the file, too.
    pub(crate) number: u64,
    /// Of the first batch in it.
    pub(crate) first_lsn: u64,
    /// Of the last batch before this segment that counts: those behind it in the segments before
    /// were torn or failed, and were never acknowledged.
    pub(crate) fence: u64,
    /// Counts the runs of the server.
    pub(crate) epoch: u64,
    /// How long the file is: one that is shorter was cut.
    pub(crate) len: u64,
}

/// What a batch says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) body_len: u32,
    pub(crate) segment: u64,
    /// Counts up by one within a segment, and never goes back.
    pub(crate) lsn: u64,
    /// All up to here were safe when this was written.
    pub(crate) durable: u64,
    pub(crate) group: u64,
    /// Counts the batches of the group.
    pub(crate) index: u64,
    /// The last sequence of the group's log, if the batch changes it.
    pub(crate) mark: u64,
    pub(crate) term: u32,
    /// How much of the body is about the table; the rest are records of the log.
    pub(crate) table_len: u32,
    pub(crate) body_crc: u32,
    pub(crate) flags: u32,
}

/// The batch says only that those before it are safe.
pub(crate) const FLAG_MARKER: u32 = 1;
/// The table's part is encrypted.
pub(crate) const FLAG_SEALED: u32 = 2;
/// The header is the one behind the body.
const FLAG_TRAILER: u32 = 4;
/// Nothing of the group was written before, but for what failed.
pub(crate) const FLAG_BEGINS: u32 = 8;

/// The name of the file of a segment.
pub(crate) fn file_name(number: u64) -> String {
    format!("wal-{number:016}")
}

/// The number in the name of a file, if it is one of a segment.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("wal-")?;
    (digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// How much room a batch takes: header, body, padding, and the header again.
pub(crate) fn room(body_len: usize) -> u64 {
    ((BATCH_BYTES + body_len) as u64).next_multiple_of(ALIGN) + BATCH_BYTES as u64
}

// === impl SegmentHeader ===

impl SegmentHeader {
    /// The bytes before the first batch.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; FIRST as usize];
        for at in [0, COPY] {
            let copy = &mut out[at..at + SEGMENT_BYTES];
            copy[..8].copy_from_slice(&MAGIC);
            let fields = [self.number, self.first_lsn, self.fence, self.epoch, self.len];
            for (n, field) in fields.into_iter().enumerate() {
                copy[8 + 8 * n..16 + 8 * n].copy_from_slice(&field.to_le_bytes());
            }
            let crc = crc32c::crc32c(&copy[..48]);
            copy[48..52].copy_from_slice(&crc.to_le_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<SegmentHeader> {
        [0, COPY].into_iter().find_map(|at| Self::decode_at(bytes.get(at..at + SEGMENT_BYTES)?))
    }

    fn decode_at(copy: &[u8]) -> Option<SegmentHeader> {
        if copy[..8] != MAGIC || crc32c::crc32c(&copy[..48]) != read_u32(copy, 48) {
            return None;
        }
        Some(SegmentHeader {
            number: read_u64(copy, 8),
            first_lsn: read_u64(copy, 16),
            fence: read_u64(copy, 24),
            epoch: read_u64(copy, 32),
            len: read_u64(copy, 40),
        })
    }
}

// === impl BatchHeader ===

impl BatchHeader {
    fn encode(&self) -> [u8; BATCH_BYTES] {
        let mut out = [0; BATCH_BYTES];
        out[4..8].copy_from_slice(&self.body_len.to_le_bytes());
        let long = [self.segment, self.lsn, self.durable, self.group, self.index, self.mark];
        for (n, field) in long.into_iter().enumerate() {
            out[8 + 8 * n..16 + 8 * n].copy_from_slice(&field.to_le_bytes());
        }
        let short = [self.term, self.table_len, self.body_crc, self.flags];
        for (n, field) in short.into_iter().enumerate() {
            out[56 + 4 * n..60 + 4 * n].copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// What goes before the body, and what behind it: of that, as much of the end as there is room.
    pub(crate) fn encode_frame(&self) -> ([u8; BATCH_BYTES], [u8; TRAILER_BYTES]) {
        let mut trailer = [0; TRAILER_BYTES];
        let again = BatchHeader { flags: self.flags | FLAG_TRAILER, ..*self };
        trailer[TRAILER_BYTES - BATCH_BYTES..].copy_from_slice(&again.encode());
        (self.encode(), trailer)
    }

    /// The batch whose header or trailer is at `at`, and where it begins.
    pub(crate) fn find(bytes: &[u8], at: usize, segment: u64) -> Option<(usize, BatchHeader)> {
        let mut header = Self::decode(bytes.get(at..)?, segment)?;
        let room = header.room() as usize;
        let start = if header.flags & FLAG_TRAILER == 0 {
            at
        } else {
            header.flags &= !FLAG_TRAILER;
            (at + BATCH_BYTES).checked_sub(room)?
        };
        (start + room <= bytes.len()).then_some((start, header))
    }

    /// The header at the start of `bytes`, if it is whole and of `segment`.
    fn decode(bytes: &[u8], segment: u64) -> Option<BatchHeader> {
        let bytes = bytes.get(..BATCH_BYTES)?;
        // By far the most frequent reason why something is no header, and the cheapest to see.
        if read_u64(bytes, 8) != segment || crc32c::crc32c(&bytes[4..]) != read_u32(bytes, 0) {
            return None;
        }
        let header = BatchHeader {
            body_len: read_u32(bytes, 4),
            segment,
            lsn: read_u64(bytes, 16),
            durable: read_u64(bytes, 24),
            group: read_u64(bytes, 32),
            index: read_u64(bytes, 40),
            mark: read_u64(bytes, 48),
            term: read_u32(bytes, 56),
            table_len: read_u32(bytes, 60),
            body_crc: read_u32(bytes, 64),
            flags: read_u32(bytes, 68),
        };
        (header.table_len <= header.body_len).then_some(header)
    }

    pub(crate) fn room(&self) -> u64 {
        room(self.body_len as usize)
    }
}

/// `bytes` are known to reach that far.
fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}
