//! What is known of a leaf link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use vagus_auth::Identity;
use vagus_config::Compression;
use vagus_wire::leaf::LeafInfo;

use crate::delivery::LeafLane;

/// What is known of the other end.
pub struct LeafAbout {
    /// The server there.
    pub name: String,
    /// The release whose behaviour it has.
    pub version: String,
    pub address: SocketAddr,
    /// Who it has proved to be; nobody where this server has connected.
    pub identity: Option<Identity>,
    /// What the other end was told of this one, when it had connected.
    pub said: Option<LeafInfo>,
    /// This server has connected, not the other.
    pub solicited: bool,
    /// It follows so closely on another one that others may still know of that.
    pub again: bool,
    /// The name of its cluster that this server has said then.
    pub said_cluster: Option<String>,
    /// The account here, and the one there as far as that is known.
    pub account: String,
    pub remote_account: String,
    pub since: SystemTime,
    /// What the two ends have agreed on; `None`: one of them knows nothing of it.
    pub compression: Option<Compression>,
}

/// A link, as others see it.
pub struct LeafFacts {
    pub about: LeafAbout,
    pub lane: Arc<LeafLane>,
    /// Where else the other end is to be found, as it has told since there is a link.
    urls: Mutex<Vec<String>>,
    /// Milliseconds to be waited before there is another, where the usual time is too short.
    pause_ms: AtomicU64,
}

// === impl LeafFacts ===

impl LeafFacts {
    #[must_use]
    pub fn new(about: LeafAbout, lane: LeafLane) -> Self {
        Self { about, lane: Arc::new(lane), urls: Mutex::default(), pause_ms: AtomicU64::new(0) }
    }

    /// What lines of the log about this link begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{} - lid:{}", self.about.address, self.lane.out.cid)
    }

    /// How this end compresses what it sends, now: a mode by name.
    #[must_use]
    pub fn compression(&self) -> &'static str {
        let rtt = self.lane.out.stats.rtt();
        let agreed = self.about.compression.as_ref();
        agreed.map_or("not supported", |mode| mode.at(rtt).name())
    }

    /// The other end tells where else it is to be found.
    pub fn learn(&self, info: &[u8]) {
        if let Ok(info) = serde_json::from_slice::<LeafInfo>(info)
            && self.about.solicited
            && !info.leafnode_urls.is_empty()
        {
            *self.urls.lock() = info.leafnode_urls;
        }
    }

    /// What it has told; nothing if it has not.
    #[must_use]
    pub fn told_urls(&self) -> Vec<String> {
        self.urls.lock().clone()
    }

    /// Whoever makes the next link is to wait for so long.
    pub fn set_pause(&self, time: Duration) {
        self.pause_ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How long, if anything was said.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let pause = self.pause_ms.load(Relaxed);
        (pause > 0).then(|| Duration::from_millis(pause))
    }

    /// Whether the other is a link between the same ends for the same accounts.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            let about = &one.about;
            let accounts = (about.account.clone(), about.remote_account.clone());
            (about.name.clone(), one.lane.cluster.clone(), accounts, about.solicited)
        };
        key(self) == key(other)
    }
}
