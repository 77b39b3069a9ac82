//! What a server and its leaf node say to each other, as bytes.
//!
//! It is nats-server's protocol, the same in both directions: one account, of which the `CONNECT`
//! of the one who has connected decides, interest, and messages for those who are interested.
//!
//! ```text
//! INFO {json}, CONNECT {json}, PING, PONG, -ERR '<text>'
//! LS+ <subject> [<group> <weight>]                         interest
//! LS- <subject> [<group>]                                  the end of it
//! LMSG <subject> [<reply>] <size>                          for plain subscriptions
//! LMSG <subject> + <reply> <group>... <size>               for members of these groups too
//! LMSG <subject> | <group>... <size>                       the same without a reply
//! HMSG <the same> <header size> <total size>
//! ```

mod hello;

use crate::encode;
use crate::error::ParseError;
use crate::op::Op;
use crate::parser::{self, Limits, Line, Step, control_line, is_blank, size};

pub use self::hello::{LeafConnect, LeafInfo, LinkPermission};

/// One operation of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// `weight` is how many members a queue group has there; 0 ends the interest.
    Want {
        subject: &'a [u8],
        group: Option<&'a [u8]>,
        weight: u32,
    },
    Message(Message<'a>),
    /// The text of an error, without its quotes.
    Fault(&'a [u8]),
    /// What clients say too.
    Op(Op<'a>),
}

/// A message for those who are interested at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// The groups of which a member is to get it, with blanks between.
    pub groups: &'a [u8],
    /// Bytes of the payload that are the header block; 0 where there is none.
    pub header_len: usize,
    /// Header block and body, without the closing CR LF.
    pub payload: &'a [u8],
    /// What follows `LMSG <subject> ` up to and with the closing CR LF, where that is a size and a
    /// payload.
    pub tail: Option<&'a [u8]>,
}

/// What one call of [`parse`] found; see [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    Whole { said: Said<'a>, used: usize },
    Partial { total: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Want,
    Unwant,
    Message,
    WithHeaders,
    Fault,
}

const WORDS: [(&[u8], Word); 5] = [
    (b"LMSG", Word::Message),
    (b"HMSG", Word::WithHeaders),
    (b"LS+", Word::Want),
    (b"LS-", Word::Unwant),
    (b"-ERR", Word::Fault),
];

/// No subject, reply or group is this: what follows the sign are groups.
const GROUPS_AND_REPLY: &[u8] = b"+";
const GROUPS: &[u8] = b"|";

// === impl Message ===

impl<'a> Message<'a> {
    /// The header block with its closing blank line.
    #[must_use]
    pub fn headers(&self) -> Option<&'a [u8]> {
        (self.header_len > 0).then(|| &self.payload[..self.header_len])
    }

    /// The payload behind the header block.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.payload[self.header_len..]
    }

    /// The groups one by one.
    pub fn groups(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.groups)
    }
}

/// Reads the next operation at the start of `buf`.
///
/// # Errors
/// [`ParseError`] when the bytes cannot become an operation whatever follows them.
pub fn parse(buf: &[u8], limits: Limits) -> Result<Heard<'_>, ParseError> {
    let mut prefix = buf.is_empty();
    for (name, word) in WORDS {
        let common = buf.len().min(name.len());
        if buf[..common].eq_ignore_ascii_case(&name[..common]) {
            if common == name.len() {
                return operation(buf, name.len(), word, limits);
            }
            prefix = true;
        }
    }
    if prefix {
        return Ok(Heard::Partial { total: buf.len() + 1 });
    }
    Ok(match parser::parse(buf, limits)? {
        Step::Op { op, used } => Heard::Whole { said: Said::Op(op), used },
        Step::Partial { total } => Heard::Partial { total },
    })
}

fn operation(buf: &[u8], at: usize, word: Word, limits: Limits) -> Result<Heard<'_>, ParseError> {
    let Line::Whole { arguments, used, crlf } = control_line(buf, at, limits, true)? else {
        return Ok(Heard::Partial { total: buf.len() + 1 });
    };
    let said = match word {
        Word::Want => want(arguments)?,
        Word::Unwant => unwant(arguments)?,
        Word::Fault => Said::Fault(unquoted(arguments)),
        Word::Message | Word::WithHeaders => {
            let headers = word == Word::WithHeaders;
            return message(buf, arguments, used, crlf, headers, limits);
        }
    };
    Ok(Heard::Whole { said, used })
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty())
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(text)
}

fn want(arguments: &[u8]) -> Result<Said<'_>, ParseError> {
    let bad = ParseError::Arguments { operation: "LS+" };
    let mut words = words(arguments);
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(subject), None, ..) => Ok(Said::Want { subject, group: None, weight: 1 }),
        (Some(subject), Some(group), Some(weight), None) => {
            // A group without members would be none.
            let weight = size(weight).ok_or(bad)?.max(1);
            let weight = u32::try_from(weight).map_err(|_| bad)?;
            Ok(Said::Want { subject, group: Some(group), weight })
        }
        _ => Err(bad),
    }
}

fn unwant(arguments: &[u8]) -> Result<Said<'_>, ParseError> {
    let mut words = words(arguments);
    match (words.next(), words.next(), words.next()) {
        (Some(subject), group, None) => Ok(Said::Want { subject, group, weight: 0 }),
        _ => Err(ParseError::Arguments { operation: "LS-" }),
    }
}

/// A message without its payload.
struct Head<'a> {
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    groups: &'a [u8],
    header_len: usize,
    size: usize,
}

/// Cuts the last word off.
fn last_word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_end();
    let start = line.iter().rposition(|byte| is_blank(*byte))?;
    Some((&line[..start], &line[start + 1..]))
}

/// Cuts the first word off.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|byte| is_blank(*byte)).unwrap_or(line.len());
    line.split_at(end)
}

fn head(arguments: &[u8], headers: bool) -> Option<Head<'_>> {
    let (rest, total) = last_word(arguments)?;
    let (rest, header_len) = match headers {
        true => {
            let (rest, length) = last_word(rest)?;
            (rest, size(length)?)
        }
        false => (rest, 0),
    };
    let size = size(total)?;
    let (subject, rest) = first_word(rest);
    let (sign, after) = first_word(rest);
    let (reply, groups) = match sign {
        b"" => (None, &b""[..]),
        GROUPS => (None, after.trim_ascii()),
        GROUPS_AND_REPLY => {
            let (reply, groups) = first_word(after);
            (Some(reply).filter(|reply| !reply.is_empty()), groups.trim_ascii())
        }
        reply if after.trim_ascii().is_empty() => (Some(reply), &b""[..]),
        _ => return None,
    };
    let whole = !subject.is_empty() && header_len <= size;
    let named = (sign != GROUPS && sign != GROUPS_AND_REPLY) || !groups.is_empty();
    (whole && named).then_some(Head { subject, reply, groups, header_len, size })
}

fn message<'a>(
    buf: &'a [u8],
    arguments: &'a [u8],
    used: usize,
    crlf: bool,
    headers: bool,
    limits: Limits,
) -> Result<Heard<'a>, ParseError> {
    let operation = if headers { "HMSG" } else { "LMSG" };
    let head = head(arguments, headers).ok_or(ParseError::Arguments { operation })?;
    if head.size > limits.payload_max {
        return Err(ParseError::Payload { size: head.size, max: limits.payload_max });
    }
    let end = used + head.size;
    for (offset, expected) in [b'\r', b'\n'].into_iter().enumerate() {
        match buf.get(end + offset) {
            Some(byte) if *byte == expected => {}
            Some(_) => return Err(ParseError::UnknownOperation),
            None => return Ok(Heard::Partial { total: end + 2 }),
        }
    }
    let start = used - arguments.len() - 2 + head.subject.len() + 1;
    // Nothing but a size, spelled as this end spells it.
    let bare = !headers
        && crlf
        && head.reply.is_none()
        && head.groups.is_empty()
        && arguments.get(head.subject.len() + 1..).is_some_and(|size| {
            arguments.starts_with(head.subject) && size.iter().all(u8::is_ascii_digit)
        });
    let said = Said::Message(Message {
        subject: head.subject,
        reply: head.reply,
        groups: head.groups,
        header_len: head.header_len,
        payload: &buf[used..end],
        tail: bare.then(|| &buf[start..end + 2]),
    });
    Ok(Heard::Whole { said, used: end + 2 })
}

/// Appends interest: `weight` members want this, and nobody where it is 0.
pub fn interest(out: &mut Vec<u8>, subject: &[u8], group: Option<&[u8]>, weight: u32) {
    out.extend_from_slice(if weight > 0 { b"LS+ " } else { b"LS- " });
    out.extend_from_slice(subject);
    if let Some(group) = group {
        out.push(b' ');
        out.extend_from_slice(group);
        if weight > 0 {
            out.push(b' ');
            encode::number(out, weight as usize);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the start of a message: `LMSG <subject> `, or `HMSG <subject> ` with headers, and what
/// is said of the reply subject and of the groups that it is for.
pub fn head_of(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    groups: &[&[u8]],
    headers: bool,
) {
    out.extend_from_slice(if headers { b"HMSG " } else { b"LMSG " });
    let sign = match (groups, reply) {
        ([], _) => &[][..],
        (_, Some(_)) => GROUPS_AND_REPLY,
        (_, None) => GROUPS,
    };
    let sign = Some(sign).filter(|sign| !sign.is_empty());
    for word in [Some(subject), sign, reply].into_iter().flatten().chain(groups.iter().copied()) {
        out.extend_from_slice(word);
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests;
