//! What can be wrong with the bytes of a client, and the texts that clients match on.

use thiserror::Error;

/// Why the parser gave up on a connection. None of these can be recovered from: the position in
/// the byte stream is lost, so the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not an operation, or a payload that does not end in CR LF.
    #[error("unknown protocol operation")]
    UnknownOperation,
    /// The argument part of a control line is longer than `max_control_line`.
    #[error("maximum control line exceeded")]
    ControlLine,
    /// The payload size of a publish is over `max_payload`.
    #[error("maximum payload exceeded: {size} vs {max}")]
    Payload {
        /// The size that the client announced, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// Wrong number of arguments or a size that is not a number. Closed without a text.
    #[error("bad arguments for {operation}")]
    Arguments {
        /// The operation whose arguments these were.
        operation: &'static str,
    },
    /// The client itself sent `-ERR`.
    #[error("client sent an error")]
    ClientError,
}

impl ParseError {
    /// The `-ERR` text that the client gets before the close, where there is one.
    #[must_use]
    pub fn text(&self) -> Option<&'static str> {
        match self {
            Self::UnknownOperation => Some(text::UNKNOWN_OPERATION),
            Self::ControlLine => Some(text::MAX_CONTROL_LINE),
            Self::Payload { .. } => Some(text::MAX_PAYLOAD),
            Self::Arguments { .. } | Self::ClientError => None,
        }
    }
}

/// The `-ERR` texts of the protocol. Clients compare them, so they are part of the wire.
pub mod text {
    pub const UNKNOWN_OPERATION: &str = "Unknown Protocol Operation";
    pub const AUTHORIZATION: &str = "Authorization Violation";
    /// More TLS handshakes than are allowed in a second.
    pub const THROTTLED: &str = "Connection throttling is active. Please try again later.";
    pub const AUTH_TIMEOUT: &str = "Authentication Timeout";
    pub const BAD_PROTOCOL: &str = "invalid client protocol";
    pub const NO_RESPONDERS: &str = "no responders requires headers support";
    pub const MAX_PAYLOAD: &str = "Maximum Payload Violation";
    pub const MAX_CONTROL_LINE: &str = "maximum control line exceeded";
    pub const MAX_CONNECTIONS: &str = "maximum connections exceeded";
    pub const MAX_ACCOUNT_CONNECTIONS: &str = "maximum account active connections exceeded";
    pub const REVOKED: &str = "User Authentication Revoked";
    pub const ACCOUNT_EXPIRED: &str = "Account Authentication Expired";
    pub const EXPIRED: &str = "User Authentication Expired";
    pub const MAX_SUBSCRIPTIONS: &str = "maximum subscriptions exceeded";
    pub const STALE: &str = "Stale Connection";
    pub const INVALID_SUBJECT: &str = "Invalid Subject";
    pub const INVALID_PUBLISH: &str = "Invalid Publish Subject";
}
