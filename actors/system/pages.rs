//! What the system needs of the server around it: pages of monitoring, and a new reading of the
//! configuration.

use thiserror::Error;

/// Makes the pages of monitoring for those who ask over NATS.
pub trait Pages: Send + Sync {
    /// Makes the page `name` as JSON on one line, then calls `done`; all of it somewhere else than
    /// on the threads that serve connections. `done` is dropped when the server ends meanwhile.
    fn make(&self, name: &'static str, options: Vec<(&'static str, String)>, done: Done);
}

/// Takes a page.
pub type Done = Box<dyn FnOnce(Result<Vec<u8>, PageError>) + Send>;

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    /// Who asks is told.
    #[error("{0}")]
    Refused(String),
    /// Another server is asked, too, and has the answer.
    #[error("not for this server to answer")]
    NotOurs,
}

/// Reads the configuration again and puts it in force, as after a signal; then calls `done`.
pub type Reload = Box<dyn Fn(Box<dyn FnOnce(Result<(), String>) + Send>) + Send + Sync>;

/// Where a server without a configuration file is asked to read it again.
pub const NO_FILE: &str = "can only reload config when a file is provided using -c or --config";
