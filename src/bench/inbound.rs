//! What a server sends, parsed as cheaply as a load generator must.
//!
//! The messages of a run look alike: `MSG`, a subject of the same length, the same subscription,
//! the same size. So the parser remembers the *stencil* of the last message (length of its head,
//! and everything after the subject) and recognises the next one by three comparisons of a
//! machine word; [`Inbound::take_run`] counts a whole read that way. Anything that does not fit
//! the stencil is parsed in full.
//!
//! Limit: recognition trusts the length of the subject. A payload of someone else's making that
//! repeats ` <sid> <size>\r\n` at exactly the right place after a shorter subject could be
//! misread; payloads of this generator never do.

use std::io::{self, Read};

use memchr::memchr;

use crate::error::BenchError;

/// Bytes asked for in one read; the buffer grows when one message needs more.
const READ_BYTES: usize = 256 * 1024;
/// A head longer than this is not NATS (an `INFO` line may be long).
const LINE_BYTES_MAX: usize = 1 << 20;
const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Bytes received and not yet parsed.
#[derive(Debug)]
pub(crate) struct Inbound {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    stencil: Option<Stencil>,
}

/// One thing that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Msg(Msg<'a>),
    Ping,
    Pong,
    Info(&'a [u8]),
    Ok,
    Err(&'a [u8]),
}

/// A delivery (`MSG` or `HMSG`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Msg<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    /// Empty for `MSG`.
    pub(crate) headers: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// How the last `MSG` without reply subject looked.
#[derive(Debug, Clone)]
struct Stencil {
    head_len: usize,
    size: usize,
    /// The last 8 bytes of the head, and which of them lie after the subject.
    word: u64,
    mask: u64,
    /// From the space after the subject to the end of the head.
    tail: Vec<u8>,
}

/// A head that was parsed in full. Ranges count from the start of the frame.
struct Head {
    len: usize,
    subject: (usize, usize),
    reply: Option<(usize, usize)>,
    headers: usize,
    size: usize,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self { buf: vec![0; READ_BYTES], start: 0, end: 0, stencil: None }
    }

    /// With a small buffer, for one of many connections that receive little.
    pub(crate) fn small() -> Self {
        Self { buf: Vec::new(), start: 0, end: 0, stencil: None }
    }

    /// One read of `source` into the buffer; returns the number of bytes.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        self.make_room(READ_BYTES / 2);
        let count = source.read(&mut self.buf[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Adds bytes that were read elsewhere.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buf[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Gives unused memory back.
    pub(crate) fn release(&mut self) {
        if self.start == self.end {
            *self = Self::small();
        }
    }

    fn make_room(&mut self, bytes: usize) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buf.len() - self.end < bytes && self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buf.len() - self.end < bytes {
            let len = (self.end + bytes).max(self.buf.len() * 2);
            self.buf.resize(len, 0);
        }
    }

    /// Takes the complete messages at the front that look like the last one, and says how many.
    pub(crate) fn take_run(&mut self) -> u64 {
        let Some(stencil) = &self.stencil else { return 0 };
        let frame_len = stencil.head_len + stencil.size + 2;
        let bytes = &self.buf[self.start..self.end];
        let mut rest = bytes;
        let mut count = 0;
        while rest.len() >= frame_len && stencil.fits(rest) {
            rest = &rest[frame_len..];
            count += 1;
        }
        self.start += bytes.len() - rest.len();
        count
    }

    /// The next complete event; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'_>>, BenchError> {
        let bytes = &self.buf[self.start..self.end];
        if let Some(stencil) = &self.stencil {
            let frame_len = stencil.head_len + stencil.size + 2;
            if bytes.len() >= frame_len && stencil.fits(bytes) {
                let subject = (4, stencil.head_len - stencil.tail.len());
                let head = Head {
                    len: stencil.head_len,
                    subject,
                    reply: None,
                    headers: 0,
                    size: stencil.size,
                };
                return Ok(Some(self.take_msg(&head)));
            }
        }
        let Some(newline) = memchr(b'\n', bytes) else {
            return if bytes.len() > LINE_BYTES_MAX { Err(strange(bytes)) } else { Ok(None) };
        };
        let line = &bytes[..=newline];
        if line.starts_with(b"MSG ") || line.starts_with(b"HMSG ") {
            let head = Head::parse(line).ok_or_else(|| strange(line))?;
            let frame_len = head.len + head.size + 2;
            if bytes.len() < frame_len {
                return Ok(None);
            }
            if &bytes[frame_len - 2..frame_len] != b"\r\n" {
                return Err(strange(line));
            }
            if head.reply.is_none() && head.subject.0 == 4 {
                self.stencil = Some(Stencil::new(line, &head));
            }
            return Ok(Some(self.take_msg(&head)));
        }
        self.take_control(newline).map(Some)
    }

    fn take_msg(&mut self, head: &Head) -> Event<'_> {
        let frame = &self.buf[self.start..self.start + head.len + head.size];
        self.start += frame.len() + 2;
        let payload_at = head.len + head.headers;
        Event::Msg(Msg {
            subject: &frame[head.subject.0..head.subject.1],
            reply: head.reply.map(|(from, to)| &frame[from..to]),
            headers: &frame[head.len..payload_at],
            payload: &frame[payload_at..],
        })
    }

    /// A line that is no delivery; `newline` is where it ends, from the start of what is unparsed.
    fn take_control(&mut self, newline: usize) -> Result<Event<'_>, BenchError> {
        let line = &self.buf[self.start..=self.start + newline];
        self.start += line.len();
        let line = line.trim_ascii();
        if let Some(json) = line.strip_prefix(b"INFO ") {
            return Ok(Event::Info(json.trim_ascii()));
        }
        if let Some(text) = line.strip_prefix(b"-ERR") {
            return Ok(Event::Err(text.trim_ascii()));
        }
        match line {
            b"PING" => Ok(Event::Ping),
            b"PONG" => Ok(Event::Pong),
            b"+OK" => Ok(Event::Ok),
            _ => Err(strange(line)),
        }
    }
}

// === impl Stencil ===

impl Stencil {
    fn new(line: &[u8], head: &Head) -> Self {
        let tail = line[head.subject.1..].to_vec();
        let outside = 8usize.saturating_sub(tail.len());
        // A head has at least 11 bytes ("MSG s 1 0\r\n"), so its last 8 are always there.
        Self {
            head_len: head.len,
            size: head.size,
            word: word_before(line, head.len) & (u64::MAX << (8 * outside)),
            mask: u64::MAX << (8 * outside),
            tail,
        }
    }

    /// Whether the frame at the start of `bytes`, which must hold one, looks like this.
    #[inline]
    fn fits(&self, bytes: &[u8]) -> bool {
        let frame_len = self.head_len + self.size + 2;
        bytes[..4] == *b"MSG "
            && word_before(bytes, self.head_len) & self.mask == self.word
            && bytes[frame_len - 2..frame_len] == *b"\r\n"
            && (self.tail.len() <= 8
                || bytes[self.head_len - self.tail.len()..self.head_len - 8]
                    == self.tail[..self.tail.len() - 8])
    }
}

/// The 8 bytes that end at `end`, little-endian.
#[inline]
fn word_before(bytes: &[u8], end: usize) -> u64 {
    bytes[..end].last_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

// === impl Head ===

impl Head {
    /// Parses `MSG subject sid [reply] size` or `HMSG subject sid [reply] headers total`.
    fn parse(line: &[u8]) -> Option<Self> {
        let text = line.strip_suffix(b"\n")?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut words = [(0, 0); 6];
        let mut count = 0;
        let mut at = 0;
        while at < text.len() {
            let space = memchr(b' ', &text[at..]).map_or(text.len(), |offset| at + offset);
            if space > at {
                *words.get_mut(count)? = (at, space);
                count += 1;
            }
            at = space + 1;
        }
        let number = |(from, to): (usize, usize)| -> Option<usize> {
            let value = std::str::from_utf8(&text[from..to]).ok()?.parse::<usize>().ok()?;
            (value <= PAYLOAD_BYTES_MAX).then_some(value)
        };
        let with_headers = text.starts_with(b"H");
        let (reply, headers, size) = match (with_headers, count) {
            (false, 4) => (None, 0, number(words[3])?),
            (false, 5) => (Some(words[3]), 0, number(words[4])?),
            (true, 5) => (None, number(words[3])?, number(words[4])?),
            (true, 6) => (Some(words[3]), number(words[4])?, number(words[5])?),
            _ => return None,
        };
        (headers <= size).then_some(Self {
            len: line.len(),
            subject: words[1],
            reply,
            headers,
            size,
        })
    }
}

fn strange(bytes: &[u8]) -> BenchError {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    BenchError::Protocol(format!("the server sent {text:?}"))
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
