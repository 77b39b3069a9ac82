//! Precomputed `PUB` frames, all of one length, so that publishing is one large write.
//!
//! A chunk of identical frames is built once. Only what differs from frame to frame is written
//! over it before it goes out: the number in the subject when the publisher cycles over many,
//! and the stamp at the start of the payload when deliveries are verified.

use crate::verify::Stamper;

/// Bytes of a chunk: large enough to make system calls cheap, small enough for the L2 cache.
const CHUNK_BYTES: usize = 128 * 1024;

/// The frames of one publisher.
#[derive(Debug)]
pub(crate) struct Frames {
    chunk: Vec<u8>,
    frame_len: usize,
    /// Frames that fit the chunk; at least one.
    per_chunk: usize,
    payload_offset: usize,
    cycle: Option<Cycle>,
    stamper: Option<Stamper>,
}

/// Subjects `prefix.0000` to `prefix.K-1`: where the digits are, and which are next.
#[derive(Debug)]
struct Cycle {
    digits_offset: usize,
    /// The number of the next frame, in decimal digits.
    digits: Vec<u8>,
    next: u64,
    subjects: u64,
}

impl Frames {
    /// Frames to `subject`, or to `subject.0` .. `subject.{subjects - 1}` in turn (numbers padded
    /// with zeros to the same width), with `size` bytes of payload.
    pub(crate) fn new(subject: &str, subjects: u64, size: usize, stamper: Option<Stamper>) -> Self {
        let mut frame = b"PUB ".to_vec();
        frame.extend_from_slice(subject.as_bytes());
        let cycle = (subjects > 1).then(|| {
            frame.push(b'.');
            let digits = vec![b'0'; decimal_width(subjects - 1)];
            let digits_offset = frame.len();
            frame.extend_from_slice(&digits);
            Cycle { digits_offset, digits, next: 0, subjects }
        });
        frame.extend_from_slice(format!(" {size}\r\n").as_bytes());
        let payload_offset = frame.len();
        frame.extend((b'a'..=b'z').cycle().take(size));
        frame.extend_from_slice(b"\r\n");
        let per_chunk = (CHUNK_BYTES / frame.len()).max(1);
        Self {
            frame_len: frame.len(),
            chunk: frame.repeat(per_chunk),
            per_chunk,
            payload_offset,
            cycle,
            stamper,
        }
    }

    /// Bytes of one frame.
    pub(crate) fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// Frames that [`Frames::next`] can give at once.
    pub(crate) fn per_chunk(&self) -> usize {
        self.per_chunk
    }

    /// The bytes of the next `count` frames, at most [`Frames::per_chunk`].
    pub(crate) fn next(&mut self, count: usize) -> &[u8] {
        let len = count.min(self.per_chunk) * self.frame_len;
        let Self { chunk, frame_len, payload_offset, cycle, stamper, .. } = self;
        if cycle.is_some() || stamper.is_some() {
            for frame in chunk[..len].chunks_exact_mut(*frame_len) {
                if let Some(cycle) = cycle {
                    let end = cycle.digits_offset + cycle.digits.len();
                    frame[cycle.digits_offset..end].copy_from_slice(&cycle.digits);
                    cycle.advance();
                }
                if let Some(stamper) = stamper {
                    stamper.stamp(&mut frame[*payload_offset..]);
                }
            }
        }
        &self.chunk[..len]
    }
}

impl Cycle {
    fn advance(&mut self) {
        self.next += 1;
        if self.next == self.subjects {
            self.next = 0;
            self.digits.fill(b'0');
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}

/// How many decimal digits `number` has.
pub(crate) fn decimal_width(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Appends `number` as text.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: usize) {
    let from = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[from..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_frame_is_the_protocol_text() {
        let mut frames = Frames::new("a.b", 1, 3, None);
        assert_eq!(frames.next(2), b"PUB a.b 3\r\nabc\r\nPUB a.b 3\r\nabc\r\n");
        assert_eq!(frames.frame_len(), 16);
        assert_eq!(frames.per_chunk(), CHUNK_BYTES / 16);
    }

    #[test]
    fn an_empty_payload_and_a_huge_one() {
        assert_eq!(Frames::new("s", 1, 0, None).next(1), b"PUB s 0\r\n\r\n");
        let mut huge = Frames::new("s", 1, 1_000_000, None);
        assert_eq!(huge.per_chunk(), 1);
        assert_eq!(huge.next(5).len(), b"PUB s 1000000\r\n\r\n".len() + 1_000_000);
    }

    #[test]
    fn subjects_cycle_across_chunks_with_a_fixed_width() {
        let mut frames = Frames::new("s", 11, 1, None);
        let subjects = |bytes: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(bytes)
                .lines()
                .filter_map(|line| line.strip_prefix("PUB ").map(|rest| rest[..4].to_owned()))
                .collect()
        };
        assert_eq!(subjects(frames.next(3)), ["s.00", "s.01", "s.02"]);
        let rest = subjects(frames.next(9));
        assert_eq!(rest[6], "s.09");
        assert_eq!(rest[7], "s.10");
        assert_eq!(rest[8], "s.00");
    }

    #[test]
    fn widths() {
        for (number, width) in [(0, 1), (9, 1), (10, 2), (99, 2), (100, 3), (49_999, 5)] {
            assert_eq!(decimal_width(number), width, "{number}");
        }
    }

    #[test]
    fn numbers_as_text() {
        for number in [0, 7, 10, 128, 1_048_576] {
            let mut out = b"x".to_vec();
            push_decimal(&mut out, number);
            assert_eq!(out, format!("x{number}").as_bytes());
        }
    }
}
