//! Bytes to operations: the general path, one operation a call.
//!
//! Tolerant where the protocol is: operation names in any case, spaces or tabs in runs, a lone LF
//! for CR LF on control lines. Strict where a mistake would desynchronise the stream: a payload
//! ends in CR LF. An operation is refused at the first byte that cannot belong to one, without
//! waiting for the end of its line.

use memchr::{memchr, memchr2};

use crate::error::ParseError;
use crate::op::{Op, Publish};

/// The limits a connection parses under.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest argument part of a control line, in bytes; of the blanks before it too.
    pub control_line_max: usize,
    /// Largest payload of a publish, headers included, in bytes.
    pub payload_max: usize,
}

/// What one call of [`parse`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole operation that took `used` bytes of the input.
    Op { op: Op<'a>, used: usize },
    /// The input ends inside an operation that needs at least `total` bytes counted from its
    /// first one (one more than there are, where the length is not known yet).
    Partial { total: usize },
}

/// Words of up to this many bytes name an operation.
const WORD_MAX: usize = 7;
/// More digits than this are not a size: it keeps every sum below far from overflow.
const SIZE_DIGITS_MAX: usize = 9;
/// No operation of a client has more arguments than `HPUB`.
const ARGUMENTS_MAX: usize = 4;

#[derive(Clone, Copy)]
enum Word {
    Pub,
    Hpub,
    Sub,
    Unsub,
    Connect,
    Ping,
    Pong,
    Info,
    Ok,
    Err,
}

const WORDS: [(&[u8], Word); 10] = [
    (b"PUB", Word::Pub),
    (b"HPUB", Word::Hpub),
    (b"SUB", Word::Sub),
    (b"UNSUB", Word::Unsub),
    (b"CONNECT", Word::Connect),
    (b"PING", Word::Ping),
    (b"PONG", Word::Pong),
    (b"INFO", Word::Info),
    (b"+OK", Word::Ok),
    (b"-ERR", Word::Err),
];

enum Named {
    Whole(Word, usize),
    Prefix,
}

/// Reads the next operation at the start of `buf`.
///
/// # Errors
/// [`ParseError`] when the bytes cannot become an operation whatever follows them.
pub fn parse(buf: &[u8], limits: Limits) -> Result<Step<'_>, ParseError> {
    let (word, at) = match word(buf)? {
        Named::Whole(word, at) => (word, at),
        Named::Prefix => return Ok(Step::Partial { total: buf.len() + 1 }),
    };
    match word {
        // What follows these words, be it without a blank between, means nothing.
        Word::Ping => line(buf, at, limits, false, |_| Ok(Op::Ping)),
        Word::Pong => line(buf, at, limits, false, |_| Ok(Op::Pong)),
        Word::Ok => line(buf, at, limits, false, |_| Ok(Op::Ignored)),
        Word::Err => line(buf, at, limits, true, |_| Err(ParseError::ClientError)),
        Word::Info => line(buf, at, limits, true, |json| Ok(Op::Info(json))),
        Word::Connect => line(buf, at, limits, false, |json| Ok(Op::Connect(json))),
        Word::Sub => line(buf, at, limits, true, subscribe),
        Word::Unsub => line(buf, at, limits, true, unsubscribe),
        Word::Pub => publish(buf, at, limits, false),
        Word::Hpub => publish(buf, at, limits, true),
    }
}

/// Finds which operation the first bytes name.
fn word(buf: &[u8]) -> Result<Named, ParseError> {
    let head = &buf[..buf.len().min(WORD_MAX)];
    let mut prefix = false;
    for (name, word) in WORDS {
        if head.len() >= name.len() {
            if head[..name.len()].eq_ignore_ascii_case(name) {
                return Ok(Named::Whole(word, name.len()));
            }
        } else {
            prefix |= name[..head.len()].eq_ignore_ascii_case(head);
        }
    }
    if prefix { Ok(Named::Prefix) } else { Err(ParseError::UnknownOperation) }
}

/// The argument part of a control line: `(arguments, bytes used, ends in CR LF)`.
pub(crate) enum Line<'a> {
    Whole { arguments: &'a [u8], used: usize, crlf: bool },
    Partial,
}

pub(crate) fn control_line(
    buf: &[u8],
    at: usize,
    limits: Limits,
    space: bool,
) -> Result<Line<'_>, ParseError> {
    let Some(&first) = buf.get(at) else { return Ok(Line::Partial) };
    if space && !is_blank(first) {
        return Err(ParseError::UnknownOperation);
    }
    let blanks = buf[at..].iter().take_while(|b| is_blank(**b)).count();
    if blanks > limits.control_line_max {
        return Err(ParseError::ControlLine);
    }
    let start = at + blanks;
    // Looking no further than the limit keeps a line without an end from being searched again
    // and again as it grows.
    let window = &buf[start..buf.len().min(start + limits.control_line_max + 2)];
    let Some(n) = memchr(b'\n', window) else {
        // The CR of the longest line allowed may be here before its LF.
        if window.strip_suffix(b"\r").unwrap_or(window).len() > limits.control_line_max {
            return Err(ParseError::ControlLine);
        }
        return Ok(Line::Partial);
    };
    let crlf = n > 0 && window[n - 1] == b'\r';
    let arguments = &window[..n - usize::from(crlf)];
    if arguments.len() > limits.control_line_max {
        return Err(ParseError::ControlLine);
    }
    Ok(Line::Whole { arguments, used: start + n + 1, crlf })
}

fn line<'a>(
    buf: &'a [u8],
    at: usize,
    limits: Limits,
    space: bool,
    read: impl FnOnce(&'a [u8]) -> Result<Op<'a>, ParseError>,
) -> Result<Step<'a>, ParseError> {
    match control_line(buf, at, limits, space)? {
        Line::Whole { arguments, used, .. } => Ok(Step::Op { op: read(arguments)?, used }),
        Line::Partial => Ok(Step::Partial { total: buf.len() + 1 }),
    }
}

pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The arguments of a control line.
struct Split<'a> {
    parts: [&'a [u8]; ARGUMENTS_MAX],
    count: usize,
    /// Whether they are separated as the server separates them: by single spaces.
    canonical: bool,
}

/// Splits at blanks. `None` when there are more than [`ARGUMENTS_MAX`].
#[inline]
fn split(arguments: &[u8]) -> Option<Split<'_>> {
    split_canonical(arguments).or_else(|| split_any(arguments))
}

/// Splits what is separated by single spaces; `None` for all else.
#[inline]
fn split_canonical(arguments: &[u8]) -> Option<Split<'_>> {
    if memchr2(b'\t', b'\r', arguments).is_some() {
        return None;
    }
    let mut parts: [&[u8]; ARGUMENTS_MAX] = [b""; ARGUMENTS_MAX];
    let mut count = 0;
    let mut rest = arguments;
    loop {
        let end = memchr(b' ', rest).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        *parts.get_mut(count)? = &rest[..end];
        count += 1;
        if end == rest.len() {
            return Some(Split { parts, count, canonical: true });
        }
        rest = &rest[end + 1..];
    }
}

fn split_any(arguments: &[u8]) -> Option<Split<'_>> {
    let mut parts: [&[u8]; ARGUMENTS_MAX] = [b""; ARGUMENTS_MAX];
    let mut count = 0;
    let found = arguments.split(|b| is_blank(*b) || *b == b'\r').filter(|part| !part.is_empty());
    for part in found {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    Some(Split { parts, count, canonical: false })
}

/// A size: digits only.
pub(crate) fn size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
        return None;
    }
    digits
        .iter()
        .try_fold(0usize, |sum, b| b.is_ascii_digit().then(|| sum * 10 + usize::from(b - b'0')))
}

fn subscribe(arguments: &[u8]) -> Result<Op<'_>, ParseError> {
    match split(arguments).map(|split| (split.parts, split.count)) {
        Some(([subject, sid, ..], 2)) => Ok(Op::Subscribe { subject, queue: None, sid }),
        Some(([subject, queue, sid, _], 3)) => {
            Ok(Op::Subscribe { subject, queue: Some(queue), sid })
        }
        _ => Err(ParseError::Arguments { operation: "SUB" }),
    }
}

fn unsubscribe(arguments: &[u8]) -> Result<Op<'_>, ParseError> {
    let bad = ParseError::Arguments { operation: "UNSUB" };
    match split(arguments).map(|split| (split.parts, split.count)) {
        Some(([sid, ..], 1)) => Ok(Op::Unsubscribe { sid, max: None }),
        // What is not a number means the same as no number, as it does to nats-server.
        Some(([sid, max, ..], 2)) => {
            let max = size(max).filter(|max| *max > 0).map(|max| max as u64);
            Ok(Op::Unsubscribe { sid, max })
        }
        _ => Err(bad),
    }
}

struct Arguments<'a> {
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    header_len: usize,
    size: usize,
    /// See [`Split::canonical`]. The digits of a size go on as they came.
    canonical: bool,
}

fn publish_arguments(arguments: &[u8], headers: bool) -> Option<Arguments<'_>> {
    let Split { parts, count, canonical } = split(arguments)?;
    let (subject, reply, header_len, total) = match (headers, count) {
        (false, 2) => (parts[0], None, 0, size(parts[1])?),
        (false, 3) => (parts[0], Some(parts[1]), 0, size(parts[2])?),
        (true, 3) => (parts[0], None, size(parts[1])?, size(parts[2])?),
        (true, 4) => (parts[0], Some(parts[1]), size(parts[2])?, size(parts[3])?),
        _ => return None,
    };
    (header_len <= total).then_some(Arguments {
        subject,
        reply,
        header_len,
        size: total,
        canonical,
    })
}

fn publish(buf: &[u8], at: usize, limits: Limits, headers: bool) -> Result<Step<'_>, ParseError> {
    let operation = if headers { "HPUB" } else { "PUB" };
    let Line::Whole { arguments, used, crlf } = control_line(buf, at, limits, true)? else {
        return Ok(Step::Partial { total: buf.len() + 1 });
    };
    let read = publish_arguments(arguments, headers).ok_or(ParseError::Arguments { operation })?;
    if read.size > limits.payload_max {
        return Err(ParseError::Payload { size: read.size, max: limits.payload_max });
    }
    let end = used + read.size;
    // The two bytes behind the payload are judged as soon as they are here.
    for (offset, expected) in [b'\r', b'\n'].into_iter().enumerate() {
        match buf.get(end + offset) {
            Some(byte) if *byte == expected => {}
            Some(_) => return Err(ParseError::UnknownOperation),
            None => return Ok(Step::Partial { total: end + 2 }),
        }
    }
    // An empty header block makes a message without headers, which is spelled otherwise.
    let has_headers = read.header_len > 0;
    let tail = (crlf && has_headers == headers && read.canonical)
        .then(|| &buf[used - 2 - arguments.len() + read.subject.len() + 1..end + 2]);
    let op = Op::Publish(Publish {
        subject: read.subject,
        reply: read.reply,
        header_len: read.header_len,
        has_headers,
        payload: &buf[used..end],
        tail,
    });
    Ok(Step::Op { op, used: end + 2 })
}

#[cfg(test)]
#[path = "parser/tests.rs"]
mod tests;
