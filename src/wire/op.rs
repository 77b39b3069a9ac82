//! The operations a client can send, as slices of the bytes it sent.

/// One operation, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op<'a> {
    /// `CONNECT {json}`: the JSON, not yet read.
    Connect(&'a [u8]),
    /// `PUB` or `HPUB` with its payload.
    Publish(Publish<'a>),
    /// `SUB <subject> [queue] <sid>`.
    Subscribe {
        subject: &'a [u8],
        queue: Option<&'a [u8]>,
        sid: &'a [u8],
    },
    /// `UNSUB <sid> [max]`; without `max`, at once.
    Unsubscribe {
        sid: &'a [u8],
        max: Option<u64>,
    },
    Ping,
    Pong,
    /// `INFO {json}` from a client: it means nothing, but has to be JSON.
    Info(&'a [u8]),
    /// `+OK` from a client.
    Ignored,
}

/// A publish: `PUB <subject> [reply] <size>` or `HPUB <subject> [reply] <header size> <size>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// Bytes of the payload that are the header block; 0 for `PUB`.
    pub header_len: usize,
    /// Whether there is a header block.
    pub has_headers: bool,
    /// Header block and body, without the closing CR LF.
    pub payload: &'a [u8],
    /// What follows `<subject> ` up to and with the closing CR LF, when it is spelled just as a
    /// delivery would be (single spaces, CR LF): it can be sent on unchanged behind a new
    /// `MSG <subject> <sid> `. `None` when the client used tabs, runs of spaces or a lone LF.
    pub tail: Option<&'a [u8]>,
}

impl<'a> Publish<'a> {
    /// The header block with its closing blank line; empty for `PUB`.
    #[must_use]
    pub fn headers(&self) -> &'a [u8] {
        &self.payload[..self.header_len]
    }

    /// The payload behind the header block.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.payload[self.header_len..]
    }
}
