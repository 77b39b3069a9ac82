//! [`Message`]: a view of one message where it lies in its batch.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use vagus_wire::frame::Span;

use crate::headers;

/// One message. Its parts are slices of the batch it came in: nothing is copied, and a message
/// that is kept keeps the bytes of its whole batch (a few kilobytes as a rule) alive.
#[derive(Clone)]
pub struct Message {
    /// `MSG <subject> <sid> [reply] <size>`, CR LF, the payload, CR LF; or the like with headers.
    pub(crate) frame: Bytes,
    pub(crate) subject: Span,
    /// Empty: none.
    pub(crate) reply: Span,
    /// Empty: none.
    pub(crate) headers: Span,
    pub(crate) payload: Span,
    pub(crate) subscription: usize,
}

impl Message {
    /// What it was published to.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        self.subject.of(&self.frame)
    }

    /// The subject as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn subject_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.subject())
    }

    /// Where an answer is expected, if one is.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        (!self.reply.is_empty()).then(|| self.reply.of(&self.frame))
    }

    /// The content, without headers.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.of(&self.frame)
    }

    /// The content as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn payload_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.payload())
    }

    /// The content as bytes that can be kept, shared with the batch.
    #[must_use]
    pub fn payload_bytes(&self) -> Bytes {
        self.frame.slice(self.payload.range())
    }

    /// The subject as bytes that can be kept, shared with the batch.
    #[must_use]
    pub fn subject_bytes(&self) -> Bytes {
        self.frame.slice(self.subject.range())
    }

    /// The first value of a header; names are compared byte for byte.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    /// All headers in order, names and values without blanks around them.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        headers::iter(self.header_block())
    }

    /// The headers as they came, from `NATS/1.0` to the blank line; empty where there are none.
    #[must_use]
    pub fn header_block(&self) -> &[u8] {
        self.headers.of(&self.frame)
    }

    /// Which of the plugin's subscriptions it came for: its place in
    /// [`Plugin::subscriptions`](crate::Plugin::subscriptions). A message that two of them want
    /// comes twice.
    #[must_use]
    pub fn subscription(&self) -> usize {
        self.subscription
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("subject", &self.subject_text())
            .field("reply", &self.reply().map(String::from_utf8_lossy))
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}
