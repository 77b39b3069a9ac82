//! [`Headers`]: the header block of a message to be published, and how one is read.

use memchr::memmem;
use thiserror::Error;

/// Headers of a message to be published, in the order in which they are added. One name may come
/// several times.
///
/// ```
/// let mut headers = vagus_plugin::Headers::new();
/// headers.add("Content-Type", "text/plain")?;
/// # Ok::<(), vagus_plugin::HeaderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// A whole block at any time.
    block: Vec<u8>,
}

/// Why a header was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Names are made of visible ASCII, without a colon.
    #[error("invalid header name {0:?}")]
    Name(String),
    /// A line break would end the header.
    #[error("value of header {0:?} has a line break")]
    Value(String),
}

const START: &[u8] = b"NATS/1.0\r\n\r\n";
const END: &[u8] = b"\r\n";

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self { block: START.to_vec() }
    }

    /// Adds one behind those there are.
    ///
    /// # Errors
    /// When name or value can't stand in a header.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let value = value.as_ref();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
            return Err(HeaderError::Name(name.to_owned()));
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Err(HeaderError::Value(name.to_owned()));
        }
        self.block.truncate(self.block.len() - END.len());
        for part in [name.as_bytes(), b": ", value, END, END] {
            self.block.extend_from_slice(part);
        }
        Ok(())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.block.len() == START.len()
    }

    /// From `NATS/1.0` to the blank line.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.block
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::new()
    }
}

/// All `(name, value)` pairs of a block, in order.
pub(crate) fn iter(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = memmem::find(block, END).map_or(&b""[..], |n| &block[n + END.len()..]);
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut headers = Headers::new();
        assert!(headers.is_empty());
        headers.add("A", "1").unwrap();
        headers.add("B", b" x:y ").unwrap();
        headers.add("A", "").unwrap();
        assert_eq!(headers.block(), b"NATS/1.0\r\nA: 1\r\nB:  x:y \r\nA: \r\n\r\n");
        let read: Vec<_> = iter(headers.block()).collect();
        assert_eq!(read, [(&b"A"[..], &b"1"[..]), (b"B", b"x:y"), (b"A", b"")]);
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        let mut headers = Headers::new();
        for name in ["", "a b", "a:b", "a\r\nb", "\u{e9}"] {
            assert_eq!(headers.add(name, "x"), Err(HeaderError::Name(name.to_owned())));
        }
        assert_eq!(headers.add("A", "x\r\nB: y"), Err(HeaderError::Value("A".to_owned())));
        assert!(headers.is_empty());
    }
}
