//! Who is at the other end of a link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use vagus_config::Compression;
use vagus_runtime::Recipient;
use vagus_runtime::cluster::sharing::{Share, Sharing};

use crate::cluster::Told;
use crate::delivery::Outbound;
use crate::delivery::wire::Parts;

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
}

/// A link, as others see it.
pub struct RouteFacts {
    pub about: About,
    pub out: Arc<Outbound>,
}

// === impl RouteFacts ===

impl RouteFacts {
    /// Whether the link is the one of an account.
    #[must_use]
    pub fn serves(&self, account: &str) -> bool {
        self.about.sharing.serves(&self.about.share, account)
    }

    /// What lines of the log about this link begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{} - rid:{} - \"{}\"", self.about.address, self.out.cid, self.about.name)
    }
}
