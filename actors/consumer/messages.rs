//! What a consumer is told and asked, and what it shares with its stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use parking_lot::Mutex;
use vagus_jetstream::api::{ConsumerPause, ConsumerReset, ConsumerUnpin};
use vagus_jetstream::consumer::{ConsumerConfig, ConsumerInfo};
use vagus_jetstream::time::Time;
use vagus_runtime::{Message, Recipient};
use vagus_store::{Mode, Reader, Table, TableOp};

pub use super::{checks, record, spec};

use super::record::{Keys, Record};
use crate::jetstream::{Caller, JetStream};
use crate::stream::messages::{ConsumerId, Expired, Listen, Progress, Rewound};

/// What all consumers of a stream are told at birth.
pub struct Home {
    pub js: Arc<JetStream>,
    pub stream: Arc<str>,
    pub reader: Reader,
    pub table: Table,
    /// Whether the stream wants to hear who is done with what.
    pub wants_progress: AtomicBool,
    /// The largest message that the stream takes, in bytes.
    pub msg_size_max: AtomicU64,
    pub listen: Recipient<Listen>,
    pub progress: Recipient<Progress>,
    pub rewound: Recipient<Rewound>,
    pub expired: Recipient<Expired>,
}

/// What a consumer shares with its stream; outlives the consumer's incarnations, and is how the
/// stream speaks of it.
pub struct Seat {
    pub id: ConsumerId,
    pub name: Arc<str>,
    pub created: Time,
    volatile_only: bool,
    config: Mutex<Arc<ConsumerConfig>>,
    /// Deleted: nothing of it is written any more.
    closed: AtomicBool,
    /// The lowest sequence that is pending, [`u64::MAX`] when none is. What the stream removes
    /// below it does not concern the consumer.
    lowest: AtomicU64,
    /// The progress of one that is not to be on disk.
    pub(super) volatile: Mutex<Option<Box<Volatile>>>,
}

/// Progress as the table would hold it.
#[derive(Default, Clone)]
pub(super) struct Volatile {
    pub base: Bytes,
    pub deltas: Vec<Bytes>,
    pub picks: Bytes,
}

/// How a consumer comes to be.
pub enum Birth {
    /// A client wants it: its configuration and start are made durable, then the client is told.
    New(Option<Caller>),
    /// It was there before the stream's actor was.
    Found,
}

/// Something is asked of a consumer; it answers the caller.
pub struct Ask {
    pub caller: Option<Caller>,
    pub what: What,
}

pub enum What {
    Info,
    /// It was to be created, and is there already just so.
    Create,
    /// Another configuration, already normalised, checked ([`super::checks`]) and put into its
    /// [`Seat`]. The answer is that of a creation.
    Update,
    Pause(ConsumerPause),
    Unpin(ConsumerUnpin),
    Reset(ConsumerReset),
}

/// The consumer is deleted: it tells those who wait, and ends. Follows [`Seat::delete`].
pub struct Delete;

/// There may be messages for it.
pub struct Wake;

/// Messages left the stream without its doing.
pub struct Removed {
    /// First and last sequences, ascending.
    pub ranges: Arc<[(u64, u64)]>,
}

/// Someone wants to know how the consumer is; not a client, who would send an [`Ask`].
pub struct Survey(pub Box<dyn FnOnce(ConsumerInfo) + Send>);

/// To itself: something it waited for, or the rest of its work, is due.
pub(super) enum Nudge {
    /// Interest in the deliver subject may have changed.
    Interest,
    /// More is to be done than one turn may do.
    GoOn,
    /// This write is durable, or failed.
    Written { number: u64, ok: bool },
}

impl Message for Ask {}
impl Message for Delete {}
impl Message for Wake {}
impl Message for Removed {}
impl Message for Survey {}
impl Message for Nudge {}

// === impl Home ===

impl Home {
    /// Whether the stream wants to hear who is done with what.
    #[must_use]
    pub fn wants_progress(&self) -> bool {
        self.wants_progress.load(Relaxed)
    }
}

// === impl Seat ===

impl Seat {
    #[must_use]
    pub fn new(id: ConsumerId, name: &str, created: Time, mut config: ConsumerConfig) -> Arc<Self> {
        config.strip_server_metadata();
        Arc::new(Self {
            id,
            name: name.into(),
            created,
            volatile_only: config.memory_storage,
            config: Mutex::new(Arc::new(config)),
            closed: AtomicBool::new(false),
            lowest: AtomicU64::new(u64::MAX),
            volatile: Mutex::default(),
        })
    }

    /// The configuration in force, without the metadata that only the server writes: it follows
    /// from the rest.
    #[must_use]
    pub fn config(&self) -> Arc<ConsumerConfig> {
        Arc::clone(&self.config.lock())
    }

    /// Puts another configuration in force.
    pub fn set_config(&self, mut config: ConsumerConfig) {
        config.strip_server_metadata();
        *self.config.lock() = Arc::new(config);
    }

    /// Whether its progress is not to be on disk.
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        self.volatile_only
    }

    /// Whether it is deleted.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Whether a removal up to this sequence may concern it.
    #[must_use]
    pub fn is_concerned(&self, last: u64) -> bool {
        self.lowest.load(Relaxed) <= last
    }

    pub(super) fn set_lowest(&self, lowest: u64) {
        if self.lowest.load(Relaxed) != lowest {
            self.lowest.store(lowest, Relaxed);
        }
    }

    /// Deletes all that is written of it, and lets nothing be written any more. `done` is called
    /// when that is durable. Then send it [`Delete`].
    pub fn delete(&self, table: &Table, done: vagus_store::Done) {
        self.closed.store(true, Relaxed);
        let Keys { config, state, picks } = Keys::of(&self.name);
        table.write([config, state, picks].map(TableOp::Delete).into(), Mode::Durable, done);
    }

    /// What is to be known of it after a restart of the server.
    #[must_use]
    pub fn record(&self) -> Record {
        Record { created: self.created, config: leveled(&self.config()) }
    }
}

/// A configuration with the level that it asks for, which is how it is stored and shown.
pub(super) fn leveled(config: &ConsumerConfig) -> ConsumerConfig {
    let mut config = config.clone();
    config.set_required_level();
    config
}
