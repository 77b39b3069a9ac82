//! Blocks with a header more, or less.

use super::{CRLF, START, lines, write};

/// Appends a header to a block; an empty one becomes a block.
pub fn append(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    open(block);
    write(block, name, value);
    block.extend_from_slice(CRLF);
}

/// Takes the blank line away that ends the block.
fn open(block: &mut Vec<u8>) {
    if block.is_empty() {
        block.extend_from_slice(START);
    } else if block.ends_with(CRLF) {
        block.truncate(block.len() - CRLF.len());
    }
}

/// Gives the first header of that name another value, or appends it.
pub fn set(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if !replace(block, name, value) {
        append(block, name, value);
    }
}

/// Gives the first header of that name another value, where it stands. Whether there is one.
pub fn replace(block: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    let Some(line) = lines(block).find(|line| line.name == name) else { return false };
    let start = line.whole.as_ptr() as usize - block.as_ptr() as usize;
    let end = start + line.whole.len();
    let mut fresh = Vec::with_capacity(name.len() + value.len() + 4);
    write(&mut fresh, name, value);
    block.splice(start..end, fresh);
    true
}

/// Takes all headers of that name out. A block that has none left becomes empty.
pub fn remove(block: &mut Vec<u8>, name: &[u8]) {
    if lines(block).any(|line| line.name == name) {
        let mut rest = Vec::with_capacity(block.len());
        copy_without(&mut rest, block, |given| given == name);
        *block = rest;
    }
}

/// Appends a copy of the block without the headers that `leave_out` names; nothing if none is
/// left. Returns whether something was written.
pub fn copy_without(out: &mut Vec<u8>, block: &[u8], leave_out: impl Fn(&[u8]) -> bool) -> bool {
    let start = out.len();
    for line in lines(block).filter(|line| !leave_out(line.name)) {
        if out.len() == start {
            out.extend_from_slice(START);
        }
        out.extend_from_slice(line.whole);
    }
    if out.len() == start {
        return false;
    }
    out.extend_from_slice(CRLF);
    true
}

/// Where the status is in a block that begins with one: from behind the version to the end of the
/// line. Nothing for a block without. If nothing else is in the block, that is all of it.
///
/// A published message loses its status when it is stored.
#[must_use]
pub fn without_status(block: &[u8]) -> Option<std::ops::Range<usize>> {
    const VERSION: usize = START.len() - CRLF.len();
    if block.len() <= VERSION || block.starts_with(START) || !block.starts_with(&START[..VERSION]) {
        return None;
    }
    let end = memchr::memmem::find(block, CRLF)?;
    let is_all = &block[end..] == b"\r\n\r\n";
    Some(if is_all { 0..block.len() } else { VERSION..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(block: &str, edit: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut block = block.as_bytes().to_vec();
        edit(&mut block);
        String::from_utf8(block).unwrap()
    }

    const BLOCK: &str = "NATS/1.0\r\nA: 1\r\nB:2\r\nA: 3\r\n\r\n";

    #[test]
    fn headers_are_set() {
        let set = |block, name: &str, value: &str| {
            edited(block, |block| super::set(block, name.as_bytes(), value.as_bytes()))
        };
        assert_eq!(set("", "A", "1"), "NATS/1.0\r\nA: 1\r\n\r\n");
        assert_eq!(set(BLOCK, "A", "long"), "NATS/1.0\r\nA: long\r\nB:2\r\nA: 3\r\n\r\n");
        assert_eq!(set(BLOCK, "B", ""), "NATS/1.0\r\nA: 1\r\nB: \r\nA: 3\r\n\r\n");
        assert_eq!(set(BLOCK, "C", "4"), "NATS/1.0\r\nA: 1\r\nB:2\r\nA: 3\r\nC: 4\r\n\r\n");
        assert_eq!(set("NATS/1.0\r\n\r\n", "C", "4"), "NATS/1.0\r\nC: 4\r\n\r\n");
    }

    #[test]
    fn headers_are_removed() {
        let remove = |block, name: &str| edited(block, |block| remove(block, name.as_bytes()));
        assert_eq!(remove(BLOCK, "A"), "NATS/1.0\r\nB:2\r\n\r\n");
        assert_eq!(remove(BLOCK, "C"), BLOCK);
        assert_eq!(remove("NATS/1.0\r\nA: 1\r\n\r\n", "A"), "");
        assert_eq!(remove("", "A"), "");
        let mut out = Vec::new();
        assert!(!copy_without(&mut out, BLOCK.as_bytes(), |_| true));
        assert!(out.is_empty());
    }

    #[test]
    fn a_status_is_cut_out() {
        let cut = |block: &str| {
            edited(block, |block| {
                if let Some(range) = without_status(block) {
                    block.drain(range);
                }
            })
        };
        assert_eq!(cut("NATS/1.0 503 foo\r\n\r\n"), "");
        assert_eq!(cut("NATS/1.0 503 foo\r\nA: b\r\n\r\n"), "NATS/1.0\r\nA: b\r\n\r\n");
        assert_eq!(cut("NATS/1.0\r\n\r\n"), "NATS/1.0\r\n\r\n");
        assert_eq!(cut(BLOCK), BLOCK);
        assert_eq!(cut(""), "");
        assert_eq!(cut("x"), "x");
    }
}
