//! What two servers send each other, compressed or in frames. How it is done is up to a [`Codec`],
//! which the two agree on before, or to one upon another: this is the place for more of them.

mod s2;
mod stacked;
mod websocket;

use std::time::Duration;

use thiserror::Error;
use vagus_config::Compression;

pub use self::s2::S2;
use self::stacked::Stacked;
pub use self::websocket::WebSocket;

/// What stands between the bytes of a link and what is sent.
pub struct Packing {
    codec: Box<dyn Codec>,
    /// From the other end; up to `at` it is unpacked.
    heard: Vec<u8>,
    at: usize,
}

/// A way to write bytes in another form, and to read them again. One end's is the other end's.
pub trait Codec: Send {
    /// Appends `plain`, of [`BLOCK`] bytes at most, to `out`, in such a way that the other end can
    /// read all of it at once. The other end is `rtt` away: over a short way, to compress may not
    /// be worth the work.
    fn pack(&mut self, plain: &[u8], rtt: Duration, out: &mut Vec<u8>);

    /// Unpacks what `packed` begins with into `room`, which has [`BLOCK`] bytes at least. What of
    /// it is not used is shown again with more behind it; where nothing is unpacked, that is
    /// waited for. A codec whose blocks are larger keeps what does not fit for later calls.
    ///
    /// # Errors
    /// When that is nothing that the other end would send. Sizes in it are not to be trusted.
    fn unpack(&mut self, packed: &[u8], room: &mut [u8]) -> Result<Unpacked, Torn>;

    /// Appends to `out` what the other end is to be answered by the codec itself.
    fn answer(&mut self, _out: &mut Vec<u8>) {}

    /// Appends to `out` the last thing that is said.
    fn goodbye(&mut self, _out: &mut Vec<u8>) {}

    /// Whether the other end has said the last thing.
    fn is_over(&self) -> bool {
        false
    }

    /// The other end is no stranger from here on: it may cost more memory.
    fn known(&mut self) {}
}

/// How far an unpacking came, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Of what is packed.
    pub used: usize,
    /// Of the room.
    pub filled: usize,
}

/// The other end has sent what is no block.
#[derive(Debug, Error)]
#[error("a compressed block is broken")]
pub struct Torn;

/// Plain bytes of a block, at most.
pub const BLOCK: usize = 64 << 10;

// === impl Packing ===

impl Packing {
    #[must_use]
    pub fn of(codec: impl Codec + 'static) -> Self {
        Self { codec: Box::new(codec), heard: Vec::new(), at: 0 }
    }

    /// Goes on with `codec` between this and the socket.
    #[must_use]
    pub fn over(self, codec: impl Codec + 'static) -> Self {
        let codec = Box::new(Stacked::new(self.codec, Box::new(codec)));
        Self { codec, ..self }
    }

    /// Of a link between our own servers. `None` where nothing is to be compressed.
    #[must_use]
    pub fn s2(mode: Compression) -> Option<Self> {
        (mode != Compression::Off).then(|| Self::of(S2::new(mode)))
    }

    pub(super) fn pack(&mut self, plain: &[u8], rtt: Duration, out: &mut Vec<u8>) {
        self.codec.pack(plain, rtt, out);
    }

    /// Where more of the other end's bytes are to be appended to.
    pub(super) fn heard(&mut self) -> &mut Vec<u8> {
        self.heard.drain(..self.at);
        self.at = 0;
        &mut self.heard
    }

    pub(super) fn codec(&mut self) -> &mut dyn Codec {
        &mut *self.codec
    }

    /// Whether all that was heard is unpacked.
    pub(super) fn has_heard_all(&self) -> bool {
        self.at == self.heard.len()
    }

    /// Unpacks what was heard into `room`; the answer is how many bytes.
    pub(super) fn unpack(&mut self, room: &mut [u8]) -> Result<usize, Torn> {
        let Unpacked { used, filled } = self.codec.unpack(&self.heard[self.at..], room)?;
        self.at += used;
        Ok(filled)
    }
}

#[cfg(test)]
mod tests;
