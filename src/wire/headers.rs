//! Header blocks: `NATS/1.0[ status text]`, CR LF, `Name: value` lines, and a blank line.

use memchr::memmem;

/// First line of every header block.
pub const VERSION_LINE: &[u8] = b"NATS/1.0";

/// Value of the first header called `name` (compared byte for byte), without surrounding blanks.
/// A block that is not well formed has no headers.
#[must_use]
pub fn get<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    iter(block).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// All `(name, value)` pairs of a block, in order.
pub fn iter(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = memmem::find(block, b"\r\n").map_or(&b""[..], |n| &block[n + 2..]);
    lines.split(|b| *b == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Whether `needle` occurs anywhere in the block: a cheap test before a real look.
#[must_use]
pub fn mentions(block: &[u8], needle: &[u8]) -> bool {
    memmem::find(block, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values() {
        let block = b"NATS/1.0\r\nA: 1\r\nNats-Trace-Dest:  x.y \r\nA: 2\r\n\r\n";
        assert_eq!(get(block, b"A"), Some(&b"1"[..]));
        assert_eq!(get(block, b"Nats-Trace-Dest"), Some(&b"x.y"[..]));
        assert_eq!(get(block, b"nope"), None);
        assert_eq!(iter(block).count(), 3);
        assert_eq!(iter(b"garbage").count(), 0);
        assert!(mentions(block, b"Trace"));
    }
}
