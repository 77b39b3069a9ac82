//! What can go wrong, as far as those who use the store can tell the difference.

use std::io;
use std::path::PathBuf;

/// Why a batch is not durable. Nothing of it may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Tried anew with the next batch.
    #[error("no space left on the device")]
    Full,
    /// Tried anew with the next batch, in another file.
    #[error("the write-ahead log could not be written: {0}")]
    Failed(io::ErrorKind),
    /// Until the server is started again.
    #[error("the write-ahead log is out of order since an earlier failure")]
    Broken,
    #[error("the store has shut down")]
    Stopped,
    /// It was made on top of one that failed.
    #[error("an earlier batch could not be written")]
    Behind,
    #[error("what it belongs to is deleted")]
    Gone,
    #[error("the batch of {0} bytes is larger than any may be")]
    TooLarge(usize),
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: in use by another server", .0.display())]
    InUse(PathBuf),
    #[error(
        "{}: made by nats-server, whose files can't be read here: name another store_dir",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error(transparent)]
    Key(#[from] crate::crypt::KeyError),
}

/// Why a group can't be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("there is no such group")]
    Unknown,
    #[error("a group of this name exists")]
    Exists,
    /// Ask again.
    #[error("the log has a writer, or is still being read")]
    Busy,
    #[error("the log can't be read: {0}")]
    Unreadable(String),
    #[error("the store has shut down")]
    Stopped,
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.into();
        move |source| OpenError::Io { path, source }
    }
}

/// Whether the disk is full, which passes, or something worse.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
