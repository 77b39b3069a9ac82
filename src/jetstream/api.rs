//! The JetStream API: subjects, requests, responses.
//!
//! [`Request::parse`] reads a subject below `$JS.API.`; the body is read by the type of the same
//! name, and answered by a [`Reply`] of the type that belongs to it.

mod account;
mod admin;
mod consumers;
mod direct;
mod limits;
mod messages;
mod paging;
mod reply;
mod request;
mod snapshots;
mod streams;

pub use account::{AccountInfo, AccountLimits, ApiStats, Tier};
pub use admin::{
    AccountPurgeResponse, LeaderStepdown, MetaLeaderStepdown, PeerRemove, PeerRemoveResponse,
    ServerRemove, ServerRemoveResponse, StreamLeaderStepdown, StreamMove,
};
pub use consumers::{
    Action, ConsumerCreate, ConsumerCreateResponse, ConsumerDeleteResponse, ConsumerInfoResponse,
    ConsumerLeaderStepdown, ConsumerList, ConsumerNames, ConsumerPause, ConsumerPauseResponse,
    ConsumerReset, ConsumerResetResponse, ConsumerUnpin, ConsumerUnpinResponse, ConsumersRequest,
};
pub use direct::DirectGet;
pub use limits::Limits;
pub use messages::{
    MsgDelete, MsgDeleteResponse, MsgGet, MsgGetResponse, Purge, PurgeResponse, StoredMessage,
};
pub use paging::{LIST_PAGE, NAMES_PAGE, Page, SUBJECTS_PAGE};
pub use reply::{Reply, ReplyError, Response, read_reply};
pub use request::{PREFIX, Request};
pub use snapshots::{Restore, RestoreResponse, Snapshot, SnapshotResponse};
pub use streams::{
    StreamCreate, StreamCreateResponse, StreamDeleteResponse, StreamInfoRequest,
    StreamInfoResponse, StreamList, StreamNames, StreamUpdateResponse, StreamsRequest,
};

/// What the server can do, as the API counts it: an asset or a request that needs more is refused.
pub const LEVEL: u64 = 4;
