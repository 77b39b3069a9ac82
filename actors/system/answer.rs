//! Answers: the envelope that all of them have, and how they are compressed for who wants that.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use snap::write::FrameEncoder;
use vagus_telemetry::json;
use vagus_wire::headers;

use super::server_info::ServerInfo;

/// What an answer holds besides the server that gives it.
pub(super) enum Body<'a> {
    /// JSON, under this name.
    Data(&'static str, &'a [u8]),
    /// Done; there is nothing to tell.
    Done,
    /// The request can't be read, or can't be done.
    Failed { code: u16, why: &'a str },
    /// There is no page.
    NoData { why: &'a str },
}

/// How an answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Nothing was said of it.
    Plain,
    /// What was asked for is not known here.
    Identity,
    Snappy,
    Gzip,
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    /// A whole header block; empty without one.
    pub headers: Vec<u8>,
    pub payload: Vec<u8>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u16,
    description: &'a str,
}

/// The status of a page that can't be made.
const NO_PAGE: u16 = 500;
const ACCEPTED: &[u8] = b"Accept-Encoding";

/// `{"server": ..., "data": ...}`.
pub(super) fn envelope(server: &ServerInfo<'_>, body: &Body<'_>) -> Vec<u8> {
    let mut out = b"{\"server\":".to_vec();
    out.extend(json::compact(server));
    match body {
        Body::Done => {}
        Body::Data(name, data) => {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            out.extend_from_slice(data);
        }
        Body::Failed { code, why } => failure(&mut out, *code, why),
        Body::NoData { why } => {
            out.extend_from_slice(b",\"data\":null");
            failure(&mut out, NO_PAGE, why);
        }
    }
    out.push(b'}');
    out
}

fn failure(out: &mut Vec<u8>, code: u16, description: &str) {
    out.extend_from_slice(b",\"error\":");
    out.extend(json::compact(&Failure { code, description }));
}

// === impl Encoding ===

impl Encoding {
    /// What the headers of a request ask for.
    pub(super) fn wanted(block: &[u8]) -> Self {
        let Some(wanted) = headers::get(block, ACCEPTED) else { return Self::Plain };
        let wanted = String::from_utf8_lossy(wanted).to_ascii_lowercase();
        match () {
            () if wanted.contains("snappy") || wanted.contains("s2") => Self::Snappy,
            () if wanted.contains("gzip") => Self::Gzip,
            () => Self::Identity,
        }
    }

    /// Writes the answer as it is wanted.
    pub(super) fn apply(self, payload: Vec<u8>) -> Answer {
        let (name, written) = match self {
            Self::Plain => return Answer { headers: Vec::new(), payload },
            Self::Identity => ("identity", Ok(payload.clone())),
            Self::Snappy => ("snappy", snappy(&payload)),
            Self::Gzip => ("gzip", gzip(&payload)),
        };
        match written {
            Ok(payload) => {
                let headers = format!("NATS/1.0\r\nContent-Encoding: {name}\r\n\r\n").into_bytes();
                Answer { headers, payload }
            }
            // Into memory everything can be written.
            Err(_) => Answer { headers: Vec::new(), payload },
        }
    }
}

fn snappy(payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = FrameEncoder::new(Vec::new());
    writer.write_all(payload)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn gzip(payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(payload)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::system::Profile;

    #[test]
    fn what_is_compressed_can_be_read_again() {
        let text = b"{\"a\": \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}".repeat(50);
        let written = |wanted: &str| {
            let block = format!("NATS/1.0\r\nAccept-Encoding: {wanted}\r\n\r\n");
            let answer = Encoding::wanted(block.as_bytes()).apply(text.clone());
            let encoding = headers::get(&answer.headers, b"Content-Encoding").unwrap().to_vec();
            (String::from_utf8(encoding).unwrap(), answer.payload)
        };
        let mut read = Vec::new();
        for wanted in ["s2", "Snappy", "gzip, snappy"] {
            let (encoding, payload) = written(wanted);
            assert_eq!(encoding, "snappy", "{wanted}");
            assert!(payload.len() < text.len() / 4);
            read.clear();
            snap::read::FrameDecoder::new(&payload[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
        }
        let (encoding, payload) = written("deflate, GZIP");
        assert_eq!(encoding, "gzip");
        read.clear();
        flate2::read::GzDecoder::new(&payload[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
        assert_eq!(written("zstd"), ("identity".to_owned(), text.clone()));
        assert!(Encoding::wanted(b"").apply(text).headers.is_empty());
    }

    #[test]
    fn envelopes_say_what_went_wrong() {
        let profile = Profile::default();
        let written = |body: Body<'_>| {
            let json: serde_json::Value =
                serde_json::from_slice(&envelope(&profile.info(7), &body)).unwrap();
            let mut fields = json.as_object().unwrap().clone();
            assert_eq!(fields.shift_remove("server").unwrap()["seq"], 7);
            serde_json::to_string(&fields).unwrap()
        };
        assert_eq!(written(Body::Done), "{}");
        assert_eq!(written(Body::Data("statsz", b"{\"a\":1}")), r#"{"statsz":{"a":1}}"#);
        assert_eq!(
            written(Body::Failed { code: 400, why: "<no>" }),
            r#"{"error":{"code":400,"description":"<no>"}}"#
        );
        assert_eq!(
            written(Body::NoData { why: "x" }),
            r#"{"data":null,"error":{"code":500,"description":"x"}}"#
        );
    }
}
