//! S2 streams, as links to leaf nodes are compressed: by the way to the other end, if that is what
//! the two have agreed on.

use std::time::Duration;

use vagus_config::Compression;
use vagus_wire::s2::{BLOCK_MAX, Level, Reader, Writer};

use super::{BLOCK, Codec, Torn, Unpacked};

/// See the module's text.
pub struct S2 {
    mode: Compression,
    writer: Writer,
    reader: Reader,
}

// === impl S2 ===

impl S2 {
    /// Until the other end is known, it takes small blocks only: strangers are not to cost much.
    #[must_use]
    pub fn new(mode: Compression) -> Self {
        Self { mode, writer: Writer::default(), reader: Reader::new(BLOCK) }
    }
}

fn level(mode: &Compression) -> Level {
    match mode {
        Compression::Fast => Level::Fast,
        Compression::Better => Level::Better,
        Compression::Best => Level::Best,
        Compression::Off
        | Compression::Accept
        | Compression::Auto(_)
        | Compression::Uncompressed => Level::Plain,
    }
}

// === impl Codec ===

impl Codec for S2 {
    fn pack(&mut self, plain: &[u8], rtt: Duration, out: &mut Vec<u8>) {
        self.writer.write(plain, level(&self.mode.at(rtt)), out);
    }

    fn unpack(&mut self, packed: &[u8], room: &mut [u8]) -> Result<Unpacked, Torn> {
        let (used, filled) = self.reader.read(packed, room).map_err(|_| Torn)?;
        Ok(Unpacked { used, filled })
    }

    fn known(&mut self) {
        self.reader.set_block_max(BLOCK_MAX);
    }
}
