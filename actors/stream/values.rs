//! Values of headers, and blocks of them, as a stream takes them.

use std::borrow::Cow;

use vagus_jetstream::headers;

/// A value that is there and not empty.
#[inline]
pub(super) fn given(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| !value.is_empty())
}

/// A decimal number. What is none counts as absent.
pub(super) fn number(value: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// A block without its status; empty when that was all of it.
pub(super) fn without_status(block: &[u8]) -> Cow<'_, [u8]> {
    match headers::without_status(block) {
        None => block.into(),
        Some(status) => [&block[..status.start], &block[status.end..]].concat().into(),
    }
}

/// A block with one value for `name`, whatever it had.
pub(super) fn with(block: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    headers::set(&mut block, name, value);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(Some(b"12")), Some(12));
        assert_eq!(number(Some(b"-1")), None);
        assert_eq!(number(None), None);
        assert_eq!(given(Some(b"")), None);
    }

    #[test]
    fn status_lines_go() {
        for (block, wanted) in [
            ("NATS/1.0\r\nA: 1\r\n\r\n", "NATS/1.0\r\nA: 1\r\n\r\n"),
            ("NATS/1.0 503\r\n\r\n", ""),
            ("NATS/1.0 100 Idle\r\nA: 1\r\n\r\n", "NATS/1.0\r\nA: 1\r\n\r\n"),
            ("", ""),
            ("other", "other"),
        ] {
            assert_eq!(&*without_status(block.as_bytes()), wanted.as_bytes(), "{block:?}");
        }
    }
}
