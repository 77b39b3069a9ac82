//! Snappy between our own servers: blocks, each packed by itself.
//!
//! A block is a number of four bytes, least first, and as many bytes: the highest bit of the number
//! says whether these are packed or as they were. What does not get smaller, or is sent over a
//! short way, goes as it is.

use std::time::Duration;

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};
use vagus_config::Compression;

use super::{BLOCK, Codec, Torn, Unpacked};

/// See the module's text.
pub(super) struct Snappy {
    level: Compression,
    encoder: Encoder,
    decoder: Decoder,
}

const HEAD: usize = 4;
const PACKED: u32 = 1 << 31;
/// Fewer bytes are not worth the work.
const SMALL: usize = 128;

// === impl Snappy ===

impl Snappy {
    pub(super) fn new(level: Compression) -> Self {
        Self { level, encoder: Encoder::new(), decoder: Decoder::new() }
    }

    fn compresses(&self, rtt: Duration) -> bool {
        match &self.level {
            Compression::Off | Compression::Accept | Compression::Uncompressed => false,
            Compression::Auto(times) => times.first().is_none_or(|first| rtt >= *first),
            Compression::Fast | Compression::Better | Compression::Best => true,
        }
    }
}

// === impl Codec ===

impl Codec for Snappy {
    fn pack(&mut self, plain: &[u8], rtt: Duration, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + HEAD + max_compress_len(plain.len()), 0);
        let packed = match plain.len() >= SMALL && self.compresses(rtt) {
            true => self.encoder.compress(plain, &mut out[start + HEAD..]).ok(),
            false => None,
        };
        let head = match packed.filter(|len| *len < plain.len()) {
            Some(len) => {
                out.truncate(start + HEAD + len);
                len as u32 | PACKED
            }
            None => {
                out.truncate(start + HEAD);
                out.extend_from_slice(plain);
                plain.len() as u32
            }
        };
        out[start..start + HEAD].copy_from_slice(&head.to_le_bytes());
    }

    /// Whole blocks, as far as they fit.
    fn unpack(&mut self, packed: &[u8], room: &mut [u8]) -> Result<Unpacked, Torn> {
        let (mut used, mut filled) = (0, 0);
        while let Some((head, rest)) = packed[used..].split_first_chunk::<HEAD>() {
            let number = u32::from_le_bytes(*head);
            let len = (number & !PACKED) as usize;
            if len > max_compress_len(BLOCK) {
                return Err(Torn);
            }
            let Some(block) = rest.get(..len) else { break };
            let size = match number & PACKED {
                0 => len,
                _ => decompress_len(block).map_err(|_| Torn)?,
            };
            if size > BLOCK {
                return Err(Torn);
            }
            let Some(place) = room.get_mut(filled..filled + size) else { break };
            match number & PACKED {
                0 => place.copy_from_slice(block),
                _ => {
                    self.decoder.decompress(block, place).map_err(|_| Torn)?;
                }
            }
            filled += size;
            used += HEAD + len;
        }
        Ok(Unpacked { used, filled })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packing;
    use super::*;

    fn packing(level: Compression) -> Packing {
        Packing::snappy(level).unwrap()
    }

    #[test]
    fn blocks_come_out_as_they_went_in_however_they_are_cut() {
        for (level, smaller) in [(Compression::Fast, true), (Compression::Uncompressed, false)] {
            let (mut near, mut far) = (packing(level.clone()), packing(level));
            let text = b"PUB orders.new 5\r\nhello\r\n".repeat(2500);
            let noise: Vec<u8> = (0..5000).map(|_| fastrand::u8(..)).collect();
            let mut out = Vec::new();
            for plain in [&text[..], b"x", &noise, b"", &text[..100]] {
                near.pack(plain, Duration::ZERO, &mut out);
            }
            assert_eq!(out.len() < text.len() / 4 + noise.len(), smaller);
            let all = [&text[..], b"x", &noise, &text[..100]].concat();
            for cut in [1, 700, out.len()] {
                let (mut room, mut got) = (vec![0; BLOCK], Vec::new());
                for part in out.chunks(cut) {
                    far.heard().extend_from_slice(part);
                    loop {
                        let count = far.unpack(&mut room).unwrap();
                        got.extend_from_slice(&room[..count]);
                        if count == 0 {
                            break;
                        }
                    }
                }
                assert!(got == all, "cut in pieces of {cut}");
            }
        }
    }

    #[test]
    fn a_long_way_is_worth_the_work() {
        let mut near = packing(Compression::auto());
        let mut size = |millis| {
            let mut out = Vec::new();
            near.pack(&[b'x'; 4096], Duration::from_millis(millis), &mut out);
            out.len()
        };
        assert_eq!([size(0), size(9)], [4100; 2]);
        assert!(size(10) < 400);
        assert!(Packing::snappy(Compression::Off).is_none());
    }

    #[test]
    fn garbage_is_no_block() {
        let bomb = [&[8, 0, 0, 0x80][..], &[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]].concat();
        for bad in [&[0xff; 8][..], &[4, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff], &bomb] {
            let mut far = packing(Compression::Fast);
            far.heard().extend_from_slice(bad);
            assert!(far.unpack(&mut [0; 100]).is_err(), "{bad:?}");
        }
    }
}
