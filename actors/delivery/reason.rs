//! Why a connection ended, in the words of nats-server, which tools show and match.

use vagus_auth::Removal;
use vagus_wire::text;

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    ClientClosed,
    AuthenticationTimeout,
    AuthenticationFailure,
    TlsHandshake,
    SlowConsumerPending,
    SlowConsumerDeadline,
    WriteError,
    ReadError,
    ParseError,
    Stale,
    ProtocolViolation,
    BadClientProtocolVersion,
    MaxConnections,
    MaxAccountConnections,
    AuthenticationExpired,
    CredentialsRevoked,
    ProxyNotTrusted,
    ProxyRequired,
    MaxPayload,
    MaxControlLine,
    MaxSubscriptions,
    ServerShutdown,
    MessageHeaderViolation,
    NoRespondersRequiresHeaders,
    Kicked,
    /// A leaf link under a name that the cluster has no longer.
    ClusterNameConflict,
    /// Two servers need one link.
    DuplicateRoute,
    /// The other server can't be supervised any more; nats-server has no such reason.
    ControlEnded,
    DuplicateRemoteLeafnode,
    /// The connection's actor panicked; nats-server has no such reason.
    InternalError,
}

impl Reason {
    /// Why one has to go who is not allowed any longer, and what it is told.
    #[must_use]
    pub fn of_removal(removal: &Removal) -> (&'static str, Self) {
        match removal {
            Removal::NotAuthorized => (text::AUTHORIZATION, Self::AuthenticationFailure),
            Removal::Revoked => (text::REVOKED, Self::CredentialsRevoked),
            Removal::AccountExpired => (text::ACCOUNT_EXPIRED, Self::AuthenticationExpired),
        }
    }

    /// The text that `/connz` shows.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ClientClosed => "Client Closed",
            Self::AuthenticationTimeout => "Authentication Timeout",
            Self::AuthenticationFailure => "Authentication Failure",
            Self::TlsHandshake => "TLS Handshake Failure",
            Self::SlowConsumerPending => "Slow Consumer (Pending Bytes)",
            Self::SlowConsumerDeadline => "Slow Consumer (Write Deadline)",
            Self::WriteError => "Write Error",
            Self::ReadError => "Read Error",
            Self::ParseError => "Parse Error",
            Self::Stale => "Stale Connection",
            Self::ProtocolViolation => "Protocol Violation",
            Self::BadClientProtocolVersion => "Bad Client Protocol Version",
            Self::MaxConnections => "Maximum Connections Exceeded",
            Self::MaxAccountConnections => "Maximum Account Connections Exceeded",
            Self::AuthenticationExpired => "Authentication Expired",
            Self::ProxyNotTrusted => "Proxy Not Trusted",
            Self::ProxyRequired => "Proxy Required",
            Self::CredentialsRevoked => "Credentials Revoked",
            Self::MaxPayload => "Maximum Message Payload Exceeded",
            Self::MaxControlLine => "Maximum Control Line Exceeded",
            Self::MaxSubscriptions => "Maximum Subscriptions Exceeded",
            Self::ServerShutdown => "Server Shutdown",
            Self::MessageHeaderViolation => "Message Header Violation",
            Self::NoRespondersRequiresHeaders => "No Responders Requires Headers",
            Self::Kicked => "Kicked",
            Self::ClusterNameConflict => "Cluster Name Conflict",
            Self::DuplicateRoute => "Duplicate Route",
            Self::ControlEnded => "Control Session Ended",
            Self::DuplicateRemoteLeafnode => "Duplicate Remote LeafNode Connection",
            Self::InternalError => "Internal Error",
        }
    }

    #[must_use]
    pub fn is_slow_consumer(self) -> bool {
        matches!(self, Self::SlowConsumerPending | Self::SlowConsumerDeadline)
    }

    /// Whether the client was sent a last word that it should get to read.
    #[must_use]
    pub fn is_worth_lingering(self) -> bool {
        !matches!(
            self,
            Self::ClientClosed
                | Self::SlowConsumerPending
                | Self::SlowConsumerDeadline
                | Self::WriteError
                | Self::ReadError
                | Self::ServerShutdown
                | Self::InternalError
        )
    }
}
