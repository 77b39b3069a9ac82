//! What is said about a configuration: where, how bad, and why.

use std::fmt;
use std::sync::Arc;

/// A place in a configuration file. Lines and columns start at 1; columns count bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration is used, though not quite as written.
    Warning,
}

/// One finding. Prints as `file:line:col: message`, or the message alone when it concerns no
/// single place (a rule across keys, a file that cannot be opened).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub at: Option<Position>,
    pub message: String,
}

impl Diagnostic {
    pub fn error(at: &Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at: Some(at.clone()), message: message.into() }
    }

    pub fn warning(at: &Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, at: Some(at.clone()), message: message.into() }
    }

    /// An error that has no place of its own.
    pub fn general(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at: None, message: message.into() }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Diagnostic {}
