//! The fast path: a publish to the same subject as the one before it.
//!
//! A busy publisher sends `PUB orders 128\r\n...` over and over. Once the general parser has read
//! the first, the next is known by its first bytes alone, and what follows them, spelled as a
//! delivery would be, can be sent on unchanged.

/// A publish recognised by [`next`]; offsets into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// First byte behind `PUB <subject> `.
    pub tail: usize,
    /// One past the closing LF.
    pub end: usize,
    /// Payload size in bytes.
    pub size: usize,
}

/// Recognises `head` (`PUB <subject> `, as the client spelled it) followed by a size, CR LF and a
/// whole payload, at `at`. `None` means only that the general parser has to look.
#[inline(always)]
#[must_use]
pub fn next(buf: &[u8], at: usize, head: &[u8], payload_max: usize) -> Option<Repeat> {
    let rest = buf.get(at..)?;
    if !starts_with(rest, head) {
        return None;
    }
    let mut size = 0usize;
    let mut n = head.len();
    let digits_end = n + 8;
    loop {
        let byte = *rest.get(n)?;
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            if byte != b'\r' || n == head.len() {
                return None;
            }
            break;
        }
        size = size * 10 + usize::from(digit);
        n += 1;
        if n > digits_end {
            return None;
        }
    }
    let end = n + 2 + size + 2;
    let close = rest.get(end - 2..end)?;
    if rest[n + 1] != b'\n' || close != b"\r\n" || size > payload_max {
        return None;
    }
    Some(Repeat { tail: at + head.len(), end: at + end, size })
}

/// `starts_with` in eight-byte steps: a call of `memcmp` costs more than the whole comparison.
#[inline(always)]
fn starts_with(rest: &[u8], head: &[u8]) -> bool {
    let len = head.len();
    if rest.len() < len {
        return false;
    }
    if len < 8 {
        return rest[..len] == *head;
    }
    let mut n = 0;
    while n + 8 <= len {
        if word(rest, n) != word(head, n) {
            return false;
        }
        n += 8;
    }
    word(rest, len - 8) == word(head, len - 8)
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Op, Step, parse};
    use proptest::prelude::*;

    const LIMIT: usize = 1000;

    #[test]
    fn knows_a_repeat() {
        let buf = b"PUB a.b 5\r\nhello\r\nPUB a.b 0\r\n\r\n";
        let first = next(buf, 0, b"PUB a.b ", LIMIT);
        assert_eq!(first, Some(Repeat { tail: 8, end: 18, size: 5 }));
        assert_eq!(next(buf, 18, b"PUB a.b ", LIMIT).map(|r| r.size), Some(0));
        assert_eq!(next(buf, buf.len(), b"PUB a.b ", LIMIT), None);
    }

    #[test]
    fn leaves_the_rest_to_the_parser() {
        for other in [
            &b"PUB a.b r 5\r\nhello\r\n"[..],
            b"PUB a.b 5\nhello\r\n",
            b"PUB a.b 5\r\nhelloXX",
            b"PUB a.b 5\r\nhello\r",
            b"PUB a.b \r\n\r\n",
            b"PUB a.b 1001\r\n",
            b"PUB a.b 99999999999999999999\r\n",
            b"PUB a.c 5\r\nhello\r\n",
            b"PUB a",
        ] {
            assert_eq!(next(other, 0, b"PUB a.b ", LIMIT), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_parser(
            body in proptest::collection::vec(any::<u8>(), 0..40),
            cut in 0usize..80,
        ) {
            let mut buf = format!("PUB x.y {}\r\n", body.len()).into_bytes();
            buf.extend_from_slice(&body);
            buf.extend_from_slice(b"\r\n");
            buf.truncate(buf.len().saturating_sub(cut.saturating_sub(20)));
            let limits = Limits { control_line_max: 64, payload_max: LIMIT };
            if let Some(found) = next(&buf, 0, b"PUB x.y ", LIMIT) {
                let Ok(Step::Op { op: Op::Publish(publish), used }) = parse(&buf, limits) else {
                    panic!("the parser sees something else");
                };
                prop_assert_eq!(used, found.end);
                prop_assert_eq!(publish.payload.len(), found.size);
                prop_assert_eq!(publish.tail, Some(&buf[found.tail..found.end]));
            }
        }
    }
}
