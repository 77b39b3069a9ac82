//! Changing header blocks: what a stream adds to a message, and what it takes out.

use std::borrow::Cow;

const VERSION: &[u8] = b"NATS/1.0\r\n";
const END: &[u8] = b"\r\n";

/// `block` with one more header at its end. An empty block becomes one.
pub(super) fn with(block: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + name.len() + value.len() + 20);
    out.extend_from_slice(block.strip_suffix(END).unwrap_or(VERSION));
    line(&mut out, name, value);
    out.extend_from_slice(END);
    out
}

/// Appends `name: value` and the line's end.
pub(super) fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, END] {
        out.extend_from_slice(part);
    }
}

/// `block` with one value for `name`, whatever it had.
pub(super) fn replaced(block: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    with(&without(block, |other| other == name.as_bytes()), name, value)
}

/// `block` without the headers that `goes` names; empty when none is left.
pub(super) fn without(block: &[u8], goes: impl Fn(&[u8]) -> bool) -> Cow<'_, [u8]> {
    let is_gone = |line: &[u8]| memchr::memchr(b':', line).is_some_and(|at| goes(&line[..at]));
    let lines = || block.split_inclusive(|byte| *byte == b'\n').skip(1);
    if !lines().any(is_gone) {
        return block.into();
    }
    let first = block.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut out = first.to_vec();
    lines().filter(|line| !is_gone(line)).for_each(|line| out.extend_from_slice(line));
    if out.len() <= first.len() + END.len() {
        out.clear();
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_and_go() {
        let one = with(b"", "A", b"1");
        assert_eq!(one, b"NATS/1.0\r\nA: 1\r\n\r\n");
        let two = with(&one, "B", b"x: y");
        assert_eq!(two, b"NATS/1.0\r\nA: 1\r\nB: x: y\r\n\r\n");
        assert_eq!(&*without(&two, |name| name == b"A"), b"NATS/1.0\r\nB: x: y\r\n\r\n");
        assert_eq!(&*without(&two, |_| true), b"");
        assert_eq!(&*without(&two, |name| name == b"C"), &two[..]);
        assert_eq!(replaced(&two, "A", b"3"), b"NATS/1.0\r\nB: x: y\r\nA: 3\r\n\r\n");
        assert_eq!(&*without(b"", |_| true), b"");
    }
}
