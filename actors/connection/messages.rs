//! What a connection is told and asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use vagus_auth::Identity;
use vagus_runtime::Message;
use vagus_tls::PeerCertificate;

use crate::broker::Settings;
use crate::delivery::Reason;

/// Settings have changed.
#[derive(Clone)]
pub struct Reload(pub Arc<Settings>);

/// Tell the client about the server anew, where it takes `INFO` at any time.
#[derive(Clone, Copy)]
pub struct Inform;

/// End the connection, after what is queued for it was sent.
#[derive(Clone, Copy)]
pub struct End(pub Reason);

/// Tell the client to look for another server, as if this one were about to end.
#[derive(Clone, Copy)]
pub struct SendAway;

/// Say who the client has proved to be, if it had to.
pub struct Introduce {
    pub reply: oneshot::Sender<Option<Identity>>,
}

/// Describe yourself.
pub struct Describe {
    pub subscriptions: bool,
    pub reply: oneshot::Sender<Description>,
}

/// A connection as monitoring shows it. Counters are of the moment.
#[derive(Debug, Clone)]
pub struct Description {
    pub cid: u64,
    pub peer: SocketAddr,
    pub started_at: SystemTime,
    pub active_at: SystemTime,
    /// When and why it ended.
    pub ended: Option<(SystemTime, Reason)>,
    pub rtt: Option<Duration>,
    pub pending_bytes: usize,
    pub in_msgs: u64,
    pub out_msgs: u64,
    pub in_bytes: u64,
    pub out_bytes: u64,
    pub stalls: u64,
    pub subscriptions: u64,
    /// Of a connection that is encrypted.
    pub tls: Option<Box<TlsDescription>>,
    pub name: String,
    pub lang: String,
    pub version: String,
    /// As it says itself, or as the configuration names who says nothing.
    pub user: Option<String>,
    /// `None` for one that has ended: the global account is not remembered.
    pub account: Option<Arc<str>>,
    /// Filled when asked for.
    pub subscription_list: Vec<SubscriptionDescription>,
}

/// TLS of a connection as monitoring shows it.
#[derive(Debug, Clone)]
pub struct TlsDescription {
    pub version: &'static str,
    pub suite: &'static str,
    /// It began before the server said anything.
    pub first: bool,
    /// What the client showed.
    pub certificates: Vec<PeerCertificate>,
}

/// A subscription as monitoring shows it.
#[derive(Debug, Clone)]
pub struct SubscriptionDescription {
    pub subject: String,
    pub queue: Option<String>,
    pub sid: String,
    pub msgs: u64,
    pub max: Option<u64>,
    pub cid: u64,
}

impl Message for Reload {}
impl Message for Inform {}
impl Message for End {}
impl Message for SendAway {}
impl Message for Introduce {}
impl Message for Describe {}

/// A connection to come: what a [`Connection`](super::Connection) is made from.
pub struct Accepted {
    pub cid: u64,
    pub socket: std::net::TcpStream,
    pub peer: SocketAddr,
}
