//! A stream as a file: a tar archive in snappy frames, which readers of S2 take too.
//!
//! ```text
//! meta.inf        the configuration, and when the stream was made
//! state.inf       first and last sequence
//! table           what the store's table has besides: consumers, schedules, places at sources
//! msgs/<n>.blk    messages, ascending
//! ```
//! Numbers are little-endian; [`record`] has messages and entries of the table.

pub(super) mod pack;
pub(super) mod record;
pub(super) mod unpack;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use vagus_jetstream::Time;
use vagus_jetstream::stream::StreamConfig;

pub(super) const META: &str = "meta.inf";
pub(super) const STATE: &str = "state.inf";
pub(super) const TABLE: &str = "table";
pub(super) const BLOCKS: &str = "msgs/";

/// What `meta.inf` holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Meta {
    #[serde(flatten)]
    pub config: StreamConfig,
    pub created: Time,
}

/// What `state.inf` holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Span {
    pub first_seq: u64,
    pub last_seq: u64,
}

/// Why an archive can't be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum ArchiveError {
    #[error("archive is damaged at byte {at}")]
    Damaged { at: u64 },
    #[error("archive is not one of this server's")]
    Foreign,
    #[error("archive ends too early")]
    Cut,
    #[error("an entry of the archive has {0} bytes")]
    Large(u64),
    #[error("{0} of the archive can't be read")]
    Entry(String),
}
