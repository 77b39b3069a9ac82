//! When messages were stored and how much they count, a few bytes each.
//!
//! Times rise by little from one message to the next, and sizes are small: both are written as
//! variable-length numbers behind each other, and every 16th message says its time in full, so that
//! reading one means reading 15 more at most.

use crate::record::{HEAD_BYTES, Message};
use crate::varint::{put, take, take_u32};

/// So many messages share one full time.
const GROUP: usize = 16;

/// Time and size of every slot of a segment. Grows at the end only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// One for every group: the time of its first message and where its bytes begin.
    groups: Vec<(i64, u32)>,
    bytes: Vec<u8>,
    len: usize,
    /// Time of the last message.
    last: i64,
}

/// What is known of a message without its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) time_ns: i64,
    /// Subject, headers and payload: what the accounting of a stream starts from.
    pub(crate) size: u32,
    pub(crate) has_headers: bool,
    pub(crate) has_expires: bool,
}

// === impl Fact ===

impl Fact {
    pub(crate) fn of(message: &Message<'_>) -> Fact {
        let size = message.subject.len() + message.headers.len() + message.payload.len();
        Fact {
            time_ns: message.time_ns,
            size: size as u32,
            has_headers: !message.headers.is_empty(),
            has_expires: message.expires_ns != 0,
        }
    }

    /// How long the record of the message is.
    pub(crate) fn record_len(&self) -> usize {
        let headers = if self.has_headers { 4 } else { 0 };
        let expires = if self.has_expires { 8 } else { 0 };
        HEAD_BYTES + headers + expires + self.size as usize
    }
}

// === impl Facts ===

impl Facts {
    #[inline]
    pub(crate) fn push(&mut self, fact: Fact) {
        if self.len.is_multiple_of(GROUP) {
            self.groups.push((fact.time_ns, self.bytes.len() as u32));
            self.last = fact.time_ns;
        }
        let delta = fact.time_ns.wrapping_sub(self.last);
        put(&mut self.bytes, ((delta << 1) ^ (delta >> 63)) as u64);
        let flags = u64::from(fact.has_headers) | u64::from(fact.has_expires) << 1;
        put(&mut self.bytes, u64::from(fact.size) << 2 | flags);
        self.last = fact.time_ns;
        self.len += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot must exist.
    pub(crate) fn get(&self, slot: usize) -> Fact {
        let (time_ns, at) = self.groups[slot / GROUP];
        let mut fact = Fact { time_ns, ..Fact::default() };
        let mut rest = &self.bytes[at as usize..];
        for _ in 0..=slot % GROUP {
            step(&mut rest, &mut fact);
        }
        fact
    }

    /// Calls `each` with the facts of all slots in order.
    pub(crate) fn each(&self, mut each: impl FnMut(usize, Fact)) {
        let mut rest = &self.bytes[..];
        let mut fact = Fact::default();
        for slot in 0..self.len {
            if slot.is_multiple_of(GROUP) {
                fact.time_ns = self.groups[slot / GROUP].0;
            }
            step(&mut rest, &mut fact);
            each(slot, fact);
        }
    }

    /// Forgets the slots from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        let whole = len / GROUP * GROUP;
        let rest: Vec<Fact> = (whole..len).map(|slot| self.get(slot)).collect();
        let end = self.groups.get(len / GROUP).map_or(0, |(_, at)| *at);
        self.groups.truncate(len / GROUP);
        self.bytes.truncate(end as usize);
        self.len = whole;
        self.last = 0;
        for fact in rest {
            self.push(fact);
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.groups.capacity() * size_of::<(i64, u32)>()
    }

    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.groups.shrink_to_fit();
    }

    /// The bytes that [`Facts::load`] reads.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len as u32).to_le_bytes());
        out.extend_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        for (time, at) in &self.groups {
            out.extend_from_slice(&time.to_le_bytes());
            out.extend_from_slice(&at.to_le_bytes());
        }
        out.extend_from_slice(&self.bytes);
    }

    /// `None` if they are not what was saved, as far as that shows without a checksum.
    pub(crate) fn load(input: &mut &[u8]) -> Option<Facts> {
        let len = take_u32(input)? as usize;
        let bytes_len = take_u32(input)? as usize;
        let count = len.div_ceil(GROUP);
        let (groups, rest) = input.split_at_checked(count.checked_mul(12)?)?;
        let (bytes, rest) = rest.split_at_checked(bytes_len)?;
        *input = rest;
        let mut facts = Facts { bytes: bytes.to_vec(), len, ..Facts::default() };
        facts.groups.reserve_exact(count);
        for group in groups.as_chunks::<12>().0 {
            let (time, at) = group.split_first_chunk::<8>()?;
            let at = u32::from_le_bytes(*at.first_chunk()?);
            if at as usize > bytes_len {
                return None;
            }
            facts.groups.push((i64::from_le_bytes(*time), at));
        }
        if len > 0 {
            facts.last = facts.get(len - 1).time_ns;
        }
        Some(facts)
    }
}

fn step(rest: &mut &[u8], fact: &mut Fact) {
    let delta = take(rest);
    fact.time_ns = fact.time_ns.wrapping_add((delta >> 1) as i64 ^ -((delta & 1) as i64));
    let size = take(rest);
    fact.size = (size >> 2) as u32;
    fact.has_headers = size & 1 != 0;
    fact.has_expires = size & 2 != 0;
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_pushed_is_there(
            all in vec(any::<(i64, u32, bool, bool)>(), 0..100), cut in 0usize..100,
        ) {
            let mut facts = Facts::default();
            let all: Vec<Fact> = all.into_iter()
                .map(|(time_ns, size, has_headers, has_expires)| {
                    Fact { time_ns, size, has_headers, has_expires }
                })
                .collect();
            for fact in &all {
                facts.push(*fact);
            }
            let mut saved = Vec::new();
            facts.save(&mut saved);
            saved.push(9);
            let mut input = &saved[..];
            let loaded = Facts::load(&mut input).unwrap();
            prop_assert_eq!(input, &[9]);
            let mut seen = Vec::new();
            loaded.each(|slot, fact| { assert_eq!(slot, seen.len()); seen.push(fact); });
            prop_assert_eq!(&seen, &all);
            for (slot, fact) in all.iter().enumerate() {
                prop_assert_eq!(facts.get(slot), *fact);
            }
            let cut = cut.min(all.len());
            facts.truncate(cut);
            for fact in &all[cut..] {
                facts.push(*fact);
            }
            for (slot, fact) in all.iter().enumerate() {
                prop_assert_eq!(facts.get(slot), *fact);
            }
            for n in 0..saved.len() - 1 {
                prop_assert!(Facts::load(&mut &saved[..n]).is_none());
            }
        }
    }
}
