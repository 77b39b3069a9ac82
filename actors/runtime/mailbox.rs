//! How full a mailbox is, exactly, and how full it may be.
//!
//! actix bounds a mailbox per sender and lets `do_send` pass the bound, so the bound is ours:
//! depth and bytes share one atomic word, so that "is there room, then take it" is one step.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

/// The bounds of one mailbox. What is being handled counts until its handler returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxLimits {
    /// Messages at most; 1 at least, 16,777,214 at most.
    pub depth_max: u32,
    /// Bytes at most, as told by [`Message::weight`](crate::Message::weight).
    ///
    /// A single message above this bound is admitted into an empty mailbox, or nobody could
    /// ever deliver it.
    pub bytes_max: u64,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self { depth_max: 4096, bytes_max: 16 << 20 }
    }
}

/// Why a message was not accepted; gives it back.
pub enum SendError<M> {
    /// The mailbox is at its bound.
    Full(M),
    /// The actor is gone for good.
    Dead(M),
}

impl<M> SendError<M> {
    /// The message that was not accepted.
    pub fn into_inner(self) -> M {
        match self {
            SendError::Full(msg) | SendError::Dead(msg) => msg,
        }
    }

    /// Whether trying later makes sense.
    pub fn is_full(&self) -> bool {
        matches!(self, SendError::Full(_))
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "mailbox is full",
            SendError::Dead(_) => "actor is gone",
        })
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "Full(..)",
            SendError::Dead(_) => "Dead(..)",
        })
    }
}

impl<M> std::error::Error for SendError<M> {}

/// Bits of the word that hold bytes; the 24 above them hold the depth.
const BYTES_BITS: u32 = 40;
const BYTES_CEILING: u64 = (1 << BYTES_BITS) - 1;
const DEPTH_CEILING: u32 = (1 << (64 - BYTES_BITS)) - 1;

/// What waits in a mailbox at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) depth: u32,
    pub(crate) bytes: u64,
}

impl Level {
    fn unpack(word: u64) -> Self {
        Self { depth: (word >> BYTES_BITS) as u32, bytes: word & BYTES_CEILING }
    }

    fn pack(self) -> u64 {
        (u64::from(self.depth) << BYTES_BITS) | self.bytes
    }

    fn plus(self, weight: u32) -> Option<Self> {
        let next = Self { depth: self.depth + 1, bytes: self.bytes + u64::from(weight) };
        (next.depth < DEPTH_CEILING && next.bytes < BYTES_CEILING).then_some(next)
    }

    fn fits(self, limits: &MailboxLimits) -> bool {
        self.depth <= 1 || (self.depth <= limits.depth_max && self.bytes <= limits.bytes_max)
    }

    /// Drained far enough that waking those who wait for room pays.
    pub(crate) fn half_empty(self, limits: &MailboxLimits) -> bool {
        self.depth <= limits.depth_max / 2 && self.bytes <= limits.bytes_max / 2
    }
}

/// Depth and bytes of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    /// Takes room for one message, or leaves everything as it was.
    pub(crate) fn try_add(&self, weight: u32, limits: &MailboxLimits) -> bool {
        self.add(weight, |next| next.fits(limits))
    }

    /// Takes room beyond the bound; refused at the ceiling of the word only.
    pub(crate) fn force_add(&self, weight: u32) -> bool {
        self.add(weight, |_| true)
    }

    fn add(&self, weight: u32, admit: impl Fn(Level) -> bool) -> bool {
        let step = |word| {
            let next = Level::unpack(word).plus(weight)?;
            admit(next).then(|| next.pack())
        };
        self.0.fetch_update(SeqCst, SeqCst, step).is_ok()
    }

    /// Gives the room of one message back and tells what is left.
    pub(crate) fn sub(&self, weight: u32) -> Level {
        let one = Level { depth: 1, bytes: u64::from(weight) }.pack();
        // Never below zero: every `sub` answers one successful `add` of the same weight.
        Level::unpack(self.0.fetch_sub(one, SeqCst).wrapping_sub(one))
    }

    pub(crate) fn level(&self) -> Level {
        Level::unpack(self.0.load(SeqCst))
    }
}

/// A weight as the meter counts it; 4 GiB is more than one message may ever hold.
pub(crate) fn clamp_weight(weight: usize) -> u32 {
    u32::try_from(weight).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MailboxLimits = MailboxLimits { depth_max: 3, bytes_max: 100 };

    #[test]
    fn both_bounds_hold_and_room_comes_back() {
        let meter = Meter::default();
        assert!(meter.try_add(60, &LIMITS));
        assert!(!meter.try_add(41, &LIMITS), "bytes");
        assert!(meter.try_add(40, &LIMITS));
        assert!(meter.try_add(0, &LIMITS));
        assert!(!meter.try_add(0, &LIMITS), "depth");
        assert_eq!(meter.level(), Level { depth: 3, bytes: 100 });
        assert_eq!(meter.sub(60), Level { depth: 2, bytes: 40 });
        assert!(meter.try_add(60, &LIMITS));
    }

    #[test]
    fn one_oversized_message_enters_an_empty_mailbox_only() {
        let meter = Meter::default();
        assert!(meter.try_add(5_000, &LIMITS));
        assert!(!meter.try_add(0, &LIMITS));
        assert!(meter.force_add(1));
        assert_eq!(meter.level(), Level { depth: 2, bytes: 5_001 });
    }

    #[test]
    fn the_word_never_overflows() {
        let meter = Meter::default();
        let mut admitted = 0;
        while meter.force_add(u32::MAX) {
            admitted += 1;
        }
        assert_eq!(admitted, 256);
        assert_eq!(meter.level().depth, 256);
    }
}
