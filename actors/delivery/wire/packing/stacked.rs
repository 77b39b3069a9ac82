//! Two codecs, the bytes of one being what the other packs.

use std::time::Duration;

use super::{BLOCK, Codec, Torn, Unpacked};

/// See the module's text.
pub(super) struct Stacked {
    /// Next to the link.
    upper: Box<dyn Codec>,
    /// Next to the socket.
    lower: Box<dyn Codec>,
    /// What the lower has unpacked, for the upper; up to `at` it is.
    between: Vec<u8>,
    at: usize,
}

// === impl Stacked ===

impl Stacked {
    pub(super) fn new(upper: Box<dyn Codec>, lower: Box<dyn Codec>) -> Self {
        Self { upper, lower, between: Vec::new(), at: 0 }
    }

    fn lower(&mut self, bytes: &[u8], rtt: Duration, out: &mut Vec<u8>) {
        bytes.chunks(BLOCK).for_each(|piece| self.lower.pack(piece, rtt, out));
    }
}

// === impl Codec ===

impl Codec for Stacked {
    fn pack(&mut self, plain: &[u8], rtt: Duration, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        self.upper.pack(plain, rtt, &mut bytes);
        self.lower(&bytes, rtt, out);
    }

    fn unpack(&mut self, packed: &[u8], room: &mut [u8]) -> Result<Unpacked, Torn> {
        let mut used = 0;
        loop {
            let upper = self.upper.unpack(&self.between[self.at..], room)?;
            self.at += upper.used;
            if upper.filled > 0 {
                return Ok(Unpacked { used, filled: upper.filled });
            }
            self.between.drain(..std::mem::take(&mut self.at));
            let start = self.between.len();
            self.between.resize(start + BLOCK, 0);
            let lower = self.lower.unpack(&packed[used..], &mut self.between[start..]);
            let filled = lower.as_ref().map_or(0, |lower| lower.filled);
            self.between.truncate(start + filled);
            used += lower?.used;
            if filled == 0 {
                return Ok(Unpacked { used, filled: 0 });
            }
        }
    }

    fn answer(&mut self, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        self.upper.answer(&mut bytes);
        self.lower(&bytes, Duration::ZERO, out);
        self.lower.answer(out);
    }

    fn goodbye(&mut self, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        self.upper.goodbye(&mut bytes);
        self.lower(&bytes, Duration::ZERO, out);
        self.lower.goodbye(out);
    }

    fn is_over(&self) -> bool {
        self.upper.is_over() || self.lower.is_over()
    }

    fn known(&mut self) {
        self.upper.known();
        self.lower.known();
    }
}
