//! The functions of a destination: how they are written, and what they write.
//!
//! | function | result |
//! |--|--|
//! | `$n`, `wildcard(n)` | what the n-th `*` of the source stands for ("token n" below) |
//! | `partition(b,n..)` | FNV-1a of the tokens n.., or of the whole subject, modulo b |
//! | `random(b)` | a number below b |
//! | `split(n,sep)` | token n as one token for each piece between `sep` |
//! | `splitFromLeft(n,pos)`, `splitFromRight(n,pos)` | token n as two |
//! | `sliceFromLeft(n,size)`, `sliceFromRight(n,size)` | token n in pieces of `size` |
//! | `left(n,len)`, `right(n,len)` | the first or last bytes of token n |
//!
//! Functions that cut leave a token alone when it is too short for that. Lengths are bytes.

use std::io::Write;

use super::error::{DestinationError, TransformError};
use crate::syntax::{is_white, join};

/// A function with its constant arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Wildcard,
    Partition(u32),
    Random(u32),
    Split(Box<[u8]>),
    SplitFromLeft(usize),
    SplitFromRight(usize),
    SliceFromLeft(usize),
    SliceFromRight(usize),
    Left(usize),
    Right(usize),
}

/// A function and the numbers of the wildcards (from 1) that it takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) wildcards: Vec<i64>,
}

/// A capital letter may be written small, the others not capital.
const NAMES: [&str; 10] = [
    "Wildcard",
    "Partition",
    "SplitFromLeft",
    "SplitFromRight",
    "SliceFromLeft",
    "SliceFromRight",
    "Split",
    "Random",
    "Left",
    "Right",
];

/// Whether a token looks like a function in braces.
pub(super) fn is_braced(token: &[u8]) -> bool {
    token.len() > 4 && token.starts_with(b"{{") && token.ends_with(b"}}")
}

/// Whether a token in braces is a function that mappings have.
pub(super) fn is_known_to_mappings(token: &[u8]) -> bool {
    dissect(token).is_some_and(|(name, _)| !matches!(name, "Left" | "Right"))
}

/// The function that a token of a destination calls; none when it is an ordinary token.
pub(super) fn parse(token: &[u8]) -> Result<Option<Call>, TransformError> {
    if let [b'$', number @ ..] = token {
        // Without a number it is a token like any other, for example `$SYS`.
        let number = std::str::from_utf8(number).ok().and_then(|s| s.parse().ok());
        return Ok(number.map(|n| Call { function: Function::Wildcard, wildcards: vec![n] }));
    }
    if !is_braced(token) {
        return Ok(None);
    }
    let (name, arguments) =
        dissect(token).ok_or_else(|| DestinationError::UnknownFunction.in_token(token))?;
    // A comma takes the white space behind it along.
    let arguments: Vec<&str> = arguments
        .split(',')
        .enumerate()
        .map(|(i, a)| if i == 0 { a } else { a.trim_start_matches(is_white_char) })
        .collect();
    call(name, &arguments).map(Some).map_err(|error| error.in_token(token))
}

/// The name of the function in a token in braces, as in [`NAMES`], and its arguments.
fn dissect(token: &[u8]) -> Option<(&'static str, &str)> {
    let inner = std::str::from_utf8(token.get(2..token.len() - 2)?).ok()?;
    let inner = inner.trim_matches(is_white_char);
    let (name, arguments) = inner.strip_suffix(')')?.split_once('(')?;
    let name = name.trim_end_matches(is_white_char);
    let is_written = |known: &&str| {
        name.len() == known.len()
            && known.bytes().zip(name.bytes()).all(|(k, c)| k == c || k.to_ascii_lowercase() == c)
    };
    NAMES.into_iter().find(is_written).map(|known| (known, arguments))
}

fn is_white_char(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_white)
}

fn call(name: &str, arguments: &[&str]) -> Result<Call, DestinationError> {
    let (function, wildcards) = match (name, arguments) {
        ("Wildcard", [""]) => return Err(DestinationError::NotEnoughArguments),
        ("Wildcard", [number]) => (Function::Wildcard, vec![integer(number)?]),
        ("Wildcard", _) => return Err(DestinationError::TooManyArguments),
        ("Partition", [buckets, numbers @ ..]) => {
            let numbers = numbers.iter().map(|n| integer(n)).collect::<Result<_, _>>()?;
            (Function::Partition(modulus(buckets)? as u32), numbers)
        }
        ("Random", [below]) => (Function::Random(modulus(below)?.unsigned_abs()), Vec::new()),
        ("Random", _) | (_, [] | [_]) => return Err(DestinationError::NotEnoughArguments),
        ("Split", [number, separator]) => {
            let number = integer(number)?;
            if separator.contains([' ', '.']) {
                return Err(DestinationError::InvalidArgument);
            }
            (Function::Split(separator.as_bytes().into()), vec![number])
        }
        (_, [number, size]) => {
            let number = integer(number)?;
            let size = i32::try_from(integer(size)?);
            let size = size.map_err(|_| DestinationError::InvalidArgument)?;
            // Nothing can be cut at less than 1, no more than at 0.
            (cut(name, usize::try_from(size).unwrap_or(0))?, vec![number])
        }
        _ => return Err(DestinationError::TooManyArguments),
    };
    Ok(Call { function, wildcards })
}

fn cut(name: &str, at: usize) -> Result<Function, DestinationError> {
    Ok(match name {
        "SplitFromLeft" => Function::SplitFromLeft(at),
        "SplitFromRight" => Function::SplitFromRight(at),
        "SliceFromLeft" => Function::SliceFromLeft(at),
        "SliceFromRight" => Function::SliceFromRight(at),
        "Left" => Function::Left(at),
        "Right" => Function::Right(at),
        _ => return Err(DestinationError::UnknownFunction),
    })
}

fn integer(s: &str) -> Result<i64, DestinationError> {
    s.trim_matches(' ').parse().map_err(|_| DestinationError::InvalidArgument)
}

/// What to divide by: at most 2^31 - 1. A number below -2^31 wraps, as it does in nats-server.
fn modulus(s: &str) -> Result<i32, DestinationError> {
    let number = integer(s)?;
    if number > i64::from(i32::MAX) {
        return Err(DestinationError::InvalidArgument);
    }
    Ok(number as i32)
}

// === impl Function ===

impl Function {
    /// Writes the result to `out`. `at` are the positions in `tokens`, the subject's, to work on.
    pub(super) fn run(
        &self,
        subject: &[u8],
        tokens: &[&[u8]],
        at: &[usize],
        rng: &mut fastrand::Rng,
        out: &mut Vec<u8>,
    ) {
        // Every function but the first two has exactly one token, which the source requires.
        let token = at.first().and_then(|&i| tokens.get(i)).copied().unwrap_or_default();
        match self {
            Function::Random(0) | Function::Partition(0) => out.push(b'0'),
            Function::Random(below) => write_number(rng.u32(0..*below), out),
            // An exact source counts as the whole subject. (In nats-server an exact mapping that
            // is looked at first hashes nothing at all, so that every message gets one number.)
            Function::Partition(buckets) => {
                let key = if at.is_empty() {
                    fnv1a([subject])
                } else {
                    fnv1a(at.iter().filter_map(|&i| tokens.get(i).copied()))
                };
                write_number(key % buckets, out);
            }
            Function::Wildcard => out.extend_from_slice(token),
            Function::Split(separator) => split(token, separator, out),
            // What is left cuts the token.
            &Function::SplitFromLeft(n) if can_cut(token, n) => {
                join(&[&token[..n], &token[n..]], out);
            }
            &Function::SplitFromRight(n) if can_cut(token, n) => {
                let (left, right) = token.split_at(token.len() - n);
                join(&[left, right], out);
            }
            &Function::SliceFromLeft(n) if can_cut(token, n) => {
                join(&token.chunks(n).collect::<Vec<_>>(), out);
            }
            &Function::SliceFromRight(n) if can_cut(token, n) => {
                let mut chunks: Vec<_> = token.rchunks(n).collect();
                chunks.reverse();
                join(&chunks, out);
            }
            &Function::Left(n) if can_cut(token, n) => out.extend_from_slice(&token[..n]),
            &Function::Right(n) if can_cut(token, n) => {
                out.extend_from_slice(&token[token.len() - n..]);
            }
            _ => out.extend_from_slice(token),
        }
    }
}

fn can_cut(token: &[u8], at: usize) -> bool {
    at > 0 && at < token.len()
}

/// The pieces between separators that are not empty. No separator is one between all characters.
///
/// nats-server writes an empty token, which nobody can receive, for a second separator at the
/// start. A token of separators only has no piece, and so gives an empty token here too.
fn split(token: &[u8], separator: &[u8], out: &mut Vec<u8>) {
    let mut pieces: Vec<&[u8]> = Vec::new();
    if separator.is_empty() {
        for chunk in token.utf8_chunks() {
            let valid = chunk.valid();
            pieces
                .extend(valid.char_indices().map(|(i, c)| &valid.as_bytes()[i..i + c.len_utf8()]));
            pieces.extend(chunk.invalid().chunks(1));
        }
    } else {
        let mut start = 0;
        for at in memchr::memmem::find_iter(token, separator) {
            pieces.push(&token[start..at]);
            start = at + separator.len();
        }
        pieces.push(&token[start..]);
        pieces.retain(|piece| !piece.is_empty());
    }
    join(&pieces, out);
}

fn write_number(number: u32, out: &mut Vec<u8>) {
    // Writing to a vector doesn't fail.
    let _ = write!(out, "{number}");
}

/// FNV-1a, 32 bits: what existing consumers of a partition rely on.
fn fnv1a<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    parts.into_iter().flatten().fold(0x811C_9DC5, step)
}
