//! Records: how a message, and whatever else happens to a log, looks as bytes.
//!
//! ```text
//!  0  u32  length of the record, this header included      12  u8   kind
//!  4  u32  CRC32C of bytes 8..32                           13  u8   flags
//!  8  u32  CRC32C of bytes 32..                            14  u16  length of the subject
//! 16  u64  sequence                                        24  i64  time, ns since 1970
//! 32  [i64 expires, ns]  [u32 length of the headers]  subject  headers  payload
//! ```
//!
//! All numbers are little endian. Both checksums begin with the salt of the group, so that the
//! record of another group is no record. The fields in brackets are there if a flag says so.

use crate::varint::{put, take};

/// Length of the part that every record has.
pub(crate) const HEAD_BYTES: usize = 32;
/// The longest a record can be.
pub(crate) const RECORD_BYTES_MAX: usize = 64 << 20;

/// Ranges of removals in one record, which may take 20 bytes each.
const RANGES_MAX: usize = 1 << 20;

const HAS_EXPIRES: u8 = 1;
const HAS_HEADERS: u8 = 2;
/// The message carries an id for the detection of duplicates.
const HAS_ID: u8 = 4;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Message = 1,
    /// Messages are removed: ranges of sequences.
    Remove = 2,
    /// The log goes on behind this sequence.
    Skip = 3,
}

/// What checksums begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(u32);

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: u32,
    pub(crate) kind: Kind,
    pub(crate) seq: u64,
    pub(crate) time_ns: i64,
    flags: u8,
    subject_len: u16,
}

/// A message as its record holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) seq: u64,
    pub(crate) time_ns: i64,
    /// 0: never.
    pub(crate) expires_ns: i64,
    pub(crate) has_id: bool,
    pub(crate) subject: &'a [u8],
    pub(crate) headers: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Bytes that are no record, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    #[error("no record begins here")]
    Head,
    /// The header is whole, so the next record can be found.
    #[error("the record of sequence {} is damaged", .0.seq)]
    Body(Head),
}

// === impl Salt ===

impl Salt {
    pub(crate) fn new(group: u64) -> Salt {
        Salt(crc32c::crc32c(&group.to_le_bytes()))
    }

    pub(crate) fn sum(self, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0, bytes)
    }

    /// Of parts, as if they lay behind each other.
    pub(crate) fn sum_all(self, parts: &[&[u8]]) -> u32 {
        parts.iter().fold(self.0, |sum, part| crc32c::crc32c_append(sum, part))
    }
}

// === impl Kind ===

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        [Kind::Message, Kind::Remove, Kind::Skip].into_iter().find(|kind| *kind as u8 == byte)
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    /// How long the record is.
    #[inline]
    pub(crate) fn record_len(&self) -> usize {
        let expires = if self.expires_ns == 0 { 0 } else { 8 };
        let headers = if self.headers.is_empty() { 0 } else { 4 + self.headers.len() };
        HEAD_BYTES + expires + headers + self.subject.len() + self.payload.len()
    }

    /// Adds the record. Without a salt it has no checksums, for where nothing can happen to it.
    #[inline]
    pub(crate) fn encode(&self, out: &mut Vec<u8>, salt: Option<Salt>) {
        let begin = out.len();
        let len = self.record_len();
        debug_assert!(len <= RECORD_BYTES_MAX && self.subject.len() <= usize::from(u16::MAX));
        let mut flags = 0;
        if self.expires_ns != 0 {
            flags |= HAS_EXPIRES;
        }
        if !self.headers.is_empty() {
            flags |= HAS_HEADERS;
        }
        if self.has_id {
            flags |= HAS_ID;
        }
        let head = Head {
            len: len as u32,
            kind: Kind::Message,
            seq: self.seq,
            time_ns: self.time_ns,
            flags,
            subject_len: self.subject.len() as u16,
        };
        out.reserve(len);
        out.extend_from_slice(&head.to_bytes());
        if self.expires_ns != 0 {
            out.extend_from_slice(&self.expires_ns.to_le_bytes());
        }
        if !self.headers.is_empty() {
            out.extend_from_slice(&(self.headers.len() as u32).to_le_bytes());
        }
        out.extend_from_slice(self.subject);
        out.extend_from_slice(self.headers);
        out.extend_from_slice(self.payload);
        if let Some(salt) = salt {
            close(&mut out[begin..], salt);
        }
    }

    /// Takes a record apart that was checked before. `None` if it can't be one of a message.
    #[inline]
    pub(crate) fn parse(record: &'a [u8]) -> Option<Message<'a>> {
        let head = Head::parse(record)?;
        let mut rest = record.get(HEAD_BYTES..head.len as usize)?;
        let mut expires_ns = 0;
        if head.flags & HAS_EXPIRES != 0 {
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            (expires_ns, rest) = (i64::from_le_bytes(*bytes), after);
        }
        let mut headers_len = 0;
        if head.flags & HAS_HEADERS != 0 {
            let (bytes, after) = rest.split_first_chunk::<4>()?;
            (headers_len, rest) = (u32::from_le_bytes(*bytes) as usize, after);
        }
        let (subject, rest) = rest.split_at_checked(usize::from(head.subject_len))?;
        let (headers, payload) = rest.split_at_checked(headers_len)?;
        let has_id = head.flags & HAS_ID != 0;
        let Head { seq, time_ns, .. } = head;
        Some(Message { seq, time_ns, expires_ns, has_id, subject, headers, payload })
    }
}

// === impl Head ===

impl Head {
    fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.len.to_le_bytes());
        bytes[12] = self.kind as u8;
        bytes[13] = self.flags;
        bytes[14..16].copy_from_slice(&self.subject_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_ns.to_le_bytes());
        bytes
    }

    /// Without looking at the checksum.
    #[inline]
    fn parse(bytes: &[u8]) -> Option<Head> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (_, rest) = rest.split_first_chunk::<8>()?;
        let (&[kind, flags, a, b], rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (time_ns, _) = rest.split_first_chunk::<8>()?;
        Some(Head {
            len: u32::from_le_bytes(*len),
            kind: Kind::from_byte(kind)?,
            seq: u64::from_le_bytes(*seq),
            time_ns: i64::from_le_bytes(*time_ns),
            flags,
            subject_len: u16::from_le_bytes([a, b]),
        })
    }

    /// The header that `bytes` begin with, if it is whole and `bytes` are long enough for a record
    /// of its length.
    pub(crate) fn read(bytes: &[u8], salt: Salt) -> Option<Head> {
        let head = Head::parse(bytes)?;
        let sum = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
        let len = head.len as usize;
        let fits = (HEAD_BYTES..=RECORD_BYTES_MAX).contains(&len);
        (fits && salt.sum(&bytes[8..HEAD_BYTES]) == (sum ^ head.len)).then_some(head)
    }
}

/// Checks the record that `bytes` begin with; returns its header.
pub(crate) fn check(bytes: &[u8], salt: Salt) -> Result<Head, Bad> {
    let head = Head::read(bytes, salt).ok_or(Bad::Head)?;
    let body = bytes.get(HEAD_BYTES..head.len as usize).ok_or(Bad::Body(head))?;
    let sum = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if salt.sum(body) != sum {
        return Err(Bad::Body(head));
    }
    Ok(head)
}

/// Fills in the checksums of a record.
fn close(record: &mut [u8], salt: Salt) {
    let body = salt.sum(&record[HEAD_BYTES..]);
    record[8..12].copy_from_slice(&body.to_le_bytes());
    // The length is in front of the bytes that are summed: it is mixed in, so that it is checked.
    let len = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
    let head = salt.sum(&record[8..HEAD_BYTES]) ^ len;
    record[4..8].copy_from_slice(&head.to_le_bytes());
}

fn plain(out: &mut Vec<u8>, kind: Kind, seq: u64, len: usize, body: &[u8], salt: Salt) {
    let begin = out.len();
    let head = Head { len: len as u32, kind, seq, time_ns: 0, flags: 0, subject_len: 0 };
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(body);
    close(&mut out[begin..], salt);
}

pub(crate) fn encode_skip(out: &mut Vec<u8>, last: u64, salt: Salt) {
    plain(out, Kind::Skip, last, HEAD_BYTES, &[], salt);
}

/// Adds records of removals: ascending ranges of sequences, both ends included, or ranges in any
/// order, which takes more room.
pub(crate) fn encode_remove(out: &mut Vec<u8>, ranges: &[(u64, u64)], salt: Salt) {
    for ranges in ranges.chunks(RANGES_MAX) {
        let mut body = Vec::with_capacity(ranges.len() * 4);
        let mut at = 0;
        for (from, to) in ranges {
            put(&mut body, from.wrapping_sub(at));
            put(&mut body, to - from);
            at = *to;
        }
        plain(out, Kind::Remove, 0, HEAD_BYTES + body.len(), &body, salt);
    }
}

/// The ranges of a record of removals that was checked before.
pub(crate) fn removed(record: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let mut body = record.get(HEAD_BYTES..).unwrap_or(&[]);
    let mut at = 0;
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let from = take(&mut body).wrapping_add(at);
        at = from.wrapping_add(take(&mut body));
        Some((from, at))
    })
}

#[cfg(test)]
mod tests;
