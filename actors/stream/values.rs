//! Values of headers, and blocks of them, as a stream takes them.

use std::borrow::Cow;

use vagus_jetstream::headers;

use crate::delivery::bridge::ORIGIN_HEADER;

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
fn without_status(block: &[u8]) -> Cow<'_, [u8]> {
    match headers::without_status(block) {
        None => block.into(),
        Some(status) => [&block[..status.start], &block[status.end..]].concat().into(),
    }
}

/// A block as it is stored: without its status, and without what the server says of who sent it.
/// Empty when that was all of it.
pub(super) fn to_store(block: &[u8]) -> Cow<'_, [u8]> {
    let block = without_status(block);
    if block.is_empty() || memchr::memmem::find(&block, ORIGIN_HEADER).is_none() {
        return block;
    }
    let mut block = block.into_owned();
    headers::remove(&mut block, ORIGIN_HEADER);
    block.into()
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
    fn who_sent_it_goes() {
        for (block, wanted) in [
            ("A: 1\r\nNats-Request-Info: {}\r\nB: 2\r\n", "A: 1\r\nB: 2\r\n"),
            ("A: Nats-Request-Info\r\n", "A: Nats-Request-Info\r\n"),
        ] {
            let whole = |lines: &str| format!("NATS/1.0\r\n{lines}\r\n");
            assert_eq!(&*to_store(whole(block).as_bytes()), whole(wanted).as_bytes());
        }
        assert_eq!(&*to_store(b"NATS/1.0\r\nNats-Request-Info: {}\r\n\r\n"), b"");
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
