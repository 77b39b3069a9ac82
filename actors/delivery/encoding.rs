//! How what the server says is compressed for who wants that.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use snap::write::FrameEncoder;
use vagus_wire::headers;

/// How an answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// Nothing was said of it.
    Plain,
    /// What was asked for is not known here.
    Identity,
    Snappy,
    Gzip,
}

/// Something said, ready to be sent.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// A whole header block; empty without one.
    pub headers: Vec<u8>,
    pub payload: Vec<u8>,
}

const ACCEPTED: &[u8] = b"Accept-Encoding";

// === impl Encoding ===

impl Encoding {
    /// What the headers of a request ask for.
    pub(crate) fn wanted(block: &[u8]) -> Self {
        let Some(wanted) = headers::get(block, ACCEPTED) else { return Self::Plain };
        let wanted = String::from_utf8_lossy(wanted).to_ascii_lowercase();
        match () {
            () if wanted.contains("snappy") || wanted.contains("s2") => Self::Snappy,
            () if wanted.contains("gzip") => Self::Gzip,
            () => Self::Identity,
        }
    }

    /// Writes it as it is wanted.
    pub(crate) fn apply(self, payload: Vec<u8>) -> Encoded {
        let (name, written) = match self {
            Self::Plain => return Encoded { headers: Vec::new(), payload },
            Self::Identity => ("identity", Ok(payload.clone())),
            Self::Snappy => ("snappy", snappy(&payload)),
            Self::Gzip => ("gzip", gzip(&payload)),
        };
        match written {
            Ok(payload) => {
                let headers = format!("NATS/1.0\r\nContent-Encoding: {name}\r\n\r\n").into_bytes();
                Encoded { headers, payload }
            }
            // Into memory everything can be written.
            Err(_) => Encoded { headers: Vec::new(), payload },
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
}
