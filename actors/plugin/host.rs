//! The server's side of the door: what hosts plugins. Not for plugins, and not under the promise
//! of stability that the rest of the crate gives.

use std::pin::Pin;

use bytes::Bytes;

pub use crate::service::Served;
use crate::{Batch, Cx, Outgoing, Publisher};

/// Publishes for a plugin.
pub trait Outlet {
    /// Most bytes of payload and headers together.
    fn payload_max(&self) -> usize;

    /// Whether messages may have headers.
    fn takes_headers(&self) -> bool;

    /// Publishes a message that keeps to these two; the answer is how many got it.
    fn publish(&mut self, message: &Outgoing<'_>) -> usize;
}

/// What follows when a future of a plugin is ready.
pub type Then<P> = Box<dyn FnOnce(&mut P, &mut Cx<'_, P>)>;

/// A future of a plugin.
pub type Task<P> = Pin<Box<dyn Future<Output = Then<P>>>>;

/// What a plugin asked for in its turn.
pub struct Asks<P> {
    /// Futures to be driven.
    pub futures: Vec<Task<P>>,
    /// It wants to fail.
    pub failure: Option<String>,
}

impl<P> Default for Asks<P> {
    fn default() -> Self {
        Self { futures: Vec::new(), failure: None }
    }
}

/// A batch from frames whose sids are numbers; the plugin's first subscription has number `first`.
#[must_use]
pub fn batch(frames: Bytes, first: usize) -> Batch {
    Batch::new(frames, first)
}

/// What a plugin is lent for its turn.
pub fn cx<'a, P: 'static>(outlet: &'a mut (dyn Outlet + 'a), asks: &'a mut Asks<P>) -> Cx<'a, P> {
    Cx::new(Publisher::new(outlet), asks)
}

/// The parts of a message to be published.
pub struct Parts<'a> {
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// A header block that is not empty.
    pub headers: Option<&'a [u8]>,
    pub payload: &'a [u8],
}

/// Takes a message apart.
#[must_use]
pub fn parts<'a>(message: &Outgoing<'a>) -> Parts<'a> {
    let (subject, reply, payload) = message.parts();
    Parts { subject, reply, headers: message.header_block(), payload }
}

/// Whether a plugin, a service or an endpoint can be called this.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(fits)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Keeps what is published.
    pub(crate) struct Recorder {
        pub(crate) payload_max: usize,
        pub(crate) without_headers: bool,
        pub(crate) sent: Vec<Sent>,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Sent {
        pub(crate) subject: String,
        pub(crate) headers: String,
        pub(crate) payload: String,
    }

    impl Default for Recorder {
        fn default() -> Self {
            Self { payload_max: 1 << 20, without_headers: false, sent: Vec::new() }
        }
    }

    impl Outlet for Recorder {
        fn payload_max(&self) -> usize {
            self.payload_max
        }

        fn takes_headers(&self) -> bool {
            !self.without_headers
        }

        fn publish(&mut self, message: &Outgoing<'_>) -> usize {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let parts = parts(message);
            self.sent.push(Sent {
                subject: text(parts.subject),
                headers: text(parts.headers.unwrap_or_default()),
                payload: text(parts.payload),
            });
            1
        }
    }
}
