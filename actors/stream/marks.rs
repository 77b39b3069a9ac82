//! The headers of a message that mean something to a stream, read in one pass.
//!
//! Names are compared byte for byte, and of several headers of one name the first counts. Most
//! messages have no headers, and most headers don't begin with `Nats-`: both cost next to nothing.

use memchr::memmem;

/// What the headers of one message ask of the stream. Absent and empty are told apart where that
/// makes a difference.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks<'a> {
    pub id: Option<&'a [u8]>,
    pub expected_stream: Option<&'a [u8]>,
    pub expected_last: Option<&'a [u8]>,
    pub expected_subject_last: Option<&'a [u8]>,
    pub expected_subject: Option<&'a [u8]>,
    pub expected_id: Option<&'a [u8]>,
    pub rollup: Option<&'a [u8]>,
    pub ttl: Option<&'a [u8]>,
    pub incr: Option<&'a [u8]>,
    pub counter_sources: Option<&'a [u8]>,
    pub batch_id: Option<&'a [u8]>,
    pub batch_seq: Option<&'a [u8]>,
    pub batch_commit: Option<&'a [u8]>,
    pub required_level: Option<&'a [u8]>,
    pub schedule: Option<&'a [u8]>,
    pub schedule_target: Option<&'a [u8]>,
    pub schedule_source: Option<&'a [u8]>,
    pub schedule_ttl: Option<&'a [u8]>,
    pub schedule_zone: Option<&'a [u8]>,
    pub schedule_rollup: Option<&'a [u8]>,
    pub scheduler: Option<&'a [u8]>,
    pub schedule_next: Option<&'a [u8]>,
    pub source: Option<&'a [u8]>,
    pub marker: Option<&'a [u8]>,
    /// `KV-Operation`.
    pub operation: Option<&'a [u8]>,
}

const OURS: &[u8] = b"Nats-";
const KV_OPERATION: &[u8] = b"KV-Operation";

// === impl Marks ===

impl<'a> Marks<'a> {
    /// Reads a header block, from `NATS/1.0` to the blank line; an empty one has no marks.
    #[inline]
    pub(super) fn read(block: &'a [u8]) -> Self {
        let mut marks = Self::default();
        if !block.is_empty() {
            marks.read_lines(block);
        }
        marks
    }

    fn read_lines(&mut self, block: &'a [u8]) {
        let mut rest = block;
        while let Some(end) = memmem::find(rest, b"\r\n") {
            let line = &rest[..end];
            rest = &rest[end + 2..];
            if line.first().is_some_and(|byte| matches!(byte, b'N' | b'K'))
                && let Some(colon) = memchr::memchr(b':', line)
            {
                self.note(&line[..colon], line[colon + 1..].trim_ascii());
            }
        }
    }

    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let slot = match name.strip_prefix(OURS) {
            Some(name) => self.slot(name),
            None if name == KV_OPERATION => Some(&mut self.operation),
            None => None,
        };
        if let Some(slot) = slot {
            slot.get_or_insert(value);
        }
    }

    /// Where the value of `Nats-<name>` belongs.
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        Some(match name {
            b"Msg-Id" => &mut self.id,
            b"Expected-Stream" => &mut self.expected_stream,
            b"Expected-Last-Sequence" => &mut self.expected_last,
            b"Expected-Last-Subject-Sequence" => &mut self.expected_subject_last,
            b"Expected-Last-Subject-Sequence-Subject" => &mut self.expected_subject,
            b"Expected-Last-Msg-Id" => &mut self.expected_id,
            b"Rollup" => &mut self.rollup,
            b"TTL" => &mut self.ttl,
            b"Incr" => &mut self.incr,
            b"Counter-Sources" => &mut self.counter_sources,
            b"Batch-Id" => &mut self.batch_id,
            b"Batch-Sequence" => &mut self.batch_seq,
            b"Batch-Commit" => &mut self.batch_commit,
            b"Required-Api-Level" => &mut self.required_level,
            b"Schedule" => &mut self.schedule,
            b"Schedule-Target" => &mut self.schedule_target,
            b"Schedule-Source" => &mut self.schedule_source,
            b"Schedule-TTL" => &mut self.schedule_ttl,
            b"Schedule-Time-Zone" => &mut self.schedule_zone,
            b"Schedule-Rollup" => &mut self.schedule_rollup,
            b"Scheduler" => &mut self.scheduler,
            b"Schedule-Next" => &mut self.schedule_next,
            b"Stream-Source" => &mut self.source,
            b"Marker-Reason" => &mut self.marker,
            _ => return None,
        })
    }
}

/// A value that is there and not empty.
#[inline]
pub(super) fn given(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| !value.is_empty())
}

/// A decimal number. What is none counts as absent.
pub(super) fn number(value: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// A block without its status line; empty when that was all of it.
pub(super) fn without_status(block: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    const VERSION: &[u8] = b"NATS/1.0";
    let plain = !block.starts_with(VERSION) || block.get(VERSION.len()) == Some(&b'\r');
    if plain {
        return block.into();
    }
    let Some(line) = memchr::memchr(b'\r', block) else { return block.into() };
    match &block[line..] {
        b"\r\n\r\n" => (&b""[..]).into(),
        rest => [VERSION, rest].concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_in_one_pass() {
        let block = b"NATS/1.0\r\nA: Nats-Msg-Id: x\r\nNats-Msg-Id:  one \r\nNats-Msg-Id: two\r\n\
            nats-ttl: 1\r\nNats-TTL:\r\nKV-Operation: PURGE\r\nNats-Other: 1\r\n\r\n";
        let marks = Marks::read(block);
        let wanted = Marks {
            id: Some(b"one"),
            ttl: Some(b""),
            operation: Some(b"PURGE"),
            ..Marks::default()
        };
        assert_eq!(marks, wanted);
        assert_eq!(given(marks.ttl), None);
        assert_eq!(Marks::read(b""), Marks::default());
        assert_eq!(Marks::read(b"garbage"), Marks::default());
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number(Some(b"12")), Some(12));
        assert_eq!(number(Some(b"-1")), None);
        assert_eq!(number(Some(b"x")), None);
        assert_eq!(number(None), None);
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
