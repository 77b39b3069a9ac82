//! [`Publisher`]: how a plugin sends messages.

use std::fmt;

use thiserror::Error;
use vagus_subject::is_valid_literal;

use crate::host::Outlet;
use crate::{Headers, Message};

/// The way out, lent for one turn. What is published goes to everyone who subscribes, as from any
/// client, in the order published, when the turn ends (also when it ends in a panic).
pub struct Publisher<'a> {
    outlet: &'a mut (dyn Outlet + 'a),
}

/// A message to be published, where [`Publisher::publish`] is not enough.
///
/// ```no_run
/// # fn turn(out: &mut vagus_plugin::Publisher<'_>) -> Result<(), vagus_plugin::Error> {
/// use vagus_plugin::{Headers, Outgoing};
///
/// let mut headers = Headers::new();
/// headers.add("Trace-Id", "4711")?;
/// out.send(&Outgoing::new("orders.new", b"...").reply("orders.confirm").headers(&headers))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    headers: Option<&'a Headers>,
    payload: &'a [u8],
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// Empty, with an empty token, white space or a wildcard.
    #[error("invalid subject {0:?}")]
    Subject(String),
    /// Payload and headers exceed the server's `max_payload`.
    #[error("message of {size} bytes is larger than the {max} allowed")]
    TooLarge { size: usize, max: usize },
    /// The message that was to be answered expects no answer.
    #[error("message has no reply subject")]
    NoReply,
    /// The server runs with `no_header_support`.
    #[error("headers are not supported by this server")]
    NoHeaders,
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(outlet: &'a mut (dyn Outlet + 'a)) -> Self {
        Self { outlet }
    }

    pub(crate) fn lend(&mut self) -> Publisher<'_> {
        Publisher { outlet: &mut *self.outlet }
    }

    /// Publishes. The answer is how many subscriptions get the message (of a queue group, one);
    /// 0 means that nobody listens.
    ///
    /// # Errors
    /// When the subject is invalid or the payload too large.
    pub fn publish(
        &mut self,
        subject: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<usize, PublishError> {
        self.send(&Outgoing::new(subject.as_ref(), payload.as_ref()))
    }

    /// Answers a message.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and when the message expects no answer.
    pub fn respond(
        &mut self,
        to: &Message,
        payload: impl AsRef<[u8]>,
    ) -> Result<usize, PublishError> {
        let reply = to.reply().ok_or(PublishError::NoReply)?;
        self.send(&Outgoing::new(reply, payload.as_ref()))
    }

    /// Publishes a message with all that can belong to it.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and when there are headers but the server allows none.
    pub fn send(&mut self, message: &Outgoing<'_>) -> Result<usize, PublishError> {
        for subject in [Some(message.subject), message.reply].into_iter().flatten() {
            if !is_valid_literal(subject) {
                let subject = String::from_utf8_lossy(subject).into_owned();
                return Err(PublishError::Subject(subject));
            }
        }
        if message.header_block().is_some() && !self.outlet.takes_headers() {
            return Err(PublishError::NoHeaders);
        }
        let (size, max) = (message.size(), self.outlet.payload_max());
        if size > max {
            return Err(PublishError::TooLarge { size, max });
        }
        Ok(self.outlet.publish(message))
    }

    /// Most bytes of payload and headers together.
    #[must_use]
    pub fn payload_max(&self) -> usize {
        self.outlet.payload_max()
    }
}

impl fmt::Debug for Publisher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

impl<'a> Outgoing<'a> {
    /// A message without reply and headers.
    #[must_use]
    pub fn new<S, P>(subject: &'a S, payload: &'a P) -> Self
    where
        S: AsRef<[u8]> + ?Sized,
        P: AsRef<[u8]> + ?Sized,
    {
        let (subject, payload) = (subject.as_ref(), payload.as_ref());
        Self { subject, reply: None, headers: None, payload }
    }

    /// Asks for an answer to this subject.
    #[must_use]
    pub fn reply<S: AsRef<[u8]> + ?Sized>(mut self, reply: &'a S) -> Self {
        self.reply = Some(reply.as_ref());
        self
    }

    /// With these headers.
    #[must_use]
    pub fn headers(mut self, headers: &'a Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    pub(crate) fn header_block(&self) -> Option<&'a [u8]> {
        self.headers.filter(|headers| !headers.is_empty()).map(Headers::block)
    }

    fn size(&self) -> usize {
        self.header_block().map_or(0, <[u8]>::len) + self.payload.len()
    }

    pub(crate) fn parts(&self) -> (&'a [u8], Option<&'a [u8]>, &'a [u8]) {
        (self.subject, self.reply, self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::testing::Recorder;

    #[test]
    fn only_what_clients_could_publish_is_let_out() {
        let mut recorder = Recorder { payload_max: 64, ..Recorder::default() };
        let mut out = Publisher::new(&mut recorder);
        assert_eq!(out.publish("a.b", "hi"), Ok(1));
        assert_eq!(out.publish("a.*", "hi"), Err(PublishError::Subject("a.*".to_owned())));
        let long = [0; 65];
        assert_eq!(out.publish("a", long), Err(PublishError::TooLarge { size: 65, max: 64 }));
        let mut headers = Headers::new();
        headers.add("A", "1").unwrap();
        let message = Outgoing::new("a", &long[..60]).headers(&headers);
        assert_eq!(out.send(&message), Err(PublishError::TooLarge { size: 78, max: 64 }));
        assert_eq!(
            out.send(&Outgoing::new("a", "").reply("r r")),
            Err(PublishError::Subject("r r".to_owned()))
        );
        assert_eq!(recorder.sent.len(), 1);
        recorder.without_headers = true;
        let message = Outgoing::new("a", "").headers(&headers);
        assert_eq!(Publisher::new(&mut recorder).send(&message), Err(PublishError::NoHeaders));
    }
}
