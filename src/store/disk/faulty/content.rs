//! What is in a simulated file, and what of it is safe.

/// Sectors are written whole.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Content {
    /// As it is read now.
    live: Vec<u8>,
    /// As a power cut would leave it if nothing more were written by itself.
    safe: Vec<u8>,
    /// What was done to `live` and not yet to `safe`.
    unsynced: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Write { at: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Content {
    pub(super) fn of(bytes: Vec<u8>) -> Content {
        Content { live: bytes.clone(), safe: bytes, unsynced: Vec::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> usize {
        let rest = self.live.get(at as usize..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        n
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: u64) {
        write(&mut self.live, bytes, at as usize);
        self.unsynced.push(Step::Write { at: at as usize, bytes: bytes.to_vec() });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.live.resize(len as usize, 0);
        self.unsynced.push(Step::Len(len as usize));
    }

    pub(super) fn sync(&mut self) {
        for step in self.unsynced.drain(..) {
            match step {
                Step::Write { at, bytes } => write(&mut self.safe, &bytes, at),
                Step::Len(len) => self.safe.resize(len, 0),
            }
        }
    }

    /// A failed sync: any of it may have become safe, and the rest never will.
    pub(super) fn lose(&mut self, random: &mut fastrand::Rng) {
        for step in self.unsynced.drain(..) {
            match step {
                Step::Write { at, bytes } => match random.u8(..4) {
                    0 | 1 => {}
                    2 => write(&mut self.safe, &bytes, at),
                    _ => write(&mut self.safe, torn(&bytes, at, random), at),
                },
                Step::Len(len) => {
                    if random.bool() {
                        self.safe.resize(len, 0);
                    }
                }
            }
        }
    }

    pub(super) fn cut(&mut self, random: &mut fastrand::Rng) {
        self.lose(random);
        self.live = self.safe.clone();
    }

    pub(super) fn flip(&mut self, at: u64, bit: u8) -> bool {
        let mut flipped = false;
        for bytes in [&mut self.live, &mut self.safe] {
            if let Some(byte) = bytes.get_mut(at as usize) {
                *byte ^= 1 << (bit & 7);
                flipped = true;
            }
        }
        flipped
    }
}

fn write(to: &mut Vec<u8>, bytes: &[u8], at: usize) {
    let end = at + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[at..end].copy_from_slice(bytes);
}

/// A part of a write that ends where a sector does.
fn torn<'a>(bytes: &'a [u8], at: usize, random: &mut fastrand::Rng) -> &'a [u8] {
    let end = (at + random.usize(..=bytes.len())) / SECTOR * SECTOR;
    &bytes[..end.saturating_sub(at).min(bytes.len())]
}
