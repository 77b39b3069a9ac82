//! Batches: those that are stored as a whole or not at all, told by headers; and those that come
//! fast, told by the reply subject.

use crate::error::{ApiError, codes};
use crate::headers::{PublishHeaders, names, number, read_number};
use crate::pub_ack::write_error;

/// Bytes of the id of a batch.
pub const ID_MAX: usize = 64;
/// Messages on their way that a fast batch may ask for, and what it gets if it asks for none.
const FLOW_MAX: u16 = u16::MAX;
const FLOW_DEFAULT: u16 = 10;

/// A message that belongs to an atomic batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    pub id: &'a [u8],
    /// From 1.
    pub seq: u64,
    pub commit: Commit,
}

/// Whether a message ends its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    No,
    /// With this message.
    Last,
    /// This message only says so, and is not stored.
    EndOfBatch,
}

// === impl Member ===

impl<'a> Member<'a> {
    /// Reads the headers of a message; nothing if it belongs to no batch.
    pub fn of(headers: &PublishHeaders<'a>) -> Result<Option<Self>, ApiError> {
        let Some(id) = headers.batch_id.filter(|id| !id.is_empty()) else { return Ok(None) };
        if id.len() > ID_MAX {
            return Err(codes::ATOMIC_PUBLISH_INVALID_BATCH_ID.into());
        }
        let seq = headers.batch_seq.and_then(read_number);
        let seq = seq.ok_or(codes::ATOMIC_PUBLISH_MISSING_SEQ)?;
        let commit = match headers.batch_commit {
            None => Commit::No,
            Some(b"1") => Commit::Last,
            Some(b"eob") => Commit::EndOfBatch,
            Some(_) => return Err(codes::ATOMIC_PUBLISH_INVALID_BATCH_COMMIT.into()),
        };
        if headers.expected_last_msg_id.is_some() {
            let name = String::from_utf8_lossy(names::EXPECTED_LAST_MSG_ID);
            return Err(codes::ATOMIC_PUBLISH_UNSUPPORTED_HEADER_BATCH.with(name));
        }
        Ok(Some(Member { id, seq, commit }))
    }
}

/// What a message of a fast batch wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastOp {
    /// To begin one.
    Start,
    Append,
    /// To be stored as the last.
    StoreAndCommit,
    /// To end the batch, without being stored.
    Commit,
    /// To know how far it is.
    Ping,
}

/// A reply subject that belongs to a fast batch:
/// `<prefix>.<id>.<flow>.<ok or fail>.<seq>.<op>.$FI`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastReply<'a> {
    pub id: &'a [u8],
    /// Messages on their way that the client wants to be allowed.
    pub flow: u16,
    /// Whether the batch goes on behind a message that is missing or was refused.
    pub gaps_ok: bool,
    /// From 1.
    pub seq: u64,
    pub op: FastOp,
}

/// Whether a reply subject is one of these.
#[must_use]
pub fn is_fast(reply: &[u8]) -> bool {
    reply.ends_with(b".$FI")
}

// === impl FastReply ===

impl<'a> FastReply<'a> {
    /// Reads a reply subject; nothing if it is another kind of subject.
    pub fn parse(reply: &'a [u8]) -> Result<Option<Self>, ApiError> {
        let Some(rest) = reply.strip_suffix(b".$FI") else { return Ok(None) };
        let fast = Self::read(rest).ok_or(codes::BATCH_PUBLISH_INVALID_PATTERN)?;
        if fast.id.is_empty() || fast.id.len() > ID_MAX {
            return Err(codes::BATCH_PUBLISH_INVALID_BATCH_ID.into());
        }
        Ok(Some(fast))
    }

    fn read(rest: &'a [u8]) -> Option<Self> {
        let mut tokens = rest.rsplitn(6, |&byte| byte == b'.');
        let op = read_number(tokens.next()?)?;
        let seq = read_number(tokens.next()?).filter(|seq| *seq > 0)?;
        let gaps_ok = match tokens.next()? {
            b"ok" => true,
            b"fail" => false,
            _ => return None,
        };
        let flow = match read_number(tokens.next()?).unwrap_or(0) {
            0 => FLOW_DEFAULT,
            flow => u16::try_from(flow).unwrap_or(FLOW_MAX),
        };
        let id = tokens.next()?;
        // The prefix.
        tokens.next()?;
        let op = match (op, seq) {
            (0, 1) => FastOp::Start,
            (1, 2..) => FastOp::Append,
            (2, _) => FastOp::StoreAndCommit,
            (3, 2..) => FastOp::Commit,
            (4, _) => FastOp::Ping,
            _ => return None,
        };
        Some(FastReply { id, flow, gaps_ok, seq, op })
    }
}

/// Appends the message that all up to `seq` is stored, and how many may be on their way.
pub fn flow_ack(out: &mut Vec<u8>, seq: u64, messages: u16) {
    out.extend_from_slice(b"{\"type\":\"ack\",\"seq\":");
    number(out, seq);
    out.extend_from_slice(b",\"msgs\":");
    number(out, messages.into());
    out.push(b'}');
}

/// Appends the message that `received` came where `expected` belongs.
pub fn flow_gap(out: &mut Vec<u8>, expected: u64, received: u64) {
    out.extend_from_slice(b"{\"type\":\"gap\",\"last_seq\":");
    number(out, expected);
    out.extend_from_slice(b",\"seq\":");
    number(out, received);
    out.push(b'}');
}

/// Appends the message that `seq` was refused.
pub fn flow_error(out: &mut Vec<u8>, seq: u64, error: &ApiError) {
    out.extend_from_slice(b"{\"type\":\"err\",\"seq\":");
    number(out, seq);
    out.extend_from_slice(b",\"error\":");
    write_error(out, error);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member<'a>(
        id: &'a str,
        seq: &'a str,
        commit: Option<&'a str>,
    ) -> Result<Option<Member<'a>>, u16> {
        let headers = PublishHeaders {
            batch_id: Some(id.as_bytes()),
            batch_seq: Some(seq.as_bytes()),
            batch_commit: commit.map(str::as_bytes),
            ..PublishHeaders::default()
        };
        Member::of(&headers).map_err(|error| error.err_code)
    }

    #[test]
    fn members_say_where_they_belong() {
        assert_eq!(Member::of(&PublishHeaders::default()), Ok(None));
        assert_eq!(member("", "1", Some("1")), Ok(None));
        let read = |id, seq, commit| Ok(Some(Member { id, seq, commit }));
        assert_eq!(member("a", "1", None), read(b"a", 1, Commit::No));
        assert_eq!(member("a b.c*", "01", Some("1")), read(b"a b.c*", 1, Commit::Last));
        assert_eq!(member("a", "3", Some("eob")), read(b"a", 3, Commit::EndOfBatch));
        assert_eq!(member("a", "0", Some("1")), read(b"a", 0, Commit::Last));
        let long = "x".repeat(65);
        assert_eq!(member(&long, "1", None), Err(10179));
        assert!(member(&long[..64], "1", None).is_ok());
        for seq in ["", "x", "-1"] {
            assert_eq!(member("a", seq, Some("1")), Err(10175));
        }
        for commit in ["", "0", "EOB", "true"] {
            assert_eq!(member("a", "1", Some(commit)), Err(10200));
        }
        let headers = PublishHeaders {
            batch_id: Some(b"a"),
            batch_seq: Some(b"1"),
            expected_last_msg_id: Some(b"x"),
            ..PublishHeaders::default()
        };
        let error = Member::of(&headers).unwrap_err();
        assert_eq!(
            error.description,
            "atomic publish unsupported header used: Nats-Expected-Last-Msg-Id"
        );
    }

    #[test]
    fn reply_subjects_say_what_is_wanted() {
        let parse = |reply: &'static str| {
            FastReply::parse(reply.as_bytes()).map_err(|error| error.err_code)
        };
        assert_eq!(parse("_INBOX.a.b"), Ok(None));
        assert_eq!(parse("_I.x.5.ok.1.0.$fi"), Ok(None));
        let read =
            |flow, gaps_ok, seq, op| Ok(Some(FastReply { id: b"x", flow, gaps_ok, seq, op }));
        assert_eq!(parse("_I.x.5.ok.1.0.$FI"), read(5, true, 1, FastOp::Start));
        assert_eq!(parse("_I.q.x.5.fail.2.1.$FI"), read(5, false, 2, FastOp::Append));
        assert_eq!(parse("_I.x.5.ok.01.2.$FI"), read(5, true, 1, FastOp::StoreAndCommit));
        assert_eq!(parse("_I.x.5.ok.9.3.$FI"), read(5, true, 9, FastOp::Commit));
        assert_eq!(parse("_I.x.5.ok.9.4.$FI"), read(5, true, 9, FastOp::Ping));
        for (flow, allowed) in [("0", 10), ("x", 10), ("-5", 10), ("70000", 65535), ("", 10)] {
            let reply = format!("_I.x.{flow}.ok.1.2.$FI");
            let fast = FastReply::parse(reply.as_bytes()).unwrap().unwrap();
            assert_eq!(fast.flow, allowed, "{flow}");
        }
        for reply in [
            "_I.$FI",
            "_I.0.$FI",
            "_I.5.ok.1.0.$FI",
            "_I.x.5.ok.1.1.$FI",
            "_I.x.5.ok.0.0.$FI",
            "_I.x.5.ok.0.4.$FI",
            "_I.x.5.OK.1.2.$FI",
            "_I.x.5.ok.-1.1.$FI",
            "_I.x.5.ok.1.3.$FI",
            "_I.x.5.bad.1.0.$FI",
            "_I.x.5.ok.x.0.$FI",
            "_I.x.5.ok.1.7.$FI",
            "_I.x.5.ok.2.0.$FI",
            "_I.x.5.ok.1.0.1.$FI",
        ] {
            assert_eq!(parse(reply), Err(10206), "{reply}");
        }
        let long = format!("_I.{}.5.ok.1.0.$FI", "x".repeat(65));
        assert_eq!(FastReply::parse(long.as_bytes()).unwrap_err().err_code, 10207);
    }

    #[test]
    fn messages_are_those_clients_know() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&|out| flow_ack(out, 0, 10)), r#"{"type":"ack","seq":0,"msgs":10}"#);
        assert_eq!(text(&|out| flow_gap(out, 3, 4)), r#"{"type":"gap","last_seq":3,"seq":4}"#);
        let error = codes::STREAM_SEALED.error();
        assert_eq!(
            text(&|out| flow_error(out, 2, &error)),
            concat!(
                r#"{"type":"err","seq":2,"error":{"code":400,"err_code":10109,"#,
                r#""description":"invalid operation on sealed stream"}}"#
            )
        );
    }

    proptest! {
        #[test]
        fn any_reply_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = FastReply::parse(&[&bytes[..], b".$FI"].concat());
        }
    }
}
