//! Headers: their names, and blocks of them as bytes.
//!
//! A block is `NATS/1.0`, perhaps a status, CR LF, lines `Name: value`, and a blank line. Names
//! are compared byte by byte; of a value the blanks before it are left out, and nothing else.

mod edit;
pub mod names;
mod publish;

pub use edit::{append, copy_without, remove, replace, set, without_status};
pub use publish::PublishHeaders;

use memchr::memchr;

/// What every block begins with.
pub const START: &[u8] = b"NATS/1.0\r\n";
/// What ends a line, and after the last line the block.
pub const CRLF: &[u8] = b"\r\n";

/// The lines of a block, each with its CR LF; the first and the last are no headers and left out.
pub struct Lines<'a> {
    rest: &'a [u8],
}

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// All of it, with CR LF.
    pub whole: &'a [u8],
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// The headers of a block in order. What has no colon is passed over.
#[must_use]
pub fn lines(block: &[u8]) -> Lines<'_> {
    let rest = memchr(b'\n', block).map_or(&[][..], |at| &block[at + 1..]);
    Lines { rest }
}

/// Value of the first header of that name.
#[must_use]
pub fn get<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    lines(block).find(|line| line.name == name).map(|line| line.value)
}

/// Appends `Name: value`.
pub fn write(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CRLF);
}

/// Appends `Name: number`.
pub fn write_number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    number(out, value);
    out.extend_from_slice(CRLF);
}

/// Appends a decimal number.
pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        // Below ten.
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A decimal number that fits, and nothing around it.
pub(crate) fn read_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

// === impl Iterator ===

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let end = memchr(b'\n', self.rest)? + 1;
            let (whole, rest) = self.rest.split_at(end);
            self.rest = rest;
            let content = whole.strip_suffix(CRLF).unwrap_or(&whole[..whole.len() - 1]);
            if content.is_empty() {
                self.rest = &[];
                return None;
            }
            if let Some(colon) = memchr(b':', content) {
                let value = &content[colon + 1..];
                let blanks = value.iter().take_while(|&&byte| byte == b' ').count();
                return Some(Line { whole, name: &content[..colon], value: &value[blanks..] });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_is_found_by_its_exact_name() {
        let block = b"NATS/1.0\r\nnats-msg-id: a\r\nX-Nats-Msg-Id: b\r\nA: Nats-Msg-Id: c\r\n\
            Nats-Msg-Id :d\r\nnone\r\nNats-Msg-Id:   e  \r\nNats-Msg-Id: f\r\n\r\n";
        assert_eq!(get(block, b"Nats-Msg-Id"), Some(&b"e  "[..]));
        assert_eq!(get(block, b"A"), Some(&b"Nats-Msg-Id: c"[..]));
        assert_eq!(get(block, b"B"), None);
        assert_eq!(lines(block).count(), 6);
        assert_eq!(lines(b"NATS/1.0 503\r\n\r\n").count(), 0);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn numbers_are_read_only_whole() {
        assert_eq!(read_number(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "18446744073709551616", "-1", "+1", " 1", "1 ", "1.0", "x"] {
            assert_eq!(read_number(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_headers_are_read_back(
            pairs in proptest::collection::vec(("[A-Za-z-]{1,8}", "[!-~][ -~]{0,8}"), 0..6),
            n: u64,
        ) {
            let mut block = START.to_vec();
            for (name, value) in &pairs {
                write(&mut block, name.as_bytes(), value.as_bytes());
            }
            write_number(&mut block, b"N1", n);
            block.extend_from_slice(CRLF);
            let read: Vec<_> = lines(&block).map(|line| (line.name, line.value)).collect();
            prop_assert_eq!(read.len(), pairs.len() + 1);
            for ((name, value), read) in pairs.iter().zip(&read) {
                prop_assert_eq!((name.as_bytes(), value.as_bytes()), *read);
            }
            prop_assert_eq!(get(&block, b"N1").and_then(read_number), Some(n));
        }

        #[test]
        fn any_block_is_survived(block in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = lines(&block).count();
            let _ = PublishHeaders::scan(&block);
        }
    }
}
