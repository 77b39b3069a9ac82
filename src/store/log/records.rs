//! The records of a batch under way, as the write-ahead log is to get them.

use bytes::Bytes;
use smallvec::SmallVec;

use super::chunk::Maker;

/// Records of a batch that lie behind each other, but for one that is larger.
const PIECE_BYTES: usize = 1 << 20;
/// A record from this size on is written once: the log and the batch share it.
const LARGE_BYTES: usize = 4 << 10;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Behind those in `pieces`.
    last: Vec<u8>,
    /// A large batch comes in pieces: memory of their size is used again and again, while what is
    /// larger goes back to the system each time, and comes back page by page.
    pieces: Vec<Bytes>,
    /// How long the last batch, or piece of it, was.
    usual: usize,
    /// It must stay in one piece: what is encrypted is so as a whole.
    whole: bool,
}

// === impl Records ===

impl Records {
    pub(super) fn new(whole: bool) -> Records {
        Records { whole, ..Records::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty() && self.pieces.is_empty()
    }

    /// Whether a record of this length is to be handed over instead of copied.
    pub(super) fn takes(&self, len: usize) -> bool {
        len >= LARGE_BYTES && !self.whole
    }

    /// Adds a record without copying it.
    pub(super) fn push(&mut self, record: Bytes) {
        self.cut();
        self.pieces.push(record);
    }

    /// Where a record of `len` bytes is to be added.
    pub(super) fn room(&mut self, len: usize) -> &mut Vec<u8> {
        if !self.whole && self.last.len() + len > PIECE_BYTES {
            self.cut();
        }
        if self.last.capacity() == 0 {
            self.last.reserve(self.usual.max(len));
        }
        &mut self.last
    }

    fn cut(&mut self) {
        if !self.last.is_empty() {
            self.usual = self.last.len().min(PIECE_BYTES);
            self.pieces.push(Bytes::from(std::mem::take(&mut self.last)));
        }
    }

    pub(super) fn clear(&mut self) {
        self.last.clear();
        self.pieces.clear();
    }

    /// All of them, as `maker` wants them.
    pub(super) fn take(&mut self, maker: &Maker) -> SmallVec<[Bytes; 2]> {
        if self.whole && !self.last.is_empty() {
            self.usual = self.last.len().min(PIECE_BYTES);
            return [maker.seal(std::mem::take(&mut self.last))].into_iter().collect();
        }
        self.cut();
        self.pieces.drain(..).collect()
    }
}
