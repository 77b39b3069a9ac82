//! [`Answer`]: what a service says to a request, now or later.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;

use crate::{HeaderError, Headers};

/// What a service says to a request. Texts and bytes become one with `into()`.
pub struct Answer(pub(crate) When);

pub(crate) enum When {
    Now(Response),
    Later(Pin<Box<dyn Future<Output = Result<Response, ServiceError>>>>),
}

/// A payload, and headers if any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub(crate) payload: Bytes,
    pub(crate) headers: Headers,
}

/// A refusal, told to who asked in two headers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}:{text}")]
pub struct ServiceError {
    pub(crate) code: u16,
    pub(crate) text: String,
    pub(crate) payload: Bytes,
}

// === impl Answer ===

impl Answer {
    /// An answer that takes time: what the future returns is sent when it is ready. Until then the
    /// service goes on with other requests.
    ///
    /// ```
    /// # use vagus_plugin::{Answer, Response};
    /// # async fn look_up(key: bytes::Bytes) -> String { String::new() }
    /// # fn on_request(key: bytes::Bytes) -> Answer {
    /// Answer::later(async move { Ok(Response::new(look_up(key).await)) })
    /// # }
    /// ```
    pub fn later<F>(future: F) -> Self
    where
        F: Future<Output = Result<Response, ServiceError>> + 'static,
    {
        Self(When::Later(Box::pin(future)))
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self(When::Now(response))
    }
}

impl<P: Into<Bytes>> From<P> for Answer {
    fn from(payload: P) -> Self {
        Response::new(payload).into()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            When::Now(response) => f.debug_tuple("Answer").field(response).finish(),
            When::Later(_) => f.write_str("Answer(later)"),
        }
    }
}

// === impl Response ===

impl Response {
    /// A response without headers.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), headers: Headers::new() }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When name or value can't stand in a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HeaderError> {
        self.headers.add(name, value)?;
        Ok(self)
    }
}

// === impl ServiceError ===

impl ServiceError {
    /// A code in the manner of HTTP, and a text for people; its line breaks become blanks.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        let text = text.into().replace(['\r', '\n'], " ");
        Self { code, text, payload: Bytes::new() }
    }

    /// Sends this along.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }
}

/// A header that can't be sent is the service's own fault.
impl From<HeaderError> for ServiceError {
    fn from(error: HeaderError) -> Self {
        Self::new(500, error.to_string())
    }
}
