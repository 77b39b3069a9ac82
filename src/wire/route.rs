//! What two servers say to each other, as bytes, be they of one cluster or of two.
//!
//! It is the protocol of clients, in both directions, with a few lines more. Every write begins
//! with the account that the rest of it is about; a message that was meant for members of queue
//! groups names these groups; and one that is shown under another subject than the one it is
//! subscribed to says so. A request that came from another cluster is answered by the way that it
//! took, since the interest in the answer may still be under way by another.
//!
//! Servers of one cluster that are leaf nodes here reach each other by themselves. So what comes
//! from one of them, interest and messages, is marked with the name of their cluster: none of it is
//! for the others. The mark holds up to the next one, or the next account. Only servers that have
//! said that they know it are sent it.
//!
//! ```text
//! A <account>\r\n
//! Q <group> [<group>...]\r\n          of the next message
//! T <subject subscribed to>\r\n       of the next message
//! B <cluster>\r\n                     answers to the next message go back by this link, to there
//! F <cluster>\r\n                     the next message is such an answer, to be taken on to there
//! O [cluster]\r\n                     what follows comes from leaf nodes of that cluster, or none
//! C <length>\r\n<bytes>               of the actors that keep the cluster together
//! SUB <subject> [group] <weight>\r\n  interest; a weight of 0 ends it
//! PUB, HPUB, PING, PONG               as clients say it
//! ```

use memchr::memchr;

use crate::error::ParseError;
use crate::op::Op;
use crate::parser::{self, Limits, Step};

/// One operation of the other server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    Account(&'a [u8]),
    Groups(&'a [u8]),
    To(&'a [u8]),
    Back(&'a [u8]),
    Forward(&'a [u8]),
    /// Empty: of no leaf node.
    Origin(&'a [u8]),
    Control(&'a [u8]),
    Op(Op<'a>),
}

/// What one call of [`parse`] found; see [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    Whole { said: Said<'a>, used: usize },
    Partial { total: usize },
}

/// Reads the next operation at the start of `buf`.
///
/// # Errors
/// [`ParseError`] when the bytes cannot become an operation whatever follows them.
pub fn parse(buf: &[u8], limits: Limits) -> Result<Heard<'_>, ParseError> {
    let (kind, rest) = match buf {
        [kind @ (b'A' | b'B' | b'C' | b'F' | b'O' | b'Q' | b'T'), b' ', rest @ ..] => (*kind, rest),
        [] | [b'A' | b'B' | b'C' | b'F' | b'O' | b'Q' | b'T'] => {
            return Ok(Heard::Partial { total: buf.len() + 1 });
        }
        _ => return general(buf, limits),
    };
    let window = &rest[..rest.len().min(limits.control_line_max + 2)];
    let Some(end) = memchr(b'\n', window) else {
        let whole = window.len() > limits.control_line_max + 1;
        return match whole {
            true => Err(ParseError::ControlLine),
            false => Ok(Heard::Partial { total: buf.len() + 1 }),
        };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    let used = 2 + end + 1;
    let said = match kind {
        b'A' => Said::Account(line),
        b'Q' => Said::Groups(line),
        b'T' => Said::To(line),
        b'B' => Said::Back(line),
        b'F' => Said::Forward(line),
        b'O' => Said::Origin(line),
        _ => return control(buf, line, used, limits),
    };
    Ok(Heard::Whole { said, used })
}

fn general(buf: &[u8], limits: Limits) -> Result<Heard<'_>, ParseError> {
    Ok(match parser::parse(buf, limits)? {
        Step::Op { op, used } => Heard::Whole { said: Said::Op(op), used },
        Step::Partial { total } => Heard::Partial { total },
    })
}

fn control<'a>(
    buf: &'a [u8],
    length: &[u8],
    start: usize,
    limits: Limits,
) -> Result<Heard<'a>, ParseError> {
    let size = weight(length).ok_or(ParseError::Arguments { operation: "C" })? as usize;
    if size > limits.payload_max {
        return Err(ParseError::Payload { size, max: limits.payload_max });
    }
    let used = start + size;
    Ok(match buf.get(start..used) {
        Some(bytes) => Heard::Whole { said: Said::Control(bytes), used },
        None => Heard::Partial { total: used },
    })
}

/// The number that ends a `SUB`, or a `C`: up to nine digits.
#[must_use]
pub fn weight(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0u32, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

/// Appends the line that names the account of what follows.
pub fn account(out: &mut Vec<u8>, name: &[u8]) {
    line(out, b"A ", &[name]);
}

/// Appends the line that names the groups whose members the next message is for.
pub fn groups(out: &mut Vec<u8>, names: &[&[u8]]) {
    line(out, b"Q ", names);
}

/// Appends the line that says which subject the next message is to be matched by.
pub fn to(out: &mut Vec<u8>, subject: &[u8]) {
    line(out, b"T ", &[subject]);
}

/// Appends the line that says for which cluster answers to the next message are taken by this link.
pub fn back(out: &mut Vec<u8>, cluster: &[u8]) {
    line(out, b"B ", &[cluster]);
}

/// Appends the line that says to which cluster the next message, an answer, is to be taken.
pub fn forward(out: &mut Vec<u8>, cluster: &[u8]) {
    line(out, b"F ", &[cluster]);
}

/// Appends the line that says which leaf cluster what follows comes from; empty: none.
pub fn origin(out: &mut Vec<u8>, cluster: &[u8]) {
    line(out, b"O ", &[cluster]);
}

/// Appends interest: `weight` members want this, and none where it is 0.
pub fn interest(out: &mut Vec<u8>, subject: &[u8], group: Option<&[u8]>, weight: u32) {
    out.extend_from_slice(b"SUB ");
    for word in [Some(subject), group].into_iter().flatten() {
        out.extend_from_slice(word);
        out.push(b' ');
    }
    crate::encode::number(out, weight as usize);
    out.extend_from_slice(b"\r\n");
}

/// Appends bytes of the actors that keep the cluster together.
pub fn control_frame(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"C ");
    crate::encode::number(out, bytes.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
}

fn line(out: &mut Vec<u8>, kind: &[u8], words: &[&[u8]]) {
    out.extend_from_slice(kind);
    for (n, word) in words.iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { control_line_max: 64, payload_max: 100 };

    /// Everything in `buf`, which comes byte by byte.
    fn all(buf: &[u8]) -> Vec<String> {
        let (mut at, mut have, mut seen) = (0, 0, Vec::new());
        while at < buf.len() {
            match parse(&buf[at..have], LIMITS).unwrap() {
                Heard::Partial { total } => {
                    assert!(total > have - at, "asks for what it has");
                    have += 1;
                }
                Heard::Whole { said, used } => {
                    at += used;
                    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                    seen.push(match said {
                        Said::Account(name) => format!("account {}", text(name)),
                        Said::Groups(names) => format!("groups {}", text(names)),
                        Said::To(subject) => format!("to {}", text(subject)),
                        Said::Back(cluster) => format!("back {}", text(cluster)),
                        Said::Forward(cluster) => format!("forward {}", text(cluster)),
                        Said::Origin(cluster) => format!("origin {}", text(cluster)),
                        Said::Control(bytes) => format!("control {}", bytes.len()),
                        Said::Op(Op::Publish(publish)) => format!("pub {}", text(publish.subject)),
                        Said::Op(Op::Subscribe { subject, queue, sid }) => {
                            format!("sub {} {:?} {}", text(subject), queue.map(text), text(sid))
                        }
                        Said::Op(op) => format!("{op:?}"),
                    });
                }
            }
        }
        seen
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        account(&mut out, b"my account");
        interest(&mut out, b"a.*", None, 1);
        interest(&mut out, b"a.b", Some(b"workers"), 12);
        groups(&mut out, &[b"g", b"h"]);
        to(&mut out, b"x.y");
        back(&mut out, b"east");
        forward(&mut out, b"west");
        origin(&mut out, b"edge");
        origin(&mut out, b"");
        out.extend_from_slice(b"PUB a.b 2\r\nhi\r\n");
        control_frame(&mut out, b"A \r\nC");
        out.extend_from_slice(b"PING\r\n");
        let expected = [
            "account my account",
            "sub a.* None 1",
            "sub a.b Some(\"workers\") 12",
            "groups g h",
            "to x.y",
            "back east",
            "forward west",
            "origin edge",
            "origin ",
            "pub a.b",
            "control 5",
            "Ping",
        ];
        assert_eq!(all(&out), expected);
    }

    #[test]
    fn garbage_is_refused_without_waiting_for_more() {
        let long = [&b"A "[..], &[b'x'; 70]].concat();
        for bad in [&b"GET / HTTP"[..], b"X y\r\n", b"C x\r\n", b"C 101\r\n", b"\0\0\0", &long] {
            assert!(parse(bad, LIMITS).is_err(), "{bad:?}");
        }
        assert_eq!(parse(b"C", LIMITS), Ok(Heard::Partial { total: 2 }));
        assert_eq!(parse(b"C 3\r\nab", LIMITS), Ok(Heard::Partial { total: 8 }));
    }
}
