//! JetStream as data: what is configured, asked, answered, and written in headers and subjects.
//!
//! Pure: no actors, no I/O, no clock. The time, where it counts, is an argument.
//!
//! - [`api`]: the calls below `$JS.API.`, their bodies and their answers;
//! - [`stream`] and [`consumer`]: configuration with its rules, and reports;
//! - [`error`]: every error of the API by name; [`json`]: reading requests as strictly, and with
//!   the same words, as NATS does;
//! - [`headers`], [`pub_ack`], [`ack`], [`pull`], [`status`]: what goes with each message, written
//!   into the caller's buffer without formatting machinery;
//! - [`ttl`], [`counter`], [`batch`], [`schedule`]: what messages ask of a stream by their headers;
//! - [`names`], [`metadata`], [`time`], [`base64`]: the rest.

pub mod ack;
pub mod api;
pub mod base64;
pub mod batch;
pub mod consumer;
pub mod counter;
pub mod error;
pub mod headers;
pub mod json;
pub mod metadata;
pub mod names;
pub mod pub_ack;
pub mod pull;
pub mod schedule;
pub mod status;
pub mod stream;
pub mod time;
pub mod ttl;

pub use error::{ApiError, codes};
pub use time::Time;
pub use vagus_wire::duration;

/// A duration in nanoseconds as Go prints it.
fn nanos_text(nanos: i64) -> String {
    let text = duration::format(std::time::Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{text}") } else { text }
}
