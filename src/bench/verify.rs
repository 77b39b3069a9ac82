//! `--verify`: numbers in the payloads, and what they prove.
//!
//! A payload begins with a stamp of 8 bytes, publisher in the upper 16 bits and sequence number
//! in the lower 48, and, where latency is measured, 8 more with the time of publishing in
//! nanoseconds since the start of the run.

use std::time::Instant;

use crate::error::BenchError;

/// Bytes of a payload that a stamp needs.
pub(crate) const STAMP_BYTES: usize = 8;
/// Bytes of a payload that a stamp with the time needs.
pub(crate) const TIMED_STAMP_BYTES: usize = 16;

const SEQUENCE_BITS: u32 = 48;

/// Writes the stamps of one publisher.
#[derive(Debug)]
pub(crate) struct Stamper {
    next: u64,
    epoch: Option<Instant>,
}

impl Stamper {
    /// `epoch`: also write the time since then.
    pub(crate) fn new(publisher: u16, epoch: Option<Instant>) -> Self {
        Self { next: u64::from(publisher) << SEQUENCE_BITS, epoch }
    }

    /// Stamps the start of `payload`.
    pub(crate) fn stamp(&mut self, payload: &mut [u8]) {
        payload[..STAMP_BYTES].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        if let Some(epoch) = self.epoch {
            payload[STAMP_BYTES..TIMED_STAMP_BYTES]
                .copy_from_slice(&nanos_since(epoch).to_le_bytes());
        }
    }
}

pub(crate) fn nanos_since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The time in a timed stamp; `None` if the payload is too short to hold one.
pub(crate) fn published_nanos(payload: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*payload.get(STAMP_BYTES..)?.first_chunk()?))
}

/// Checks what one subscriber receives.
#[derive(Debug)]
pub(crate) struct Checker {
    /// Whether this subscriber must see every number, or only growing ones (a queue group).
    every: bool,
    size: usize,
    /// The lowest number that may come next, for each publisher.
    next: Vec<u64>,
    /// What was received, one bit a number, for each publisher; only kept for a queue group.
    seen: Vec<Vec<u64>>,
}

impl Checker {
    pub(crate) fn new(publishers: u16, size: usize, every: bool) -> Self {
        let publishers = usize::from(publishers);
        Self { every, size, next: vec![0; publishers], seen: vec![Vec::new(); publishers] }
    }

    /// Checks the payload of the next delivery.
    pub(crate) fn check(&mut self, payload: &[u8]) -> Result<(), BenchError> {
        let stamp = payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let (Some(stamp), true) = (stamp, payload.len() == self.size) else {
            let got = payload.len();
            return Err(BenchError::Verify(format!("{got} bytes of payload, not {}", self.size)));
        };
        let publisher = (stamp >> SEQUENCE_BITS) as usize;
        let sequence = stamp & ((1 << SEQUENCE_BITS) - 1);
        let Some(next) = self.next.get_mut(publisher) else {
            return Err(BenchError::Verify(format!("stamp of an unknown publisher {publisher}")));
        };
        if sequence < *next || (self.every && sequence > *next) {
            let what = if sequence < *next { "came again or late" } else { "came too early" };
            return Err(BenchError::Verify(format!(
                "message {sequence} of publisher {publisher} {what}: {next} was due"
            )));
        }
        *next = sequence + 1;
        if !self.every {
            let (word, bit) = ((sequence / 64) as usize, sequence % 64);
            let words = &mut self.seen[publisher];
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << bit;
        }
        Ok(())
    }

    /// Checks that the members of a queue group got, together, each number exactly once.
    pub(crate) fn check_group(members: &[&Self], published: &[u64]) -> Result<(), BenchError> {
        for (publisher, &count) in published.iter().enumerate() {
            let words = usize::try_from(count.div_ceil(64)).unwrap_or(usize::MAX);
            let mut union = vec![0u64; words];
            for seen in members.iter().filter_map(|member| member.seen.get(publisher)) {
                for (at, &word) in seen.iter().enumerate() {
                    if union.get(at).is_none_or(|had| had & word != 0) {
                        return Err(BenchError::Verify(format!(
                            "a message of publisher {publisher} near {} reached two members",
                            at * 64
                        )));
                    }
                    union[at] |= word;
                }
            }
            let got: u64 = union.iter().map(|word| u64::from(word.count_ones())).sum();
            if got != count {
                return Err(BenchError::Verify(format!(
                    "the group got {got} of {count} messages of publisher {publisher}"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(publisher: u16, count: usize) -> Vec<[u8; 8]> {
        let mut stamper = Stamper::new(publisher, None);
        let mut all = vec![[0; 8]; count];
        all.iter_mut().for_each(|payload| stamper.stamp(payload));
        all
    }

    #[test]
    fn order_loss_and_duplicates_are_seen() {
        let (a, b) = (stamps(0, 3), stamps(1, 2));
        let mut checker = Checker::new(2, 8, true);
        for payload in [a[0], b[0], a[1], b[1], a[2]] {
            checker.check(&payload).unwrap();
        }
        assert!(checker.check(&a[2]).is_err(), "duplicate");
        let mut checker = Checker::new(1, 8, true);
        assert!(checker.check(&a[1]).is_err(), "loss");
        assert!(checker.check(&b[0]).is_err(), "unknown publisher");
        assert!(checker.check(&a[0][..7]).is_err(), "short");
    }

    #[test]
    fn a_group_shares_every_message_once() {
        let all = stamps(0, 130);
        let mut members = vec![Checker::new(1, 8, false), Checker::new(1, 8, false)];
        for (at, payload) in all.iter().enumerate() {
            members[usize::from(at % 3 == 0)].check(payload).unwrap();
        }
        let group = |members: &[Checker], published| {
            Checker::check_group(&members.iter().collect::<Vec<_>>(), &[published])
        };
        group(&members, 130).unwrap();
        assert!(group(&members, 131).is_err(), "one lost");
        let mut again = Checker::new(1, 8, false);
        again.check(&all[64]).unwrap();
        members.push(again);
        assert!(group(&members, 130).is_err(), "one doubled");
    }

    #[test]
    fn a_timed_stamp_carries_the_time() {
        let epoch = Instant::now();
        let mut payload = [0u8; 16];
        Stamper::new(0, Some(epoch)).stamp(&mut payload);
        let at = published_nanos(&payload).unwrap();
        assert!(at <= nanos_since(epoch));
        assert_eq!(published_nanos(&payload[..15]), None);
    }
}
