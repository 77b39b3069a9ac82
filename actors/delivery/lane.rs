//! The way to another server, for the messages of one realm.
//!
//! All lanes to a server share one socket, and every write to it begins with the name of the
//! realm, so that publishers of several realms may write one after the other without a word to
//! each other. A server gets a message once, however many of its clients want it.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use vagus_wire::route;

use super::{Origin, Outbound, Slot};

/// See the module's text.
#[derive(Clone)]
pub struct Lane {
    slot: Arc<Slot>,
    out: Arc<Outbound>,
    /// Where the server is, when not in this cluster.
    cluster: Option<Arc<str>>,
    /// The server has said that it knows leaf clusters.
    pub takes_origins: bool,
    /// Those who want something there are leaf nodes of this cluster.
    behind: Option<Arc<Origin>>,
    /// What every write begins with.
    account: Arc<[u8]>,
    pub crossed: Arc<Crossed>,
}

/// Messages of one account that crossed a link, and the bytes of their payloads.
#[derive(Default)]
pub struct Crossed {
    pub in_msgs: AtomicU64,
    pub in_bytes: AtomicU64,
    pub out_msgs: AtomicU64,
    pub out_bytes: AtomicU64,
}

impl Lane {
    #[must_use]
    pub fn new(slot: Slot, out: Arc<Outbound>, cluster: Option<Arc<str>>, account: &str) -> Self {
        let mut line = Vec::new();
        route::account(&mut line, account.as_bytes());
        Self {
            slot: Arc::new(slot),
            out,
            cluster,
            takes_origins: false,
            behind: None,
            account: line.into(),
            crossed: Arc::default(),
        }
    }

    /// The same way, to leaf nodes of that server.
    #[must_use]
    pub fn to_leafs(&self, behind: &Arc<Origin>) -> Self {
        Self { behind: Some(Arc::clone(behind)), ..self.clone() }
    }

    #[inline]
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot.index()
    }

    /// The name of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        let name = self.account.strip_prefix(b"A ").unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default().trim_end()
    }

    /// The link that the lane is a part of.
    #[inline]
    #[must_use]
    pub fn out(&self) -> &Arc<Outbound> {
        &self.out
    }

    /// The cluster that it leads to, when that is not this one.
    #[inline]
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<str>> {
        self.cluster.as_ref()
    }

    /// The leaf cluster that it leads to in the end.
    #[inline]
    #[must_use]
    pub fn behind(&self) -> Option<&Arc<Origin>> {
        self.behind.as_ref()
    }

    /// Sends whole messages, now or later. Never waits.
    pub fn send(&self, messages: &[u8]) {
        self.out.send_slices(&mut [IoSlice::new(&self.account), IoSlice::new(messages)]);
    }

    /// What a write of slices begins with.
    #[must_use]
    pub fn opening(&self) -> &[u8] {
        &self.account
    }
}
