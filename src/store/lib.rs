//! Durable bytes: the write-ahead log, the logs and tables of streams, and what they lie on.
//!
//! The only blocking I/O of the server, on threads of its own. Nothing here knows of actors, of
//! JSON or of what a stream is for: a *group* is a message log and a small table that change
//! together, in atomic batches, all of which go through one write-ahead log.
//!
//! - [`disk`]: the file system as a trait: the real one, and a simulated one that fails on demand;
//! - [`log`]: the messages of a group, written by one and read by many;
//! - [`table`]: the keys and values of a group;
//! - [`TokenDir`]: a folder of account JWTs, which is no group and has no log.

mod crypt;
pub mod disk;
mod env;
pub mod error;
mod fuzz;
mod group;
pub mod log;
pub mod options;
mod pool;
mod record;
mod stats;
mod store;
pub mod table;
mod tokens;
mod varint;
mod wal;

pub use crypt::KeyError;
pub use error::{CommitError, OpenError, StoreError};
#[doc(hidden)]
pub use fuzz::{fuzz_files, fuzz_wal};
pub use group::{Done, GroupId, Kind, Mode};
pub use log::{
    AppendError, End, Entry, Filter, Got, Listed, Load, Log, PendingCache, Placed, Purged, Reader,
    Removed, State, Stored, Visited,
};
pub use options::{CipherKind, Encryption, LogOptions, Options, Sync, WalOptions};
pub use stats::{Health, Stats};
pub use store::{GroupInfo, Store};
pub use table::{Key, Table, TableOp, Value};
pub use tokens::TokenDir;
