//! A growing buffer of bytes for the wire.

/// Bytes to be sent. The memory behind is kept initialised, so that it need not be cleared for each
/// record that is written into it.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    used: usize,
}

impl Outgoing {
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), used: 0 }
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.used
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Adds bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.wrote(bytes.len());
    }

    /// Room for `len` more bytes.
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.used + len;
        if end > self.bytes.len() {
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        &mut self.bytes[self.used..end]
    }

    /// `len` bytes were written into the room.
    pub(crate) fn wrote(&mut self, len: usize) {
        debug_assert!(self.used + len <= self.bytes.len());
        self.used += len;
    }
}
