//! The headers of a message that is published again after it was stored.

use vagus_jetstream::Time;
use vagus_jetstream::headers::{self, names};
use vagus_store::Stored;

/// Its own headers first, then where it is stored. `before` is the last sequence of its subject
/// that came before it.
pub(super) fn block(stream: &str, stored: &Stored<'_>, before: u64, size: bool) -> Vec<u8> {
    let mut out = origin(stream, stored);
    headers::write_number(&mut out, names::LAST_SEQUENCE, before);
    if size {
        headers::write_number(&mut out, names::MSG_SIZE, stored.payload.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// A message's headers and where it is stored, without the blank line.
pub(super) fn origin(stream: &str, stored: &Stored<'_>) -> Vec<u8> {
    let own = stored.headers.strip_suffix(b"\r\n").unwrap_or(b"NATS/1.0\r\n");
    let mut out = Vec::with_capacity(own.len() + stored.subject.len() + stream.len() + 160);
    out.extend_from_slice(own);
    headers::write(&mut out, names::STREAM, stream.as_bytes());
    headers::write(&mut out, names::SUBJECT, stored.subject);
    headers::write_number(&mut out, names::SEQUENCE, stored.seq);
    out.extend_from_slice(b"Nats-Time-Stamp: ");
    Time::from_nanos(stored.time_ns).write(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}
