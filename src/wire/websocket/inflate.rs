//! Messages that are packed, taken out piece by piece: a small one may hold a large one, which is
//! never held as a whole.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Broken, TAIL};

/// See the module's text.
pub(super) struct Inflate {
    state: Decompress,
    /// The message is read; of what was left out at its end, so much is put back.
    tail: Option<usize>,
}

// === impl Inflate ===

impl Inflate {
    pub(super) fn new() -> Self {
        Self { state: Decompress::new(false), tail: None }
    }

    /// Takes out what `bytes` hold; the answer is how many of them were used, and how many bytes
    /// of `room` are filled.
    pub(super) fn read(&mut self, bytes: &[u8], room: &mut [u8]) -> Result<(usize, usize), Broken> {
        let (mut used, mut filled) = (0, 0);
        loop {
            let before = (self.state.total_in(), self.state.total_out());
            let status =
                self.state.decompress(&bytes[used..], &mut room[filled..], FlushDecompress::Sync);
            let status = status.map_err(|_| Broken("compressed message is broken"))?;
            used += (self.state.total_in() - before.0) as usize;
            filled += (self.state.total_out() - before.1) as usize;
            if status != Status::StreamEnd {
                return Ok((used, filled));
            }
            // Whoever says that a block is the last one begins anew behind it, and at once: what
            // is wrong there must not depend on where room ends.
            self.state.reset(false);
        }
    }

    /// All bytes of a message are read.
    pub(super) fn begin_to_end(&mut self, deflated: bool) {
        self.tail = deflated.then_some(0);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.tail.is_some()
    }

    /// Takes out what the message still holds.
    pub(super) fn end(&mut self, room: &mut [u8]) -> Result<usize, Broken> {
        let at = self.tail.unwrap_or(TAIL.len());
        let (used, filled) = self.read(&TAIL[at..], room)?;
        let at = at + used;
        self.tail = Some(at);
        if filled < room.len() && (at == TAIL.len() || used == 0) {
            // The next message knows nothing of this one.
            self.tail = None;
            self.state.reset(false);
        }
        Ok(filled)
    }
}
