//! What the server tells about itself: log lines, counters, latencies, the process.
//!
//! - [`json`]: JSON as the NATS tools know it;
//! - [`logging`]: `tracing` events as NATS log lines (or JSON), to stderr or a rotated file;
//! - [`counters`]: relaxed counters and gauges, one cache line each;
//! - [`histogram`]: latencies in a fixed number of buckets;
//! - [`process`]: memory, CPU and uptime of this process;
//! - [`text`]: durations and times as the NATS tools expect to read them.
//!
//! Nothing here knows what is counted or logged, and nothing here imports another crate of ours.

pub mod counters;
pub mod histogram;
pub mod json;
pub mod logging;
pub mod process;
pub mod text;

pub use counters::{Counter, Gauge};
pub use histogram::Histogram;
pub use logging::{LogConfig, LogControl, LogError, LogFormat, LogOutput, Logging};
pub use process::{Process, Usage};
