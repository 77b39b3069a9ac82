//! From the configuration to the log.

use vagus_config::{Config, LogFormat};
use vagus_telemetry::logging::{self, LogConfig, LogControl, LogError, LogOutput, Logging};

/// Starts the log of the process.
///
/// # Errors
/// When the log file can't be opened.
pub(super) fn start(config: &Config) -> Result<LogControl, LogError> {
    Logging::init(from_config(config))
}

/// What the configuration says about the log.
pub(super) fn from_config(config: &Config) -> LogConfig {
    let output = match &config.log_file {
        None => LogOutput::Stderr,
        Some(path) => LogOutput::File {
            path: path.clone(),
            size_limit_bytes: config.log_size_limit,
            files_max: usize::try_from(config.log_max_num).unwrap_or(usize::MAX),
        },
    };
    LogConfig {
        debug: config.debug,
        trace: config.trace || config.trace_verbose,
        time: config.logtime,
        utc: config.logtime_utc,
        format: match config.vagus.log_format {
            LogFormat::Text => logging::LogFormat::Nats,
            LogFormat::Json => logging::LogFormat::Json,
        },
        output,
        ..LogConfig::default()
    }
}
