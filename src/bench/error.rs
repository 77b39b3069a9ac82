//! What can go wrong while a load runs. Every text names the thing that failed.

use std::io;

/// Why a load could not be run, or not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The address did not answer.
    #[error("cannot connect to {address}: {source}")]
    Connect { address: String, source: io::Error },
    /// The URL is not `nats://[user:pass@|token@]host[:port]`.
    #[error("bad url {url:?}: {reason}")]
    Url { url: String, reason: &'static str },
    /// The server answered with `-ERR`.
    #[error("server error: {0}")]
    Server(String),
    /// The server closed a connection without a word.
    #[error("the server closed the connection of {role}")]
    Closed { role: &'static str },
    /// A read or a write failed.
    #[error("i/o error on the connection of {role}: {source}")]
    Io { role: &'static str, source: io::Error },
    /// Bytes that are not NATS.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The server asks for TLS.
    #[error("the server requires TLS: say --tls, and --tlsca if its authority is not well known")]
    TlsRequired,
    /// Nothing moved for the stall timeout.
    #[error("stalled: {what} {got} of {expected} and nothing more for {seconds} s")]
    Stalled { what: &'static str, got: u64, expected: u64, seconds: u64 },
    /// More deliveries than publishes.
    #[error("{what} {got} messages where {expected} were due")]
    TooMany { what: &'static str, got: u64, expected: u64 },
    /// `--verify` found a message lost, doubled, changed or out of order.
    #[error("verification failed: {0}")]
    Verify(String),
    /// Requests were answered with an error.
    #[error("{errors} of {requests} requests failed, the first with: {first}")]
    Refused { errors: u64, requests: u64, first: String },
    /// A file could not be written.
    #[error("cannot write in {path}: {source}")]
    Disk { path: String, source: io::Error },
    /// Options that do not go together.
    #[error("{0}")]
    Options(String),
    /// `/proc/PID` could not be read.
    #[error("cannot read process {pid}: {reason}")]
    Process { pid: u32, reason: String },
    /// The limit of open files is below what the load needs.
    #[error("{needed} open files needed, but the hard limit is {limit}")]
    OpenFiles { needed: u64, limit: u64 },
    /// Another connection failed first; only ever seen if that error got lost.
    #[error("stopped because another connection failed")]
    Aborted,
    /// A thread of the generator panicked.
    #[error("a thread of the load generator panicked")]
    Panicked,
}
