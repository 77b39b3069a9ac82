//! What a publisher gets back: where its message is, or why it is nowhere.
//!
//! The bytes are those of nats-server, with the blank in `"duplicate": true`.

use crate::error::ApiError;
use crate::headers::number;

/// Writes the answers of one stream; what is the same in all of them is made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PubAcks {
    /// `{"stream":"S","domain":"D","seq":`
    prefix: Box<[u8]>,
    /// `,"stream":"S","seq":0}`
    refused: Box<[u8]>,
}

// === impl PubAcks ===

impl PubAcks {
    /// For a stream, in a domain if that is not empty.
    #[must_use]
    pub fn new(stream: &str, domain: &str) -> Self {
        let mut prefix = b"{\"stream\":".to_vec();
        quoted(&mut prefix, stream);
        let mut refused = b",\"stream\":".to_vec();
        quoted(&mut refused, stream);
        refused.extend_from_slice(b",\"seq\":0}");
        if !domain.is_empty() {
            prefix.extend_from_slice(b",\"domain\":");
            quoted(&mut prefix, domain);
        }
        prefix.extend_from_slice(b",\"seq\":");
        PubAcks { prefix: prefix.into(), refused: refused.into() }
    }

    fn begin(&self, out: &mut Vec<u8>, seq: u64) {
        out.extend_from_slice(&self.prefix);
        number(out, seq);
    }

    /// It is stored.
    pub fn stored(&self, out: &mut Vec<u8>, seq: u64) {
        self.begin(out, seq);
        out.push(b'}');
    }

    /// It was stored before.
    pub fn duplicate(&self, out: &mut Vec<u8>, seq: u64) {
        self.begin(out, seq);
        out.extend_from_slice(b",\"duplicate\": true}");
    }

    /// It is stored, and the counter has this value: digits, perhaps behind a sign.
    pub fn counted(&self, out: &mut Vec<u8>, seq: u64, value: &str) {
        self.begin(out, seq);
        out.extend_from_slice(b",\"val\":");
        quoted(out, value);
        out.push(b'}');
    }

    /// All `count` messages of a batch are stored, the last of them at `seq`. Of a counter no value
    /// is said.
    pub fn batch(&self, out: &mut Vec<u8>, seq: u64, batch: &str, count: u64) {
        self.begin(out, seq);
        out.extend_from_slice(b",\"batch\":");
        quoted(out, batch);
        out.extend_from_slice(b",\"count\":");
        number(out, count);
        out.push(b'}');
    }

    /// It is not stored.
    pub fn refused(&self, out: &mut Vec<u8>, error: &ApiError) {
        out.extend_from_slice(b"{\"error\":");
        write_error(out, error);
        out.extend_from_slice(&self.refused);
    }
}

/// Appends an error as JSON.
pub(crate) fn write_error(out: &mut Vec<u8>, error: &ApiError) {
    out.extend_from_slice(b"{\"code\":");
    number(out, error.code.into());
    if error.err_code != 0 {
        out.extend_from_slice(b",\"err_code\":");
        number(out, error.err_code.into());
    }
    out.extend_from_slice(b",\"description\":");
    quoted(out, &error.description);
    out.push(b'}');
}

/// Appends a JSON string.
pub(crate) fn quoted(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A vector takes all that is written.
        drop(serde_json::to_writer(out, text));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// An answer as it is read.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
    #[serde(default)]
    struct PubAck {
        error: Option<ApiError>,
        stream: String,
        domain: String,
        seq: u64,
        duplicate: bool,
        /// Of a counter.
        #[serde(rename = "val")]
        value: String,
        batch: String,
        count: u64,
    }
    use crate::error::codes;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_bytes_are_those_clients_know() {
        let acks = PubAcks::new("P1", "");
        let in_domain = PubAcks::new("S", "DD");
        assert_eq!(text(|out| acks.stored(out, 1)), r#"{"stream":"P1","seq":1}"#);
        assert_eq!(text(|out| in_domain.stored(out, 2)), r#"{"stream":"S","domain":"DD","seq":2}"#);
        assert_eq!(
            text(|out| acks.duplicate(out, 2)),
            r#"{"stream":"P1","seq":2,"duplicate": true}"#
        );
        assert_eq!(text(|out| acks.counted(out, 2, "-2")), r#"{"stream":"P1","seq":2,"val":"-2"}"#);
        assert_eq!(
            text(|out| acks.batch(out, 4, "b1", 2)),
            r#"{"stream":"P1","seq":4,"batch":"b1","count":2}"#
        );
        let error = codes::STREAM_NOT_MATCH.error();
        assert_eq!(
            text(|out| in_domain.refused(out, &error)),
            concat!(
                r#"{"error":{"code":400,"err_code":10060,"#,
                r#""description":"expected stream does not match"},"stream":"S","seq":0}"#
            )
        );
    }

    #[test]
    fn odd_texts_stay_json() {
        let odd = "a\"b\\c\n";
        let ack = text(|out| PubAcks::new("S", "").batch(out, 1, odd, 1));
        let read: PubAck = serde_json::from_str(&ack).unwrap();
        assert_eq!((read.batch.as_str(), read.count), (odd, 1));
    }

    proptest! {
        #[test]
        fn answers_are_read_back(
            stream in "\\PC{1,9}", domain in "\\PC{0,5}", seq: u64, reason in "\\PC*",
        ) {
            let acks = PubAcks::new(&stream, &domain);
            let read = |json: String| serde_json::from_str::<PubAck>(&json).unwrap();
            let duplicate = read(text(|out| acks.duplicate(out, seq)));
            prop_assert_eq!((duplicate.stream, duplicate.domain), (stream, domain));
            prop_assert!(duplicate.seq == seq && duplicate.duplicate);
            let error = codes::STREAM_STORE_FAILED.with(&reason);
            prop_assert_eq!(read(text(|out| acks.refused(out, &error))).error, Some(error));
        }
    }
}
