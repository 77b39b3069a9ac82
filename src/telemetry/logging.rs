//! Log lines in the form that NATS operators know, from `tracing` events.
//!
//! ```text
//! [4711] 2026/11/21 00:00:28.128567 [INF] message key=value
//! ```
//!
//! An event travels `tracing` -> `layer` (is its level on?) -> `line` (text or JSON) -> `sink`
//! (one line, one `write(2)`, to stderr or to a `file` that rotates). Two rules keep logging from
//! hurting the data path: a level that is off costs the caller one relaxed atomic load, and a line
//! that is written costs one short lock around one write. Nothing is queued, so a full disk or a
//! stalled terminal holds up only the threads that log meanwhile, and never loses earlier lines.
//! Lines that can't be written are counted ([`LogControl::lost_lines`]).
//!
//! Events of other people's crates appear from WARN upwards only: at lower levels some of them
//! format whole payloads. Crates whose names start with one of [`LogConfig::targets`] count as
//! ours. Spans are not printed.

mod fields;
mod file;
mod layer;
mod line;
mod repeat;
mod sink;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::Subscriber;
use tracing_subscriber::{Registry, layer::SubscriberExt};

use self::layer::{LogLayer, Shared};
use crate::text::IoReason;

/// What is logged, how, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Print DEBUG events (`DBG`).
    pub debug: bool,
    /// Print TRACE events (`TRC`); independent of `debug`.
    pub trace: bool,
    /// Begin each line with the time.
    pub time: bool,
    /// Print the time in UTC instead of local time. JSON lines are always in UTC.
    pub utc: bool,
    /// Text or JSON.
    pub format: LogFormat,
    /// Where the lines go.
    pub output: LogOutput,
    /// Name prefixes of the crates whose INFO, DEBUG and TRACE events are printed.
    pub targets: Vec<String>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `[pid] 2026/11/21 00:00:28.128567 [INF] message key=value`
    #[default]
    Nats,
    /// An object with `time` (RFC 3339, UTC), `pid`, `level` (info, debug, trace, warn, error,
    /// fatal), `target`, `message`, and `fields` when there are any.
    Json,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogOutput {
    /// Standard error; labels are coloured when it is a terminal.
    #[default]
    Stderr,
    /// A file, created with mode 0640 and appended to.
    File {
        path: PathBuf,
        /// Start a new file once this one is larger; 0 = never.
        size_limit_bytes: u64,
        /// Files kept, the current one included; 0 = all.
        files_max: usize,
    },
}

/// Why logging could not be set up; the former set-up stays in force.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file can't be opened.
    #[error("error opening log file {path:?}: {}", IoReason(source))]
    Open { path: PathBuf, source: io::Error },
    /// The process already has a global `tracing` subscriber.
    #[error("logging is already set up in this process")]
    AlreadySet,
}

/// The ways to start logging.
#[derive(Debug)]
pub struct Logging;

/// A handle to change logging while it runs. Clones control the same log.
#[derive(Debug, Clone)]
pub struct LogControl(Arc<Shared>);

// === impl LogConfig ===

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            debug: false,
            trace: false,
            time: true,
            utc: false,
            format: LogFormat::default(),
            output: LogOutput::default(),
            targets: vec!["vagus".to_owned()],
        }
    }
}

// === impl Logging ===

impl Logging {
    /// Sets up logging for the whole process. Works once.
    pub fn init(config: LogConfig) -> Result<LogControl, LogError> {
        let (subscriber, control) = Self::subscriber(config)?;
        tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)?;
        Ok(control)
    }

    /// The same as a subscriber that the caller installs, for programs that embed the server.
    pub fn subscriber(
        config: LogConfig,
    ) -> Result<(impl Subscriber + Send + Sync, LogControl), LogError> {
        Self::build(config, None)
    }

    /// The same, with lines going to `writer` wherever the configuration says stderr: for tests.
    pub fn subscriber_to(
        config: LogConfig,
        writer: Box<dyn Write + Send>,
    ) -> Result<(impl Subscriber + Send + Sync, LogControl), LogError> {
        Self::build(config, Some(writer))
    }

    fn build(
        config: LogConfig,
        writer: Option<Box<dyn Write + Send>>,
    ) -> Result<(impl Subscriber + Send + Sync, LogControl), LogError> {
        let shared = Arc::new(Shared::new(config, writer)?);
        let subscriber = Registry::default().with(LogLayer::new(Arc::clone(&shared)));
        Ok((subscriber, LogControl(shared)))
    }
}

// === impl LogControl ===

impl LogControl {
    /// Puts another configuration in force, from the next line on. On error nothing changes.
    pub fn apply(&self, config: LogConfig) -> Result<(), LogError> {
        self.0.apply(config)?;
        // Callers cache whether their level is on; this is what makes the cache cheap.
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }

    /// Opens the log file again under its name, after someone moved it away.
    /// False when the log is not a file; on error the old file stays in use.
    pub fn reopen(&self) -> Result<bool, LogError> {
        self.0.reopen()
    }

    /// Lines that could not be written, since the start.
    pub fn lost_lines(&self) -> u64 {
        self.0.lost_lines()
    }
}

impl LogError {
    fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: path.to_owned(), source }
    }
}

#[cfg(test)]
#[path = "logging/tests.rs"]
mod tests;
