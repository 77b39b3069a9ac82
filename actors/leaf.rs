//! `Leaf`: one leaf link, from either end.
//!
//! in:   what the other end says ([`vagus_wire::leaf`]): its interest, and messages; [`End`]
//! out:  its interest to the subject shards, which put it beside that of clients; its messages to
//!       clients, actors and, where the other end is a spoke, to other servers; to the other end,
//!       what the shards tell it of interest here
//! dies: with its socket, when the other end is silent for too long, or breaks a rule. Its parent
//!       makes the next one; nothing of what the other end wanted stays.
//!
//! Messages for the other end do not pass through here: whoever publishes writes them to the link.

mod clock;
mod facts;
mod interest;
mod loops;
mod news;
mod operate;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use hashbrown::HashMap;
use serde_json::json;
use tokio::time::Sleep;
use tracing::info;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message};
use vagus_wire::text;

pub use self::facts::{LeafAbout, LeafFacts};
use self::interest::{Key, Want};
use crate::broker::{Broker, Cast};
use crate::delivery::{LeafLane, Reason};
use crate::link::{self, Ends, Pipe};
use crate::realm::{Leafs, Realm, RealmRules};
use crate::shard::IntroduceLeaf;

/// See the module's text.
pub struct Leaf {
    pipe: Pipe,
    facts: Arc<LeafFacts>,
    realm: Arc<Realm>,
    lane: Arc<LeafLane>,
    /// What the other end wants.
    wants: HashMap<Key, Want>,
    /// The subject of this server by which loops are found.
    marker: Vec<u8>,
    /// Those that a spoke has told of.
    markers: Vec<Box<[u8]>>,
    /// Those under which no mapping touched the subject of the last message.
    last_rules: Option<Arc<RealmRules>>,
    ping_interval: Duration,
    /// Only what is queued is still sent, until then.
    ending: Option<Pin<Box<Sleep>>>,
}

/// A link whose two ends know each other: what a [`Leaf`] is made from.
pub struct Introduced {
    pub ends: Ends,
    pub facts: Arc<LeafFacts>,
    pub realm: Arc<Realm>,
    /// The subject of this server by which loops are found.
    pub marker: Vec<u8>,
    pub ping_interval: Duration,
    pub pings_out_max: u32,
}

/// End the link.
#[derive(Clone, Copy)]
pub struct End(pub Reason);

impl Message for End {}

/// How long a closed link may take what was queued for it.
const LINGER: Duration = Duration::from_secs(1);

// === impl Leaf ===

impl Leaf {
    /// It holds orders, never messages of clients.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64, bytes_max: 1 << 20 };

    #[must_use]
    pub fn new(broker: Arc<Broker>, cast: Arc<Cast>, arbiter: usize, link: Introduced) -> Self {
        Self {
            pipe: Pipe::new(broker, cast, arbiter, link.ends, link.pings_out_max),
            lane: Arc::clone(&link.facts.lane),
            facts: link.facts,
            realm: link.realm,
            wants: HashMap::new(),
            marker: link.marker,
            markers: Vec::new(),
            last_rules: None,
            ping_interval: link.ping_interval,
            ending: None,
        }
    }

    fn end(&self, reason: Reason) {
        self.pipe.end(reason);
    }

    /// Ends the link; `text` is the last thing that the other end reads.
    fn refuse(&self, text: &str, reason: Reason) {
        self.pipe.out.send(&vagus_wire::encode::error(text));
        self.end(reason);
    }

    fn begin_end(&mut self) {
        let reason = self.pipe.out.closed().unwrap_or(Reason::ClientClosed);
        let about = &self.facts.about;
        let prefix = self.facts.prefix();
        info!("{prefix} - Leafnode connection closed: {} - Remote: {}", reason.text(), about.name);
        self.pipe.broker.realms.leafs.remove(self.pipe.out.cid);
        self.tell_left();
        self.withdraw();
        self.ending = Some(Box::pin(tokio::time::sleep(LINGER)));
    }

    /// Sends what is left, then reads and forgets until the other end closes too: an unread byte
    /// would turn the close into a reset, which can destroy the last words on their way.
    fn poll_ending(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let late = self.ending.as_mut().is_none_or(|sleep| sleep.as_mut().poll(task).is_ready());
        if late || !self.pipe.out.closed().is_some_and(Reason::is_worth_lingering) {
            return Poll::Ready(());
        }
        match self.pipe.poll_send(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => self.pipe.poll_discard(task),
        }
    }

    /// The cluster may have found another name while the two ends have talked. From here on,
    /// whoever names it cuts the link.
    fn check_name(&self) {
        let now = self.pipe.broker.cluster.seen().map(|(name, _)| name);
        let (said, now) = (self.facts.about.said_cluster.as_ref(), now.as_ref());
        if said.is_some() && now.is_some() && said != now {
            self.end(Reason::ClusterNameConflict);
        }
    }

    /// Says what only links are told, and has every shard tell the rest.
    fn introduce(&self) {
        let mut lines = Vec::new();
        vagus_wire::leaf::interest(&mut lines, &self.marker, None, 1);
        for mapping in &self.realm.rules().stated.mappings {
            let source = mapping.source.as_bytes();
            if self.lane.terms.tells(source) {
                vagus_wire::leaf::interest(&mut lines, source, None, 1);
            }
        }
        self.pipe.out.send(&lines);
        for shard in self.pipe.cast.shards.iter() {
            let (realm, lane) = (Arc::clone(&self.realm), Arc::clone(&self.lane));
            // A shard that is gone takes the server with it.
            let _ = shard.send_urgent(IntroduceLeaf { realm, lane });
        }
    }
}

// === impl Actor ===

impl Actor for Leaf {
    const KIND: &'static str = "leaf";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.pipe.broker.realms.leafs.add(Arc::clone(&self.facts));
        // Those in force may have changed since it was asked who this is.
        Leafs::review_one(&self.facts, &self.pipe.broker.leaf_rules());
        self.tell_joined();
        self.introduce();
        self.start_clock(cx);
        self.watch_for_loops(cx);
        self.check_name();
        if let Some(expires) = self.facts.about.identity.as_ref().and_then(|who| who.expires) {
            let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
            cx.run_later(left, |me, _| me.refuse(text::EXPIRED, Reason::AuthenticationExpired));
        }
        link::serve(cx);
    }

    /// Told to stop, where nothing of its own had ended it: its parent ends.
    fn stopping(&mut self, _: &mut Cx<'_, Self>) {
        self.end(Reason::ServerShutdown);
    }

    fn observe(&self) -> serde_json::Value {
        let about = &self.facts.about;
        let stats = &self.pipe.out.stats;
        json!({
            "cid": self.pipe.out.cid,
            "peer": about.name,
            "address": about.address.to_string(),
            "account": &*self.realm.name,
            "state": match self.pipe.held_up() {
                _ if self.ending.is_some() => "ending",
                Some(why) => why,
                None => "waiting for the other end",
            },
            "queue_bytes": self.pipe.out.pending(),
            "rtt_us": stats.rtt_ns.load(Relaxed) / 1000,
            "remote_interest": stats.subscriptions.load(Relaxed),
        })
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.pipe.broker.realms.leafs.remove(self.pipe.out.cid);
        // Whoever panicked has no reason yet.
        self.pipe.out.close(Reason::InternalError);
        if self.ending.is_none() {
            self.tell_left();
        }
        self.pipe.out.release_socket();
        self.withdraw();
    }
}

// === impl Handler<End> ===

impl Handler<End> for Leaf {
    fn handle(&mut self, End(reason): End, _: &mut Cx<'_, Self>) {
        self.end(reason);
    }
}
