//! What the actors of JetStream in one account share: the store, what is allowed, what is in use,
//! who there is. What all accounts share, and which have JetStream, is in [`accounts`].
//!
//! The API actor ([`crate::meta`]) is the parent of an account's streams, a stream of its
//! consumers. What clients send to one of them passes the [`desk`]; requests travel as
//! [`Caller`]s, and whoever knows the answer gives it.

pub mod accounts;
pub mod caller;
pub mod desk;
pub mod directory;
pub mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::Serialize;
use vagus_jetstream::ApiError;
use vagus_jetstream::api::{AccountLimits, Limits};
use vagus_runtime::ArbiterId;
use vagus_store::Store;
use vagus_telemetry::text::GoTime;

pub use self::accounts::Accounts;
pub use self::caller::Caller;
pub use self::desk::FrontDesk;
pub use self::directory::{Directory, Mail, MailKind, StreamEntry};
pub use self::usage::Usage;
use crate::broker::Broker;
use crate::delivery::{Outlet, Post, Sub, outlet};
use crate::realm::Realm;
use crate::shard::Roster;

/// See the module's text. One an account.
pub struct JetStream {
    pub accounts: Arc<Accounts>,
    pub broker: Arc<Broker>,
    /// Of the account whose streams these are.
    pub realm: Arc<Realm>,
    pub store: Store,
    pub directory: Arc<Directory>,
    pub usage: Usage,
    pub server: Arc<Server>,
    limits: ArcSwap<Limits>,
    /// Whether the account's bytes are limited.
    tight: AtomicBool,
    /// The account as subjects name it.
    account_hash: String,
}

/// Who the server is, for answers and events.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// Its NKEY.
    pub id: String,
    pub name: String,
    /// The release whose behaviour it has.
    pub version: String,
}

/// What the configuration says to JetStream.
#[derive(Debug, Clone)]
pub struct Settings {
    pub store_dir: PathBuf,
    pub domain: Option<String>,
    /// Most bytes of all streams in memory and on disk.
    pub memory_max: u64,
    pub storage_max: u64,
    /// Unknown fields in requests are errors.
    pub strict: bool,
    /// Most pending acks of a consumer.
    pub ack_pending_max: Option<i64>,
    /// Most messages of a pull request.
    pub request_batch_max: Option<i64>,
    pub duplicate_window_max: Option<Duration>,
    pub batches: BatchLimits,
    /// Messages and bytes that may wait for a stream.
    pub buffered_msgs_max: u64,
    pub buffered_bytes_max: u64,
    /// Requests that may wait.
    pub requests_max: usize,
    /// Ack and flow control subjects name domain and account.
    pub ack_v2: bool,
}

/// Keys of a stream's table in the store.
pub mod keys {
    /// Its configuration, as JSON.
    pub const CONFIG: &[u8] = b"config";
    /// When it was made, as JSON.
    pub const CREATED: &[u8] = b"created";
}

/// Limits of batch publishing.
#[derive(Debug, Clone)]
pub struct BatchLimits {
    /// Open atomic batches of one stream, and of all.
    pub atomic_per_stream_max: usize,
    pub atomic_total_max: usize,
    /// Messages of an atomic batch.
    pub atomic_msgs_max: usize,
    /// Open fast batches of one stream, and of all.
    pub fast_per_stream_max: usize,
    pub fast_total_max: usize,
    /// A batch that is idle for as long is abandoned.
    pub idle_max: Duration,
}

// === impl JetStream ===

impl JetStream {
    #[must_use]
    pub fn new(accounts: Arc<Accounts>, realm: Arc<Realm>, limits: Limits) -> Self {
        Self {
            broker: Arc::clone(&accounts.broker),
            store: accounts.store.clone(),
            directory: Arc::default(),
            usage: Usage::new(Arc::clone(&accounts.total)),
            server: Arc::clone(&accounts.server),
            tight: AtomicBool::new(is_tight(&limits)),
            limits: ArcSwap::from_pointee(limits),
            account_hash: vagus_jetstream::names::hash(&realm.name),
            accounts,
            realm,
        }
    }

    /// The account's name.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.realm.name
    }

    /// What holds for all accounts.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.accounts.settings()
    }

    /// What holds for this account.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// Whether the account's bytes are limited, in memory or on disk.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.tight.load(Relaxed)
    }

    pub fn set_limits(&self, limits: Limits) {
        self.tight.store(is_tight(&limits), Relaxed);
        self.limits.store(Arc::new(limits));
    }

    /// What holds for a stream with so many replicas.
    ///
    /// # Errors
    /// When the account may have none of that kind.
    pub fn limits_of(&self, replicas: i64) -> Result<AccountLimits, ApiError> {
        self.limits.load().of(replicas)
    }

    /// One turn of an actor that lives on `arbiter`; see [`outlet::turn`].
    pub fn turn<R>(&self, arbiter: ArbiterId, work: impl FnOnce(&mut Outlet<'_>) -> R) -> R {
        outlet::turn(&self.broker, &self.realm, arbiter, work)
    }

    /// Subscriptions to be, in the account's realm.
    #[must_use]
    pub fn roster(&self, subs: Vec<Sub>) -> Roster {
        Roster::new(Arc::clone(&self.broker), Arc::clone(&self.realm), subs)
    }

    /// The domain; it never changes while the server runs.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.accounts.domain()
    }

    /// The account as subjects name it.
    #[must_use]
    pub fn account_hash(&self) -> &str {
        &self.account_hash
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
    }

    /// The time, as events tell it.
    #[must_use]
    pub fn timestamp(&self) -> String {
        GoTime(SystemTime::now()).to_string()
    }

    /// An identifier that was never given before.
    #[must_use]
    pub fn new_id(&self) -> String {
        let letter = || fastrand::alphanumeric();
        std::iter::repeat_with(letter).take(22).collect()
    }

    /// As [`JetStream::advise`], to those who watch over the server.
    pub fn advise_system(&self, out: &mut Outlet<'_>, subject: &[u8], event: &impl Serialize) {
        if let Some(realm) = self.accounts.system() {
            out.within(&realm, |out| self.advise(out, subject, event));
        }
    }

    /// Publishes an event as JSON, if anybody listens.
    pub fn advise(&self, out: &mut Outlet<'_>, subject: &[u8], event: &impl Serialize) {
        if !out.interested(subject, None) {
            return;
        }
        match serde_json::to_vec(event) {
            Ok(json) => {
                out.publish(Post { subject, reply: None, headers: None, payload: &json });
            }
            Err(error) => tracing::error!("event can't be written as json: {error}"),
        }
    }
}

fn is_tight(limits: &Limits) -> bool {
    [true, false].into_iter().any(|in_memory| limits.bytes(in_memory).is_some())
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            atomic_per_stream_max: 50,
            atomic_total_max: 1000,
            atomic_msgs_max: 1000,
            fast_per_stream_max: 1000,
            fast_total_max: 50_000,
            idle_max: Duration::from_secs(10),
        }
    }
}
