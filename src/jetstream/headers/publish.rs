//! What a published message asks of the stream, found in one pass over its headers.

use memchr::memmem;

use super::{lines, names};

/// The values of the headers that a stream minds, each the first of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublishHeaders<'a> {
    pub msg_id: Option<&'a [u8]>,
    pub expected_stream: Option<&'a [u8]>,
    pub expected_last_seq: Option<&'a [u8]>,
    pub expected_last_subject_seq: Option<&'a [u8]>,
    pub expected_last_subject_seq_subject: Option<&'a [u8]>,
    pub expected_last_msg_id: Option<&'a [u8]>,
    pub rollup: Option<&'a [u8]>,
    pub ttl: Option<&'a [u8]>,
    pub incr: Option<&'a [u8]>,
    pub batch_id: Option<&'a [u8]>,
    pub batch_seq: Option<&'a [u8]>,
    pub batch_commit: Option<&'a [u8]>,
    pub schedule: Option<&'a [u8]>,
    pub schedule_target: Option<&'a [u8]>,
    pub schedule_source: Option<&'a [u8]>,
    pub schedule_ttl: Option<&'a [u8]>,
    pub schedule_time_zone: Option<&'a [u8]>,
    pub schedule_rollup: Option<&'a [u8]>,
    pub scheduler: Option<&'a [u8]>,
    pub schedule_next: Option<&'a [u8]>,
    pub required_api_level: Option<&'a [u8]>,
    pub marker_reason: Option<&'a [u8]>,
    pub stream_source: Option<&'a [u8]>,
    pub counter_sources: Option<&'a [u8]>,
    /// The only one that has not the prefix of the others.
    pub kv_operation: Option<&'a [u8]>,
}

// === impl PublishHeaders ===

impl<'a> PublishHeaders<'a> {
    /// Reads a block, which may be empty. Without allocation; a block that holds none of these
    /// names costs one search.
    #[must_use]
    pub fn scan(block: &'a [u8]) -> Self {
        let mut found = PublishHeaders::default();
        if block.is_empty()
            || (memmem::find(block, b"Nats-").is_none() && memmem::find(block, b"KV-").is_none())
        {
            return found;
        }
        for line in lines(block) {
            if let Some(slot) = found.slot(line.name) {
                slot.get_or_insert(line.value);
            }
        }
        found
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        if name == names::KV_OPERATION {
            return Some(&mut self.kv_operation);
        }
        if !name.starts_with(b"Nats-") {
            return None;
        }
        Some(match name {
            names::MSG_ID => &mut self.msg_id,
            names::EXPECTED_STREAM => &mut self.expected_stream,
            names::EXPECTED_LAST_SEQ => &mut self.expected_last_seq,
            names::EXPECTED_LAST_SUBJECT_SEQ => &mut self.expected_last_subject_seq,
            names::EXPECTED_LAST_SUBJECT_SEQ_SUBJECT => &mut self.expected_last_subject_seq_subject,
            names::EXPECTED_LAST_MSG_ID => &mut self.expected_last_msg_id,
            names::ROLLUP => &mut self.rollup,
            names::TTL => &mut self.ttl,
            names::INCR => &mut self.incr,
            names::BATCH_ID => &mut self.batch_id,
            names::BATCH_SEQ => &mut self.batch_seq,
            names::BATCH_COMMIT => &mut self.batch_commit,
            names::SCHEDULE => &mut self.schedule,
            names::SCHEDULE_TARGET => &mut self.schedule_target,
            names::SCHEDULE_SOURCE => &mut self.schedule_source,
            names::SCHEDULE_TTL => &mut self.schedule_ttl,
            names::SCHEDULE_TIME_ZONE => &mut self.schedule_time_zone,
            names::SCHEDULE_ROLLUP => &mut self.schedule_rollup,
            names::SCHEDULER => &mut self.scheduler,
            names::SCHEDULE_NEXT => &mut self.schedule_next,
            names::REQUIRED_API_LEVEL => &mut self.required_api_level,
            names::MARKER_REASON => &mut self.marker_reason,
            names::STREAM_SOURCE => &mut self.stream_source,
            names::COUNTER_SOURCES => &mut self.counter_sources,
            _ => return None,
        })
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == PublishHeaders::default()
    }

    /// Whether anything is expected of the stream or of a subject.
    #[must_use]
    pub fn expects(&self) -> bool {
        self.expected_stream.is_some()
            || self.expected_last_seq.is_some()
            || self.expected_last_subject_seq.is_some()
            || self.expected_last_subject_seq_subject.is_some()
            || self.expected_last_msg_id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_header_has_its_place() {
        let known = [
            names::MSG_ID,
            names::EXPECTED_STREAM,
            names::EXPECTED_LAST_SEQ,
            names::EXPECTED_LAST_SUBJECT_SEQ,
            names::EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
            names::EXPECTED_LAST_MSG_ID,
            names::ROLLUP,
            names::TTL,
            names::INCR,
            names::BATCH_ID,
            names::BATCH_SEQ,
            names::BATCH_COMMIT,
            names::SCHEDULE,
            names::SCHEDULE_TARGET,
            names::SCHEDULE_SOURCE,
            names::SCHEDULE_TTL,
            names::SCHEDULE_TIME_ZONE,
            names::SCHEDULE_ROLLUP,
            names::SCHEDULER,
            names::SCHEDULE_NEXT,
            names::REQUIRED_API_LEVEL,
            names::MARKER_REASON,
            names::STREAM_SOURCE,
            names::COUNTER_SOURCES,
            names::KV_OPERATION,
        ];
        for name in known {
            let mut block = b"NATS/1.0\r\n".to_vec();
            super::super::write(&mut block, name, b"1");
            super::super::write(&mut block, name, b"2");
            block.extend_from_slice(b"\r\n");
            let mut found = PublishHeaders::scan(&block);
            let slot = found.slot(name).and_then(|slot| slot.take());
            assert_eq!(slot, Some(&b"1"[..]), "{}", String::from_utf8_lossy(name));
            assert!(found.is_plain());
        }
    }

    #[test]
    fn other_headers_ask_nothing() {
        for block in
            [&b""[..], b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: Nats-TTL\r\nNats-X: 1\r\n\r\n"]
        {
            assert!(PublishHeaders::scan(block).is_plain());
        }
        let block = b"NATS/1.0\r\nNats-Expected-Stream: S\r\n\r\n";
        assert!(PublishHeaders::scan(block).expects());
    }
}
