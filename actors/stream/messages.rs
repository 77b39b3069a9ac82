//! What a stream is told and asked, and what it tells its parent.

use std::sync::Arc;

use bytes::Bytes;
use vagus_jetstream::ApiError;
use vagus_jetstream::api::{
    Action, ConsumerPause, ConsumerReset, ConsumerUnpin, ConsumersRequest, MsgDelete, MsgGet,
    Purge, Snapshot, StreamInfoRequest,
};
use vagus_jetstream::consumer::ConsumerConfig;
use vagus_jetstream::stream::{StreamConfig, StreamInfo, StreamState};
use vagus_runtime::Message;

use crate::jetstream::Caller;

/// Names a consumer among those of its stream, for as long as the stream's actor lives.
pub type ConsumerId = u32;

/// Key of a stream's table that is there while it is filled from a snapshot.
pub const RESTORING: &[u8] = b"restoring";

/// A request of the API, read and with its form checked.
pub struct Call {
    pub caller: Caller,
    pub request: Request,
}

/// What can be asked of a stream; the subject and the form of the body are checked.
pub enum Request {
    /// It was just made, or is there already just so: answered when it serves.
    Create,
    /// It was made to be filled from a snapshot, which had this state.
    Restore(Box<StreamState>),
    Info(StreamInfoRequest),
    /// The configuration is normalised, and allowed in the place of the one in force as far as
    /// that can be told without the stream.
    Update(Box<StreamConfig>),
    Purge(Purge),
    Get(MsgGet),
    Delete(MsgDelete),
    Snapshot(Snapshot),
    CreateConsumer(Box<CreateConsumer>),
    DeleteConsumer(String),
    ConsumerInfo(String),
    ConsumerNames(ConsumersRequest),
    ConsumerList(ConsumersRequest),
    PauseConsumer(String, ConsumerPause),
    UnpinConsumer(String, ConsumerUnpin),
    ResetConsumer(String, ConsumerReset),
}

/// A consumer is to be there.
#[derive(Clone, Debug)]
pub struct CreateConsumer {
    /// As the client sent it, with a name unless the stream is to give one.
    pub config: ConsumerConfig,
    pub action: Action,
    /// Refuse what would be adjusted.
    pub pedantic: bool,
}

/// Someone wants to know how the stream is; not a client, who would send a [`Call`].
pub struct Survey(pub Box<dyn FnOnce(StreamInfo) + Send>);

/// A consumer has read everything up to `after` and wants a `Wake` when there is more for it.
pub struct Listen {
    pub consumer: ConsumerId,
    pub after: u64,
}

/// A consumer is done with messages. Only streams of interest and work queues want to know.
pub struct Progress {
    pub consumer: ConsumerId,
    /// With everything up to here.
    pub floor: u64,
    /// And with these ranges above it, first and last included.
    pub done: Vec<(u64, u64)>,
}

/// A consumer was set back: what is above `floor` it wants again.
pub struct Rewound {
    pub consumer: ConsumerId,
    pub floor: u64,
}

/// A consumer is to go: nobody has used it for as long as it was to wait.
pub struct Expired {
    pub consumer: ConsumerId,
}

/// It is about to be deleted: those who wait for its consumers are told, and nothing is taken in.
pub struct Doom;

/// Something in the mailbox to wake the actor: a commit is over, or it is time.
pub struct Nudge;

/// Messages that came when too much waited already.
pub struct Refused {
    /// `MSG` and `HMSG` frames, back to back.
    pub frames: Bytes,
}

/// Messages of a mirror's or source's origin.
pub struct Sourced {
    pub from: Origin,
    pub messages: Vec<SourcedMessage>,
    /// Called when they are stored, or can't be; on a thread of the store or of the stream.
    pub done: Box<dyn FnOnce(Result<(), ApiError>) + Send>,
}

/// Where sourced messages come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// They keep sequence and time.
    Mirror,
    /// They are counted anew; `key` names the source in the stream's table.
    Source { key: Arc<str> },
}

/// One message of an origin, subject and headers transformed already.
pub struct SourcedMessage {
    /// At the origin.
    pub seq: u64,
    pub time_ns: i64,
    pub subject: Bytes,
    /// With `Nats-Stream-Source` if it is a source's.
    pub headers: Bytes,
    pub payload: Bytes,
}

/// What a stream tells its parent.
pub enum News {
    /// It serves, with this configuration.
    Serving { name: String, config: Arc<StreamConfig> },
    /// It serves with another configuration from now on.
    Updated { name: String, config: Arc<StreamConfig> },
    /// It can't serve, and why.
    Failed { name: String, cause: String },
    /// Its restore did not come to an end: nothing of it is to stay. Then who waits is told:
    /// where, and what.
    RestoreFailed { name: String, answer: Option<(Vec<u8>, Vec<u8>)> },
}

impl Message for Call {
    fn weight(&self) -> usize {
        self.caller.body().len()
    }
}

impl Message for Sourced {
    fn weight(&self) -> usize {
        let len = |one: &SourcedMessage| one.subject.len() + one.headers.len() + one.payload.len();
        self.messages.iter().map(len).sum()
    }
}

impl Message for Progress {
    fn weight(&self) -> usize {
        size_of_val(&*self.done)
    }
}

impl Message for Refused {
    fn weight(&self) -> usize {
        self.frames.len()
    }
}

impl Message for Survey {}
impl Message for Listen {}
impl Message for Rewound {}
impl Message for Expired {}
impl Message for Doom {}
impl Message for Nudge {}
impl Message for News {}
