//! The footer of a segment file: its index, so that the records need not be read to open it.
//!
//! It is the last thing in the file: the content (encrypted if the store is), and a trailer of 32
//! bytes: `"vagfoot1"`, `u32` length of the content, `u32` flags, `u32` CRC32C of the content,
//! `u32` 0,
//! `u32` 0, `u32` CRC32C of the trailer before. Every slot that had bytes is in it.

use bytes::BytesMut;
use hashbrown::HashMap;

use super::chunk::Maker;
use super::facts::Facts;
use super::file::Chunk;
use super::segment::{NONE, Segment};
use super::subjects::Subjects;
use crate::varint::{put, take, take_u32, take_u64};

pub(crate) const TRAILER_BYTES: usize = 32;
const MAGIC: [u8; 8] = *b"vagfoot1";
const SEALED: u32 = 1;
const FOOTER: &[u8] = b"footer";

/// The index of a segment as it is kept: slots in order, with subjects of the segment's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Distances of the sequences from the base of the segment; empty if there is no gap.
    pub(crate) seqs: Vec<u32>,
    pub(crate) offsets: Vec<u32>,
    /// Places in `names`.
    pub(crate) subjects: Vec<u32>,
    pub(crate) facts: Facts,
    pub(crate) names: Vec<Box<[u8]>>,
    /// Slot and time of those that expire.
    pub(crate) expiries: Vec<(u32, i64)>,
    pub(crate) chunks: Vec<Chunk>,
}

// === impl Columns ===

impl Columns {
    /// The slots of a segment that have bytes, in the file of the segment or, if `moved` says so,
    /// at other offsets. `expires` tells when a sequence expires, if it does.
    pub(crate) fn of(
        segment: &Segment,
        subjects: &Subjects,
        expires: &HashMap<u64, i64>,
        moved: Option<&HashMap<u64, u32>>,
    ) -> Columns {
        let mut columns = Columns::default();
        let mut names = HashMap::new();
        let mut dense = true;
        segment.facts.each(|slot, fact| {
            if segment.offset(slot) == NONE {
                return;
            }
            let (seq, id) = (segment.seq(slot), segment.subject(slot));
            let offset = match moved {
                Some(moved) => moved.get(&seq).copied(),
                None => Some(segment.offset(slot)),
            };
            let Some(offset) = offset else { return };
            let distance = (seq - segment.base) as u32;
            dense &= distance as usize == columns.seqs.len();
            columns.seqs.push(distance);
            let name = *names.entry(id).or_insert_with(|| {
                columns.names.push(subjects.subject(id).into());
                columns.names.len() as u32 - 1
            });
            columns.offsets.push(offset);
            columns.subjects.push(name);
            columns.facts.push(fact);
            if fact.has_expires
                && let Some(time) = expires.get(&seq)
            {
                columns.expiries.push((columns.offsets.len() as u32 - 1, *time));
            }
        });
        if dense {
            columns.seqs = Vec::new();
        }
        columns
    }

    pub(crate) fn slots(&self) -> usize {
        self.offsets.len()
    }

    /// Distance of a slot from the base.
    pub(crate) fn distance(&self, slot: usize) -> u32 {
        if self.seqs.is_empty() { slot as u32 } else { self.seqs[slot] }
    }

    /// Adds the footer with its trailer.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, maker: &Maker, segment: u64) {
        let mut content = Vec::new();
        put(&mut content, self.slots() as u64);
        put(&mut content, self.seqs.len() as u64);
        put(&mut content, self.names.len() as u64);
        put(&mut content, self.expiries.len() as u64);
        put(&mut content, self.chunks.len() as u64);
        for column in [&self.seqs, &self.offsets, &self.subjects] {
            column.iter().for_each(|n| content.extend_from_slice(&n.to_le_bytes()));
        }
        self.facts.save(&mut content);
        for name in &self.names {
            put(&mut content, name.len() as u64);
            content.extend_from_slice(name);
        }
        for (slot, time) in &self.expiries {
            content.extend_from_slice(&slot.to_le_bytes());
            content.extend_from_slice(&time.to_le_bytes());
        }
        for chunk in &self.chunks {
            for n in [chunk.start, chunk.len, chunk.at, chunk.stored] {
                content.extend_from_slice(&n.to_le_bytes());
            }
        }
        let mut flags = 0;
        if let Some(cipher) = &maker.cipher {
            flags |= SEALED;
            content = cipher.sealed(&aad(maker, segment), &content).into();
        }
        out.extend_from_slice(&content);
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..8].copy_from_slice(&MAGIC);
        trailer[8..12].copy_from_slice(&(content.len() as u32).to_le_bytes());
        trailer[12..16].copy_from_slice(&flags.to_le_bytes());
        trailer[16..20].copy_from_slice(&maker.salt.sum(&content).to_le_bytes());
        let crc = maker.salt.sum(&trailer[..28]);
        trailer[28..].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&trailer);
    }

    /// How long the footer is in front of this trailer; `None` if it is none.
    pub(crate) fn len_of(trailer: &[u8], maker: &Maker) -> Option<usize> {
        let (rest, crc) = trailer.split_at_checked(28)?;
        let good = rest[..8] == MAGIC && crc == maker.salt.sum(rest).to_le_bytes();
        good.then(|| u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize)
    }

    /// What `content` in front of `trailer` says.
    pub(crate) fn decode(
        content: &[u8],
        trailer: &[u8],
        maker: &Maker,
        segment: u64,
    ) -> Option<Columns> {
        if content.len() != Columns::len_of(trailer, maker)?
            || trailer[16..20] != maker.salt.sum(content).to_le_bytes()
        {
            return None;
        }
        if trailer[12..16] != SEALED.to_le_bytes() {
            return Columns::parse(content);
        }
        let mut sealed = BytesMut::from(content);
        let content = maker.cipher.as_ref()?.open(&aad(maker, segment), &mut sealed).ok()?;
        Columns::parse(content)
    }

    fn parse(mut input: &[u8]) -> Option<Columns> {
        let input = &mut input;
        let mut count = || usize::try_from(take(input)).ok();
        let (slots, seqs, names) = (count()?, count()?, count()?);
        let (expiries, chunks) = (count()?, count()?);
        let mut columns = Columns {
            seqs: column(input, seqs)?,
            offsets: column(input, slots)?,
            subjects: column(input, slots)?,
            ..Columns::default()
        };
        columns.facts = Facts::load(input)?;
        columns.names.reserve_exact(names.min(input.len()));
        for _ in 0..names {
            let len = usize::try_from(take(input)).ok()?;
            let (name, rest) = input.split_at_checked(len)?;
            columns.names.push(name.into());
            *input = rest;
        }
        for _ in 0..expiries {
            let slot = take_u32(input)?;
            columns.expiries.push((slot, take_u64(input)? as i64));
        }
        columns.chunks.reserve_exact(chunks.min(input.len()));
        for _ in 0..chunks {
            let (start, len) = (take_u32(input)?, take_u32(input)?);
            columns.chunks.push(Chunk {
                start,
                len,
                at: take_u32(input)?,
                stored: take_u32(input)?,
            });
        }
        let fits = (columns.seqs.is_empty() || columns.seqs.len() == slots)
            && columns.facts.len() == slots
            && columns.subjects.iter().all(|name| (*name as usize) < names)
            && columns.seqs.is_sorted_by(|a, b| a < b)
            && columns.expiries.iter().all(|(slot, _)| (*slot as usize) < slots);
        fits.then_some(columns)
    }
}

fn column(input: &mut &[u8], len: usize) -> Option<Vec<u32>> {
    let (bytes, rest) = input.split_at_checked(len.checked_mul(4)?)?;
    *input = rest;
    Some(bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

fn aad(maker: &Maker, segment: u64) -> Vec<u8> {
    [FOOTER, &maker.group.to_le_bytes(), &segment.to_le_bytes()].concat()
}
