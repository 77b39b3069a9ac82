//! Reading deliveries: the `MSG` and `HMSG` frames that actors of the server are given.

use memchr::memchr;

/// One delivery, as places in the bytes that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the whole frame.
    pub len: usize,
    /// Length of `MSG <subject> <sid> `; 0 when there are headers.
    pub head_len: usize,
    pub subject: Span,
    pub sid: Span,
    pub reply: Option<Span>,
    /// The header block; empty when there is none.
    pub headers: Span,
    pub payload: Span,
}

/// A place in some bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

/// More digits than this are no number of the server's.
const DIGITS_MAX: usize = 18;
/// Words of an `HMSG` with a reply.
const WORDS_MAX: usize = 6;

/// Reads the frame at the start of `bytes`; `None` where none is whole.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Frame> {
    let line = memchr(b'\n', bytes)?;
    let (words, count) = words(bytes.get(..line.checked_sub(1)?)?)?;
    let with_headers = bytes[0] == b'H';
    let (reply, header_len, size) = match (with_headers, count) {
        (false, 4) => (None, 0, number(words[3].of(bytes))?),
        (false, 5) => (Some(words[3]), 0, number(words[4].of(bytes))?),
        (true, 5) => (None, number(words[3].of(bytes))?, number(words[4].of(bytes))?),
        (true, 6) => (Some(words[3]), number(words[4].of(bytes))?, number(words[5].of(bytes))?),
        _ => return None,
    };
    let (start, end) = (line + 1, line + 1 + size);
    if header_len > size || bytes.get(end..end + 2)? != b"\r\n" {
        return None;
    }
    Some(Frame {
        len: end + 2,
        head_len: if with_headers { 0 } else { words[2].end as usize + 1 },
        subject: words[1],
        sid: words[2],
        reply,
        headers: Span::new(start, start + header_len),
        payload: Span::new(start + header_len, end),
    })
}

/// Frames back to back, each with where it starts.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = (usize, Frame)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut frame = read(&bytes[at..])?;
        let start = at;
        at += frame.len;
        frame.shift(start as u32);
        Some((start, frame))
    })
}

/// The words of a control line and how many they are.
fn words(line: &[u8]) -> Option<([Span; WORDS_MAX], usize)> {
    let mut words = [Span::default(); WORDS_MAX];
    let (mut count, mut start) = (0, 0);
    loop {
        let end = memchr(b' ', &line[start..]).map_or(line.len(), |n| start + n);
        *words.get_mut(count)? = Span::new(start, end);
        count += 1;
        if end == line.len() {
            return Some((words, count));
        }
        start = end + 1;
    }
}

/// A decimal number of the server's own writing.
#[must_use]
pub fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    digits
        .iter()
        .try_fold(0usize, |sum, b| b.is_ascii_digit().then(|| sum * 10 + usize::from(b - b'0')))
}

// === impl Span ===

impl Span {
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes at this place.
    #[inline]
    #[must_use]
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.range()]
    }

    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    #[must_use]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn shift(&mut self, by: u32) {
        self.start += by;
        self.end += by;
    }
}

// === impl Frame ===

impl Frame {
    /// The same frame, `by` bytes further on.
    pub fn shift(&mut self, by: u32) {
        let Self { subject, sid, reply, headers, payload, .. } = self;
        for span in [subject, sid, headers, payload].into_iter().chain(reply) {
            span.shift(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: &[u8] = b"MSG a.b 7 5\r\nhe\r\no\r\n\
        HMSG c 8 re.ply 17 19\r\nNATS/1.0\r\nA:1\r\n\r\nhi\r\nMSG d 7 r 0\r\n\r\n";

    #[test]
    fn frames_are_places_in_the_bytes() {
        let text = |span: Span| std::str::from_utf8(span.of(FRAMES)).unwrap();
        let shown: Vec<_> = frames(FRAMES)
            .map(|(_, f)| (text(f.subject), text(f.sid), f.reply.map(text), text(f.payload)))
            .collect();
        assert_eq!(
            shown,
            [
                ("a.b", "7", None, "he\r\no"),
                ("c", "8", Some("re.ply"), "hi"),
                ("d", "7", Some("r"), ""),
            ]
        );
        let (start, second) = frames(FRAMES).nth(1).unwrap();
        assert_eq!((start, text(second.headers)), (20, "NATS/1.0\r\nA:1\r\n\r\n"));
    }

    #[test]
    fn cut_frames_are_refused() {
        for cut in 1..FRAMES.len() {
            let whole = [20, 64].iter().filter(|end| **end <= cut).count();
            assert_eq!(frames(&FRAMES[..cut]).count(), whole, "cut at {cut}");
        }
    }
}
