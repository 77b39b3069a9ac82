//! What the server tells about JetStream unasked: advisories and metrics.
//!
//! An [`Event`] knows its type and where it is published; [`to_json`] puts the envelope around it
//! that all have.

mod cluster;
mod consumers;
mod streams;

pub use cluster::{
    ApiLimitReached, ConsumerLeaderElected, ConsumerQuorumLost, DomainLeaderElected,
    ServerOutOfStorage, ServerRemoved, StreamLeaderElected, StreamQuorumLost,
};
pub use consumers::{
    AckSample, ConsumerAction, ConsumerPaused, GroupPinned, GroupUnpinned, MaxDeliveries, Naked,
    Terminated,
};
pub use streams::{
    ApiAudit, BatchAbandoned, RestoreComplete, RestoreCreate, SnapshotComplete, SnapshotCreate,
    StreamAction,
};

use serde::Serialize;

use crate::json::{is_default, to_vec};
use crate::time::Time;

/// Begins the subjects of all advisories; a part, or all there are.
pub const ADVISORIES: &str = "$JS.EVENT.ADVISORY";
/// Begins the subjects of all metrics.
pub const METRICS: &str = "$JS.EVENT.METRIC";

/// Why a pinned client no longer is.
pub const UNPINNED_BY_ADMIN: &str = "admin";
/// It has not asked for messages for too long.
pub const UNPINNED_BY_TIMEOUT: &str = "timeout";

/// Why a batch is given up: no message came for too long.
pub const BATCH_TIMEOUT: &str = "timeout";
/// It has too many messages.
pub const BATCH_LARGE: &str = "large";
/// Messages are missing.
pub const BATCH_INCOMPLETE: &str = "incomplete";
/// It needs a newer server.
pub const BATCH_UNSUPPORTED: &str = "unsupported";

/// Why a message is over that nobody ended: a limit of its stream removed it.
pub const REMOVED_BY_LIMITS: &str = "Message deleted by stream limits";
/// Somebody deleted it.
pub const DELETED: &str = "Unacknowledged message was deleted";

/// One thing to tell.
pub trait Event: Serialize {
    /// Its name, in full.
    const TYPE: &'static str;

    /// Where it is published.
    fn subject(&self) -> String;
}

/// What was done with a stream or consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    Create,
    Modify,
    Delete,
}

#[derive(Serialize)]
struct Envelope<'a, E> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    timestamp: Time,
    #[serde(flatten)]
    event: &'a E,
    #[serde(skip_serializing_if = "is_default")]
    domain: &'a str,
}

/// What is published: with a unique id, the time, and the domain if that is not empty.
#[must_use]
pub fn to_json<E: Event>(event: &E, id: &str, timestamp: Time, domain: &str) -> Vec<u8> {
    to_vec(&Envelope { kind: E::TYPE, id, timestamp, event, domain })
}

// === impl Done ===

impl Done {
    /// As subjects spell it.
    fn word(self) -> &'static str {
        match self {
            Done::Create => "CREATED",
            Done::Modify => "UPDATED",
            Done::Delete => "DELETED",
        }
    }
}

macro_rules! event {
    ($name:ident $(<$param:ident>)? = $kind:literal, |$event:ident| $subject:expr) => {
        impl $(<$param: ::serde::Serialize>)? $crate::advisory::Event for $name<'_ $(, $param)?> {
            const TYPE: &'static str = concat!("io.nats.jetstream.", $kind);

            fn subject(&self) -> String {
                let $event = self;
                $subject
            }
        }
    };
}
use event;

#[cfg(test)]
mod tests;
