//! The way to another server of the cluster, for the messages of one realm.
//!
//! All lanes to a server share one socket, and every write to it begins with the name of the
//! realm, so that publishers of several realms may write one after the other without a word to
//! each other. A server gets a message once, however many of its clients want it.

use std::io::IoSlice;
use std::sync::Arc;

use vagus_wire::route;

use super::{Outbound, Slot};

/// See the module's text.
pub struct Lane {
    slot: Slot,
    out: Arc<Outbound>,
    /// What every write begins with.
    account: Box<[u8]>,
}

impl Lane {
    #[must_use]
    pub fn new(slot: Slot, out: Arc<Outbound>, account: &str) -> Self {
        let mut line = Vec::new();
        route::account(&mut line, account.as_bytes());
        Self { slot, out, account: line.into() }
    }

    #[inline]
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot.index()
    }

    /// The link that the lane is a part of.
    #[inline]
    #[must_use]
    pub fn out(&self) -> &Arc<Outbound> {
        &self.out
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
