//! WebSocket frames, in which a link to a leaf node may travel.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use vagus_wire::websocket::{Reader, Terms, Writer};

use super::{Codec, Torn, Unpacked};

/// See the module's text.
pub struct WebSocket {
    writer: Writer,
    reader: Reader,
    random: SystemRandom,
}

// === impl WebSocket ===

impl WebSocket {
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self { writer: Writer::new(terms), reader: Reader::new(terms), random: SystemRandom::new() }
    }
}

/// It keeps those in between from taking what is in a frame for something else; without
/// randomness there is none to be had.
fn mask(random: &SystemRandom) -> [u8; 4] {
    let mut mask = [0; 4];
    let _ = random.fill(&mut mask);
    mask
}

// === impl Codec ===

impl Codec for WebSocket {
    fn pack(&mut self, plain: &[u8], _: Duration, out: &mut Vec<u8>) {
        self.writer.write(plain, || mask(&self.random), out);
    }

    fn unpack(&mut self, packed: &[u8], room: &mut [u8]) -> Result<Unpacked, Torn> {
        let (used, filled) = self.reader.read(packed, room).map_err(|_| Torn)?;
        Ok(Unpacked { used, filled })
    }

    fn answer(&mut self, out: &mut Vec<u8>) {
        self.writer.answer(&mut self.reader, || mask(&self.random), out);
    }

    fn goodbye(&mut self, out: &mut Vec<u8>) {
        self.writer.close(&mut self.reader, || mask(&self.random), out);
    }

    fn is_over(&self) -> bool {
        self.reader.is_closed()
    }
}
