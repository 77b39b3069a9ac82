//! Answers that are a header block and nothing else: pull requests that end, heartbeats, flow
//! control, direct gets that find nothing.
//!
//! All functions append to the caller's buffer.

use crate::headers::{CRLF, names, number, write, write_number};

/// A pull request without waiting found nothing (more).
pub const NO_MESSAGES: &[u8] = b"NATS/1.0 404 No Messages\r\n\r\n";
/// Others wait for more than there is.
pub const REQUESTS_PENDING: &[u8] = b"NATS/1.0 408 Requests Pending\r\n\r\n";
/// Too many pull requests wait.
pub const EXCEEDED_MAX_WAITING: &[u8] = b"NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n";
pub const CONSUMER_DELETED: &[u8] = b"NATS/1.0 409 Consumer Deleted\r\n\r\n";
pub const CONSUMER_IS_PUSH_BASED: &[u8] = b"NATS/1.0 409 Consumer is push based\r\n\r\n";
/// The request needs a newer server.
pub const REQUIRED_API_LEVEL: &[u8] = b"NATS/1.0 412 Required Api Level\r\n\r\n";
/// Another client is pinned.
pub const PIN_ID_MISMATCH: &[u8] = b"NATS/1.0 423 Nats-Pin-Id mismatch\r\n\r\n";
/// Asks for an answer, so that the sender knows what has arrived.
pub const FLOW_CONTROL: &[u8] = b"NATS/1.0 100 FlowControl Request\r\n\r\n";
/// A stream can't take what is published as fast as it comes; its JSON body is a publish error.
pub const TOO_MANY_REQUESTS: &[u8] = b"NATS/1.0 429 Too Many Requests\r\n\r\n";

/// Direct get: nothing is asked for.
pub const EMPTY_REQUEST: &[u8] = b"NATS/1.0 408 Empty Request\r\n\r\n";
/// Direct get: no JSON.
pub const MALFORMED_REQUEST: &[u8] = b"NATS/1.0 408 Malformed Request\r\n\r\n";
/// Direct get: fields that don't go together.
pub const BAD_REQUEST: &[u8] = b"NATS/1.0 408 Bad Request\r\n\r\n";
pub const MESSAGE_NOT_FOUND: &[u8] = b"NATS/1.0 404 Message Not Found\r\n\r\n";
/// Direct get: no subject matches.
pub const NO_RESULTS: &[u8] = b"NATS/1.0 404 No Results\r\n\r\n";
/// Direct get: too many subjects match.
pub const TOO_MANY_RESULTS: &[u8] = b"NATS/1.0 413 Too Many Results\r\n\r\n";

/// Ends of a snapshot.
pub const SNAPSHOT_END: &[u8] = b"NATS/1.0 204\r\n\r\n";
/// Nobody listens for the chunks.
pub const SNAPSHOT_NO_INTEREST: &[u8] = b"NATS/1.0 408 No Interest\r\n\r\n";
/// Nobody confirms the chunks.
pub const SNAPSHOT_NO_FLOW: &[u8] = b"NATS/1.0 408 No Flow Response\r\n\r\n";

/// What of a pull request is left when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    pub messages: u64,
    pub bytes: u64,
}

fn begin(out: &mut Vec<u8>, status: &[u8]) {
    out.extend_from_slice(b"NATS/1.0 ");
    out.extend_from_slice(status);
    out.extend_from_slice(CRLF);
}

fn with_pending(out: &mut Vec<u8>, status: &[u8], pending: Pending) {
    begin(out, status);
    write_number(out, names::PENDING_MESSAGES, pending.messages);
    write_number(out, names::PENDING_BYTES, pending.bytes);
    out.extend_from_slice(CRLF);
}

/// A pull request has waited as long as it may.
pub fn request_timeout(out: &mut Vec<u8>, pending: Pending) {
    with_pending(out, b"408 Request Timeout", pending);
}

/// The server of a pull request ends.
pub fn server_shutdown(out: &mut Vec<u8>, pending: Pending) {
    with_pending(out, b"409 Server Shutdown", pending);
}

/// The next message is larger than what a pull request still takes.
pub fn message_exceeds_max_bytes(out: &mut Vec<u8>, pending: Pending) {
    with_pending(out, b"409 Message Size Exceeds MaxBytes", pending);
}

/// All messages of a pull request are sent, while it would take more bytes.
pub fn batch_completed(out: &mut Vec<u8>, pending: Pending) {
    with_pending(out, b"409 Batch Completed", pending);
}

/// A pull request names a pin that is not (or no longer) the one.
pub fn wrong_pin_id(out: &mut Vec<u8>, pending: Pending) {
    with_pending(out, b"423 Nats-Wrong-Pin-Id", pending);
}

/// A pull request asks for more messages than it may.
pub fn exceeded_max_batch(out: &mut Vec<u8>, max: u64) {
    exceeded(out, b"MaxRequestBatch", |out| number(out, max));
}

/// A pull request asks for more bytes than it may.
pub fn exceeded_max_bytes(out: &mut Vec<u8>, max: u64) {
    exceeded(out, b"MaxRequestMaxBytes", |out| number(out, max));
}

/// A pull request wants to wait longer (in nanoseconds) than it may.
pub fn exceeded_max_expires(out: &mut Vec<u8>, max: i64) {
    exceeded(out, b"MaxRequestExpires", |out| {
        out.extend_from_slice(crate::nanos_text(max).as_bytes());
    });
}

fn exceeded(out: &mut Vec<u8>, what: &[u8], max: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"NATS/1.0 409 Exceeded ");
    out.extend_from_slice(what);
    out.extend_from_slice(b" of ");
    max(out);
    out.extend_from_slice(b"\r\n\r\n");
}

/// A pull request can't be understood.
pub fn bad_request(out: &mut Vec<u8>, reason: &str) {
    out.extend_from_slice(b"NATS/1.0 400 Bad Request - ");
    // A reason can hold what was sent, which must not end the line.
    out.extend(reason.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    out.extend_from_slice(b"\r\n\r\n");
}

/// Nothing was sent for a while; what was sent last. With the subject to answer to if flow control
/// holds deliveries back.
pub fn idle_heartbeat(
    out: &mut Vec<u8>,
    last_consumer: u64,
    last_stream: u64,
    stalled: Option<&[u8]>,
) {
    begin(out, b"100 Idle Heartbeat");
    write_number(out, names::LAST_CONSUMER, last_consumer);
    write_number(out, names::LAST_STREAM, last_stream);
    if let Some(subject) = stalled {
        write(out, names::CONSUMER_STALLED, subject);
    }
    out.extend_from_slice(CRLF);
}

/// Ends a direct get of many messages. `up_to` is where one of many subjects stopped looking.
pub fn end_of_batch(out: &mut Vec<u8>, pending: u64, last_seq: u64, up_to: Option<u64>) {
    begin(out, b"204 EOB");
    write_number(out, names::NUM_PENDING, pending);
    write_number(out, names::LAST_SEQUENCE, last_seq);
    if let Some(seq) = up_to {
        write_number(out, names::UP_TO_SEQUENCE, seq);
    }
    out.extend_from_slice(CRLF);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn statuses_are_what_clients_know() {
        let pending = Pending { messages: 5, bytes: 0 };
        assert_eq!(
            text(|out| request_timeout(out, pending)),
            "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 5\r\n\
             Nats-Pending-Bytes: 0\r\n\r\n"
        );
        assert_eq!(
            text(|out| wrong_pin_id(out, Pending::default())),
            "NATS/1.0 423 Nats-Wrong-Pin-Id\r\nNats-Pending-Messages: 0\r\n\
             Nats-Pending-Bytes: 0\r\n\r\n"
        );
        assert_eq!(
            text(|out| exceeded_max_batch(out, 50)),
            "NATS/1.0 409 Exceeded MaxRequestBatch of 50\r\n\r\n"
        );
        assert_eq!(
            text(|out| exceeded_max_expires(out, 2_000_000_000)),
            "NATS/1.0 409 Exceeded MaxRequestExpires of 2s\r\n\r\n"
        );
        assert_eq!(
            text(|out| exceeded_max_bytes(out, 1000)),
            "NATS/1.0 409 Exceeded MaxRequestMaxBytes of 1000\r\n\r\n"
        );
        assert_eq!(
            text(|out| bad_request(out, "a\r\nB: c")),
            "NATS/1.0 400 Bad Request - aB: c\r\n\r\n"
        );
        assert_eq!(
            text(|out| idle_heartbeat(out, 1, 14, Some(b"$JS.FC.S.C.x"))),
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 14\r\n\
             Nats-Consumer-Stalled: $JS.FC.S.C.x\r\n\r\n"
        );
        assert_eq!(
            text(|out| end_of_batch(out, 0, 14, Some(14))),
            "NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 14\r\n\
             Nats-UpTo-Sequence: 14\r\n\r\n"
        );
    }
}
