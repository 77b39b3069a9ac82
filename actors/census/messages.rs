//! What the census takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use vagus_runtime::{Handle, Message};

use crate::connection::Connection;
use crate::connection::messages::{Description, End, Inform, Reload};
use crate::delivery::Outbound;

/// A connection has begun.
pub struct Born {
    pub out: Arc<Outbound>,
    pub handle: Handle<Connection>,
}

/// A connection has ended; how it will be remembered.
pub struct Gone(pub Box<Description>);

/// An order for every connection.
pub enum Tell {
    Reload(Reload),
    Inform(Inform),
    End(End),
}

/// End every connection, spread over a time.
pub struct Disband {
    pub over: Duration,
}

/// Find a connection by its number.
pub struct Find {
    pub cid: u64,
    pub reply: oneshot::Sender<Option<Handle<Connection>>>,
}

/// Which connections a page shows, and how.
pub struct Question {
    pub sort: Sort,
    pub state: State,
    pub offset: usize,
    pub limit: usize,
    /// Only this connection, whatever the filters below say.
    pub cid: Option<u64>,
    pub user: Option<String>,
    pub account: Option<String>,
    /// Only connections with a subscription that a message to this subject, or a pattern like it,
    /// can reach.
    pub subject: Option<String>,
    /// With the list of their subscriptions.
    pub subscriptions: bool,
    pub reply: oneshot::Sender<Page>,
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub struct Page {
    /// How many there are in the state and the account asked for, shown or not.
    pub total: usize,
    pub connections: Vec<Arc<Description>>,
}

/// Open or closed connections, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
    All,
}

/// The order of a page: ascending by number, start, uptime, time of activity (`Idle`) and reason;
/// descending by all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Cid,
    Start,
    Subscriptions,
    Pending,
    OutMsgs,
    InMsgs,
    OutBytes,
    InBytes,
    Last,
    Idle,
    Uptime,
    Stop,
    Reason,
    Rtt,
}

impl Message for Born {}
impl Message for Gone {}
impl Message for Tell {}
impl Message for Disband {}
impl Message for Find {}
impl Message for Question {}
