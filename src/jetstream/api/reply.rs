//! The form that all responses have: `type`, then `error` or what was asked for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// The body of a response.
pub trait Response: Serialize + Sized {
    /// Its name, in full.
    const TYPE: &'static str;

    /// What stands next to an error: the fields that are never left out.
    #[must_use]
    fn blank() -> Option<Self> {
        None
    }
}

/// A response as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply<T: Response> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    #[serde(flatten)]
    pub body: Option<T>,
}

/// Why the reply of another server gives no body.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// It is an error.
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("no response of the API: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Failure {
    error: Option<ApiError>,
}

/// Reads what another server answered.
pub fn read_reply<T: DeserializeOwned>(reply: &[u8]) -> Result<T, ReplyError> {
    match serde_json::from_slice::<Failure>(reply)?.error {
        Some(error) => Err(error.into()),
        None => Ok(serde_json::from_slice(reply)?),
    }
}

// === impl Reply ===

impl<T: Response> Reply<T> {
    #[must_use]
    pub fn ok(body: T) -> Self {
        Reply { kind: T::TYPE, error: None, body: Some(body) }
    }

    #[must_use]
    pub fn failed(error: impl Into<ApiError>) -> Self {
        Reply { kind: T::TYPE, error: Some(error.into()), body: T::blank() }
    }

    /// As bytes to send.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        crate::json::to_vec(self)
    }
}

// === impl From ===

impl<T: Response, E: Into<ApiError>> From<Result<T, E>> for Reply<T> {
    fn from(result: Result<T, E>) -> Self {
        result.map_or_else(Reply::failed, Reply::ok)
    }
}
