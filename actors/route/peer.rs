//! Who is at the other end of a link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use vagus_config::Compression;
use vagus_runtime::Recipient;
use vagus_runtime::cluster::sharing::{Share, Sharing};

use crate::cluster::Told;
use crate::delivery::wire::Parts;
use crate::delivery::{Lane, Outbound};

/// A link whose two ends know each other: what a [`Route`](super::Route) is made from.
pub struct Peer {
    pub cid: u64,
    pub parts: Parts,
    pub about: About,
    /// Who hears what the other server tells of the cluster.
    pub news: Recipient<Told>,
    /// Most bytes that may wait for the other server.
    pub pending_max: usize,
    pub times: Times,
}

/// How long a link may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub ping_interval: Duration,
    pub pings_out_max: u32,
    /// Longest time that one write may take.
    pub write_deadline: Duration,
    /// A link that takes longer lives on if it took something.
    pub write_retry: bool,
}

/// What is known of the other server.
#[derive(Debug, Clone)]
pub struct About {
    pub id: String,
    pub name: String,
    /// The cluster that it is of, where that is another. Of two links to a cluster, one in each
    /// direction, each server sends messages by the one that it has made, and tells by the other
    /// what its whole cluster wants.
    pub cluster: Option<Arc<str>>,
    pub address: SocketAddr,
    /// This server has connected, not the other.
    pub solicited: bool,
    /// The other is named in the configuration.
    pub configured: bool,
    /// The accounts that the link is for, and how all of them are shared out.
    pub share: Share,
    pub sharing: Sharing,
    /// How what is sent is compressed; where it is not, so is nothing that comes.
    pub compression: Compression,
    pub since: SystemTime,
    /// The series of questions that it understands; 0: none.
    pub control: u16,
    /// It knows the leaf clusters that interest and messages come from.
    pub origins: bool,
}

/// A link, as others see it.
pub struct RouteFacts {
    pub about: About,
    pub out: Arc<Outbound>,
    lanes: Mutex<Vec<Arc<Lane>>>,
}

// === impl About ===

impl About {
    /// What kind of link it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match (&self.cluster, self.solicited) {
            (None, _) => "route",
            (Some(_), true) => "gateway, outbound",
            (Some(_), false) => "gateway, inbound",
        }
    }
}

// === impl RouteFacts ===

impl RouteFacts {
    pub(super) fn new(about: About, out: Arc<Outbound>) -> Self {
        Self { about, out, lanes: Mutex::default() }
    }

    /// One for each account that something was said of.
    #[must_use]
    pub fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.lock().clone()
    }

    pub(super) fn add_lane(&self, lane: &Arc<Lane>) {
        self.lanes.lock().push(Arc::clone(lane));
    }

    /// Whether the link is the one of an account.
    #[must_use]
    pub fn serves(&self, account: &str) -> bool {
        self.about.sharing.serves(&self.about.share, account)
    }

    /// How this end compresses what it sends, now: a mode by name.
    #[must_use]
    pub fn compression(&self) -> &'static str {
        self.about.compression.at(self.out.stats.rtt()).name()
    }

    /// What lines of the log about this link begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        let kind = if self.about.cluster.is_some() { "gid" } else { "rid" };
        format!("{} - {kind}:{} - \"{}\"", self.about.address, self.out.cid, self.about.name)
    }
}
