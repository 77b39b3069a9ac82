//! Compression of what two servers send each other. How it is done is up to a [`Codec`], which the
//! two agree on before: this is the place for another.

mod snappy;

use std::time::Duration;

use thiserror::Error;
use vagus_config::Compression;

use self::snappy::Snappy;

/// What stands between the bytes of a link and what is sent.
pub struct Packing {
    codec: Box<dyn Codec>,
    /// From the other end; up to `at` it is unpacked.
    heard: Vec<u8>,
    at: usize,
}

/// A way to write bytes shorter, and to read them again. One end's is the other end's.
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

    /// Of a link between our own servers. `None` where nothing is to be compressed.
    #[must_use]
    pub fn snappy(level: Compression) -> Option<Self> {
        (level != Compression::Off).then(|| Self::of(Snappy::new(level)))
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

    /// Unpacks what was heard into `room`; the answer is how many bytes.
    pub(super) fn unpack(&mut self, room: &mut [u8]) -> Result<usize, Torn> {
        let Unpacked { used, filled } = self.codec.unpack(&self.heard[self.at..], room)?;
        self.at += used;
        Ok(filled)
    }
}
