//! What holds for everyone in an account: limits, what it shares with other accounts, mappings.
//! Stated by a configuration or by the account's JWT.

mod import_check;
mod sharing;

use std::collections::BTreeMap;

use vagus_subject::transform::Destination;

pub use self::import_check::{ImportError, check_imports, refuse_cycles};
pub use self::sharing::{Export, Import, Latency, ResponseType, Sampling, Sharing};
use crate::permissions::PermissionRules;

/// The rules of one account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountRules {
    /// The name by which everyone knows the account; the public key where there is a JWT.
    pub name: String,
    /// What people call an account that is known by its key.
    pub label: Option<String>,
    /// Public key (`A...`), where the configuration gives one.
    pub nkey: Option<String>,
    /// Keys that sign in the account's place.
    pub signing_keys: Vec<String>,
    pub limits: AccountLimits,
    pub exports: Vec<Export>,
    pub imports: Vec<Import>,
    /// Permissions of users who have none of their own.
    pub default_permissions: Option<PermissionRules>,
    /// In the order written.
    pub mappings: Vec<AccountMapping>,
    pub trace: Option<TraceDestination>,
    /// `None`: no JetStream.
    pub jetstream: Option<JetStreamLimits>,
    /// Limits of JetStream by number of replicas (`R1`, `R3`), in place of those for all streams.
    pub jetstream_tiers: BTreeMap<String, JetStreamLimits>,
}

/// Limits of all connections of an account together, besides `payload`; `None`: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountLimits {
    pub connections: Option<u64>,
    pub leafnodes: Option<u64>,
    pub subscriptions: Option<u64>,
    /// Bytes of a message.
    pub payload: Option<u64>,
}

/// A source subject and where its messages go instead.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountMapping {
    pub source: String,
    pub destinations: Vec<Destination>,
}

/// Where events about traced messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceDestination {
    pub subject: String,
    /// Messages traced in per cent, 1 to 100.
    pub sampling: u8,
}

/// Limits of JetStream in one account; `None`: no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JetStreamLimits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes.
    pub store: Option<u64>,
    pub streams: Option<u64>,
    pub consumers: Option<u64>,
    /// A stream must say how large it may become.
    pub max_bytes_required: bool,
    /// Bytes of a single stream.
    pub memory_stream: Option<u64>,
    /// Bytes of a single stream.
    pub store_stream: Option<u64>,
    /// Messages of one consumer.
    pub ack_pending: Option<u64>,
    /// Replication runs in the account itself, not in the system account.
    pub owner_traffic: bool,
}
